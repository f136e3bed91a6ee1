//! The only place that reads a clock.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// One instant on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Raw `CLOCK_MONOTONIC`, which processes on one host can compare with each other.
    pub(crate) monotonic_ns: u64,
    /// Microseconds since the Unix epoch.
    pub(crate) unix_us: i64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            monotonic_ns: read(ClockId::Monotonic),
            unix_us: (read(ClockId::Realtime) / 1_000).cast_signed(),
        }
    }

    /// This instant moved into the future, on both clocks.
    pub(crate) fn plus(self, delay: Duration) -> Self {
        Self {
            monotonic_ns: self.monotonic_ns.saturating_add(saturating_nanos(delay)),
            unix_us: self
                .unix_us
                .saturating_add(delay.as_micros().try_into().unwrap_or(i64::MAX)),
        }
    }

    pub(crate) fn unix_seconds(self) -> u64 {
        u64::try_from(self.unix_us / 1_000_000).unwrap_or(0)
    }

    /// RFC 3339 in UTC with milliseconds.
    pub(crate) fn rfc3339(self) -> String {
        let timestamp = Timestamp::from_microsecond(self.unix_us).unwrap_or(Timestamp::UNIX_EPOCH);
        format!("{timestamp:.3}")
    }
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let nanoseconds = i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec);
    u64::try_from(nanoseconds).unwrap_or(0)
}

fn saturating_nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_moves_both_clocks() {
        let start = Moment {
            monotonic_ns: 5,
            unix_us: 1_649_367_553_000_000,
        };
        let later = start.plus(Duration::from_millis(1_500));
        assert_eq!(later.monotonic_ns, 1_500_000_005);
        assert_eq!(later.unix_seconds(), 1_649_367_554);
        assert_eq!(later.rfc3339(), "2022-04-07T21:39:14.500Z");
        assert_eq!(start.plus(Duration::MAX).monotonic_ns, u64::MAX);
    }

    #[test]
    fn the_monotonic_clock_does_not_run_backwards() {
        let (first, second) = (Moment::now(), Moment::now());
        assert!(second.monotonic_ns >= first.monotonic_ns && first.monotonic_ns > 0);
    }
}
