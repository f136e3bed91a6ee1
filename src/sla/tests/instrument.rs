//! Trouble of the generator, its host and its clocks: a warning on a run that passes, INVALID where it explains a miss or
//! can hide one, and no excuse for a target.

use std::collections::BTreeMap;

use super::*;
use crate::metrics::{Calibration, ClockOffset, Delivery, HostUse, Level};

/// A healthy run, but for some seconds in which it went as in another one.
fn but_for(seconds: std::ops::Range<u32>, trouble: Trouble) -> Run {
    let mut run = healthy();
    let bad = fixture::run(trouble);
    let ours = &mut run.evidence.measurements;
    for (key, series) in bad.evidence.measurements.series {
        let own = ours.series.entry(key).or_default();
        for (second, slice) in series.measured.range(seconds.clone()) {
            own.measured.insert(*second, slice.clone());
        }
    }
    run
}

fn busy_host() -> HostUse {
    let level = |mean, worst| {
        Some(Level {
            seconds: 41,
            mean,
            worst,
        })
    };
    HostUse {
        seconds: 41,
        busy: level(0.93, 1.0),
        busy_seconds: 38,
        stolen: level(0.0, 0.0),
        waiting: level(0.7, 0.99),
        throttled: level(0.0, 0.0),
        ..HostUse::default()
    }
}

#[test]
fn a_healthy_run_on_a_busy_host_is_a_go_with_a_warning() {
    let mut run = healthy();
    run.evidence.generator.host_use = Some(busy_host());
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(severity_of(&judgement, CheckName::HostCpu), Severity::Warning);
    assert_eq!(severity_of(&judgement, CheckName::CpuTaken), Severity::Ok);
}

#[test]
fn a_slow_target_is_a_no_go_however_busy_the_host_was() {
    let mut run = slow();
    run.evidence.generator.host_use = Some(busy_host());
    expect(&run, Verdict::NoGo, 10);
}

#[test]
fn a_little_lag_is_no_excuse_for_a_target_that_was_slow_at_the_same_time() {
    let trouble = Trouble {
        slower: Duration::from_millis(400),
        lag: Duration::from_millis(20),
        lag_seconds: (10, 20),
        ..Trouble::default()
    };
    let judgement = expect(&but_for(10..20, trouble), Verdict::NoGo, 10);
    assert_eq!(
        severity_of(&judgement, CheckName::SchedulingLag),
        Severity::Warning,
        "the generator was late, and it does not matter"
    );
}

#[test]
fn a_lag_makes_requests_fail_only_when_it_is_as_long_as_users_wait() {
    let failing_late = |lag_ms| {
        but_for(
            10..22,
            Trouble {
                fails_every: 2,
                lag: Duration::from_millis(lag_ms),
                lag_seconds: (10, 22),
                ..Trouble::default()
            },
        )
    };
    let mut run = failing_late(100);
    run.criteria.targets = vec![share(Metric::ErrorRate, Comparator::Less, 1.0)];
    expect(&run, Verdict::NoGo, 10);
    let mut run = failing_late(3_000);
    run.criteria.targets = vec![share(Metric::ErrorRate, Comparator::Less, 1.0)];
    expect(&run, Verdict::Invalid, 12);
}

/// A run whose requests took 400 ms longer in a few seconds, in which a part of the CPU time was taken away.
fn slow_while_taken(take: fn(&mut HostUse) -> &mut BTreeMap<u32, Duration>, taken_ms: u64) -> Run {
    let mut run = but_for(
        10..14,
        Trouble {
            slower: Duration::from_millis(400),
            ..Trouble::default()
        },
    );
    let mut host = HostUse::default();
    *take(&mut host) = (10..14)
        .map(|second| (second, Duration::from_millis(taken_ms)))
        .collect();
    run.evidence.generator.host_use = Some(host);
    run
}

#[test]
fn what_a_hypervisor_takes_away_explains_slowness_even_of_a_target_on_the_same_host() {
    let run = slow_while_taken(|host| &mut host.stolen_by_second, 400);
    assert!(run.context.target_on_this_host);
    let judgement = expect(&run, Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("hypervisor"),
        "{:?}",
        judgement.reasons
    );
    // A little of it does not make a request take 400 ms longer.
    expect(
        &slow_while_taken(|host| &mut host.stolen_by_second, 60),
        Verdict::NoGo,
        10,
    );
}

