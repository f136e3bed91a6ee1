//! Availability by one-second slots: the share of slots in which users were served as the rollback thresholds demand.

use std::collections::BTreeMap;

use super::interval::Second;
use super::measure::Measure;
use crate::metrics::{Measurements, SeriesKind, Slice};
use crate::plan::{Condition, Criteria, Metric, StepInfo};

/// Samples that a slot needs at least when no rollback policy sets a minimum for its window.
const SLOT_SAMPLES_MIN: u64 = 10;
/// No slot decides anything on fewer samples than this.
const SLOT_SAMPLES_FLOOR: u64 = 5;

/// The slots of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Slots {
    /// One per slot that counts; `bad` is 1 when the slot was not available.
    pub(crate) seconds: Vec<Second>,
    /// Slots with too few samples to tell.
    pub(crate) left_out: u64,
    /// What the slots were judged by.
    pub(crate) basis: Basis,
}

/// Where the conditions of a slot come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The rollback thresholds on errors and response time.
    Rollback,
    /// The targets' own limits, for want of rollback thresholds.
    Targets,
}

impl Slots {
    /// Slots that count.
    pub(crate) fn counted(&self) -> u64 {
        self.seconds.len() as u64
    }

    /// Slots in which the target was not available.
    pub(crate) fn bad(&self) -> u64 {
        self.seconds.iter().filter(|second| second.bad > 0.0).count() as u64
    }

    /// Share of available slots; `None` when no slot counts.
    pub(crate) fn share(&self) -> Option<f64> {
        let counted = self.counted();
        (counted > 0).then(|| (counted - self.bad()) as f64 / counted as f64)
    }
}

/// The responses of every measured second, over all steps: what slots are judged by.
pub(crate) fn responses(measurements: &Measurements) -> BTreeMap<u32, Slice> {
    by_second(measurements, SeriesKind::Response)
}

/// All samples of a kind, over all steps, second by second.
pub(crate) fn by_second(measurements: &Measurements, kind: SeriesKind) -> BTreeMap<u32, Slice> {
    let mut sums: BTreeMap<u32, Slice> = BTreeMap::new();
    for (_, series) in measurements.series.iter().filter(|(key, _)| key.kind == kind) {
        for (second, slice) in &series.measured {
            sums.entry(*second).or_default().merge(slice);
        }
    }
    sums
}

/// Looks at every slot of `responses`.
///
/// # Errors
/// A sentence, when the criteria hold no condition that could decide a slot.
pub(crate) fn slots(
    criteria: &Criteria,
    steps: &[StepInfo],
    measurements: &Measurements,
    responses: &BTreeMap<u32, Slice>,
) -> Result<Slots, String> {
    let decides = |condition: &&Condition| {
        condition.step.is_none() && matches!(condition.metric, Metric::ErrorRate | Metric::ResponseTime)
    };
    let thresholds: Vec<&Condition> = criteria
        .rollback
        .iter()
        .flat_map(|rollback| &rollback.policy.conditions)
        .filter(decides)
        .collect();
    let (conditions, basis) = if thresholds.is_empty() {
        (criteria.targets.iter().filter(decides).collect(), Basis::Targets)
    } else {
        (thresholds, Basis::Rollback)
    };
    let mut measures: Vec<(&Condition, Measure)> = Vec::new();
    for condition in conditions {
        measures.push((condition, Measure::of(condition, steps)?));
    }
    if measures.is_empty() {
        return Err(
            "no rollback threshold and no target on error rate or response time over all steps says when a \
             second counts as unavailable"
                .to_owned(),
        );
    }
    let samples_min = slot_samples_min(criteria);
    let mut slots = Slots {
        seconds: Vec::new(),
        left_out: 0,
        basis,
    };
    for slice in responses.values() {
        if slice.total < samples_min {
            slots.left_out += 1;
            continue;
        }
        let unavailable = measures.iter().any(|(condition, measure)| {
            measure
                .read_slice(slice, measurements, 1.0)
                // A rollback threshold is written as the breach, a target as what must hold.
                .is_some_and(|reading| reading.satisfies(condition) == (basis == Basis::Rollback))
        });
        slots.seconds.push(Second {
            events: 1.0,
            bad: f64::from(u8::from(unavailable)),
        });
    }
    Ok(slots)
}

/// Samples that a second needs to tell whether the target was available: its part of what the rollback window needs.
pub fn slot_samples_min(criteria: &Criteria) -> u64 {
    criteria.rollback.as_ref().map_or(SLOT_SAMPLES_MIN, |rollback| {
        let window_s = rollback.policy.window.as_secs().max(1);
        rollback
            .policy
            .samples_min
            .div_ceil(window_s)
            .max(SLOT_SAMPLES_FLOOR)
    })
}
