//! What users with patience come to, judged.

use crate::metrics::{Measurements, SeriesKind, Slice, Thresholds};
use crate::plan::{Comparator, Condition, JudgeMode, Metric, StepId};
use crate::sla::fixture::{Run, share, with_users};
use crate::sla::interval::{Caution, share_bounds};
use crate::sla::measure::Measure;
use crate::sla::{Finding, Status, Verdict};

fn judged(mut run: Run, condition: Condition, mode: JudgeMode) -> Finding {
    run.criteria.mode = mode;
    run.criteria.targets = vec![condition];
    run.judge().findings.remove(0)
}

#[test]
fn shares_of_sessions_are_judged_as_shares_are() {
    use Comparator::{GreaterOrEqual, Less};
    // Every twentieth of 600 left, and for every fiftieth two steps were frustrating.
    let run = with_users(20, 50);
    for (condition, status, value, says) in [
        (
            share(Metric::CompletionRate, GreaterOrEqual, 90.0),
            Status::Pass,
            0.95,
            "5 % of 600 sessions were not completed; 10 % may.",
        ),
        (
            share(Metric::AbandonmentRate, Less, 10.0),
            Status::Pass,
            0.05,
            "5 % of 600 sessions were left; 10 % may.",
        ),
        (
            share(Metric::AbandonmentRate, Less, 1.0),
            Status::Fail,
            0.05,
            "1 % may. With 95 % confidence it is at least",
        ),
        (
            share(Metric::ComplaintRate, Less, 5.0),
            Status::Pass,
            0.02,
            "2 % of 600 sessions gave reason to complain (simulated)",
        ),
        (
            share(Metric::CompletionRate, GreaterOrEqual, 99.0),
            Status::Fail,
            0.95,
            "were not completed; 1 % may",
        ),
    ] {
        let finding = judged(run.clone(), condition, JudgeMode::Observed);
        assert_eq!(finding.status, status, "{}", finding.reason);
        assert!(
            (finding.value.unwrap() - value).abs() < 1e-9,
            "{:?}",
            finding.value
        );
        assert!(finding.reason.contains(says), "{}", finding.reason);
        let (low, high) = (finding.ci_low.unwrap(), finding.ci_high.unwrap());
        assert!(low < value && value < high, "{low} to {high}");
    }
}

#[test]
fn a_run_in_which_every_user_left_is_a_no_go_and_not_undecided() {
    let mut run = with_users(1, 0);
    run.criteria.targets = vec![share(Metric::CompletionRate, Comparator::GreaterOrEqual, 90.0)];
    assert_eq!(run.judge().verdict, Verdict::NoGo);
    // Nor is a target about what they never came to.
    run.evidence
        .measurements
        .series
        .retain(|key, _| key.kind != SeriesKind::Completion);
    let judgement = run.judge();
    assert_eq!(judgement.findings[0].status, Status::NoData);
    assert_eq!(judgement.verdict, Verdict::NoGo, "{:?}", judgement.reasons);
}

/// Rated steps of one second each: satisfied, tolerating, frustrated.
fn rated(seconds: &[(u64, u64, u64)]) -> Measurements {
    let mut measurements = Measurements::new(crate::clock::Moment::from_nanos(0), Thresholds::default());
    for (second, (satisfied, tolerating, frustrated)) in (0..).zip(seconds) {
        for (value_ns, count) in [
            (Some(0), satisfied),
            (Some(1_000), tolerating),
            (None, frustrated),
        ] {
            measurements.add_many(
                SeriesKind::Apdex,
                Some(StepId(0)),
                false,
                second,
                value_ns,
                *count,
            );
        }
    }
    measurements
}

