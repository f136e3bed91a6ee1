//! How the targets stand while a run goes on, cheap enough for every second.
//!
//! A glance is for who watches; it decides nothing. Over the whole run so far only the exact counts are looked at, and
//! a value is read from the last seconds alone, because merging the histograms of a long run each second would take
//! CPU that the generator needs.

use std::ops::Range;

use super::measure::Measure;
use crate::metrics::Measurements;
use crate::plan::{Condition, StepInfo};

/// How one target stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    pub condition: Condition,
    /// The value over the last seconds, in the metric's unit; infinite when a quantile falls on a failed event, `None`
    /// without samples.
    pub recent: Option<f64>,
    /// Whether the target holds over the last seconds; `None` without samples.
    pub holds_recently: Option<bool>,
    /// Whether it holds over everything that was measured so far; `None` without samples.
    pub holds: Option<bool>,
}

/// Looks at all targets: over `recent`, and from `measured_from` to the end of `recent`.
pub fn glances(
    targets: &[Condition],
    steps: &[StepInfo],
    measurements: &Measurements,
    measured_from: u32,
    recent: Range<u32>,
) -> Vec<Glance> {
    let so_far = measured_from.min(recent.end)..recent.end;
    let recent = recent.start.max(measured_from).min(recent.end)..recent.end;
    let look = |condition: &Condition| {
        // A target that is not computed from one series, such as availability, waits for the judge.
        let measure = Measure::of(condition, steps).ok();
        let reading = measure
            .as_ref()
            .and_then(|measure| measure.read(measurements, recent.clone()));
        let holds = measure.as_ref().and_then(|measure| {
            let counts = measure.counts(measurements, so_far.clone());
            let span = f64::from(so_far.end - so_far.start);
            measure.side(&counts, span).map(|side| side.satisfies(condition))
        });
        Glance {
            condition: condition.clone(),
            recent: reading.map(|reading| reading.value),
            holds_recently: reading.map(|reading| reading.satisfies(condition)),
            holds,
        }
    };
    targets.iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sla::fixture;

    #[test]
    fn a_target_that_is_missed_is_seen_and_one_without_samples_says_nothing() {
        let slow = fixture::slow();
        let steps = &slow.context.steps;
        let seen = glances(
            &slow.criteria.targets,
            steps,
            &slow.evidence.measurements,
            10,
            20..30,
        );
        assert_eq!(seen.len(), slow.criteria.targets.len());
        assert!(seen.iter().any(|glance| glance.holds == Some(false)), "{seen:?}");
        for glance in &seen {
            assert_eq!(glance.recent.is_some(), glance.holds_recently.is_some());
        }
        let before = glances(
            &slow.criteria.targets,
            steps,
            &slow.evidence.measurements,
            10,
            0..5,
        );
        assert!(
            before
                .iter()
                .all(|glance| glance.recent.is_none() && glance.holds.is_none())
        );
    }
}
