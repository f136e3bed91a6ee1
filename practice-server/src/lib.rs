//! The reference practice server.
pub mod clock;
pub mod realtime;
