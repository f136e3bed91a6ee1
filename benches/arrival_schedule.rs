//! How long the schedule takes to say when the next ticket is due: once per arrival, on the thread that issues them.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use loadtest::chance::Chance;
use loadtest::plan::{Executor, Partition, Spacing, Stage};
use loadtest::schedule::Arrivals;
use loadtest::units::Rate;

/// Long enough that the schedule does not end within a sample; it begins again when it does.
const DURATION: Duration = Duration::from_secs(3_600);

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).expect("a valid rate")
}

fn constant(spacing: Spacing) -> Executor {
    Executor::ConstantArrivalRate {
        rate: rate(1_000.0),
        duration: DURATION,
        spacing,
    }
}

/// Up, level, up again, level, down: the root of a quadratic for most tickets, and a segment to be found for each.
fn ramp(spacing: Spacing) -> Executor {
    let stage = |per_second| Stage {
        target: rate(per_second),
        duration: DURATION / 5,
    };
    Executor::RampingArrivalRate {
        start_rate: rate(0.0),
        stages: [500.0, 500.0, 2_000.0, 2_000.0, 0.0].map(stage).to_vec(),
        spacing,
    }
}

fn next_arrival(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("next_arrival");
    let quarter = Partition::try_new(1, 4).expect("1 is below 4");
    for (name, executor, partition) in [
        ("constant_even", constant(Spacing::Even), Partition::WHOLE),
        ("constant_poisson", constant(Spacing::Poisson), Partition::WHOLE),
        ("ramp_even", ramp(Spacing::Even), Partition::WHOLE),
        ("ramp_poisson", ramp(Spacing::Poisson), Partition::WHOLE),
        // Each worker walks the whole sequence to find its own tickets.
        (
            "constant_poisson_one_of_four_workers",
            constant(Spacing::Poisson),
            quarter,
        ),
    ] {
        let schedule = Arrivals::new(&executor, Chance::new(7), partition).expect("an open model");
        let mut endless = schedule.cycle();
        group.bench_function(name, |bencher| bencher.iter(|| black_box(endless.next())));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(50);
    targets = next_arrival
}
criterion_main!(benches);
