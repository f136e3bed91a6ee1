//! Properties of arrival schedules: counts equal the integral of the rate, partitions are exact, nothing drifts.

use proptest::prelude::*;

use super::*;
use crate::plan::Stage;
use crate::units::Rate;

fn rate(value: f64) -> Rate {
    Rate::per_second(value).unwrap()
}

fn constant(value: f64, seconds: u64, spacing: Spacing) -> Executor {
    Executor::ConstantArrivalRate {
        rate: rate(value),
        duration: Duration::from_secs(seconds),
        spacing,
    }
}

fn offsets(executor: &Executor, seed: u64) -> Vec<Arrival> {
    Arrivals::new(executor, Chance::new(seed), Partition::WHOLE)
        .unwrap()
        .collect()
}

#[test]
fn even_arrivals_are_evenly_spaced_and_do_not_drift() {
    let arrivals = offsets(&constant(40.0, 60, Spacing::Even), 1);
    assert_eq!(arrivals.len(), 2_400);
    assert_eq!(arrivals[0].offset, Duration::ZERO);
    assert_eq!(arrivals[1].offset, Duration::from_millis(25));
    assert_eq!(arrivals[2_399].offset, Duration::from_millis(59_975));
}

#[test]
fn the_millionth_arrival_is_still_on_time() {
    let last = Arrivals::new(
        &constant(20_000.0, 51, Spacing::Even),
        Chance::new(1),
        Partition::WHOLE,
    )
    .unwrap()
    .nth(1_000_000)
    .unwrap();
    assert_eq!(last.offset, Duration::from_secs(50));
}

#[test]
fn a_ramp_follows_the_square_root() {
    // 0 → 10/s over 10 s: 50 arrivals, the k-th at sqrt(2k) seconds.
    let stages = vec![Stage {
        target: rate(10.0),
        duration: Duration::from_secs(10),
    }];
    let executor = Executor::RampingArrivalRate {
        start_rate: rate(0.0),
        stages,
        spacing: Spacing::Even,
    };
    let arrivals = offsets(&executor, 1);
    assert_eq!(arrivals.len(), 50);
    for (k, arrival) in arrivals.iter().enumerate() {
        let expected = (2.0 * k as f64).sqrt();
        assert!(
            (arrival.offset.as_secs_f64() - expected).abs() < 1e-6,
            "{k}: {:?}",
            arrival.offset
        );
    }
}

#[test]
fn poisson_gaps_have_the_mean_and_spread_of_an_exponential() {
    let arrivals = offsets(&constant(100.0, 600, Spacing::Poisson), 42);
    let expected = 60_000.0;
    assert!(
        (arrivals.len() as f64 - expected).abs() < 4.0 * expected_sd(expected),
        "{} arrivals",
        arrivals.len()
    );
    let gaps: Vec<f64> = arrivals
        .windows(2)
        .map(|pair| (pair[1].offset - pair[0].offset).as_secs_f64() * 100.0)
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    assert!(
        (mean - 1.0).abs() < 0.02 && (variance - 1.0).abs() < 0.05,
        "mean {mean}, variance {variance}"
    );
}

fn expected_sd(count: f64) -> f64 {
    count.sqrt()
}

#[test]
fn closed_models_schedule_nothing() {
    let executor = Executor::ConstantVus {
        vus: 3,
        duration: Duration::from_secs(1),
    };
    assert!(Arrivals::new(&executor, Chance::new(1), Partition::WHOLE).is_none());
}

#[test]
fn users_follow_their_profile() {
    let stages = [
        Stage {
            target: 10,
            duration: Duration::from_secs(10),
        },
        Stage {
            target: 10,
            duration: Duration::from_secs(5),
        },
        Stage {
            target: 0,
            duration: Duration::from_secs(5),
        },
    ];
    let profile = VuProfile::ramping(0, &stages);
    let at = |seconds: u64| profile.vus_at(Duration::from_secs(seconds));
    assert_eq!(
        (at(0), at(5), at(12), at(19), at(20)),
        (Some(0), Some(5), Some(10), Some(2), None)
    );
    assert_eq!(profile.peak(), 10);
}

fn stages() -> impl Strategy<Value = Vec<(f64, u64)>> {
    proptest::collection::vec((0.0_f64..80.0, 1_u64..8), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn even_counts_equal_the_integral_of_the_rate(start in 0.0_f64..80.0, stages in stages()) {
        let stages: Vec<_> = stages
            .into_iter()
            .map(|(target, seconds)| Stage { target: rate(target), duration: Duration::from_secs(seconds) })
            .collect();
        let total = RateProfile::ramping(rate(start), &stages).total();
        let executor = Executor::RampingArrivalRate { start_rate: rate(start), stages, spacing: Spacing::Even };
        let arrivals = offsets(&executor, 3);
        prop_assert!((arrivals.len() as f64 - total).abs() <= 1.0, "{} of {total}", arrivals.len());
        prop_assert!(arrivals.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
        prop_assert!(arrivals.iter().all(|arrival| arrival.offset < executor.duration()));
    }

    #[test]
    fn workers_take_an_exact_partition(seed in any::<u64>(), of in 1_u16..5, poisson in any::<bool>()) {
        let executor = constant(50.0, 4, if poisson { Spacing::Poisson } else { Spacing::Even });
        let whole = offsets(&executor, seed);
        let mut parts: Vec<Arrival> = Partition::WHOLE
            .split(of)
            .flat_map(|part| Arrivals::new(&executor, Chance::new(seed), part).unwrap())
            .collect();
        parts.sort_by_key(|arrival| arrival.ticket);
        prop_assert_eq!(parts, whole);
    }
}
