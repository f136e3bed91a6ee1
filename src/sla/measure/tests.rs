//! Conditions at their edges.

use std::time::Duration;

use super::*;
use crate::clock::Moment;
use crate::metrics::Thresholds;
use crate::plan::{Comparator, StepKind};
use crate::sla::fixture::{criteria, share, step, time};

fn steps() -> Vec<StepInfo> {
    vec![
        step("submit", StepKind::Request, true),
        step("read", StepKind::Request, false),
        step("submit", StepKind::Request, true),
    ]
}

/// Requests of one step in one second, each with its time in milliseconds; `None` = failed.
fn measurements(samples: &[(u16, Option<i64>, u64)]) -> Measurements {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&criteria()));
    for (step, value_ms, count) in samples {
        let value_ns = value_ms.map(|value| value * 1_000_000);
        measurements.add_many(
            SeriesKind::Response,
            Some(StepId(*step)),
            false,
            0,
            value_ns,
            *count,
        );
    }
    measurements
}

fn read(condition: &Condition, measurements: &Measurements) -> Option<Reading> {
    Measure::of(condition, &steps()).unwrap().read(measurements, 0..1)
}

#[test]
fn a_quantile_holds_up_to_exactly_its_budget() {
    let condition = time(Metric::ResponseTime, 0.95, Comparator::LessOrEqual, 150);
    for (slow, holds) in [(0, true), (5, true), (6, false), (100, false)] {
        let measured = measurements(&[(0, Some(150), 100 - slow), (0, Some(151), slow)]);
        let reading = read(&condition, &measured).unwrap();
        assert_eq!(reading.satisfies(&condition), holds, "{slow} slow of 100");
        assert_eq!(reading.bad, slow);
        // The value read from the histogram never contradicts the count.
        assert_eq!(reading.value <= 150.0, holds, "{}", reading.value);
    }
}

#[test]
fn failures_are_slower_than_every_limit() {
    let condition = time(Metric::ResponseTime, 0.95, Comparator::LessOrEqual, 150);
    let reading = read(&condition, &measurements(&[(0, Some(1), 90), (0, None, 10)])).unwrap();
    assert!(!reading.satisfies(&condition));
    assert_eq!(reading.value, f64::INFINITY);
}

#[test]
fn counts_decide_as_the_full_reading_does() {
    let measured = measurements(&[(0, Some(40), 60), (1, Some(400), 30), (0, None, 10)]);
    let mean = Condition {
        statistic: Statistic::Mean,
        ..time(Metric::ResponseTime, 0.5, Comparator::Less, 150)
    };
    let max = Condition {
        statistic: Statistic::Max,
        ..time(Metric::ResponseTime, 0.5, Comparator::Less, 150)
    };
    for condition in [
        time(Metric::ResponseTime, 0.5, Comparator::Less, 150),
        time(Metric::ResponseTime, 0.95, Comparator::Less, 333),
        share(Metric::ErrorRate, Comparator::Less, 10.0),
        share(Metric::ErrorRate, Comparator::LessOrEqual, 10.0),
        mean,
        max,
    ] {
        let measure = Measure::of(&condition, &steps()).unwrap();
        let full = measure.read(&measured, 0..1).unwrap();
        let side = measure.side(&measure.counts(&measured, 0..1), 1.0).unwrap();
        assert_eq!(
            full.satisfies(&condition),
            side.satisfies(&condition),
            "{condition}"
        );
    }
    let at_limit = share(Metric::ErrorRate, Comparator::Less, 10.0);
    assert!(!read(&at_limit, &measured).unwrap().satisfies(&at_limit));
}

#[test]
fn a_step_is_found_in_every_journey_that_has_it() {
    let condition = Condition {
        step: Some("submit".to_owned()),
        ..time(Metric::ResponseTime, 0.5, Comparator::Less, 150)
    };
    let measured = measurements(&[(0, Some(10), 3), (1, Some(20), 5), (2, Some(30), 7)]);
    assert_eq!(read(&condition, &measured).unwrap().samples, 10);
    let unknown = Condition {
        step: Some("pay".to_owned()),
        ..condition
    };
    assert!(Measure::of(&unknown, &steps()).unwrap_err().contains("\"pay\""));
}

#[test]
fn what_a_metric_does_not_have_is_refused() {
    for condition in [
        Condition {
            statistic: Statistic::Share,
            ..time(Metric::ResponseTime, 0.5, Comparator::Less, 150)
        },
        Condition {
            statistic: Statistic::Mean,
            ..share(Metric::ErrorRate, Comparator::Less, 1.0)
        },
        share(Metric::Availability, Comparator::Less, 99.0),
    ] {
        assert!(Measure::of(&condition, &steps()).is_err(), "{condition}");
    }
    assert!(limit_us(Limit::Time(Duration::from_secs(1))) == 1_000_000);
}
