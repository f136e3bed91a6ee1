//! The plan's JSON, and the distributions it describes.

use std::time::Duration;

use classconnect_api::SubmissionKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::decision::Draws;

fn delay(value: Value) -> Delay {
    serde_json::from_value(value).unwrap()
}

fn sample_many(delay: &Delay, count: usize) -> (Vec<Duration>, usize) {
    let samples = (0..count).map(|n| {
        delay.sample(Draws::new(
            11,
            SubmissionKind::RecordingAnalyses,
            &format!("https://audio/{n}.webm"),
        ))
    });
    let (mut delays, mut clamped) = (Vec::new(), 0);
    for sample in samples {
        delays.push(sample.delay);
        clamped += usize::from(sample.was_clamped);
    }
    delays.sort_unstable();
    (delays, clamped)
}

#[test]
fn an_empty_plan_is_the_default_and_a_plan_survives_the_round_trip() {
    assert_eq!(Plan::parse(b"{}").unwrap(), Plan::default());
    let json = serde_json::to_vec(&Plan::default()).unwrap();
    assert_eq!(Plan::parse(&json).unwrap(), Plan::default());
}

#[test]
fn every_key_is_read() {
    let plan = Plan::parse(
        json!({
            "analysis_delay": { "distribution": "lognormal", "median": "1200ms", "p99": "2500ms", "max": "5s" },
            "improvement_delay": { "distribution": "fixed", "value": "300ms" },
            "retry_schedule": ["1s", "2.5s"],
            "delivery_timeout": "3s",
            "faults": { "drop": 0.25, "duplicate": 1 },
            "pass_threshold": 72.5
        })
        .to_string()
        .as_bytes(),
    )
    .unwrap();
    assert_eq!(plan.improvement_delay().typical(), Duration::from_millis(300));
    assert_eq!(
        plan.extraction_delay(),
        plan.analysis_delay(),
        "what is left out follows analysis_delay"
    );
    assert_eq!(plan.retry_schedule()[1].get(), Duration::from_millis(2_500));
    assert_eq!(plan.delivery_timeout().get(), Duration::from_secs(3));
    assert_eq!(
        (plan.faults().drop.get(), plan.faults().duplicate.get()),
        (0.25, 1.0)
    );
    assert_eq!(plan.faults().soft_error.get(), 0.0);
    assert_eq!(plan.pass_threshold(), 72.5);
}

#[test]
fn what_cannot_work_is_refused_with_a_reason() {
    let table = [
        (json!({ "analysis_dealy": {} }), "unknown field"),
        (json!({ "faults": { "dorp": 0.1 } }), "unknown field"),
        (json!({ "faults": { "drop": 1.5 } }), "between 0 and 1"),
        (json!({ "faults": { "drop": -0.1 } }), "between 0 and 1"),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": 5 } }),
            "string",
        ),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": "5" } }),
            "with a unit",
        ),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": "5 parsecs" } }),
            "with a unit",
        ),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": "-5s" } }),
            "with a unit",
        ),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": "1.2.3s" } }),
            "with a unit",
        ),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": "25h" } }),
            "24 hours",
        ),
        (
            json!({ "analysis_delay": { "distribution": "fixed", "value": "1s", "max": "2s" } }),
            "unknown field",
        ),
        (
            json!({ "analysis_delay": { "distribution": "gamma" } }),
            "unknown variant",
        ),
        (
            json!({ "analysis_delay": { "distribution": "uniform", "min": "2s", "max": "1s" } }),
            "min <= max",
        ),
        (
            json!({ "analysis_delay": { "distribution": "empirical", "values": [] } }),
            "1 to 100000",
        ),
        (
            json!({ "analysis_delay": { "distribution": "lognormal", "median": "2s", "p99": "1s", "max": "5s" } }),
            "median <= p99",
        ),
        (
            json!({ "analysis_delay": { "distribution": "lognormal", "median": "0s", "p99": "1s", "max": "5s" } }),
            "0 < median",
        ),
        (json!({ "retry_schedule": vec!["1s"; 33] }), "at most 32"),
        (json!({ "delivery_timeout": "0s" }), "longer than zero"),
        (json!({ "pass_threshold": 0 }), "above 0"),
        (json!({ "pass_threshold": 101 }), "not above 100"),
    ];
    for (json, reason) in table {
        let error = Plan::parse(json.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.contains(reason), "{json}: {error}");
    }
}

#[test]
fn the_lognormal_has_the_median_and_p99_that_were_asked_for() {
    let (delays, clamped) = sample_many(
        &delay(json!({ "distribution": "lognormal", "median": "1200ms", "p99": "2500ms", "max": "5s" })),
        50_000,
    );
    let quantile = |q: f64| delays[(q * 50_000.0) as usize].as_secs_f64();
    assert!(
        (quantile(0.5) / 1.2 - 1.0).abs() < 0.01,
        "median {}",
        quantile(0.5)
    );
    assert!(
        (quantile(0.99) / 2.5 - 1.0).abs() < 0.03,
        "p99 {}",
        quantile(0.99)
    );
    // By symmetry of ln X, p1 · p99 = median².
    assert!(
        (quantile(0.01) * quantile(0.99) / 1.44 - 1.0).abs() < 0.04,
        "p1 {}",
        quantile(0.01)
    );
    assert!(
        clamped < 5,
        "5 s lies beyond 4.5 deviations, yet {clamped} of 50000 were cut"
    );
}

#[test]
fn a_lognormal_is_cut_at_its_maximum_and_says_so() {
    let (delays, clamped) = sample_many(
        &delay(json!({ "distribution": "lognormal", "median": "1s", "p99": "2s", "max": "2s" })),
        10_000,
    );
    assert_eq!(*delays.last().unwrap(), Duration::from_secs(2));
    assert!(
        (60..140).contains(&clamped),
        "about 1% lies beyond p99, but {clamped} of 10000 were cut"
    );
}

#[test]
fn uniform_and_empirical_delays_stay_within_what_was_given() {
    let (delays, _) = sample_many(
        &delay(json!({ "distribution": "uniform", "min": "1s", "max": "3s" })),
        10_000,
    );
    assert!(delays[0] >= Duration::from_secs(1) && delays[9_999] < Duration::from_secs(3));
    assert!((delays[5_000].as_secs_f64() - 2.0).abs() < 0.05);

    let (delays, _) = sample_many(
        &delay(json!({ "distribution": "empirical", "values": ["9s", "1s", "2s"] })),
        3_000,
    );
    assert_eq!(delays[1_500], Duration::from_secs(2));
    let nines = delays
        .iter()
        .filter(|delay| **delay == Duration::from_secs(9))
        .count();
    assert!((900..1_100).contains(&nines), "{nines}");
    assert!(delays.iter().all(|delay| [1, 2, 9].contains(&delay.as_secs())));
}

proptest! {
    #[test]
    fn a_duration_reads_what_it_writes(microseconds in 0_u64..86_400_000_000) {
        let written = PlanDuration::try_from(format!("{microseconds}us")).unwrap();
        prop_assert_eq!(written.get(), Duration::from_micros(microseconds));
        prop_assert_eq!(written.to_string().parse::<PlanDuration>().unwrap(), written);
    }

    #[test]
    fn no_text_makes_the_duration_panic(text in "\\PC{0,12}") {
        let _ = text.parse::<PlanDuration>();
    }
}