#[test]
fn apdex_is_a_share_of_points() {
    let condition = share(Metric::Apdex, Comparator::GreaterOrEqual, 85.0);
    let measure = Measure::of(&condition, &[]).unwrap();
    for (counts, score, holds) in [
        ((70, 30, 0), 0.85, true),
        ((69, 31, 0), 0.845, false),
        ((85, 0, 15), 0.85, true),
        ((0, 100, 0), 0.5, false),
        ((0, 0, 100), 0.0, false),
        ((100, 0, 0), 1.0, true),
    ] {
        let reading = measure.read(&rated(&[counts]), 0..1).unwrap();
        assert!(
            (reading.value - score).abs() < 1e-12,
            "{counts:?}: {}",
            reading.value
        );
        assert_eq!(reading.satisfies(&condition), holds, "{counts:?}");
    }
    assert_eq!(measure.read(&rated(&[]), 0..1), None);
}

/// The Apdex formula: `SE = sqrt(s²/n)` with `s² = (S + Tol/4)/n − A²`. Ours is never narrower, and not much wider when most
/// are satisfied.
#[test]
fn the_interval_of_apdex_holds_that_of_its_formula() {
    let z = 1.644_853_626_951_472_7;
    for (satisfied, tolerating, frustrated) in [(90, 6, 4), (60, 30, 10), (20, 60, 20), (97, 2, 1)] {
        let measurements = rated(&[(satisfied, tolerating, frustrated); 60]);
        let condition = share(Metric::Apdex, Comparator::GreaterOrEqual, 85.0);
        let measure = Measure::of(&condition, &[]).unwrap();
        let slices = measure.by_second(&measurements, 0..u32::MAX);
        let bounds = share_bounds(&measure.seconds(&slices, &measurements), Caution::AssumeBursts).unwrap();
        let n = 60.0 * (satisfied + tolerating + frustrated) as f64;
        let score = measurements.total(SeriesKind::Apdex, None).apdex().unwrap();
        let variance = (60.0 * (satisfied as f64 + tolerating as f64 / 4.0)) / n - score * score;
        let half = z * (variance / n).sqrt();
        let (low, high) = (1.0 - bounds.upper, 1.0 - bounds.lower);
        assert!(
            low <= score - half + 1e-3 && high >= score + half - 1e-3,
            "{low} to {high}"
        );
        assert!(low < score && score < high);
        let binomial = z * (score * (1.0 - score) / n).sqrt();
        assert!(high - low < 2.0 * binomial * 1.1, "{low} to {high}");
    }
}

#[test]
fn bursts_of_frustration_widen_the_interval() {
    let condition = share(Metric::Apdex, Comparator::GreaterOrEqual, 85.0);
    let measure = Measure::of(&condition, &[]).unwrap();
    let width = |seconds: &[(u64, u64, u64)]| {
        let measurements = rated(seconds);
        let slices = measure.by_second(&measurements, 0..u32::MAX);
        let bounds = share_bounds(&measure.seconds(&slices, &measurements), Caution::AssumeBursts).unwrap();
        bounds.upper - bounds.lower
    };
    let scattered = width(&[(90, 0, 10); 200]);
    let bursts: Vec<(u64, u64, u64)> = (0..200)
        .map(|second| {
            if second % 10 == 0 {
                (0, 0, 100)
            } else {
                (100, 0, 0)
            }
        })
        .collect();
    assert!(width(&bursts) > 3.0 * scattered);
}

#[test]
fn no_sessions_are_no_data_and_never_a_pass() {
    let mut run = with_users(0, 0);
    run.evidence
        .measurements
        .series
        .retain(|key, _| key.kind.is_time());
    for metric in [
        Metric::CompletionRate,
        Metric::AbandonmentRate,
        Metric::ComplaintRate,
        Metric::Apdex,
    ] {
        let comparator = if metric.higher_is_better() {
            Comparator::GreaterOrEqual
        } else {
            Comparator::Less
        };
        let finding = judged(run.clone(), share(metric, comparator, 50.0), JudgeMode::Observed);
        assert_eq!(finding.status, Status::NoData, "{metric}");
    }
    assert_eq!(Slice::default().apdex(), None);
}
