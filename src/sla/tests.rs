//! The verdict, row by row, on made-up runs.

mod actions;
mod certified;
mod contention;
mod instrument;
mod rollback;
mod sockets;
mod steadiness;
mod users;
mod verdict_rows;
mod waivers;

use std::time::Duration;

use proptest::prelude::*;

use super::fixture::{
    self, Run, Trouble, failing, healthy, lossy, share, slow, starved_generator, throughput, time,
};
use super::{CheckName, FixedIterations, Judgement, Severity, Status, Verdict, replay};
use crate::metrics::{Incident, IncidentKind, Interruption, SeriesKey, SeriesKind};
use crate::plan::{Comparator, JudgeMode, Metric, StepId};

/// Judges and compares verdict and exit code; gives the judgement back for more.
#[track_caller]
fn expect(run: &Run, verdict: Verdict, code: u8) -> Judgement {
    let judgement = run.judge();
    assert_eq!(judgement.verdict, verdict, "{:#?}", judgement.reasons);
    assert_eq!(judgement.verdict.exit_code().code(), code);
    assert!(!judgement.reasons.is_empty());
    judgement
}

fn status_of(judgement: &Judgement, metric: Metric) -> Status {
    judgement
        .findings
        .iter()
        .find(|finding| finding.subject.metric() == metric)
        .map(|finding| finding.status)
        .unwrap()
}

fn severity_of(judgement: &Judgement, name: CheckName) -> Severity {
    judgement
        .validity
        .checks
        .iter()
        .find(|check| check.name == name)
        .map_or(Severity::Ok, |check| check.severity)
}

fn rollback_of(run: &Run) -> Vec<Incident> {
    let policy = &run.criteria.rollback.as_ref().unwrap().policy;
    replay(IncidentKind::Rollback, policy, &run.evidence, &run.context)
}

#[test]
fn a_healthy_run_is_a_go() {
    let judgement = expect(&healthy(), Verdict::Go, 0);
    assert!(
        judgement
            .findings
            .iter()
            .all(|finding| finding.status == Status::Pass)
    );
    assert!(judgement.validity.valid());
    assert!(
        judgement
            .validity
            .checks
            .iter()
            .all(|check| check.severity == Severity::Ok)
    );
    assert!(rollback_of(&healthy()).is_empty());
}

#[test]
fn a_slow_target_is_a_no_go() {
    let judgement = expect(&slow(), Verdict::NoGo, 10);
    assert_eq!(status_of(&judgement, Metric::ResponseTime), Status::Fail);
    assert_eq!(status_of(&judgement, Metric::ErrorRate), Status::Pass);
}

#[test]
fn failures_are_a_no_go_and_count_as_slow() {
    let judgement = expect(&failing(), Verdict::NoGo, 10);
    assert_eq!(status_of(&judgement, Metric::ErrorRate), Status::Fail);
    assert_eq!(status_of(&judgement, Metric::ResponseTime), Status::Fail);
    assert_eq!(judgement.findings[0].value, Some(f64::INFINITY));
}

#[test]
fn one_lost_submission_is_a_no_go() {
    expect(&lossy(), Verdict::NoGo, 10);
    for spoil in [
        |run: &mut Run| run.evidence.audit.as_mut().unwrap().lost = Some(1),
        |run: &mut Run| run.evidence.audit.as_mut().unwrap().duplicated = Some(1),
        |run: &mut Run| run.evidence.audit.as_mut().unwrap().misdelivered = Some(1),
    ] {
        let mut run = healthy();
        spoil(&mut run);
        expect(&run, Verdict::NoGo, 10);
    }
}

#[test]
fn without_a_witness_nothing_is_a_go() {
    for spoil in [
        |run: &mut Run| run.evidence.audit = None,
        |run: &mut Run| run.evidence.audit.as_mut().unwrap().lost = None,
        |run: &mut Run| run.evidence.audit.as_mut().unwrap().misdelivered = None,
        |run: &mut Run| run.evidence.audit.as_mut().unwrap().pending = 3,
    ] {
        let mut run = healthy();
        spoil(&mut run);
        expect(&run, Verdict::Inconclusive, 11);
        run.context.submissions = false;
        expect(&run, Verdict::Go, 0);
    }
}

