//! What was found out about the instrument itself: how fast the generator is when nothing holds it up, and how far the
//! target's clock is from its own.

use std::time::Duration;

/// How the generator did against a server in its own process that answers at once: what it can measure at best.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Calibration {
    /// Exchanges per second that it was to make, and that it made.
    pub planned_per_s: f64,
    pub achieved_per_s: f64,
    /// Exchanges that were timed.
    pub samples: u64,
    /// Exchanges that failed.
    pub failed: u64,
    /// Response time from the planned moment on, milliseconds: no target can be measured to be faster.
    pub p50_ms: f64,
    pub p99_ms: f64,
}

/// The clock of a target on another machine against ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockOffset {
    /// The target's wall clock less ours, nanoseconds, before the run.
    pub offset_ns: i64,
    /// It is known to plus or minus this much, drift during the run included; `None` when the clocks could not be
    /// compared again after the run.
    pub uncertainty: Option<Duration>,
    /// How far it moved from before the run to after it, nanoseconds; `None` before the run is over.
    pub drift_ns: Option<i64>,
}

impl ClockOffset {
    /// A realtime latency of 50 ms needs the offset to a tenth of it.
    pub const GOOD_WITHIN: Duration = Duration::from_millis(5);

    /// Whether latencies may be computed from both clocks.
    pub fn is_good(&self) -> bool {
        self.uncertainty
            .is_some_and(|uncertainty| uncertainty <= Self::GOOD_WITHIN)
    }

    /// The offset over a run, from one estimate before and one after it. Latencies are computed with the one before, so
    /// all of the way that the clock has moved is added to the uncertainty.
    pub fn over_run(before: ClockOffset, after: Option<ClockOffset>) -> ClockOffset {
        let Some(after) = after else {
            return ClockOffset {
                uncertainty: None,
                ..before
            };
        };
        let drift_ns = after.offset_ns.saturating_sub(before.offset_ns);
        let both = before.uncertainty.zip(after.uncertainty);
        ClockOffset {
            offset_ns: before.offset_ns,
            uncertainty: both
                .map(|(before, after)| before.max(after) + Duration::from_nanos(drift_ns.unsigned_abs())),
            drift_ns: Some(drift_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(milliseconds: i64, uncertainty_ms: u64) -> ClockOffset {
        ClockOffset {
            offset_ns: milliseconds * 1_000_000,
            uncertainty: Some(Duration::from_millis(uncertainty_ms)),
            drift_ns: None,
        }
    }

    #[test]
    fn a_clock_that_moves_is_known_less_well() {
        let steady = ClockOffset::over_run(offset(-200, 2), Some(offset(-200, 4)));
        assert_eq!((steady.offset_ns, steady.drift_ns), (-200_000_000, Some(0)));
        assert_eq!(steady.uncertainty, Some(Duration::from_millis(4)));
        assert!(steady.is_good());
        let moving = ClockOffset::over_run(offset(10, 2), Some(offset(6, 2)));
        assert_eq!(
            (moving.offset_ns, moving.drift_ns),
            (10_000_000, Some(-4_000_000))
        );
        assert_eq!(moving.uncertainty, Some(Duration::from_millis(6)));
        assert!(!moving.is_good());
        assert!(!ClockOffset::over_run(offset(10, 2), None).is_good());
    }
}
