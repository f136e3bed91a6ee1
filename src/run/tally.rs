//! What came in from one worker: a worker that cannot keep up is seen, and not averaged away among the others.

use hdrhistogram::Histogram;

use crate::metrics::{Batch, Punctuality, Sample, SeriesKind, TIMELY_WITHIN, WorkerHealth};

/// Longest lag that is told apart, in microseconds: a minute.
const LAG_US_MAX: u64 = 60_000_000;

/// Counts of one worker.
#[derive(Debug)]
pub(super) struct WorkerTally {
    started: u64,
    dropped: u64,
    timely: u64,
    /// Scheduling lag after the warm-up, microseconds.
    lag: Histogram<u64>,
    /// What the worker itself says at its end.
    end: WorkerHealth,
}

impl WorkerTally {
    /// Nothing has come from worker `index` yet.
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that HdrHistogram accepts"
    )]
    pub(super) fn new(index: u16) -> Self {
        Self {
            started: 0,
            dropped: 0,
            timely: 0,
            lag: Histogram::new_with_bounds(1, LAG_US_MAX, 3).expect("valid constant bounds"),
            end: WorkerHealth {
                index,
                ..WorkerHealth::default()
            },
        }
    }

    pub(super) fn take_batch(&mut self, batch: &Batch) {
        self.started += batch.iterations.started;
        self.dropped += batch.iterations.dropped;
        for sample in &batch.samples {
            let Sample::Event(event) = sample else { continue };
            if event.kind != SeriesKind::SchedulingLag || event.warm_up {
                continue;
            }
            let lag_ns = event.value_ns.unwrap_or_default().max(0) as u64;
            self.timely += u64::from(u128::from(lag_ns) <= TIMELY_WITHIN.as_nanos());
            self.lag.saturating_record(lag_ns / 1_000);
        }
    }

    /// The worker has ended.
    pub(super) fn end(&mut self, health: WorkerHealth) {
        self.end = health;
    }

    /// How the worker did.
    pub(super) fn health(&self) -> WorkerHealth {
        let milliseconds = |micros: u64| micros as f64 / 1e3;
        WorkerHealth {
            started: self.started,
            dropped: self.dropped,
            punctuality: (!self.lag.is_empty()).then(|| Punctuality {
                dispatched: self.lag.len(),
                timely: self.timely,
                lag_p50_ms: milliseconds(self.lag.value_at_quantile(0.50)),
                lag_p99_ms: milliseconds(self.lag.value_at_quantile(0.99)),
                lag_max_ms: milliseconds(self.lag.max()),
            }),
            ..self.end.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;
    use crate::metrics::{EventSample, Iterations};

    fn lag(micros: i64, warm_up: bool) -> Sample {
        Sample::Event(EventSample {
            kind: SeriesKind::SchedulingLag,
            step: None,
            warm_up,
            at: Moment::from_nanos(0),
            value_ns: Some(micros * 1_000),
        })
    }

    #[test]
    fn each_worker_has_its_own_lag_and_drops() {
        let mut tally = WorkerTally::new(3);
        let mut samples = vec![lag(500, false); 97];
        samples.extend([
            lag(10_000, false),
            lag(10_001, false),
            lag(250_000, false),
            lag(900_000, true),
        ]);
        tally.take_batch(&Batch {
            samples,
            iterations: Iterations {
                started: 101,
                dropped: 4,
                ..Iterations::default()
            },
            ..Batch::default()
        });
        tally.end(WorkerHealth {
            index: 3,
            cpu: Duration::from_secs(1),
            ..WorkerHealth::default()
        });
        let health = tally.health();
        assert_eq!((health.index, health.started, health.dropped), (3, 101, 4));
        assert_eq!(health.cpu, Duration::from_secs(1));
        let punctuality = health.punctuality.unwrap();
        // The one of the warm-up is not judged; 10 ms is still timely.
        assert_eq!((punctuality.dispatched, punctuality.timely), (100, 98));
        assert!((0.5..0.51).contains(&punctuality.lag_p50_ms));
        assert!((250.0..251.0).contains(&punctuality.lag_max_ms));
    }

    #[test]
    fn a_worker_without_a_schedule_has_no_lag() {
        assert_eq!(WorkerTally::new(0).health(), WorkerHealth::default());
    }
}
