//! The two generations of pg_net's worker, by what its source does.

use std::time::Duration;

use clap::ValueEnum;

/// Requests in one batch (`pg_net.batch_size`).
pub(crate) const BATCH: u32 = 200;
/// How long the worker sleeps between batches (`WaitLatch … 1000`), in both generations.
pub(crate) const LATCH_TIMEOUT: Duration = Duration::from_secs(1);

/// Which generation of pg_net's worker is modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum QueueProfile {
    /// Up to 0.18 (src/worker.c of v0.14.0): every second one batch of at most 200 requests; the next second begins when
    /// the slowest of them has ended
    #[value(name = "pg-net-0-14")]
    PgNet014,
    /// From 0.19 on (src/worker.c of v0.20.5): woken by the first commit after a pause, then again at most once a second
    /// while requests keep coming
    #[default]
    #[value(name = "pg-net-0-20")]
    PgNet020,
}

impl QueueProfile {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PgNet014 => "pg-net-0-14",
            Self::PgNet020 => "pg-net-0-20",
        }
    }

    /// Where the behaviour comes from, in words for a report.
    pub const fn source(self) -> &'static str {
        match self {
            Self::PgNet014 => {
                "supabase/pg_net v0.14.0, src/worker.c: sleep up to 1000 ms, take up to 200 requests, send all, wait for \
                 all"
            }
            Self::PgNet020 => {
                "supabase/pg_net v0.20.5, src/worker.c: woken at commit; up to 200 requests at once, wait for all, then up \
                 to 1000 ms before the next batch unless the first commit since the last wake-up comes earlier"
            }
        }
    }
}
