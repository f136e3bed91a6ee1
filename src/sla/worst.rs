//! When a target was worst: a value over the whole run hides ten bad seconds, and those who were there will ask for them.

use super::context::Context;
use super::measure::Measure;
use crate::metrics::{Evidence, Interruption};
use crate::plan::Condition;

/// Length of the stretches that are compared.
pub const STRETCH_S: u32 = 10;
/// A value of fewer samples is chance.
const SAMPLES_MIN: u64 = 20;

/// The worst stretch of a target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worst {
    /// Its first second, from the start of the run; it is [`STRETCH_S`] long.
    pub from_s: u32,
    /// In the metric's unit; infinite when a quantile fell on a failed event.
    pub value: f64,
}

/// The stretch of the judged seconds in which `condition` had its worst value. `None` when there are not two that
/// differ, and while the run goes on: nobody looks at it then, and the generator has better things to do.
pub fn worst(condition: &Condition, evidence: &Evidence, context: &Context) -> Option<Worst> {
    if evidence.interruption == Some(Interruption::Killed) {
        return None;
    }
    let measure = Measure::of(condition, &context.steps).ok()?;
    let from = evidence.timeline.measured_from_s.ceil() as u32;
    let to = evidence.timeline.load_ended_s as u32;
    let stretches: Vec<Worst> = (from..to.saturating_sub(STRETCH_S - 1))
        .step_by(STRETCH_S as usize)
        .filter_map(|from_s| {
            let reading = measure.read(&evidence.measurements, from_s..from_s + STRETCH_S)?;
            (reading.samples >= SAMPLES_MIN).then_some(Worst {
                from_s,
                value: reading.value,
            })
        })
        .collect();
    // Where all are alike, none was worse than the others; one alone is the whole run.
    if stretches.windows(2).all(|pair| pair[0].value == pair[1].value) {
        return None;
    }
    let badness = |stretch: &Worst| match condition.metric.higher_is_better() {
        true => -stretch.value,
        false => stretch.value,
    };
    // Of equal ones the first.
    stretches.into_iter().reduce(|worst, next| {
        if badness(&next) > badness(&worst) {
            next
        } else {
            worst
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::{Comparator, Metric};
    use crate::sla::fixture;

    #[test]
    fn the_worst_ten_seconds_are_found() {
        let mut run = fixture::healthy();
        let condition = fixture::time(Metric::ResponseTime, 0.95, Comparator::LessOrEqual, 150);
        let even = worst(&condition, &run.evidence, &run.context).unwrap();
        // Some seconds of trouble, which hardly move the value of the whole run.
        for second in 27..30 {
            let slow = Duration::from_millis(400).as_nanos() as i64;
            let kind = crate::metrics::SeriesKind::Response;
            let step = Some(crate::plan::StepId(0));
            run.evidence
                .measurements
                .add_many(kind, step, false, second, Some(slow), 20);
        }
        let found = worst(&condition, &run.evidence, &run.context).unwrap();
        assert_eq!(
            found.from_s, 25,
            "5 s of warm-up, then 5 to 15, 15 to 25, 25 to 35"
        );
        assert!(found.value > 300.0 && even.value < 100.0, "{found:?} {even:?}");
        run.evidence.interruption = Some(Interruption::Killed);
        assert_eq!(worst(&condition, &run.evidence, &run.context), None);
    }

    #[test]
    fn a_run_of_one_stretch_has_no_worst_one() {
        let mut run = fixture::healthy();
        run.evidence.timeline.load_ended_s = 20.0;
        let condition = fixture::time(Metric::ResponseTime, 0.95, Comparator::LessOrEqual, 150);
        assert_eq!(worst(&condition, &run.evidence, &run.context), None);
    }

    #[test]
    fn where_nothing_ever_failed_no_stretch_is_the_worst() {
        let run = fixture::healthy();
        let condition = fixture::share(Metric::ErrorRate, Comparator::Less, 1.0);
        assert_eq!(worst(&condition, &run.evidence, &run.context), None);
    }
}