#[test]
fn an_allowance_that_the_target_may_have_used_up_itself_explains_nothing() {
    let mut run = slow_while_taken(|host| &mut host.throttled_by_second, 600);
    expect(&run, Verdict::NoGo, 10);
    run.context.target_on_this_host = false;
    let judgement = expect(&run, Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("control group"),
        "{:?}",
        judgement.reasons
    );
}

fn calibrated(mut run: Run, p50_ms: f64, p99_ms: f64) -> Run {
    run.evidence.generator.calibration = Some(Calibration {
        planned_per_s: 100.0,
        achieved_per_s: 100.0,
        samples: 100,
        failed: 0,
        p50_ms,
        p99_ms,
    });
    run
}

#[test]
fn a_high_floor_is_a_warning_and_explains_only_what_it_amounts_to() {
    // The tightest limit is that of the realtime latency, 50 ms.
    let judgement = expect(&calibrated(healthy(), 0.2, 4.9), Verdict::Go, 0);
    assert_eq!(severity_of(&judgement, CheckName::InstrumentFloor), Severity::Ok);
    let judgement = expect(&calibrated(healthy(), 0.2, 5.1), Verdict::Go, 0);
    assert_eq!(
        severity_of(&judgement, CheckName::InstrumentFloor),
        Severity::Warning
    );
    expect(&calibrated(slow(), 2.0, 30.0), Verdict::NoGo, 10);
    let judgement = expect(&calibrated(slow(), 140.0, 150.0), Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("answers at once"),
        "{:?}",
        judgement.reasons
    );
    // One that could not even bring its requests is told from one that did.
    let mut weak = calibrated(healthy(), 0.2, 1.0);
    weak.evidence
        .generator
        .calibration
        .as_mut()
        .unwrap()
        .achieved_per_s = 60.0;
    let judgement = expect(&weak, Verdict::Go, 0);
    assert_eq!(
        severity_of(&judgement, CheckName::InstrumentFloor),
        Severity::Warning
    );
}

#[test]
fn a_clock_that_was_not_known_invalidates_where_anything_depends_on_it() {
    let offset = |uncertainty_ms: Option<u64>| {
        let mut run = healthy();
        run.evidence.generator.clock_offset = Some(ClockOffset {
            offset_ns: -1_500_000,
            uncertainty: uncertainty_ms.map(Duration::from_millis),
            drift_ns: Some(0),
        });
        run
    };
    let judgement = expect(&offset(Some(5)), Verdict::Go, 0);
    assert_eq!(severity_of(&judgement, CheckName::ClockOffset), Severity::Ok);
    for unknown in [Some(6), None] {
        let mut run = offset(unknown);
        expect(&run, Verdict::Invalid, 12);
        let judges = |condition: &crate::plan::Condition| condition.metric != Metric::RealtimeLatency;
        run.criteria.targets.retain(judges);
        let judgement = expect(&run, Verdict::Go, 0);
        assert_eq!(severity_of(&judgement, CheckName::ClockOffset), Severity::Warning);
    }
}

#[test]
fn a_second_that_was_cut_is_the_generators_fault_when_its_pool_is_too_small() {
    let cut = |short: u32, vus_max: u32| {
        let mut run = healthy();
        run.evidence.generator.delivery = Some(Delivery {
            seconds: 30,
            short,
            worst: Some((12, 20, 18)),
        });
        run.evidence.generator.vus_max = vus_max;
        run
    };
    let judgement = expect(&cut(2, 40), Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("second 12 only 18 of 20"),
        "{:?}",
        judgement.reasons
    );
    for (short, vus_max, severity) in [
        (2, 400, Severity::Warning),
        (1, 40, Severity::Warning),
        (0, 40, Severity::Ok),
    ] {
        let judgement = expect(&cut(short, vus_max), Verdict::Go, 0);
        assert_eq!(severity_of(&judgement, CheckName::DeliveredPerSecond), severity);
    }
}

