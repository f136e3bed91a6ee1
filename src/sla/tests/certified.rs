//! What a five-minute run can certify, and what keeps it from a GO.

use std::time::Duration;

use proptest::prelude::*;

use super::super::fixture::{self, Run, share, throughput, time};
use super::super::{Status, Verdict};
use super::{expect, status_of};
use crate::clock::Moment;
use crate::metrics::{EarlyStop, Measurements, SeriesKind, Thresholds};
use crate::plan::{Comparator, Condition, JudgeMode, Metric, StepId};

const FROM_S: u32 = 15;
const TO_S: u32 = 315;
/// As many requests a second as the shipped release scenario sends.
pub(super) const PER_SECOND: u64 = 200;

/// Five minutes of requests, judged by these targets in certified mode. `second` adds what happened in each.
pub(super) fn five_minutes(targets: Vec<Condition>, second: impl Fn(&mut Measurements, u32)) -> Run {
    let mut run = fixture::healthy();
    run.criteria.mode = JudgeMode::Certified;
    run.criteria.targets = targets;
    run.criteria.alerts = None;
    let timeline = &mut run.evidence.timeline;
    timeline.measured_from_s = f64::from(FROM_S);
    (timeline.load_ended_s, timeline.load_planned_s) = (f64::from(TO_S), f64::from(TO_S));
    timeline.drained_s = f64::from(TO_S) + 6.0;
    run.context.plateau = Some((FROM_S, TO_S));
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&run.criteria));
    for number in FROM_S..TO_S {
        second(&mut measurements, number);
    }
    run.evidence.measurements = measurements;
    run
}

/// Adds requests of a second: so many failed, the others took 40 ms.
pub(super) fn requests(measurements: &mut Measurements, second: u32, failed: u64) {
    let mut add = |value_ns, count| {
        measurements.add_many(
            SeriesKind::Response,
            Some(StepId(4)),
            false,
            second,
            value_ns,
            count,
        );
    };
    add(Some(40_000_000), PER_SECOND - failed);
    add(None, failed);
}

