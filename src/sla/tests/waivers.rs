//! Waivers: a miss that was accepted does not decide the verdict; what cannot be waived does.

use jiff::civil::Date;

use super::*;
use crate::plan::Waiver;
use crate::sla::WaiverState;

const DAY: Date = Date::constant(2026, 11, 30);

fn waiver(target: &str) -> Waiver {
    Waiver {
        target: target.to_owned(),
        reason: "the index is built next week".to_owned(),
        owner: "M. Weber".to_owned(),
        expires: DAY,
    }
}

/// The run, judged on the last day of these waivers.
fn waived(mut run: Run, targets: &[&str]) -> Run {
    run.criteria.waivers = targets.iter().map(|target| waiver(target)).collect();
    run.context.judged_on = Some(DAY);
    run
}

fn states(judgement: &Judgement) -> Vec<WaiverState> {
    judgement.waivers.iter().map(|waiver| waiver.state).collect()
}

/// What a slow target misses in the made-up run.
const SLOW_MISSES: [&str; 2] = ["response_time p95", "response_time{submit_recording} p99"];

#[test]
fn a_miss_that_was_waived_is_shown_and_does_not_decide() {
    let run = waived(slow(), &SLOW_MISSES);
    let judgement = expect(&run, Verdict::Go, 0);
    assert_eq!(
        status_of(&judgement, Metric::ResponseTime),
        Status::Fail,
        "it stays a miss"
    );
    assert_eq!(states(&judgement), [WaiverState::Applied; 2]);
    assert!(
        judgement.reasons[0].starts_with("5 targets were met, 2 targets were not met and waived"),
        "{:?}",
        judgement.reasons
    );
    let reason = &judgement.reasons[1];
    for part in [
        "Waived by M. Weber until 2026-11-30 (the index is built next week)",
        "response_time p95 <= 150ms: measured",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn a_waiver_covers_its_own_target_only() {
    let judgement = expect(&waived(slow(), &SLOW_MISSES[..1]), Verdict::NoGo, 10);
    assert!(
        judgement.reasons[0].starts_with("response_time{submit_recording} p99"),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn an_expired_waiver_is_void_and_so_is_one_on_an_unknown_day() {
    for day in [Some(DAY.tomorrow().unwrap()), None] {
        let mut run = waived(slow(), &SLOW_MISSES);
        run.context.judged_on = day;
        let judgement = expect(&run, Verdict::NoGo, 10);
        assert_eq!(states(&judgement), [WaiverState::Expired; 2]);
        assert!(
            judgement
                .reasons
                .iter()
                .any(|reason| reason.contains("is void: it held until 2026-11-30")),
            "{:?}",
            judgement.reasons
        );
    }
}

#[test]
fn missing_data_and_missing_evidence_can_be_waived() {
    let mut run = healthy();
    run.criteria
        .targets
        .push(time(Metric::DbQueryTime, 0.95, Comparator::Less, 100));
    expect(&run, Verdict::Inconclusive, 11);
    let judgement = expect(&waived(run, &["db_query_time p95"]), Verdict::Go, 0);
    assert_eq!(status_of(&judgement, Metric::DbQueryTime), Status::NoData);
}

#[test]
fn losses_rollbacks_and_invalid_runs_cannot_be_waived() {
    let everything = |run: &Run| -> Vec<String> {
        let targets = run.criteria.targets.iter();
        targets.map(crate::plan::Condition::name).collect()
    };
    let waive_everything = |run: Run| {
        let names = everything(&run);
        waived(run, &names.iter().map(String::as_str).collect::<Vec<_>>())
    };
    expect(&waive_everything(lossy()), Verdict::NoGo, 10);

    let mut tripped = failing();
    tripped.evidence.incidents = rollback_of(&tripped);
    tripped.evidence.timeline.load_planned_s = 300.0;
    expect(&waive_everything(tripped), Verdict::Rollback, 13);

    let mut undelivered = healthy();
    undelivered.context.arrivals_planned = Some(800);
    expect(&waive_everything(undelivered), Verdict::Invalid, 12);

    let mut turned_away = healthy();
    let all = &mut turned_away.evidence.iterations;
    (all.dropped, all.started, all.succeeded) = (50, all.due - 50, all.due - 50);
    expect(&waive_everything(turned_away), Verdict::NoGo, 10);
}

#[test]
fn nothing_is_a_go_by_waivers_alone() {
    let mut run = slow();
    run.criteria
        .targets
        .retain(|target| target.metric == Metric::ResponseTime);
    expect(&waived(run, &SLOW_MISSES), Verdict::Inconclusive, 11);
}

#[test]
fn a_waiver_that_is_not_needed_changes_nothing_and_neither_does_one_of_no_target() {
    let plain = healthy().judge();
    let judgement = expect(
        &waived(healthy(), &["error_rate", "response_time p50"]),
        Verdict::Go,
        0,
    );
    assert_eq!(
        states(&judgement),
        [WaiverState::NotNeeded, WaiverState::NoTarget]
    );
    assert_eq!(judgement.reasons, plain.reasons);
    assert_eq!(judgement.findings, plain.findings);
}

#[test]
fn trouble_of_the_generator_need_not_be_explained_where_the_miss_is_waived() {
    let run = waived(starved_generator(), &SLOW_MISSES);
    expect(&run, Verdict::Go, 0);
}
