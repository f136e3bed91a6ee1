//! The crate's only access to time. Wall-clock time dates rows; monotonic time measures.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the file that the rest of the crate reads time from"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

use crate::domain::Timestamp;

/// Where time comes from: the machine, or a test that moves it by hand.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    /// Microseconds since the Unix epoch.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it. It starts at the present, so that signatures and
    /// tokens made with real time are valid.
    pub fn manual() -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(unix_us()))))
    }

    /// Moves a manual clock; the system's clock moves by itself and ignores this.
    pub fn advance(&self, step: Duration) {
        if let Source::Manual(now) = &self.0 {
            now.fetch_add(
                i64::try_from(step.as_micros()).unwrap_or(i64::MAX),
                Ordering::SeqCst,
            );
        }
    }

    /// Now, on the wall clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_us(match &self.0 {
            Source::System => unix_us(),
            Source::Manual(now) => now.load(Ordering::SeqCst),
        })
    }

    /// Now, on a clock that never goes back; only differences mean something.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System => Duration::from_nanos(monotonic_ns()),
            Source::Manual(now) => {
                Duration::from_micros(u64::try_from(now.load(Ordering::SeqCst)).unwrap_or_default())
            }
        }
    }
}

/// Raw `CLOCK_MONOTONIC` in nanoseconds: processes on one host can compare it.
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// The machine's wall clock in microseconds since the Unix epoch.
pub fn unix_us() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

/// Time passed since a start on the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(u64);

impl Stopwatch {
    pub fn start() -> Self {
        Self(monotonic_ns())
    }

    pub fn elapsed_seconds(self) -> f64 {
        Duration::from_nanos(monotonic_ns().saturating_sub(self.0)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = Clock::manual();
        let (wall, monotonic) = (clock.now(), clock.monotonic());
        assert_eq!(clock.now(), wall);
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now().since(wall), Duration::from_secs(3));
        assert_eq!(clock.monotonic() - monotonic, Duration::from_secs(3));
    }

    #[test]
    fn monotonic_time_does_not_go_back() {
        let first = monotonic_ns();
        assert!(monotonic_ns() >= first);
    }
}
