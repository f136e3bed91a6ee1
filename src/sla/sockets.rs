//! What the generator had no socket for: trouble of its own that looks like a failure of the target.
//!
//! Such an event is recorded twice: as a bad response or subscription, because the user was not served, and as a bad
//! scheduling lag, which belongs to the generator alone. The second tells how much of the first is whose fault.

use std::collections::BTreeMap;

use crate::metrics::{Measurements, SeriesKind};
use crate::plan::{StepInfo, StepKind};

/// The measured requests and subscriptions that could not be sent, second by second, of the steps that `of` accepts.
pub(crate) fn unsent(
    measurements: &Measurements,
    steps: &[StepInfo],
    of: impl Fn(&StepInfo) -> bool,
) -> BTreeMap<u32, u64> {
    let mut unsent: BTreeMap<u32, u64> = BTreeMap::new();
    for (key, series) in &measurements.series {
        let info = key.step.and_then(|step| steps.get(step.index()));
        if key.kind != SeriesKind::SchedulingLag || !info.is_some_and(&of) {
            continue;
        }
        for (second, slice) in series.measured.iter().filter(|(_, slice)| slice.bad > 0) {
            *unsent.entry(*second).or_default() += slice.bad;
        }
    }
    unsent
}

/// The share of users without a realtime socket whose lack of one was the generator's fault; 0 to 1, of all who tried.
pub(crate) fn share_without_realtime(measurements: &Measurements, steps: &[StepInfo]) -> f64 {
    let unsent: u64 = unsent(measurements, steps, |info| info.kind == StepKind::Subscribe)
        .values()
        .sum();
    let tried = measurements.total(SeriesKind::Subscribe, None).total;
    unsent as f64 / tried.max(unsent).max(1) as f64
}
