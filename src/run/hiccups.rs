//! How late beats came: what both watches of the generator count, the thread that only sleeps and the task in a worker's
//! event loop.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::metrics::Lateness;

/// How often a beat is due. The runtime's timer is a millisecond wheel, so one may be 2 ms late by itself; more beats
/// would cost a measurable part of a core on each worker.
pub(super) const BEAT: Duration = Duration::from_millis(25);
/// Longest lateness that is told apart: a minute, in microseconds.
const LATE_US_MAX: u64 = 60_000_000;

/// Counts beats by their lateness.
#[derive(Debug, Clone)]
pub(super) struct HiccupMeter {
    late_us: Histogram<u64>,
    longest: Duration,
}

impl HiccupMeter {
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that HdrHistogram accepts"
    )]
    pub(super) fn new() -> Self {
        Self {
            late_us: Histogram::new_with_bounds(1, LATE_US_MAX, 2).expect("valid constant bounds"),
            longest: Duration::ZERO,
        }
    }

    /// Takes in a beat. One that was late by more than a beat stands for those that it kept from being due: each of them
    /// would have been late by what was left of the stall.
    pub(super) fn note(&mut self, late: Duration) {
        self.longest = self.longest.max(late);
        let late_us = u64::try_from(late.as_micros())
            .unwrap_or(LATE_US_MAX)
            .min(LATE_US_MAX);
        // It cannot fail: the value lies within the bounds.
        let _ = self.late_us.record_correct(late_us, BEAT.as_micros() as u64);
    }

    /// By how much the latest beat was late.
    pub(super) fn longest(&self) -> Duration {
        self.longest
    }

    /// The percentiles; `None` when there was no beat.
    pub(super) fn lateness(&self) -> Option<Lateness> {
        let at = |quantile: f64| Duration::from_micros(self.late_us.value_at_quantile(quantile));
        (!self.late_us.is_empty()).then(|| Lateness {
            p50: at(0.5),
            p99: at(0.99),
            p999: at(0.999),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stall_weighs_as_much_as_the_beats_that_it_hid() {
        let mut meter = HiccupMeter::new();
        assert_eq!(meter.lateness(), None);
        // A minute of beats, and one stall of a second: of what was due in these 61 s, 1.6 % came late.
        for _ in 0..2_400 {
            meter.note(Duration::from_micros(100));
        }
        meter.note(Duration::from_secs(1));
        let lateness = meter.lateness().unwrap();
        assert_eq!(meter.longest(), Duration::from_secs(1));
        assert!(lateness.p50 < Duration::from_millis(1), "{lateness:?}");
        assert!(
            lateness.p99 > Duration::from_millis(300) && lateness.p99 < Duration::from_millis(450),
            "{lateness:?}"
        );
        assert!(lateness.p999 > Duration::from_millis(900), "{lateness:?}");
    }

    #[test]
    fn nothing_is_too_late_to_be_counted() {
        let mut meter = HiccupMeter::new();
        meter.note(Duration::from_secs(3_600));
        assert_eq!(meter.longest(), Duration::from_secs(3_600));
        assert!(meter.lateness().unwrap().p50 >= Duration::from_secs(29));
    }
}
