//! The practice server over real sockets.

mod realtime;
