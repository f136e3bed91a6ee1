//! What the aggregator pays per sample, per hand-over of a second, and for each look at a window of the run.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loadtest::chance::{Chance, Purpose};
use loadtest::clock::Moment;
use loadtest::metrics::{Measurements, Outcome, RequestSample, Sample, SeriesKind, Slice, Thresholds};
use loadtest::plan::{Criteria, JudgeMode, StepId};

/// A run of two minutes with as many requests per second, over four steps.
const RUN_SECONDS: u64 = 120;
const REQUESTS_PER_SECOND: u64 = 200;
const STEPS: u64 = 4;

/// The thresholds of every run: the bands of response time.
fn thresholds() -> Thresholds {
    Thresholds::of(&Criteria {
        mode: JudgeMode::Observed,
        early_stop: false,
        targets: Vec::new(),
        not_measured: Vec::new(),
        waivers: Vec::new(),
        alerts: None,
        rollback: None,
    })
}

/// Samples of one second, with answers between 1 and 400 ms and one failure in a hundred.
fn second(number: u64) -> Vec<Sample> {
    let chance = Chance::new(7);
    (0..REQUESTS_PER_SECOND)
        .map(|index| {
            let ticket = number * REQUESTS_PER_SECOND + index;
            let uniform = chance.uniform(ticket, Purpose::Think, 0);
            let intended = number * 1_000_000_000 + index * (1_000_000_000 / REQUESTS_PER_SECOND);
            let response_ns = 1_000_000.0 * 400_f64.powf(uniform);
            Sample::Request(RequestSample {
                step: StepId((index % STEPS) as u16),
                ticket,
                warm_up: false,
                intended: Moment::from_nanos(intended),
                dispatched: Moment::from_nanos(intended),
                sent: Moment::from_nanos(intended + 20_000),
                done: Moment::from_nanos(intended + response_ns as u64),
                outcome: if index % 100 == 99 {
                    Outcome::Status(500)
                } else {
                    Outcome::Ok
                },
            })
        })
        .collect()
}

fn empty() -> Measurements {
    Measurements::new(Moment::from_nanos(0), thresholds())
}

fn whole_run() -> Measurements {
    let mut measurements = empty();
    for sample in (0..RUN_SECONDS).flat_map(second) {
        measurements.record(&sample);
    }
    measurements
}

fn record(criterion: &mut Criterion) {
    let samples = second(RUN_SECONDS);
    let run = whole_run();
    let mut group = criterion.benchmark_group("record_into_measurements");
    group.throughput(Throughput::Elements(REQUESTS_PER_SECOND));
    for (name, start) in [("first_second", empty()), ("second_121", run)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || start.clone(),
                |measurements| {
                    samples
                        .iter()
                        .for_each(|sample| measurements.record(black_box(sample)))
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

fn merge(criterion: &mut Criterion) {
    let run = whole_run();
    let (first, second) = (
        run.sum(SeriesKind::Response, None, 0..1),
        run.sum(SeriesKind::Response, None, 1..2),
    );
    criterion.bench_function("merge_a_second", |bencher| {
        bencher.iter_batched_ref(
            || first.clone(),
            |slice: &mut Slice| slice.merge(black_box(&second)),
            BatchSize::SmallInput,
        );
    });
}

/// What window policies and the progress display ask for, each second.
fn window(criterion: &mut Criterion) {
    let run = whole_run();
    let mut group = criterion.benchmark_group("sum_of_a_window");
    group.bench_function("10_s_all_steps", |bencher| {
        bencher.iter(|| run.sum(black_box(SeriesKind::Response), None, 100..110));
    });
    group.bench_function("10_s_one_step", |bencher| {
        bencher.iter(|| run.sum(black_box(SeriesKind::Response), Some(StepId(1)), 100..110));
    });
    group.bench_function("whole_run", |bencher| {
        bencher.iter(|| run.total(black_box(SeriesKind::Response), None));
    });
    group.finish();
    let slice = run.sum(SeriesKind::Response, None, 100..110);
    let mut group = criterion.benchmark_group("quantile_of_a_window");
    for quantile in [0.5, 0.95, 0.99] {
        group.bench_function(format!("p{}", quantile * 100.0), |bencher| {
            bencher.iter(|| slice.quantile_ms(black_box(quantile)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = record, merge, window
}
criterion_main!(benches);
