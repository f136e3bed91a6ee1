//! Comparisons of made-up runs, and how often the intervals are right.

mod capacities;
mod users;

use std::time::Duration;

use super::fixture::{case, pairs, trial};
use super::interval::of_geometric_mean;
use super::*;
use crate::chance::{Chance, Purpose};
use crate::metrics::{Interruption, SeriesKind};
use crate::plan::{
    Band, Claim, ClaimTest, Comparator, Metric, Negligible, RatioLimit, Side, Sides, Statistic, Subject,
};
use crate::sla::fixture::{self, Trouble};
use crate::sla::{Status, Verdict};
use crate::units::{Quantile, Ratio};

fn p95(metric: Metric) -> Subject {
    Subject {
        metric,
        statistic: Statistic::Quantile(Quantile::new(0.95).unwrap()),
    }
}

fn claim(test: ClaimTest) -> Claim {
    Claim {
        says: "it is so".to_owned(),
        test,
    }
}

fn at_most(ratio: f64) -> RatioLimit {
    RatioLimit {
        comparator: Comparator::LessOrEqual,
        ratio,
    }
}

fn not_worse(metric: Metric) -> Claim {
    let (statistic, negligible) = match metric {
        Metric::ErrorRate => (Statistic::Share, Negligible::Share(Ratio::new(0.001).unwrap())),
        _ => (p95(metric).statistic, Negligible::Time(Duration::from_millis(1))),
    };
    claim(ClaimTest::NotWorse {
        subject: Subject { metric, statistic },
        margin: Ratio::new(0.1).unwrap(),
        negligible,
    })
}

fn judged(pairs: Vec<Pair>, claim: Claim) -> (Outcome, ClaimFinding) {
    let outcome = case(pairs, vec![claim]).judge();
    let finding = outcome.findings[0].clone();
    (outcome, finding)
}

/// Five pairs in which the candidate is faster by a factor of about three.
const FASTER: [(u64, u64); 5] = [(160, 0), (166, 2), (155, 1), (163, 3), (158, 0)];

#[test]
fn a_faster_candidate_keeps_a_claimed_ratio() {
    let (outcome, finding) = judged(
        pairs(&FASTER),
        claim(ClaimTest::Ratio(p95(Metric::ResponseTime), at_most(0.45))),
    );
    assert_eq!(finding.status, Status::Pass, "{}", finding.sentence);
    assert_eq!(finding.basis, Some(Basis::Pairs(5)));
    let ratio = finding.measured.unwrap();
    assert!(
        ratio.low < ratio.value && ratio.value < ratio.high && ratio.high <= 0.45,
        "{ratio:?}"
    );
    assert!(finding.sentence.contains("that of trigger") && finding.sentence.contains("5 run pairs"));
    assert_eq!(outcome.verdict, Verdict::Go, "{:?}", outcome.reasons);
    assert!(
        outcome.delta.unwrap() < -0.9,
        "requests of the candidate are faster"
    );
    assert!(outcome.shift.unwrap().points[2].high_ms.unwrap() < -100.0);

    // The same runs do not show what they do not show.
    let (outcome, finding) = judged(
        pairs(&FASTER),
        claim(ClaimTest::Ratio(p95(Metric::ResponseTime), at_most(0.2))),
    );
    assert_eq!((finding.status, outcome.verdict), (Status::Fail, Verdict::NoGo));
    assert!(
        outcome.reasons[0].contains("Required: ≤ 0.2×"),
        "{:?}",
        outcome.reasons
    );
}

#[test]
fn a_candidate_like_the_baseline_is_not_worse_and_a_slower_one_is() {
    let alike = [(10, 11), (12, 10), (9, 10), (11, 11), (10, 9)];
    let slower = [(10, 45), (12, 44), (9, 47), (11, 45), (10, 46)];
    for (all, status, verdict) in [
        (alike, Status::Pass, Verdict::Go),
        (slower, Status::Fail, Verdict::NoGo),
    ] {
        let (outcome, finding) = judged(pairs(&all), not_worse(Metric::ResponseTime));
        assert_eq!(
            (finding.status, outcome.verdict),
            (status, verdict),
            "{}",
            finding.sentence
        );
    }
}