#[test]
fn changes_without_a_time_of_commit_are_counted_and_told() {
    let mut run = healthy();
    run.evidence.generator.events_without_commit = 1;
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(severity_of(&judgement, CheckName::CommitMoments), Severity::Ok);
    run.evidence.generator.events_without_commit = 100;
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(
        severity_of(&judgement, CheckName::CommitMoments),
        Severity::Warning
    );
}

/// A healthy run whose requests took 400 ms longer in a few seconds, in which the generator's host stalled so long.
fn slow_while_the_host_stalled(stall: Duration) -> Run {
    let mut run = healthy();
    let lagging = fixture::run(Trouble {
        lag: Duration::from_millis(400),
        lag_seconds: (10, 14),
        ..Trouble::default()
    });
    // What was slow is the answers: the lag itself was not measured, and the response times stay.
    run.evidence.measurements = lagging.evidence.measurements;
    run.evidence
        .measurements
        .series
        .retain(|key, _| key.kind != SeriesKind::SchedulingLag);
    let stalls = run.evidence.generator.host_stalls.as_mut().unwrap();
    stalls.longest = stall;
    stalls.by_second = (10..14).map(|second| (second, stall)).collect();
    run
}

#[test]
fn a_stalled_host_explains_slowness_of_a_target_elsewhere() {
    let long = Duration::from_millis(450);
    let mut run = slow_while_the_host_stalled(long);
    let judgement = expect(&run, Verdict::NoGo, 10);
    assert_eq!(
        severity_of(&judgement, CheckName::HostStalls),
        Severity::Warning,
        "the target shares the host, and may have kept it busy"
    );
    run.context.target_on_this_host = false;
    let judgement = expect(&run, Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("host stalled"),
        "{:?}",
        judgement.reasons
    );

    // A short stall does not make a request take 400 ms longer.
    let mut run = slow_while_the_host_stalled(Duration::from_millis(105));
    run.context.target_on_this_host = false;
    expect(&run, Verdict::NoGo, 10);

    // On a run that passes it is a warning.
    let mut run = healthy();
    run.context.target_on_this_host = false;
    run.evidence.generator.host_stalls.as_mut().unwrap().longest = long;
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(severity_of(&judgement, CheckName::HostStalls), Severity::Warning);
}

#[test]
fn one_worker_that_cannot_keep_up_is_named() {
    let mut run = healthy();
    let workers = &mut run.evidence.generator.workers;
    let mut late = workers[0].clone();
    late.index = 1;
    let punctuality = late.punctuality.as_mut().unwrap();
    (punctuality.timely, punctuality.lag_p99_ms) = (300, 80.0);
    workers.push(late);
    let judgement = expect(&run, Verdict::Go, 0);
    for (name, words) in [
        (CheckName::SchedulingLag, "Worker 1 alone was 80 ms late."),
        (CheckName::TimelySends, "Of worker 1 it was 50 %."),
    ] {
        assert_eq!(severity_of(&judgement, name), Severity::Warning);
        let check = judgement.validity.checks.iter().find(|check| check.name == name);
        let sentence = &check.unwrap().sentence;
        assert!(sentence.ends_with(words), "{sentence}");
    }
}

#[test]
fn a_blocked_worker_says_whether_its_host_was_blocked_too() {
    let mut run = healthy();
    run.evidence.generator.workers[0].longest_hiccup = Duration::from_millis(300);
    let sentence = |run: &Run| {
        let checks = run.judge().validity.checks;
        let check = checks
            .into_iter()
            .find(|check| check.name == CheckName::WorkerHiccups);
        let check = check.unwrap();
        assert_eq!(check.severity, Severity::Warning);
        check.sentence
    };
    assert!(sentence(&run).contains("the worker had too much to do"));
    run.evidence.generator.host_stalls.as_mut().unwrap().longest = Duration::from_millis(280);
    assert!(sentence(&run).contains("Its host stalled"));
    // A file of a version that did not look at the host.
    run.evidence.generator.host_stalls = None;
    assert!(sentence(&run).ends_with("than 300 ms."));
}
