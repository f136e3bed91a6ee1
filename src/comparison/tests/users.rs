//! What the migration plan claims of users, judged over made-up pairs.

use super::*;
use crate::sla::fixture::with_users;

/// Every so many users leave, and every so many have reason to complain: before, and after.
type Unhappy = ((u64, u64), (u64, u64));

/// Pairs in whose runs every so many users leave, and every so many have reason to complain.
fn pairs_of_users(runs: &[Unhappy]) -> Vec<Pair> {
    let of = |(leaves, frustrates): (u64, u64)| {
        let run = with_users(leaves, frustrates);
        Some(Trial {
            evidence: run.evidence,
            ..trial("x", 0)
        })
    };
    runs.iter()
        .map(|(before, after)| Pair {
            trials: Sides {
                baseline: of(*before),
                candidate: of(*after),
            },
            ..Pair::default()
        })
        .collect()
}

fn ratio(metric: Metric, comparator: Comparator, ratio: f64) -> Claim {
    claim(ClaimTest::Ratio(
        Subject::usual(metric),
        RatioLimit { comparator, ratio },
    ))
}

/// What the plan claims: completion, abandonment, satisfaction, tickets.
fn of_the_plan() -> [Claim; 4] {
    use Comparator::{GreaterOrEqual, LessOrEqual};
    [
        ratio(Metric::CompletionRate, GreaterOrEqual, 1.2),
        ratio(Metric::AbandonmentRate, LessOrEqual, 0.7),
        ratio(Metric::Apdex, GreaterOrEqual, 1.25),
        ratio(Metric::ComplaintRate, LessOrEqual, 0.5),
    ]
}

fn findings(runs: &[Unhappy]) -> Vec<ClaimFinding> {
    let outcome = case(pairs_of_users(runs), of_the_plan().to_vec()).judge();
    outcome.findings[..4].to_vec()
}

#[test]
fn a_candidate_that_keeps_its_users_keeps_the_claims() {
    // Before, a third to a half leave and half have reason to complain; after, hardly anybody.
    let found = findings(&[
        ((3, 2), (40, 30)),
        ((2, 2), (50, 25)),
        ((3, 2), (30, 30)),
        ((2, 2), (40, 20)),
        ((3, 2), (60, 30)),
    ]);
    for finding in &found {
        assert_eq!(finding.status, Status::Pass, "{}", finding.sentence);
        assert_eq!(finding.basis, Some(Basis::Pairs(5)));
        let measured = finding.measured.unwrap();
        assert!(measured.low <= measured.value && measured.value <= measured.high);
        assert!(finding.beside.iter().any(|line| line.contains("simulated")));
    }
    assert!(
        found[1].sentence.contains("sessions of direct"),
        "{}",
        found[1].sentence
    );
    // A completion of half can be raised by more than a fifth, so nothing is said of a ceiling.
    assert_eq!(found[0].beside.len(), 1, "{:?}", found[0].beside);
}

#[test]
fn users_that_are_alike_do_not_keep_a_claim_of_improvement() {
    let alike = ((5, 6), (5, 6));
    for finding in findings(&[alike, ((6, 5), (5, 6)), alike, ((5, 6), (6, 5)), alike]) {
        assert_eq!(finding.status, Status::Fail, "{}", finding.sentence);
        assert!((finding.measured.unwrap().value - 1.0).abs() < 0.25);
    }
}

#[test]
fn what_never_happens_has_no_ratio() {
    let found = findings(&[((0, 0), (0, 0)); 3]);
    for finding in [&found[1], &found[3]] {
        assert_eq!(finding.status, Status::Inconclusive, "{}", finding.sentence);
        assert_eq!(finding.measured, None);
        assert!(
            finding.sentence.contains("is 0, so there is no ratio to it")
                && finding.sentence.contains("nothing can be reduced"),
            "{}",
            finding.sentence
        );
    }
    // Nor can more than all complete.
    assert_eq!(found[0].status, Status::Fail, "{}", found[0].sentence);
    assert!(
        found[0].beside[0].contains("No candidate could keep this claim here"),
        "{:?}",
        found[0].beside
    );
}

#[test]
fn a_candidate_whose_users_leave_where_none_left_before_fails() {
    let found = findings(&[((0, 0), (3, 3)); 3]);
    assert_eq!(found[1].status, Status::Fail, "{}", found[1].sentence);
    assert_eq!(found[1].measured, None);
    assert!(
        found[1].sentence.contains("there is no ratio"),
        "{}",
        found[1].sentence
    );
}

#[test]
fn a_baseline_that_completes_nothing_has_no_ratio_but_a_bound() {
    let found = findings(&[((1, 1), (0, 0)); 3]);
    assert_eq!(found[0].figures.baseline, Some(0.0));
    assert_eq!(
        (found[0].status, found[0].measured),
        (Status::Pass, None),
        "{}",
        found[0].sentence
    );
    assert!(
        found[0].sentence.contains("so there is no ratio") && found[0].sentence.contains("still be at least"),
        "{}",
        found[0].sentence
    );
    // The candidate loses nobody: at most what its counts leave room for.
    assert_eq!(found[1].status, Status::Pass, "{}", found[1].sentence);
    assert_eq!(found[1].measured.unwrap().low, 0.0);
}

#[test]
fn one_pair_of_users_shows_nothing_to_hold() {
    for finding in findings(&[((3, 2), (40, 30))]) {
        assert_ne!(finding.status, Status::Pass, "{}", finding.sentence);
    }
}

#[test]
fn runs_without_users_have_no_data_of_them() {
    let outcome = case(pairs(&FASTER), of_the_plan().to_vec()).judge();
    assert!(
        outcome.findings[..4]
            .iter()
            .all(|finding| finding.status == Status::NoData)
    );
}
