//! Moments of incidents, and what lies between them.

use std::time::Duration;

use super::*;
use crate::clock::Moment;
use crate::metrics::{ActionOutcome, ActionRun, SeriesKind, Thresholds};
use crate::plan::{Comparator, Metric, StepId};
use crate::sla::fixture::{criteria, failing, share, time};
use crate::sla::replay;

/// A run of 200 requests a second from 5 s to 35 s, of which so many fail in each second.
fn measurements(failed: impl Fn(u32) -> u64) -> Measurements {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    for second in 5..41 {
        let bad = failed(second);
        for (value_ns, count) in [(Some(10_000_000), 200 - bad), (None, bad)] {
            if count > 0 {
                let id = Some(StepId(0));
                measurements.add_many(SeriesKind::Response, id, false, second, value_ns, count);
            }
        }
    }
    measurements
}

/// The run of the fixture with other measurements and the incidents of one rollback threshold on them.
fn run_with(condition: Condition, failed: impl Fn(u32) -> u64) -> (Criteria, Evidence, Context) {
    let mut run = failing();
    run.evidence.measurements = measurements(failed);
    let policy = &mut run.criteria.rollback.as_mut().unwrap().policy;
    policy.conditions = vec![condition];
    policy.window = Duration::from_secs(5);
    let found = replay(IncidentKind::Rollback, policy, &run.evidence, &run.context);
    run.evidence.incidents = found;
    (run.criteria, run.evidence, run.context)
}

fn errors_above(percent: f64) -> Condition {
    share(Metric::ErrorRate, Comparator::Greater, percent)
}

fn timeline_of((criteria, evidence, context): &(Criteria, Evidence, Context)) -> IncidentTimeline {
    IncidentTimeline::of(&evidence.incidents[0], criteria, evidence, context)
}

fn action(begun_s: Option<f64>, injects: bool) -> ActionRun {
    ActionRun {
        name: "break it".to_owned(),
        deed: "PUT /faults".to_owned(),
        planned_s: 10.0,
        begun_s,
        ended_s: begun_s,
        outcome: ActionOutcome::Done("answered with status 200".to_owned()),
        injects,
    }
}

#[test]
fn an_incident_with_all_its_moments() {
    let mut run = run_with(errors_above(5.0), |second| {
        if (12..18).contains(&second) { 100 } else { 0 }
    });
    run.1.actions = vec![
        action(Some(3.0), true),
        action(Some(11.4), true),
        action(Some(11.8), false),
        action(Some(19.0), true),
    ];
    let timeline = timeline_of(&run);
    assert_eq!(
        (timeline.injected_s, timeline.onset_s, timeline.detected_s),
        (Some(11.4), Some(12.0), 13.0)
    );
    assert_eq!(
        (timeline.recovered_s, timeline.cleared_s),
        (Some(18.0), Some(24.0))
    );
    assert!(matches!(timeline.time_to_detect(), Timing::Seconds(s) if (s - 1.6).abs() < 1e-9));
    assert_eq!(timeline.time_to_recover(), Timing::Seconds(5.0));
    // Nothing was done about it.
    assert_eq!(timeline.time_to_act(), Timing::Unknown);
    // Of 1 000 requests 74 are needed; half of them fail: 0.74 s, and the second until the next look.
    assert!((timeline.detection_theoretical_s.unwrap() - 1.74).abs() < 1e-9);
}

#[test]
fn without_an_injected_fault_the_first_bad_second_counts() {
    let run = run_with(errors_above(5.0), |second| if second >= 20 { 30 } else { 0 });
    let timeline = timeline_of(&run);
    assert_eq!((timeline.injected_s, timeline.onset_s), (None, Some(20.0)));
    assert_eq!(
        timeline.time_to_detect(),
        Timing::Seconds(timeline.detected_s - 20.0)
    );
}

#[test]
fn what_is_not_over_when_the_load_ends_took_longer_than_that() {
    // It is fine from the end of the load, 35 s, on: nobody is there any more whom that would help.
    let run = run_with(errors_above(5.0), |second| {
        if (20..35).contains(&second) { 100 } else { 0 }
    });
    let timeline = timeline_of(&run);
    assert_eq!(timeline.recovered_s, None);
    assert_eq!(
        timeline.time_to_recover(),
        Timing::MoreThan(35.0 - timeline.detected_s)
    );
    // The last seconds are clean, but too few to be a recovery.
    let run = run_with(errors_above(5.0), |second| {
        if (20..32).contains(&second) { 100 } else { 0 }
    });
    assert_eq!(timeline_of(&run).recovered_s, None);
    let run = run_with(errors_above(5.0), |second| {
        if (20..30).contains(&second) { 100 } else { 0 }
    });
    assert_eq!(timeline_of(&run).recovered_s, Some(30.0));
}

