//! Whatever the load, the pool and the server do: every ticket is accounted for, exactly once.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use proptest::prelude::*;

use super::*;

/// A small scenario, and a server that is slow or fails in some way.
#[derive(Debug, Clone)]
struct Case {
    seed: u64,
    executor: Executor,
    max_vus: u32,
    drain: Duration,
    answer_after: Duration,
    /// Of every so many requests one fails; 0 = none.
    failing_one_in: u64,
    /// When the load is told to stop, and when what is under way is cut off.
    stops: Option<(Duration, Duration)>,
}

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn executors() -> impl Strategy<Value = Executor> {
    let spacing = prop_oneof![Just(Spacing::Even), Just(Spacing::Poisson)];
    prop_oneof![
        (1_u32..40, millis(100..3_000), spacing.clone()).prop_map(|(rate, duration, spacing)| {
            Executor::ConstantArrivalRate {
                rate: Rate::per_second(f64::from(rate)).unwrap(),
                duration,
                spacing,
            }
        }),
        (0_u32..40, 0_u32..40, millis(100..3_000), spacing).prop_map(|(start, target, duration, spacing)| {
            Executor::RampingArrivalRate {
                start_rate: Rate::per_second(f64::from(start)).unwrap(),
                stages: vec![Stage {
                    target: Rate::per_second(f64::from(target)).unwrap(),
                    duration,
                }],
                spacing,
            }
        }),
        (1_u32..8, millis(100..1_500)).prop_map(|(vus, duration)| Executor::ConstantVus { vus, duration }),
        (1_u32..8, 1_u32..20, millis(100..1_500)).prop_map(|(vus, iterations, max_duration)| {
            Executor::PerVuIterations {
                vus,
                iterations,
                max_duration,
            }
        }),
        (1_u32..8, 0_u32..60, millis(100..1_500)).prop_map(|(vus, more, max_duration)| {
            Executor::SharedIterations {
                vus,
                iterations: vus + more,
                max_duration,
            }
        }),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    (
        any::<u64>(),
        executors(),
        1_u32..12,
        // A drain may be shorter than an answer takes, or not be there at all.
        prop_oneof![Just(Duration::ZERO), millis(1..3_000)],
        millis(1..2_000),
        0_u64..4,
        proptest::option::of((millis(0..2_000), millis(0..1_000))),
    )
        .prop_map(
            |(seed, executor, max_vus, drain, answer_after, failing_one_in, stops)| Case {
                seed,
                executor,
                max_vus,
                drain,
                answer_after,
                failing_one_in,
                stops,
            },
        )
}

async fn run_case(case: Case) -> Run {
    let mut plan = plan(case.executor, case.max_vus);
    plan.seed = case.seed;
    plan.load.drain = case.drain;
    let answered = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let app = move |clock: RunClock, _epoch: Moment| {
        let answer = move || async move {
            let n = answered.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            clock.sleep_until(clock.now().plus(case.answer_after)).await;
            match n.checked_rem(case.failing_one_in) {
                Some(0) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::OK,
            }
        };
        axum::Router::new().route("/", get(answer))
    };
    let disturb = move |clock: RunClock, epoch: Moment, switch: StopSwitch| async move {
        if let Some((load, now)) = case.stops {
            clock.sleep_until(epoch.plus(load)).await;
            switch.stop(Stop::Load);
            clock.sleep_until(epoch.plus(load + now)).await;
            switch.stop(Stop::Now);
        }
        quiet(clock, epoch, switch).await;
    };
    run_against(plan, app, disturb).await
}

proptest! {
    #[test]
    fn every_ticket_is_accounted_for(case in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        // The identities themselves are checked where every run ends.
        let run = runtime.block_on(run_case(case));
        let iterations = run.batch.iterations;
        let tickets: BTreeSet<u64> = run
            .batch
            .samples
            .iter()
            .filter_map(|sample| match sample {
                Sample::Request(request) => Some(request.ticket),
                Sample::Event(_) => None,
            })
            .collect();
        prop_assert_eq!(tickets.len() as u64, iterations.due, "every ticket leaves a sample: {:?}", iterations);
        // This journey is a single request.
        prop_assert_eq!(run.total(SeriesKind::Response).total, iterations.due);
        let outcomes = run.outcomes();
        let count = |outcome: Outcome| outcomes.get(&outcome).map_or(0, |count| *count as u64);
        prop_assert_eq!(count(Outcome::Dropped), iterations.dropped);
        prop_assert_eq!(count(Outcome::Unfinished), iterations.unfinished);
        prop_assert_eq!(count(Outcome::Ok), iterations.succeeded);
        prop_assert_eq!(count(Outcome::Status(500)), iterations.failed);
    }
}

/// The end may come between the issue of a ticket and the first step of its user.
#[tokio::test(start_paused = true)]
async fn a_ticket_whose_user_never_got_to_run_is_unfinished() {
    let mut plan = plan(constant(1.0, 1), 10);
    plan.load.drain = Duration::ZERO;
    let run = run(plan, |behaviour| behaviour, quiet).await;
    assert_eq!(
        (run.batch.iterations.due, run.batch.iterations.unfinished),
        (1, 1)
    );
    assert_eq!(run.outcomes(), BTreeMap::from([(Outcome::Unfinished, 1)]));
}

/// A journey may be cut off before its first request, here in the pause before it.
#[tokio::test(start_paused = true)]
async fn a_ticket_that_was_cut_off_before_its_first_request_leaves_one_sample() {
    let mut plan = plan(constant(1.0, 1), 10);
    let pause = ThinkStep {
        duration: DurationDistribution::Fixed(Duration::from_secs(60)),
    };
    plan.journeys[0].steps.insert(0, Step::Think(pause));
    let run = run(plan, |behaviour| behaviour, quiet).await;
    assert_eq!(run.batch.iterations.unfinished, 1);
    assert_eq!(run.outcomes(), BTreeMap::from([(Outcome::Unfinished, 1)]));
}
