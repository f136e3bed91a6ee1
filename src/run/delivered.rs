//! How much of the schedule each second brought.

use super::supervise::Supervision;
use crate::clock::Moment;
use crate::metrics::{Delivery, Measurements, SeriesKey, SeriesKind};
use crate::plan::Plan;

/// Compares the schedule with the tickets that began, second by second; `None` for closed models, which have none.
///
/// Only whole seconds count. Of a load that was stopped early the last one does not either: a worker stops in the middle
/// of it, some milliseconds before the moment that is written down.
pub(super) fn delivered(
    plan: &Plan,
    epoch: Moment,
    measurements: &Measurements,
    supervision: &Supervision,
) -> Option<Delivery> {
    let planned = supervision.planned_by_second.as_deref()?;
    let load_ended = supervision.load_ended.since(epoch);
    let was_stopped = load_ended < plan.load.executor.duration();
    let from = plan.load.warm_up.as_secs_f64().ceil() as u32;
    let to = (load_ended.as_secs() as u32).saturating_sub(u32::from(was_stopped));
    // Each ticket that began has a lag, in the second in which it was due.
    let key = SeriesKey {
        kind: SeriesKind::SchedulingLag,
        step: None,
    };
    let began = |second: u32| {
        let series = measurements.series.get(&key);
        let slice = series.and_then(|series| series.measured.get(&second));
        slice.map_or(0, |slice| slice.total)
    };
    Some(Delivery::of(from..to.max(from), planned, began))
}
