//! The reference practice server.
pub mod realtime;
