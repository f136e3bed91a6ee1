//! Which second and which series a sample belongs to, and what is kept of its value.

use super::*;

fn request(intended_ms: u64, response_ms: u64, outcome: Outcome, warm_up: bool) -> Sample {
    let at = |ms: u64| Moment::from_nanos(ms * 1_000_000);
    Sample::Request(RequestSample {
        step: StepId(0),
        ticket: 7,
        warm_up,
        intended: at(intended_ms),
        dispatched: at(intended_ms),
        sent: at(intended_ms + 1),
        done: at(intended_ms + response_ms),
        outcome,
    })
}

#[test]
fn samples_belong_to_the_second_they_were_intended_for() {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    measurements.record(&request(900, 2_000, Outcome::Ok, false));
    measurements.record(&request(1_100, 10, Outcome::Status(500), false));
    measurements.record(&request(100, 10, Outcome::Ok, true));
    let first = measurements.sum(SeriesKind::Response, None, 0..1);
    assert_eq!((first.total, first.bad), (1, 0), "warm-up is kept apart");
    assert_eq!(first.quantile_ms(0.5), Some(2_000.0));
    let second = measurements.sum(SeriesKind::Response, Some(StepId(0)), 1..2);
    assert_eq!((second.total, second.bad), (1, 1));
    let tally = &measurements.errors[&(StepId(0), Outcome::Status(500))];
    assert_eq!(
        (tally.count, tally.example_tickets.as_slice()),
        (1, [7].as_slice())
    );
}

#[test]
fn out_of_range_values_are_cut_and_counted() {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    measurements.add_many(SeriesKind::Realtime, None, false, 0, Some(-5), 2);
    measurements.add_many(SeriesKind::Realtime, None, false, 0, Some(i64::MAX), 1);
    assert_eq!((measurements.negative, measurements.clamped), (2, 1));
    assert_eq!(measurements.total(SeriesKind::Realtime, None).total, 3);
}

#[test]
fn a_foreign_histogram_keeps_its_exact_mean() {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    let mut add = |buckets: &[(Option<u64>, u64)], sum_us| {
        measurements.add_bucketed(SeriesKind::DbQuery, false, 3, buckets, sum_us);
    };
    add(&[(Some(1_000), 9), (Some(5_000), 1)], Some(4_000));
    add(&[(Some(1_000), 10)], Some(2_000));
    let all = measurements.total(SeriesKind::DbQuery, None);
    assert_eq!((all.total, all.mean_ms()), (20, Some(0.3)));
    assert_eq!(all.quantile_ms(0.9), Some(1.0));
    // A sum too small to be counted: the edges have to do.
    measurements.add_bucketed(SeriesKind::DbQuery, false, 4, &[(Some(1_000), 20)], Some(0));
    let all = measurements.total(SeriesKind::DbQuery, None);
    assert_eq!(all.mean_ms(), Some(0.65));
    // Without a sum there is no mean, not even of what has one.
    measurements.add_bucketed(SeriesKind::DbQuery, false, 5, &[(Some(1_000), 20)], None);
    let all = measurements.total(SeriesKind::DbQuery, None);
    assert_eq!((all.total, all.mean_ms()), (60, None));
    assert_eq!(all.quantile_ms(0.9), Some(1.0), "percentiles need no sum");
}

#[test]
fn values_keep_three_significant_digits() {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    for micros in [1_234, 56_789, 123_456, 98_765_432] {
        measurements.add_many(SeriesKind::Service, None, false, 0, Some(micros * 1_000), 1);
    }
    for (value, bucket) in [1_234_u32, 56_789, 123_456, 98_765_432]
        .iter()
        .zip(measurements.total(SeriesKind::Service, None).values.keys())
    {
        let error = f64::from(value - bucket) / f64::from(*value);
        assert!((0.0..0.001).contains(&error), "{value} in bucket {bucket}");
    }
}
