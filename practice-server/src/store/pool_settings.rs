//! How many connections a server database is given, and how long one is waited for.

use std::num::NonZeroU32;
use std::time::Duration;

/// The bounds of the connection pool. An embedded database has no use for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// Connections open at once, at most.
    pub connections: NonZeroU32,
    /// How long a unit of work waits for one of them before it is refused.
    pub wait: Duration,
}

impl Default for PoolSettings {
    /// 20 connections and one second, as on the command line.
    fn default() -> Self {
        Self {
            connections: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            wait: Duration::from_secs(1),
        }
    }
}