#[test]
fn undelivered_load_and_lost_records_invalidate_even_a_good_run() {
    for spoil in [
        |run: &mut Run| run.context.arrivals_planned = Some(800),
        |run: &mut Run| run.evidence.timeline.load_ended_s = 20.0,
        |run: &mut Run| run.evidence.iterations.started -= 1,
        |run: &mut Run| run.evidence.mock.as_mut().unwrap().ledger_records_missing = 1,
        |run: &mut Run| run.evidence.measurements.series.clear(),
    ] {
        let mut run = healthy();
        spoil(&mut run);
        expect(&run, Verdict::Invalid, 12);
    }
}

#[test]
fn a_starved_generator_invalidates_only_what_it_explains() {
    let judgement = expect(&starved_generator(), Verdict::Invalid, 12);
    assert_eq!(
        severity_of(&judgement, CheckName::SchedulingLag),
        Severity::Warning
    );
    assert_eq!(
        severity_of(&judgement, CheckName::ResultExplained),
        Severity::Invalid
    );

    // The same lag on a target that is slow by itself explains nothing.
    let both = fixture::run(Trouble {
        slower: Duration::from_millis(300),
        lag: Duration::from_millis(400),
        lag_seconds: (10, 20),
        ..Trouble::default()
    });
    expect(&both, Verdict::NoGo, 10);

    // On a run that passes it is a warning.
    let harmless = fixture::run(Trouble {
        lag: Duration::from_millis(30),
        lag_seconds: (10, 20),
        ..Trouble::default()
    });
    let judgement = expect(&harmless, Verdict::Go, 0);
    assert_eq!(
        severity_of(&judgement, CheckName::SchedulingLag),
        Severity::Warning
    );

    // A lost submission is nobody's fault but the target's.
    let mut lost_too = starved_generator();
    lost_too.evidence.audit.as_mut().unwrap().lost = Some(1);
    expect(&lost_too, Verdict::NoGo, 10);
}