#[test]
fn a_rollback_that_was_begun_and_not_finished_took_longer_than_that() {
    let run = run_with(errors_above(5.0), |second| if second >= 20 { 100 } else { 0 });
    let mut timeline = timeline_of(&run);
    timeline.acted = true;
    assert_eq!(
        timeline.time_to_act(),
        Timing::MoreThan(35.0 - timeline.detected_s)
    );
    timeline.rolled_back_s = Some(timeline.detected_s + 2.5);
    assert_eq!(timeline.time_to_act(), Timing::Seconds(2.5));
}

#[test]
fn one_unlucky_second_is_not_the_beginning_and_a_good_one_not_the_end() {
    // A burst of 6 % four seconds before the trouble, and a good second in the middle of it.
    let run = run_with(errors_above(5.0), |second| match second {
        16 => 12,
        22 => 0,
        20..26 => 60,
        _ => 0,
    });
    let timeline = timeline_of(&run);
    assert_eq!((timeline.onset_s, timeline.recovered_s), (Some(20.0), Some(26.0)));
}

#[test]
fn what_is_bad_from_the_start_counts_from_the_end_of_the_warm_up() {
    let mut run = run_with(errors_above(5.0), |_| 100);
    run.2.faults_from_the_start = vec!["10% of the requests fail".to_owned()];
    let timeline = timeline_of(&run);
    assert_eq!((timeline.injected_s, timeline.onset_s), (None, Some(5.0)));
    assert_eq!(timeline.detected_s, 6.0);
    assert_eq!(timeline.time_to_detect(), Timing::Seconds(1.0));
}

#[test]
fn what_breaks_later_is_not_dated_from_a_fault_that_stood_from_the_start() {
    let mut run = run_with(errors_above(5.0), |second| if second >= 20 { 30 } else { 2 });
    run.2.faults_from_the_start = vec!["1% of the requests fail".to_owned()];
    let timeline = timeline_of(&run);
    assert_eq!((timeline.injected_s, timeline.onset_s), (None, Some(20.0)));
    assert_eq!(
        timeline.time_to_detect(),
        Timing::Seconds(timeline.detected_s - 20.0)
    );
    // An action that injects a fault into it has a moment.
    run.1.actions = vec![action(Some(19.5), true)];
    let timeline = timeline_of(&run);
    assert_eq!(timeline.injected_s, Some(19.5));
    assert_eq!(
        timeline.time_to_detect(),
        Timing::Seconds(timeline.detected_s - 19.5)
    );
}

#[test]
fn the_formula_of_detection() {
    // A percentile: W · (1 − p) / f. Half of the examples are those of the reference.
    let percentile = |slow| detection_time_s(60.0, 0.05, 0.0, slow);
    for (slow, seconds) in [(1.0, 3.0), (0.1, 30.0)] {
        assert!((percentile(slow).unwrap() - seconds).abs() < 1e-9);
    }
    // 5 % slow are never more than 5 %.
    assert_eq!(percentile(0.05), None);
    // A burn rate of 14.4 of 0.1 %, over an hour, of a complete outage: 52 s.
    assert!((detection_time_s(3_600.0, 14.4 * 0.001, 0.0, 1.0).unwrap() - 51.84).abs() < 1e-9);
    // It was beyond the level before.
    assert_eq!(detection_time_s(60.0, 0.05, 0.06, 1.0), None);
}

#[test]
fn a_mean_has_no_formula_but_a_first_bad_second() {
    let mean = Condition {
        statistic: crate::plan::Statistic::Mean,
        ..time(Metric::ResponseTime, 0.5, Comparator::Greater, 100)
    };
    let mut run = run_with(errors_above(5.0), |_| 0);
    for second in 20..24 {
        let id = Some(StepId(0));
        run.1
            .measurements
            .add_many(SeriesKind::Response, id, false, second, Some(2_000_000_000), 50);
    }
    let policy = &mut run.0.rollback.as_mut().unwrap().policy;
    policy.conditions = vec![mean];
    let found = replay(IncidentKind::Rollback, policy, &run.1, &run.2);
    run.1.incidents = found;
    let timeline = timeline_of(&run);
    assert_eq!((timeline.onset_s, timeline.recovered_s), (Some(20.0), Some(24.0)));
    assert_eq!(timeline.detection_theoretical_s, None);
}
