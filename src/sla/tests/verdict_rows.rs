//! What a verdict must be, row by row: one test for each promise, on made-up runs. Where a generator or a server must
//! really misbehave, the same promises are kept in virtual time: `executor/tests/verdict_rows.rs`.

use super::*;

/// Requests per second of the runs below, all of one step.
const RATE: u64 = 60;

/// A run of `seconds` judged seconds in which `bad` says how many requests of each fail; the only target is an error
/// rate below 1 %.
fn hold(seconds: u32, bad: impl Fn(u32) -> u64) -> Run {
    let mut run = healthy();
    run.criteria.targets = vec![share(Metric::ErrorRate, Comparator::Less, 1.0)];
    run.criteria.alerts = None;
    run.criteria.rollback = None;
    run.context.submissions = false;
    let evidence = &mut run.evidence;
    evidence.measurements.series.clear();
    let mut failed = 0;
    for second in 0..seconds {
        let bad = bad(second);
        failed += bad;
        for (value_ns, count) in [(Some(20_000_000), RATE - bad), (None, bad)] {
            if count > 0 {
                let (kind, step) = (SeriesKind::Response, Some(StepId(0)));
                let measurements = &mut evidence.measurements;
                measurements.add_many(kind, step, false, second, value_ns, count);
            }
        }
    }
    let due = u64::from(seconds) * RATE;
    let all = &mut evidence.iterations;
    (all.due, all.started, all.succeeded, all.failed) = (due, due, due - failed, failed);
    run.context.arrivals_planned = Some(due);
    let timeline = &mut evidence.timeline;
    timeline.measured_from_s = 0.0;
    (timeline.load_planned_s, timeline.load_ended_s) = (f64::from(seconds), f64::from(seconds));
    timeline.drained_s = f64::from(seconds);
    run
}

fn certified(mut run: Run) -> Run {
    run.criteria.mode = JudgeMode::Certified;
    run
}

#[test]
fn too_short_is_inconclusive_with_the_time_that_would_decide() {
    // 30 s without a failure bound the error rate to 3.3 %: bursts cannot be ruled out.
    let judgement = expect(&certified(hold(30, |_| 0)), Verdict::Inconclusive, 11);
    assert!(
        judgement.reasons[0].contains("measure for 100 s instead of 30 s"),
        "{:?}",
        judgement.reasons
    );
    // 5,980 requests are needed, 1,800 are there: 70 s more are enough, and 69 are not.
    expect(&certified(hold(99, |_| 0)), Verdict::Inconclusive, 11);
    expect(&certified(hold(100, |_| 0)), Verdict::Go, 0);
}

#[test]
fn nearly_too_many_failures_are_no_certified_go() {
    // 0.9 % of what may be 1 %, and still not sure after five minutes.
    let nearly = |second: u32| u64::from(second.is_multiple_of(50)) * 27;
    expect(&certified(hold(300, nearly)), Verdict::Inconclusive, 11);
    expect(&hold(300, nearly), Verdict::Go, 0);
}

#[test]
fn a_generator_whose_core_was_taken_away_is_invalid() {
    let judgement = expect(&starved_generator(), Verdict::Invalid, 12);
    assert_eq!(
        status_of(&judgement, Metric::ResponseTime),
        Status::Fail,
        "else there was nothing to be blamed on anybody"
    );
}

