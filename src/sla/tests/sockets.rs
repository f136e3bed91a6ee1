//! Bad results of a generator that had no socket.

use super::*;
use crate::clock::Moment;
use crate::metrics::{EventSample, Sample};

/// Marks every `n`-th bad event of a series as one that the generator had no socket for; it stands at `step` where the
/// series has none.
fn blame_generator(run: &mut Run, kind: SeriesKind, n: u64, step: Option<StepId>) {
    let measurements = &mut run.evidence.measurements;
    let mut seen = 0;
    let mut unsent = Vec::new();
    for (key, series) in measurements.series.iter().filter(|(key, _)| key.kind == kind) {
        for (second, slice) in &series.measured {
            for _ in 0..slice.bad {
                seen += 1;
                if seen % n == 0 {
                    unsent.push((step.or(key.step), *second));
                }
            }
        }
    }
    assert!(!unsent.is_empty(), "there is something to mark");
    for (step, second) in unsent {
        measurements.record(&Sample::Event(EventSample {
            kind: SeriesKind::SchedulingLag,
            step,
            warm_up: false,
            at: Moment::from_nanos(u64::from(second) * 1_000_000_000),
            value_ns: None,
        }));
    }
}

#[test]
fn failures_for_want_of_a_socket_of_the_generator_invalidate_the_run() {
    let mut run = failing();
    blame_generator(&mut run, SeriesKind::Response, 1, None);
    run.evidence.incidents = rollback_of(&run);
    assert!(
        !run.evidence.incidents.is_empty(),
        "a rollback threshold tripped as well"
    );
    let judgement = expect(&run, Verdict::Invalid, 12);
    assert_eq!(
        severity_of(&judgement, CheckName::GeneratorSockets),
        Severity::Warning
    );
    assert_eq!(
        severity_of(&judgement, CheckName::ResultExplained),
        Severity::Invalid
    );
    assert!(
        judgement
            .reasons
            .iter()
            .any(|reason| reason.contains("had no socket for")),
        "{:?}",
        judgement.reasons
    );
    // What was not sent is no lateness of what was.
    assert_eq!(severity_of(&judgement, CheckName::SchedulingLag), Severity::Ok);
}

#[test]
fn a_target_that_fails_by_itself_is_not_excused_by_some_missing_sockets() {
    let mut run = failing();
    blame_generator(&mut run, SeriesKind::Response, 5, None);
    let judgement = expect(&run, Verdict::NoGo, 10);
    assert_eq!(
        severity_of(&judgement, CheckName::GeneratorSockets),
        Severity::Warning
    );
}

#[test]
fn failures_of_one_step_are_not_excused_by_missing_sockets_of_another() {
    let mut run = failing();
    // All blame at the first request: what the others did remains the target's.
    blame_generator(&mut run, SeriesKind::Response, 1, Some(StepId(0)));
    run.criteria.targets.retain(|target| target.step.is_some());
    expect(&run, Verdict::NoGo, 10);
}

#[test]
fn a_run_in_which_nothing_could_be_sent_is_invalid() {
    let mut run = fixture::run(Trouble {
        fails_every: 1,
        ..Trouble::default()
    });
    blame_generator(&mut run, SeriesKind::Response, 1, None);
    expect(&run, Verdict::Invalid, 12);
}

#[test]
fn events_missed_by_users_whose_socket_the_generator_could_not_open_are_not_the_targets() {
    let mut run = healthy();
    run.criteria.targets = vec![share(Metric::RealtimeFailures, Comparator::Less, 5.0)];
    let bad = |run: &mut Run, kind, step| {
        for at_s in (10..30).flat_map(|second| [second; 5]) {
            run.evidence.measurements.record(&Sample::Event(EventSample {
                kind,
                step,
                warm_up: false,
                at: Moment::from_nanos(at_s * 1_000_000_000),
                value_ns: None,
            }));
        }
    };
    bad(&mut run, SeriesKind::RealtimeDelivery, None);
    bad(&mut run, SeriesKind::Subscribe, Some(StepId(1)));
    expect(&run, Verdict::NoGo, 10);
    bad(&mut run, SeriesKind::SchedulingLag, Some(StepId(1)));
    expect(&run, Verdict::Invalid, 12);
}

#[test]
fn missing_sockets_are_a_warning_on_a_run_that_passes() {
    let mut run = fixture::run(Trouble {
        fails_every: 499,
        ..Trouble::default()
    });
    run.criteria.targets = vec![share(Metric::ErrorRate, Comparator::Less, 1.0)];
    blame_generator(&mut run, SeriesKind::Response, 1, None);
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(
        severity_of(&judgement, CheckName::GeneratorSockets),
        Severity::Warning
    );
}
