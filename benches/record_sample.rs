//! What a virtual user pays to leave a sample, and a worker to hand a batch over.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use loadtest::clock::Moment;
use loadtest::metrics::{Outcome, Recorder, RequestSample, Sample};
use loadtest::plan::StepId;

/// Samples between two hand-overs (250 ms) at 40,000 requests per second.
const BATCH_SAMPLES: u64 = 10_000;

fn sample(ticket: u64) -> Sample {
    let at = |nanos: u64| Moment::from_nanos(1_000_000_000 + ticket * 25_000 + nanos);
    Sample::Request(RequestSample {
        step: StepId(0),
        ticket,
        warm_up: false,
        intended: at(0),
        dispatched: at(20_000),
        sent: at(30_000),
        done: at(4_000_000),
        outcome: Outcome::Ok,
    })
}

/// Recording as a worker does it: batch after batch, into memory that is reserved by the size of the one before.
fn record(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("record_sample");
    group.throughput(Throughput::Elements(BATCH_SAMPLES));
    group.bench_function("batch_of_10000", |bencher| {
        let recorder = Recorder::default();
        bencher.iter_batched(
            || drop(recorder.take()),
            |()| {
                for ticket in 0..BATCH_SAMPLES {
                    recorder.sample(black_box(sample(ticket)));
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn take(criterion: &mut Criterion) {
    criterion.bench_function("take_batch_of_10000", |bencher| {
        let recorder = Recorder::default();
        bencher.iter_batched(
            || (0..BATCH_SAMPLES).for_each(|ticket| recorder.sample(sample(ticket))),
            // The batch is dropped by whoever takes it in, on another thread.
            |()| recorder.take(),
            BatchSize::PerIteration,
        );
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = record, take
}
criterion_main!(benches);