#[test]
fn what_nobody_notices_is_not_worse_whatever_the_ratio() {
    let mut all = pairs(&[(0, 0), (0, 0), (0, 0)]);
    for pair in &mut all {
        for (side, value_ns) in [(Side::Baseline, 100_000), (Side::Candidate, 180_000)] {
            let trial = pair.trials.get_mut(side).as_mut().unwrap();
            let measurements = &mut trial.evidence.measurements;
            measurements
                .series
                .retain(|key, _| key.kind != SeriesKind::Realtime);
            for second in 5..30 {
                measurements.add_many(SeriesKind::Realtime, None, false, second, Some(value_ns), 50);
            }
        }
    }
    let (_, finding) = judged(all, not_worse(Metric::RealtimeLatency));
    assert_eq!(finding.status, Status::Pass, "{}", finding.sentence);
    assert!(finding.sentence.contains("less than 1ms"), "{}", finding.sentence);
    assert!((finding.measured.unwrap().value - 1.8).abs() < 0.01);
}

#[test]
fn one_pair_never_passes_and_fails_only_beyond_what_runs_may_differ_by() {
    let (outcome, finding) = judged(
        pairs(&[(160, 0)]),
        claim(ClaimTest::Ratio(p95(Metric::ResponseTime), at_most(0.9))),
    );
    assert_eq!(finding.status, Status::Inconclusive);
    assert!(
        finding.sentence.contains("within-run uncertainty only"),
        "{}",
        finding.sentence
    );
    assert_eq!(outcome.verdict, Verdict::Inconclusive);

    for (slower_ms, status) in [(14, Status::Inconclusive), (160, Status::Fail)] {
        let (_, finding) = judged(pairs(&[(0, slower_ms)]), not_worse(Metric::ResponseTime));
        assert_eq!(finding.status, status, "{}", finding.sentence);
    }

    // What is known of earlier runs makes a decision possible.
    let mut known = case(
        pairs(&[(160, 0)]),
        vec![claim(ClaimTest::Ratio(p95(Metric::ResponseTime), at_most(0.9)))],
    );
    known.run_to_run = Some(0.08);
    let outcome = known.judge();
    assert_eq!(
        outcome.findings[0].status,
        Status::Pass,
        "{}",
        outcome.findings[0].sentence
    );
    assert_eq!(outcome.findings[0].basis, Some(Basis::WithHistory));
}

#[test]
fn an_observation_claims_nothing() {
    for all in [vec![(160, 0)], vec![(0, 200)], FASTER.to_vec()] {
        let mut observed = case(
            pairs(&all),
            vec![
                claim(ClaimTest::Ratio(p95(Metric::ResponseTime), at_most(0.9))),
                not_worse(Metric::ErrorRate),
                not_worse(Metric::RealtimeLatency),
                claim(ClaimTest::Bands(bands())),
            ],
        );
        observed.observed_only = true;
        let outcome = observed.judge();
        let claims = outcome.findings.iter().filter(|finding| finding.basis.is_some());
        assert!(claims.clone().count() == 5 && claims.clone().all(|it| it.status == Status::Inconclusive));
        assert_eq!(outcome.verdict, Verdict::Inconclusive);
        assert!(outcome.findings[0].sentence.contains("nothing more is claimed"));
    }
}

#[test]
fn an_invalid_run_makes_its_pair_say_nothing() {
    let spoil = |pair: &mut Pair| {
        let trial = pair.trials.candidate.as_mut().unwrap();
        trial.verdict = Verdict::Invalid;
        trial.invalid = vec!["The generator was late.".to_owned()];
    };
    let mut all = pairs(&[(10, 10), (10, 11), (11, 10)]);
    spoil(&mut all[1]);
    let outcome = case(all.clone(), vec![not_worse(Metric::ResponseTime)]).judge();
    assert_eq!(
        outcome.runs,
        Sides {
            baseline: 2,
            candidate: 2
        }
    );
    assert!(outcome.left_out[0].is_none() && outcome.left_out[2].is_none());
    assert!(
        outcome.left_out[1]
            .as_ref()
            .unwrap()
            .contains("The generator was late.")
    );
    assert!(
        outcome
            .reasons
            .iter()
            .any(|reason| reason.starts_with("Pair 2 is left out"))
    );

    all.iter_mut().for_each(spoil);
    let outcome = case(all, vec![not_worse(Metric::ResponseTime)]).judge();
    assert_eq!(outcome.verdict, Verdict::Invalid);
    assert_eq!(outcome.findings[0].status, Status::NoData);
}

