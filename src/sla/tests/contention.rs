//! Other processes that have the cores: they explain as much lateness as their part of the waiting amounts to, of the
//! generator and of servers on its host, and never more.

use super::*;
use crate::metrics::{Contention, CoreWait, HostUse};

/// A run that was slow all the time, on a host where others had a part of the cores in some seconds.
fn crowded(mut run: Run, seconds: std::ops::Range<u32>, contention: Contention) -> Run {
    let mut host = HostUse {
        seconds: 40,
        ..HostUse::default()
    };
    host.contended_by_second = seconds.map(|second| (second, contention)).collect();
    run.evidence.generator.host_use = Some(host);
    run
}

/// Waits of a worker and of a server, on average; the worker's make up most of the second, the server's a part of it.
fn waiting(others: f64, worker_ms: u64, server_ms: u64) -> Contention {
    let wait = |total, mean| CoreWait {
        total: Duration::from_millis(total),
        mean: Duration::from_millis(mean),
    };
    Contention {
        others,
        worker: wait(600, worker_ms),
        server: wait(100, server_ms),
    }
}

#[test]
fn other_processes_that_take_the_core_all_the_time_make_a_run_invalid() {
    let judgement = expect(&crowded(slow(), 0..40, waiting(0.9, 30, 0)), Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("Other processes of the generator's host had its cores in 40 seconds"),
        "{:?}",
        judgement.reasons
    );
    // Of a server on the same host as well.
    expect(&crowded(slow(), 0..40, waiting(0.9, 0, 20)), Verdict::Invalid, 12);
}

#[test]
fn a_little_waiting_is_no_excuse_for_a_slow_target() {
    // 1 ms on average makes some 4 ms of a p95 that is too long by more.
    expect(&crowded(slow(), 0..40, waiting(0.9, 1, 0)), Verdict::NoGo, 10);
    let mut run = fixture::run(Trouble {
        slower: Duration::from_millis(600),
        ..Trouble::default()
    });
    run.evidence.incidents = rollback_of(&run);
    expect(&crowded(run, 0..40, waiting(0.9, 30, 0)), Verdict::Rollback, 13);
}

#[test]
fn who_waits_for_a_busy_target_waits_through_its_fault() {
    // The target had nine tenths of the cores itself.
    expect(&crowded(slow(), 0..40, waiting(0.1, 30, 0)), Verdict::NoGo, 10);
}

#[test]
fn seconds_that_were_crowded_explain_what_is_good_without_them() {
    let slow_there = |slower_ms, contention| {
        let mut run = healthy();
        let bad = fixture::run(Trouble {
            slower: Duration::from_millis(slower_ms),
            ..Trouble::default()
        });
        let ours = &mut run.evidence.measurements;
        for (key, series) in bad.evidence.measurements.series {
            let own = ours.series.entry(key).or_default();
            for (second, slice) in series.measured.range(10..14) {
                own.measured.insert(*second, slice.clone());
            }
        }
        crowded(run, 10..14, contention)
    };
    let judgement = expect(&slow_there(400, waiting(0.9, 100, 0)), Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0].contains("had its cores in 4 seconds"),
        "{:?}",
        judgement.reasons
    );
    expect(&slow_there(400, waiting(0.9, 10, 0)), Verdict::NoGo, 10);
}

#[test]
fn a_threshold_that_tripped_on_a_crowded_host_is_no_rollback() {
    let mut run = fixture::run(Trouble {
        slower: Duration::from_millis(600),
        ..Trouble::default()
    });
    run.evidence.incidents = rollback_of(&run);
    expect(
        &crowded(run.clone(), 0..40, waiting(0.9, 200, 40)),
        Verdict::Invalid,
        12,
    );
    expect(&run, Verdict::Rollback, 13);
}

#[test]
fn what_servers_measure_among_themselves_does_not_wait_for_a_worker() {
    let mut run = healthy();
    run.criteria
        .targets
        .push(time(Metric::WebhookProcessing, 0.95, Comparator::Less, 1));
    expect(
        &crowded(run.clone(), 0..40, waiting(0.9, 200, 0)),
        Verdict::NoGo,
        10,
    );
    expect(&crowded(run, 0..40, waiting(0.9, 0, 200)), Verdict::Invalid, 12);
}

#[test]
fn what_a_starved_server_took_has_no_bound() {
    let mut run = fixture::run(Trouble {
        slower: Duration::from_millis(3_000),
        ..Trouble::default()
    });
    run.evidence.incidents = rollback_of(&run);
    let mut starved = waiting(0.9, 3, 20);
    expect(&crowded(run.clone(), 0..40, starved), Verdict::Rollback, 13);
    starved.server.total = Duration::from_millis(900);
    let judgement = expect(&crowded(run.clone(), 0..40, starved), Verdict::Invalid, 12);
    assert!(
        judgement.reasons[0]
            .contains("had its cores in 3 seconds, and kept a server from running for most of each"),
        "{:?}",
        judgement.reasons
    );
    // A target that has the cores itself starves nobody but itself.
    starved.others = 0.3;
    expect(&crowded(run, 0..40, starved), Verdict::Rollback, 13);
}

#[test]
fn failures_are_not_explained_by_waiting() {
    expect(
        &crowded(failing(), 0..40, waiting(0.9, 200, 40)),
        Verdict::NoGo,
        10,
    );
}

#[test]
fn a_healthy_run_on_a_crowded_host_is_a_go_with_a_warning() {
    let judgement = expect(&crowded(healthy(), 0..40, waiting(0.9, 30, 10)), Verdict::Go, 0);
    assert_eq!(
        severity_of(&judgement, CheckName::HostCpu),
        Severity::Ok,
        "nothing is said of a host whose use is not known"
    );
    let mut run = crowded(healthy(), 0..40, waiting(0.9, 30, 10));
    let host = run.evidence.generator.host_use.as_mut().unwrap();
    host.busy = Some(crate::metrics::Level {
        seconds: 40,
        mean: 0.5,
        worst: 0.6,
    });
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(severity_of(&judgement, CheckName::HostCpu), Severity::Warning);
}