#[test]
fn too_few_users_are_invalid() {
    let mut run = healthy();
    let all = &mut run.evidence.iterations;
    (all.dropped, all.started, all.succeeded) = (50, all.due - 50, all.due - 50);
    run.evidence.generator.vus_max = 40;
    let judgement = expect(&run, Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("raise max_vus"),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn a_slow_server_before_an_adequate_generator_is_never_invalid() {
    expect(&slow(), Verdict::NoGo, 10);
    // So slow that users wait, and later ones find none free: the pool is large enough for a healthy server.
    let mut run = slow();
    let all = &mut run.evidence.iterations;
    (all.dropped, all.started, all.succeeded) = (50, all.due - 50, all.due - 50);
    expect(&run, Verdict::NoGo, 10);
    let mut run = fixture::run(Trouble {
        slower: Duration::from_millis(600),
        ..Trouble::default()
    });
    run.evidence.incidents = rollback_of(&run);
    expect(&run, Verdict::Rollback, 13);
}

#[test]
fn a_healthy_run_on_a_busy_host_is_a_go_with_warnings() {
    let mut run = fixture::run(Trouble {
        lag: Duration::from_millis(30),
        lag_seconds: (10, 20),
        ..Trouble::default()
    });
    let generator = &mut run.evidence.generator;
    let worker = &mut generator.workers[0];
    worker.cpu = worker.wall.mul_f64(0.93);
    worker.longest_hiccup = Duration::from_millis(280);
    generator.host_stalls.as_mut().unwrap().longest = Duration::from_millis(250);
    run.evidence.mock.as_mut().unwrap().lateness_p99_ms = Some(80.0);
    let judgement = expect(&run, Verdict::Go, 0);
    for name in [
        CheckName::SchedulingLag,
        CheckName::TimelySends,
        CheckName::WorkerHiccups,
        CheckName::HostStalls,
        CheckName::WorkerCpu,
        CheckName::MockLateness,
    ] {
        assert_eq!(severity_of(&judgement, name), Severity::Warning, "{name:?}");
    }
}

#[test]
fn a_target_without_data_is_no_go_at_all() {
    for mode in [JudgeMode::Observed, JudgeMode::Certified] {
        for metric in [Metric::DbQueryTime, Metric::FeedbackLatency] {
            let mut run = hold(300, |_| 0);
            run.criteria.mode = mode;
            expect(&run, Verdict::Go, 0);
            run.criteria
                .targets
                .push(time(metric, 0.95, Comparator::Less, 100));
            let judgement = expect(&run, Verdict::Inconclusive, 11);
            assert_eq!(status_of(&judgement, metric), Status::NoData);
        }
    }
    // Whatever the mode, nothing measured at all proves nothing.
    let mut run = hold(300, |_| 0);
    run.evidence.measurements.series.clear();
    expect(&run, Verdict::Invalid, 12);
}

#[test]
fn ten_bad_seconds_of_ten_minutes_are_caught_by_a_window() {
    // One request of ten fails, from second 300 to 309.
    let defect = |second: u32| u64::from((300..310).contains(&second)) * RATE / 10;
    let mut run = hold(600, defect);
    let judgement = expect(&run, Verdict::Go, 0);
    assert!(
        judgement.findings[0].value < Some(0.002),
        "over the whole run it does not show: {:?}",
        judgement.findings
    );
    let mut rollback = healthy().criteria.rollback.unwrap();
    rollback.stop_load = false;
    // A failed request is a slow one as well, so a threshold on times would see the same.
    rollback
        .policy
        .conditions
        .retain(|condition| condition.metric == Metric::ErrorRate);
    run.criteria.rollback = Some(rollback);
    let incidents = rollback_of(&run);
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    let incident = &incidents[0];
    assert_eq!(incident.condition.metric, Metric::ErrorRate);
    assert!(
        (301.0..=310.0).contains(&incident.detected_at_s),
        "while it lasts: {incident:?}"
    );
    assert!(
        incident
            .cleared_at_s
            .is_some_and(|cleared_at_s| cleared_at_s <= 330.0),
        "{incident:?}"
    );
    run.evidence.incidents = incidents;
    let judgement = expect(&run, Verdict::Rollback, 13);
    assert!(
        judgement.reasons[0].contains("error_rate > 5%"),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn nothing_that_the_user_stopped_has_another_verdict() {
    let mut run = certified(hold(30, |_| RATE));
    run.evidence.interruption = Some(Interruption::Drained);
    expect(&run, Verdict::Interrupted, 130);
}