#[test]
fn runs_that_cannot_be_compared_are_left_out() {
    let different = |change: fn(&mut Trial), reason: &str| {
        let mut all = pairs(&[(10, 10), (10, 10)]);
        change(all[0].trials.candidate.as_mut().unwrap());
        let outcome = case(all, Vec::new()).judge();
        let said = outcome.left_out[0].clone().unwrap_or_default();
        assert!(said.contains(reason), "{said}");
    };
    different(|trial| trial.arrivals_planned = Some(350), "different loads");
    different(|trial| trial.arrivals_planned = None, "schedule");
    different(
        |trial| trial.evidence.timeline.load_ended_s = 20.0,
        "stopped after 20 s of 35 s",
    );
    different(
        |trial| trial.evidence.measurements.series.clear(),
        "no request was measured",
    );
    different(|trial| trial.verdict = Verdict::Interrupted, "interrupted");
}

#[test]
fn stopping_a_comparison_is_no_verdict_about_it() {
    let mut all = pairs(&FASTER[..2]);
    let cut = all[1].trials.candidate.as_mut().unwrap();
    cut.evidence.interruption = Some(Interruption::Drained);
    cut.verdict = Verdict::Interrupted;
    let mut stopped = case(all, vec![not_worse(Metric::ResponseTime)]);
    stopped.interrupted = true;
    let outcome = stopped.judge();
    assert_eq!(outcome.verdict, Verdict::Interrupted);
    assert!(
        outcome.reasons[0].contains("1 pair that count"),
        "{:?}",
        outcome.reasons
    );
}

#[test]
fn runs_that_do_not_belong_together_are_compared_as_they_are() {
    let mut loose = case(
        pairs(&FASTER),
        vec![claim(ClaimTest::Ratio(p95(Metric::ResponseTime), at_most(0.5)))],
    );
    loose.paired = false;
    loose.pairs[4].trials.candidate = None;
    let outcome = loose.judge();
    let finding = &outcome.findings[0];
    let runs = Sides {
        baseline: 5,
        candidate: 4,
    };
    assert_eq!(
        (finding.status, finding.basis),
        (Status::Pass, Some(Basis::Runs(runs)))
    );
}

#[test]
fn failures_are_weighed_by_their_counts() {
    let failing = |every: u64| {
        let run = fixture::run(Trouble {
            fails_every: every,
            ..Trouble::default()
        });
        Trial {
            evidence: run.evidence,
            ..trial("x", 0)
        }
    };
    let of = |before: u64, after: u64| {
        let all = (0..3).map(|_| Pair {
            trials: Sides {
                baseline: Some(failing(before)),
                candidate: Some(failing(after)),
            },
            ..Pair::default()
        });
        judged(all.collect(), not_worse(Metric::ErrorRate)).1
    };
    let none = of(0, 0);
    assert_eq!(none.status, Status::Pass, "{}", none.sentence);
    assert!(
        none.sentence.contains("at most") && none.figures.candidate == Some(0.0),
        "{}",
        none.sentence
    );
    assert_eq!(of(11, 0).status, Status::Pass);
    assert_eq!(of(11, 11).status, Status::Pass);
    let worse = of(0, 11);
    assert_eq!(worse.status, Status::Fail, "{}", worse.sentence);
    // A few failures against none decide nothing.
    let few = of(0, 700);
    assert_eq!(few.status, Status::Inconclusive, "{}", few.sentence);
}

fn bands() -> Sides<Band> {
    let band = |from, to| Band {
        from: Duration::from_millis(from),
        to: Duration::from_millis(to),
    };
    Sides {
        baseline: band(200, 800),
        candidate: band(50, 150),
    }
}

#[test]
fn each_arm_is_judged_by_its_own_band() {
    let slow = [(300, 60), (310, 62), (305, 61)];
    let outcome = case(pairs(&slow), vec![claim(ClaimTest::Bands(bands()))]).judge();
    let [before, after] = &outcome.findings[..2] else {
        panic!("two findings")
    };
    assert_eq!((before.status, after.status), (Status::Pass, Status::Pass));
    assert!(
        before.says.contains("before, trigger")
            && before.sentence.contains("lies in its band of 200 to 800 ms")
    );
    assert!(
        after.sentence.contains("% of its requests lie in the band"),
        "{}",
        after.sentence
    );

    // A baseline that is fast already: the way did not begin where the claim says.
    let fast = [(40, 0), (41, 1), (40, 0)];
    let outcome = case(pairs(&fast), vec![claim(ClaimTest::Bands(bands()))]).judge();
    let [before, after] = &outcome.findings[..2] else {
        panic!("two findings")
    };
    assert_eq!((before.status, after.status), (Status::Fail, Status::Pass));
    assert!(
        before.sentence.contains("faster than that already"),
        "{}",
        before.sentence
    );
    assert!(
        after.sentence.contains("which is no failure"),
        "{}",
        after.sentence
    );
}

