//! What must have left samples in a stretch of time: only where something was due can anything be missing.

use std::ops::Range;

use crate::metrics::{Measurements, SeriesKind};
use crate::plan::{Condition, StepInfo};

/// What was due in a stretch of time, as far as only the run knows it; the rest is read from the measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Due {
    /// Arrivals that the schedule has.
    pub arrivals: u64,
    /// Webhooks that the mock meant to send for the first time.
    pub webhooks: u64,
}

/// What shows that samples of a condition were due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// Every arrival leaves a sample of its first request.
    Arrivals,
    /// Every webhook leaves a sample of its first attempt.
    Webhooks,
    /// Only events that come leave samples; those that were expected and did not come are counted beside them.
    Events,
    /// Samples may rightly be absent, or are there also when what they are about did not happen: whoever waits for a
    /// result in vain leaves a bad sample.
    Nothing,
}

impl Expected {
    pub(super) fn of(kind: SeriesKind, condition: &Condition, steps: &[StepInfo]) -> Self {
        match kind {
            SeriesKind::Response if condition.step.is_none() => Expected::Arrivals,
            // What comes later in a journey may rightly be absent while the first users are still on their way to it.
            SeriesKind::Response => {
                let every_first = steps
                    .iter()
                    .filter(|info| info.first_request)
                    .all(|info| Some(&info.name) == condition.step.as_ref());
                if every_first {
                    Expected::Arrivals
                } else {
                    Expected::Nothing
                }
            }
            SeriesKind::WebhookProcessing | SeriesKind::WebhookAttempt => Expected::Webhooks,
            SeriesKind::Realtime => Expected::Events,
            _ => Expected::Nothing,
        }
    }

    /// How many samples were due in `seconds`.
    pub(super) fn count(self, due: Due, measurements: &Measurements, seconds: Range<u32>) -> u64 {
        match self {
            Expected::Arrivals => due.arrivals,
            Expected::Webhooks => due.webhooks,
            Expected::Events => measurements
                .series
                .iter()
                .filter(|(key, _)| key.kind == SeriesKind::RealtimeDelivery)
                .flat_map(|(_, series)| series.measured.range(seconds.clone()))
                .map(|(_, slice)| slice.bad)
                .sum(),
            Expected::Nothing => 0,
        }
    }

    /// Seconds after which samples are known here: the mock is asked once a second.
    pub(super) fn known_after_s(self) -> u32 {
        match self {
            Expected::Webhooks => 2,
            Expected::Arrivals | Expected::Events | Expected::Nothing => 0,
        }
    }
}
