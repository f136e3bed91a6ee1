//! What a run knows of its own generator, in every format.

use super::*;
use crate::metrics::Contention;

/// A healthy run that knows everything about its generator.
fn instrumented() -> Run {
    use crate::metrics::{Calibration, ClockOffset, Delivery, HostUse, Lateness, Level, MemoryUse};
    let mut run = fixture::healthy();
    let level = Level {
        seconds: 41,
        mean: 0.375,
        worst: 0.75,
    };
    let lateness = Some(Lateness {
        p50: Duration::from_micros(120),
        p99: Duration::from_micros(2_400),
        p999: Duration::from_micros(7_800),
    });
    let generator = &mut run.evidence.generator;
    generator.host_use = Some(HostUse {
        seconds: 41,
        busy: Some(level),
        busy_seconds: 0,
        stolen: Some(Level { mean: 0.001, ..level }),
        waiting: Some(level),
        waiting_for_disk: Some(level),
        throttled: None,
        memory: Some(MemoryUse {
            first: 30 << 20,
            peak: 48 << 20,
            last: 44 << 20,
        }),
        sockets_peak: Some(230),
        sockets_resting_peak: Some(12),
        stolen_by_second: [(7, Duration::from_millis(60))].into(),
        throttled_by_second: [].into(),
        contended_by_second: [(
            9,
            Contention {
                others: 0.75,
                waited: Duration::from_millis(400),
                worker_wait: Duration::from_millis(12),
                server_wait: Duration::from_micros(500),
            },
        )]
        .into(),
    });
    generator.calibration = Some(Calibration {
        planned_per_s: 120.0,
        achieved_per_s: 120.0,
        samples: 120,
        failed: 0,
        p50_ms: 0.25,
        p99_ms: 1.5,
    });
    generator.clock_offset = Some(ClockOffset {
        offset_ns: -12_500_000,
        uncertainty: Some(Duration::from_micros(1_500)),
        drift_ns: Some(250_000),
    });
    generator.delivery = Some(Delivery {
        seconds: 30,
        short: 1,
        worst: Some((11, 20, 18)),
    });
    generator.events_without_commit = 3;
    generator.workers[0].lateness = lateness;
    generator.host_stalls.as_mut().unwrap().lateness = lateness;
    run
}

#[test]
fn all_that_is_known_of_the_generator_is_stored_and_told() {
    let run = instrumented();
    let original = record(run.clone());
    let stored = RunRecord::from_json(&render(Format::Json, &original).unwrap()).unwrap();
    assert_eq!(stored, original);
    assert_eq!(stored.evidence().unwrap().generator, run.evidence.generator);
    for format in [Format::Text, Format::Markdown] {
        let text = render(format, &original).unwrap();
        for part in [
            "late beats: p50 0.12 ms, p99 2.4 ms, p99.9 7.8 ms",
            "in use 37.5 % (worst second 75 %)",
            "48 MiB at most",
            "other processes had cores that the run waited for in 1 second",
            "230 in use at most, 12 resting",
            "p50 0.25 ms, p99 1.5 ms against a server that answers at once",
            "12.5 ms behind ours, ± 1.5 ms",
            "second 11 brought 18 of 20",
        ] {
            let told = text.replace('\u{a0}', " ");
            assert!(told.contains(part), "{format:?} lacks {part}: {told}");
        }
    }
}