#[test]
fn a_generator_that_was_late_all_the_time_explains_slowness_that_sending_in_time_would_not_have_had() {
    let late = fixture::run(Trouble {
        lag: Duration::from_millis(200),
        lag_seconds: (0, 100),
        ..Trouble::default()
    });
    let judgement = expect(&late, Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("really sent"),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn a_tripped_rollback_threshold_is_a_rollback() {
    let mut run = failing();
    run.evidence.incidents = rollback_of(&run);
    assert!(!run.evidence.incidents.is_empty());
    // The load was stopped: what never ran does not invalidate.
    run.evidence.timeline.load_planned_s = 300.0;
    expect(&run, Verdict::Rollback, 13);
    run.criteria.rollback.as_mut().unwrap().stop_load = false;
    expect(&run, Verdict::Invalid, 12);
}

#[test]
fn a_rollback_that_the_generator_caused_is_invalid() {
    let mut run = fixture::run(Trouble {
        lag: Duration::from_millis(900),
        lag_seconds: (12, 22),
        ..Trouble::default()
    });
    run.evidence.incidents = rollback_of(&run);
    assert!(!run.evidence.incidents.is_empty());
    expect(&run, Verdict::Invalid, 12);
}

#[test]
fn an_interrupted_run_is_interrupted_whatever_else_holds() {
    for mut run in [healthy(), slow(), starved_generator()] {
        run.evidence.interruption = Some(Interruption::Drained);
        expect(&run, Verdict::Interrupted, 130);
    }
}

#[test]
fn a_target_without_data_never_passes() {
    let mut run = healthy();
    run.criteria
        .targets
        .push(time(Metric::DbQueryTime, 0.95, Comparator::Less, 100));
    let judgement = expect(&run, Verdict::Inconclusive, 11);
    assert_eq!(status_of(&judgement, Metric::DbQueryTime), Status::NoData);
    // When no user came through, the missing samples are the target's doing.
    run.evidence.iterations.failed = run.evidence.iterations.started;
    run.evidence.iterations.succeeded = 0;
    expect(&run, Verdict::NoGo, 10);
    // What the user declares as not measurable is shown, and does not stand in the way.
    let mut declared = healthy();
    declared
        .criteria
        .targets
        .push(time(Metric::DbQueryTime, 0.95, Comparator::Less, 100));
    declared.criteria.not_measured = vec![Metric::DbQueryTime, Metric::ServerTime];
    let judgement = expect(&declared, Verdict::Go, 0);
    assert_eq!(status_of(&judgement, Metric::DbQueryTime), Status::NotMeasured);
    assert_eq!(status_of(&judgement, Metric::ServerTime), Status::NotMeasured);
    assert!(judgement.reasons[1].contains("2 metrics were not measured"));
}

#[test]
fn a_run_without_targets_says_nothing() {
    let mut run = healthy();
    run.criteria.targets.clear();
    expect(&run, Verdict::Inconclusive, 11);
}

#[test]
fn a_miss_that_could_be_chance_is_inconclusive() {
    let mut run = healthy();
    run.criteria.targets = vec![share(Metric::ErrorRate, Comparator::Less, 1.0)];
    // 25 failures in one second are 1.4 % of all requests, and worth little more than one event.
    run.evidence
        .measurements
        .add_many(SeriesKind::Response, Some(StepId(0)), false, 12, None, 25);
    let judgement = expect(&run, Verdict::Inconclusive, 11);
    assert_eq!(status_of(&judgement, Metric::ErrorRate), Status::Inconclusive);
}

#[test]
fn certified_mode_asks_for_the_bound() {
    let mut run = healthy();
    run.criteria.mode = JudgeMode::Certified;
    run.criteria.targets = vec![time(Metric::ResponseTime, 0.95, Comparator::LessOrEqual, 150)];
    expect(&run, Verdict::Go, 0);
    run.criteria.targets = vec![share(Metric::ErrorRate, Comparator::Less, 0.1)];
    let judgement = expect(&run, Verdict::Inconclusive, 11);
    assert!(
        judgement.reasons[0].contains("would settle it: measure for"),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn rates_and_means_have_intervals_too() {
    let mut run = healthy();
    run.criteria.targets = vec![throughput(50.0)];
    let judgement = expect(&run, Verdict::Go, 0);
    let finding = &judgement.findings[0];
    assert!(
        finding.ci_low.unwrap() < finding.value.unwrap() && finding.value.unwrap() < finding.ci_high.unwrap()
    );
    run.criteria.targets = vec![throughput(80.0)];
    expect(&run, Verdict::NoGo, 10);
}

#[test]
fn dropped_arrivals_are_blamed_on_whoever_kept_users_waiting() {
    let mut run = healthy();
    let all = &mut run.evidence.iterations;
    (all.dropped, all.started, all.succeeded) = (50, all.due - 50, all.due - 50);
    expect(&run, Verdict::NoGo, 10);
    run.evidence.generator.vus_max = 40;
    expect(&run, Verdict::Invalid, 12);
}

/// A run with a fixed number of iterations, of which the last fifty did not begin within `max_duration`.
fn cut_off(max_duration: Duration) -> Run {
    let mut run = healthy();
    let all = &mut run.evidence.iterations;
    (all.dropped, all.started, all.succeeded) = (50, all.due - 50, all.due - 50);
    run.context.arrivals_planned = None;
    run.context.peak_rate = 0.0;
    run.context.fixed_iterations = Some(FixedIterations {
        iterations: all.due,
        vus: 70,
        max_duration,
    });
    run
}

#[test]
fn iterations_that_could_not_begin_are_blamed_on_whoever_kept_users_waiting() {
    // Ten iterations of each user, 2.6 s and two waits of 1.21 s each on a healthy target: 50.2 s.
    let judgement = expect(&cut_off(Duration::from_secs(51)), Verdict::NoGo, 10);
    assert!(judgement.reasons[0].contains("50 iterations could not begin in time"));
    let judgement = expect(&cut_off(Duration::from_secs(50)), Verdict::Invalid, 12);
    assert!(judgement.reasons[0].contains("raise max_duration"));
}

#[test]
fn a_fixed_number_of_iterations_is_delivered_or_called_off_on_purpose() {
    let mut run = cut_off(Duration::from_secs(60));
    let all = &mut run.evidence.iterations;
    (all.dropped, all.started, all.succeeded) = (0, all.due, all.due);
    // It ended before its longest duration, as it should.
    run.evidence.timeline.load_planned_s = 60.0;
    expect(&run, Verdict::Go, 0);
    run.context.fixed_iterations.as_mut().unwrap().iterations += 1;
    expect(&run, Verdict::Invalid, 12);
    run.evidence.interruption = Some(Interruption::Drained);
    let judgement = expect(&run, Verdict::Interrupted, 130);
    assert_eq!(severity_of(&judgement, CheckName::PlanDelivered), Severity::Ok);
}

#[test]
fn availability_needs_a_basis_and_says_which() {
    let mut run = failing();
    let judgement = run.judge();
    let finding = judgement
        .findings
        .iter()
        .find(|finding| finding.subject.metric() == Metric::Availability)
        .unwrap();
    assert_eq!(finding.status, Status::Fail);
    assert!(finding.reason.contains("the rollback thresholds"));
    run.criteria.rollback = None;
    let judgement = run.judge();
    let finding = judgement
        .findings
        .iter()
        .find(|finding| finding.subject.metric() == Metric::Availability)
        .unwrap();
    assert!(finding.reason.contains("for want of rollback thresholds"));
    run.criteria.targets = vec![share(Metric::Availability, Comparator::GreaterOrEqual, 99.9)];
    assert_eq!(run.judge().findings[0].status, Status::NoData);
}

#[test]
fn an_upper_bound_may_pass_and_never_fail() {
    let mut run = healthy();
    run.criteria.targets = vec![time(Metric::RealtimeLatency, 0.95, Comparator::Less, 10)];
    expect(&run, Verdict::NoGo, 10);
    run.context.realtime_is_upper_bound = true;
    expect(&run, Verdict::Inconclusive, 11);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// More bad events can make a verdict worse, never turn a missed target into a met one.
    #[test]
    fn more_failures_never_turn_fail_into_pass(
        first in 0_u64..400,
        more in 1_u64..400,
        second in 5_u32..35,
    ) {
        let mut run = healthy();
        let add = |run: &mut Run, count| {
            run.evidence.measurements.add_many(SeriesKind::Response, Some(StepId(4)), false, second, None, count);
            run.judge()
        };
        let before = add(&mut run, first);
        let after = add(&mut run, more);
        for (before, after) in before.findings.iter().zip(&after.findings) {
            if before.status == Status::Fail {
                prop_assert_ne!(after.status, Status::Pass);
            }
            if before.status != Status::Pass {
                prop_assert_ne!(after.status, Status::Pass);
            }
        }
    }

    /// Whatever is thrown away of a healthy run, a metric without samples never passes.
    #[test]
    fn missing_series_never_pass(kept in proptest::collection::vec(any::<bool>(), 16)) {
        let mut run = healthy();
        let keys: Vec<SeriesKey> = run.evidence.measurements.series.keys().copied().collect();
        for (key, keep) in keys.iter().zip(kept) {
            if !keep {
                run.evidence.measurements.series.remove(key);
            }
        }
        for finding in run.judge().findings {
            prop_assert!(finding.status != Status::Pass || finding.samples > 0);
        }
    }
}
