//! Runs that do not stay what they were.

use super::super::fixture::time;
use super::super::{Judgement, Status, Verdict};
use super::certified::{PER_SECOND, five_minutes};
use super::expect;
use crate::metrics::SeriesKind;
use crate::plan::{Comparator, Condition, JudgeMode, Metric, StepId};

fn p95(limit_ms: u64) -> Vec<Condition> {
    vec![time(
        Metric::ResponseTime,
        0.95,
        Comparator::LessOrEqual,
        limit_ms,
    )]
}

/// Five minutes whose typical response time follows `course`, with a spread of a third around it.
fn following(limit_ms: u64, mode: JudgeMode, course: impl Fn(f64) -> f64) -> Judgement {
    let mut run = five_minutes(p95(limit_ms), |measurements, second| {
        let typical = course(f64::from(second - 15));
        for request in 0..PER_SECOND {
            let mixed = (u64::from(second) * PER_SECOND + request + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let uniform = ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64;
            let value_ns = (typical * (1.0 + uniform / 3.0) * 1e6) as i64;
            measurements.add_many(
                SeriesKind::Response,
                Some(StepId(4)),
                false,
                second,
                Some(value_ns),
                1,
            );
        }
    });
    run.criteria.mode = mode;
    run.criteria.rollback = None;
    run.judge()
}

#[test]
fn a_steady_server_is_not_suspected_however_near_its_limit() {
    for limit in [60, 150] {
        let judgement = following(limit, JudgeMode::Certified, |_| 40.0);
        assert_eq!(judgement.verdict, Verdict::Go, "{:?}", judgement.reasons);
        assert!(
            !judgement.findings[0].reason.contains("plateau"),
            "{}",
            judgement.findings[0].reason
        );
    }
    // It wanders, and comes back.
    let judgement = following(60, JudgeMode::Certified, |second| {
        40.0 + 3.0 * (second / 20.0).sin()
    });
    assert_eq!(judgement.verdict, Verdict::Go, "{:?}", judgement.reasons);
}

#[test]
fn a_drift_that_crosses_the_target_soon_keeps_a_run_from_a_go() {
    // From 40 to 80 ms in five minutes: within 150 ms now, beyond 110 ms before five more minutes are over.
    let leak = |second: f64| 40.0 + 40.0 * second / 300.0;
    for mode in [JudgeMode::Observed, JudgeMode::Certified] {
        let judgement = following(110, mode, leak);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        let reason = &judgement.findings[0].reason;
        assert!(
            reason.contains("it rose by") && reason.contains("misses the target within"),
            "{reason}"
        );
        // Most of all requests were within 100 ms, those at the end were not.
        let judgement = following(100, mode, leak);
        assert_eq!(judgement.verdict, Verdict::Inconclusive);
        let reason = &judgement.findings[0].reason;
        assert!(reason.contains("by its end it misses the target"), "{reason}");
        // Far from the limit it is a remark.
        let judgement = following(400, mode, leak);
        assert_eq!(judgement.verdict, Verdict::Go);
        let reason = &judgement.findings[0].reason;
        assert!(reason.contains("Over the whole plateau it rose by"), "{reason}");
        // What gets better needs no remark.
        let judgement = following(400, mode, |second| leak(300.0 - second));
        assert!(!judgement.findings[0].reason.contains("plateau"));
    }
}

#[test]
fn what_happens_outside_of_a_long_plateau_is_no_drift() {
    let mut run = five_minutes(p95(110), |measurements, second| {
        let value_ns = (40.0 + 40.0 * f64::from(second - 15) / 300.0) * 1e6;
        measurements.add_many(
            SeriesKind::Response,
            Some(StepId(4)),
            false,
            second,
            Some(value_ns as i64),
            PER_SECOND,
        );
    });
    run.context.plateau = Some((15, 200));
    expect(&run, Verdict::Go, 0);
    run.context.plateau = None;
    expect(&run, Verdict::Go, 0);
}

#[test]
fn a_run_that_never_became_steady_is_not_certified_by_its_good_beginning() {
    // From 160 s on 5.5 % of the requests are too slow: 2.6 % of all of them, and the bound is within 5 %.
    let run = |slow: u64| {
        five_minutes(p95(150), |measurements, second| {
            let slow = if second < 175 { 0 } else { slow };
            for (value_ns, count) in [(40_000_000, PER_SECOND - slow), (200_000_000, slow)] {
                measurements.add_many(
                    SeriesKind::Response,
                    Some(StepId(4)),
                    false,
                    second,
                    Some(value_ns),
                    count,
                );
            }
        })
    };
    let judgement = expect(&run(11), Verdict::Inconclusive, 11);
    let reason = &judgement.findings[0].reason;
    assert!(
        reason.contains("no steady state was reached: after its first 160 s it was 199.9 ms"),
        "{reason}"
    );
    // What came last meets the target too.
    expect(&run(6), Verdict::Go, 0);
    // As observed, the beginning decides nothing.
    let mut observed = run(11);
    observed.criteria.mode = JudgeMode::Observed;
    expect(&observed, Verdict::Go, 0);
}

#[test]
fn a_bad_beginning_is_pointed_out() {
    let judgement = following(150, JudgeMode::Certified, |second| {
        if second < 40.0 { 300.0 } else { 40.0 }
    });
    let finding = &judgement.findings[0];
    assert_ne!(finding.status, Status::Pass);
    assert!(
        finding
            .reason
            .contains("Without the first 45 s, which differ from the rest, it was 52."),
        "{}",
        finding.reason
    );
}