/// How many of the requests of a second fail when each fails with this chance.
fn chance_failures(seed: u64, second: u32, share: f64) -> u64 {
    let uniform = |request: u64| {
        let mixed = (seed * 1_000_003 + u64::from(second) * PER_SECOND + request + 1)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        ((mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 11) as f64 / (1_u64 << 53) as f64
    };
    (0..PER_SECOND)
        .filter(|request| uniform(*request) < share)
        .count() as u64
}

fn errors(percent: f64) -> Condition {
    share(Metric::ErrorRate, Comparator::Less, percent)
}

fn availability(percent: f64) -> Condition {
    share(Metric::Availability, Comparator::GreaterOrEqual, percent)
}

/// The targets of the release scenario that requests alone decide.
fn release() -> Vec<Condition> {
    vec![
        time(Metric::ResponseTime, 0.95, Comparator::LessOrEqual, 150),
        errors(1.0),
        availability(99.5),
        Condition {
            step: Some("submit_recording".to_owned()),
            ..time(Metric::ResponseTime, 0.99, Comparator::LessOrEqual, 150)
        },
    ]
}

#[test]
fn a_healthy_server_is_certified_in_five_minutes() {
    for seed in 0..20 {
        let run = five_minutes(release(), |measurements, second| {
            requests(measurements, second, chance_failures(seed, second, 0.000_2));
        });
        let judgement = expect(&run, Verdict::Go, 0);
        assert_eq!(judgement.mode, JudgeMode::Certified);
    }
}

#[test]
fn nine_of_a_thousand_requests_that_fail_are_never_a_certified_release() {
    for seed in 0..40 {
        // Scattered, so that no burst makes it look worse than it is.
        let run = five_minutes(release(), |measurements, second| {
            requests(measurements, second, chance_failures(seed, second, 0.009));
        });
        assert_ne!(run.judge().verdict, Verdict::Go, "seed {seed}");
    }
    // In bursts of 27 failures they do not even prove less than 1 %.
    for period in [15, 30, 60] {
        let run = five_minutes(vec![errors(1.0)], |measurements, second| {
            let burst = u64::from(second.is_multiple_of(period)) * 27 * u64::from(period) / 15;
            requests(measurements, second, burst.min(PER_SECOND));
        });
        let judgement = expect(&run, Verdict::Inconclusive, 11);
        assert!(
            judgement.reasons[0].contains("would settle it"),
            "{:?}",
            judgement.reasons
        );
    }
}

#[test]
fn availability_is_certified_by_requests_and_both_figures_are_shown() {
    // One whole second without an answer: 99.67 % of the seconds, 99.67 % of the requests, and one burst.
    let outage = |measurements: &mut Measurements, second: u32| {
        requests(measurements, second, if second == 100 { PER_SECOND } else { 0 });
    };
    let run = five_minutes(vec![availability(97.0)], outage);
    let judgement = expect(&run, Verdict::Go, 0);
    let finding = &judgement.findings[0];
    assert_eq!((finding.samples, finding.bad), (60_000, 200));
    for words in [
        "99.667 % of 60\u{202f}000 requests succeeded",
        "By seconds it was 99.667 %: in 299 of 300",
    ] {
        assert!(finding.reason.contains(words), "{}", finding.reason);
    }
    // 99.5 % is what was measured and more, and not what is proved.
    let run = five_minutes(vec![availability(99.5)], outage);
    expect(&run, Verdict::Inconclusive, 11);
    // The same run as it was observed: by seconds, with the requests beside.
    let mut run = five_minutes(vec![availability(99.5)], outage);
    run.criteria.mode = JudgeMode::Observed;
    let judgement = expect(&run, Verdict::Go, 0);
    let finding = &judgement.findings[0];
    assert_eq!((finding.samples, finding.bad), (300, 1));
    assert!(
        finding.reason.contains("By requests, 99.667 % of 60\u{202f}000"),
        "{}",
        finding.reason
    );
}

#[test]
fn availability_by_requests_is_excused_only_by_requests_that_were_never_sent() {
    let mut run = five_minutes(vec![availability(99.5)], |measurements, second| {
        requests(measurements, second, 10);
    });
    // A late generator is no excuse for requests that failed.
    for second in 20..40 {
        run.evidence.measurements.add_many(
            SeriesKind::SchedulingLag,
            Some(StepId(4)),
            false,
            second,
            Some(900_000_000),
            PER_SECOND,
        );
    }
    expect(&run, Verdict::NoGo, 10);
    // Ten of each second had no socket.
    for second in FROM_S..TO_S {
        run.evidence.measurements.add_many(
            SeriesKind::SchedulingLag,
            Some(StepId(4)),
            false,
            second,
            None,
            10,
        );
    }
    expect(&run, Verdict::Invalid, 12);
}

#[test]
fn every_status_has_a_sentence_with_its_numbers() {
    let scattered = |every: u32| {
        move |measurements: &mut Measurements, second: u32| {
            requests(measurements, second, u64::from(second.is_multiple_of(every)));
        }
    };
    let reason = |targets: Vec<Condition>, every: u32| {
        let judgement = five_minutes(targets, scattered(every)).judge();
        (judgement.findings[0].status, judgement.findings[0].reason.clone())
    };
    // 150 failures, one in each other second: nothing clusters.
    let (status, sentence) = reason(vec![errors(1.0)], 2);
    assert_eq!(status, Status::Pass);
    assert!(
        sentence.starts_with(
            "0.25 % of 60\u{202f}000 requests failed; 1 % may. With 95 % confidence it is at most 0.28"
        ),
        "{sentence}"
    );
    let (status, sentence) = reason(vec![errors(0.2)], 2);
    assert_eq!(status, Status::Fail);
    assert!(
        sentence.contains("With 95 % confidence it is at least 0.2"),
        "{sentence}"
    );
    let (status, sentence) = reason(vec![errors(0.27)], 2);
    assert_eq!(status, Status::Inconclusive);
    assert!(
        sentence.contains("at this rate) would settle it: measure for"),
        "{sentence}"
    );
    // Three failures in all say nothing about bursts.
    let (status, sentence) = reason(vec![errors(0.1)], 100);
    assert_eq!(status, Status::Inconclusive);
    assert!(
        sentence.contains("too few failed to show whether they come in bursts, so 20 requests count as one"),
        "{sentence}"
    );
    let (status, sentence) = reason(vec![throughput(150.0)], 2);
    assert_eq!(status, Status::Pass);
    assert!(sentence.contains("each with 95 % confidence"), "{sentence}");
}

#[test]
fn a_run_that_is_too_short_for_its_own_correlation_says_so() {
    // Half a minute of 1 % and half a minute of nothing, in turn: alike for longer than any batch of this run.
    let run = five_minutes(vec![errors(1.0)], |measurements, second| {
        let bad = if second % 60 < 30 { 2 } else { 0 };
        requests(measurements, second, bad);
    });
    let judgement = run.judge();
    let finding = &judgement.findings[0];
    assert_eq!(
        finding.status,
        Status::Pass,
        "at half of the budget twice the effect is no matter: {}",
        finding.reason
    );
    let run = five_minutes(vec![errors(0.68)], |measurements, second| {
        let bad = if second % 60 < 30 { 2 } else { 0 };
        requests(measurements, second, bad);
    });
    let judgement = expect(&run, Verdict::Inconclusive, 11);
    assert!(
        judgement.reasons[0].contains("too short for its own correlation")
            && judgement.reasons[0].contains("measure for 10 min instead of 5 min"),
        "{:?}",
        judgement.reasons
    );
}

#[test]
fn a_run_that_was_ended_early_is_judged_and_is_never_a_go() {
    let sentence = "The load was ended after 100 s: error_rate < 1% cannot pass any more.";
    let ended = |failed: u64, targets: Vec<Condition>| {
        let mut run = five_minutes(targets, |measurements, second| {
            if second < 100 {
                requests(measurements, second, failed);
            }
        });
        run.evidence.timeline.load_ended_s = 100.0;
        run.evidence.early_stop = Some(EarlyStop {
            at_s: 100.0,
            sentence: sentence.to_owned(),
        });
        run
    };
    let judgement = expect(&ended(10, vec![errors(1.0)]), Verdict::NoGo, 10);
    assert_eq!(judgement.reasons.len(), 2);
    assert_eq!(judgement.reasons[1], sentence);
    let judgement = expect(&ended(0, vec![errors(1.0)]), Verdict::Inconclusive, 11);
    assert_eq!(judgement.reasons, [sentence]);
    // Without that reason, a load that ended early proves nothing.
    let mut unexplained = ended(0, vec![errors(1.0)]);
    unexplained.evidence.early_stop = None;
    expect(&unexplained, Verdict::Invalid, 12);
}

#[test]
fn slow_and_failed_are_one_share_for_a_percentile() {
    let run = five_minutes(release(), |measurements, second| {
        requests(measurements, second, 1);
        let slow = Some(Duration::from_millis(400).as_nanos() as i64);
        measurements.add_many(SeriesKind::Response, Some(StepId(4)), false, second, slow, 2);
    });
    // 1.5 % beyond 150 ms: within the 5 % of all steps, beyond the 1 % of this one.
    let judgement = expect(&run, Verdict::NoGo, 10);
    assert_eq!(status_of(&judgement, Metric::ResponseTime), Status::Pass);
    assert_eq!(judgement.findings[3].status, Status::Fail);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// What is certified was observed as well, and what is missed is missed in either mode.
    #[test]
    fn certified_is_observed_and_more(
        failed in proptest::collection::vec(0_u64..40, 1..8),
        hundredths in 1_u32..2_000,
    ) {
        let mut run = five_minutes(vec![errors(f64::from(hundredths) / 100.0)], |measurements, second| {
            requests(measurements, second, failed[second as usize / 20 % failed.len()]);
        });
        let certified = run.judge().findings[0].status;
        run.criteria.mode = JudgeMode::Observed;
        let observed = run.judge().findings[0].status;
        prop_assert!(certified != Status::Pass || observed == Status::Pass);
        prop_assert_eq!(certified == Status::Fail, observed == Status::Fail);
    }
}