#[test]
fn what_nothing_can_show_is_listed_and_decides_nothing() {
    let unmeasured = claim(ClaimTest::NotMeasured {
        reason: "needs virtual users with patience".to_owned(),
    });
    let outcome = case(
        pairs(&FASTER),
        vec![unmeasured.clone(), not_worse(Metric::ResponseTime)],
    )
    .judge();
    assert_eq!(outcome.verdict, Verdict::Go);
    assert_eq!(outcome.findings[0].status, Status::NotMeasured);
    assert!(outcome.reasons.last().unwrap().contains("could not be measured"));
    // Without a submission there is no audit to lean on.
    let mut silent = pairs(&FASTER);
    for trial in silent
        .iter_mut()
        .flat_map(|pair| [&mut pair.trials.baseline, &mut pair.trials.candidate])
    {
        trial.as_mut().unwrap().evidence.audit = None;
    }
    assert_eq!(
        case(silent, vec![unmeasured]).judge().verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn a_candidate_that_loses_work_is_a_no_go_however_fast_it_is() {
    let mut all = pairs(&FASTER);
    all[3]
        .trials
        .candidate
        .as_mut()
        .unwrap()
        .evidence
        .audit
        .as_mut()
        .unwrap()
        .lost = Some(2);
    let outcome = case(all, vec![not_worse(Metric::ResponseTime)]).judge();
    assert_eq!(outcome.verdict, Verdict::NoGo);
    assert!(
        outcome.reasons[0].contains("lost, doubled or misdelivered 2 of"),
        "{:?}",
        outcome.reasons
    );
}

#[test]
fn database_time_is_compared_per_query_and_per_journey() {
    let mut all = pairs(&[(10, 10), (10, 10), (10, 10)]);
    for pair in &mut all {
        for (side, count, value_ns) in [(Side::Baseline, 10, 4_000_000), (Side::Candidate, 20, 1_000_000)] {
            let trial = pair.trials.get_mut(side).as_mut().unwrap();
            for second in 0..35 {
                let measurements = &mut trial.evidence.measurements;
                measurements.add_many(
                    SeriesKind::DbQuery,
                    None,
                    second < 5,
                    second,
                    Some(value_ns),
                    count,
                );
            }
        }
    }
    let mean = Subject {
        metric: Metric::DbQueryTime,
        statistic: Statistic::Mean,
    };
    let (outcome, finding) = judged(all, claim(ClaimTest::Ratio(mean, at_most(0.4))));
    assert_eq!(finding.status, Status::Pass, "{}", finding.sentence);
    assert!((finding.measured.unwrap().value - 0.25).abs() < 1e-9);
    // Twice as many queries: half of the time per journey.
    assert!(
        finding.beside[0].contains("per completed journey of direct is 0.5× that of trigger"),
        "{:?}",
        finding.beside
    );
    let row = outcome
        .figures
        .iter()
        .find(|row| row.name == "Mean database query time")
        .unwrap();
    assert_eq!(row.figures.baseline, Some(4.0));
}

/// Acceptance: two systems that are alike, with 8 % of noise from run to run, differ in at most one of twenty
/// comparisons of five pairs.
#[test]
fn systems_that_are_alike_seldom_differ() {
    let chance = Chance::new(2_024);
    // The sum of twelve uniform numbers has a variance of one.
    let normal = |comparison: u64, run: u64| -> f64 {
        let draws = (0..12).map(|n| chance.uniform(comparison, Purpose::Resample, run * 12 + n));
        draws.sum::<f64>() - 6.0
    };
    let comparisons = 2_000;
    let different = (0..comparisons)
        .filter(|comparison| {
            let ratios: Vec<f64> = (0..5)
                .map(|pair| {
                    (0.08 * (normal(*comparison, 2 * pair) - normal(*comparison, 2 * pair + 1))).exp()
                })
                .collect();
            let interval = of_geometric_mean(&ratios).unwrap();
            interval.low > 1.0 || interval.high < 1.0
        })
        .count();
    let share = different as f64 / comparisons as f64;
    assert!((0.03..=0.065).contains(&share), "{share}");
}
