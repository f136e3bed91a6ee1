//! What was under way at the end of each second of a run: users at their journey, and results that are still to come.

use std::time::Duration;

/// What was under way, second by second from the start of the run. A list may be shorter than the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Users at their journey; a worker's last quarter of a second may be missing.
    pub users: Vec<u64>,
    /// Work that was accepted and whose webhook was neither acknowledged nor given up. Empty without a mock.
    pub pending: Vec<Pending>,
}

/// Results that are still to come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    pub results: u64,
    /// For how long the oldest of them has been waited for; zero without any.
    pub oldest: Duration,
}
