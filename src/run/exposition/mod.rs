//! `--metrics ADDR`: the figures of a run while it goes on, for Prometheus to scrape.
//!
//! They are for dashboards. No verdict comes from them: a quantile that is interpolated between the edges of buckets
//! is not what a target is judged by.

mod server;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::metrics::{Batch, EventSample, Iterations, RequestSample, Sample, SeriesKind};
use crate::plan::Plan;

/// Edges of the buckets, in seconds: those of the plan's band and thresholds, and some below and above.
const SECONDS_EDGES: [f64; 13] = [
    0.001, 0.002, 0.005, 0.010, 0.025, 0.050, 0.100, 0.150, 0.200, 0.500, 1.0, 2.0, 5.0,
];

/// Step and result of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    step: Arc<str>,
    /// `good` or `failed`.
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: Arc<str>,
}

/// The kind of an event, by its key in reports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IterationLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IncidentLabels {
    policy: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct SecondsHistogram;

impl MetricConstructor<Histogram> for SecondsHistogram {
    fn new_metric(&self) -> Histogram {
        Histogram::new(SECONDS_EDGES)
    }
}

/// The figures, as the run feeds them.
#[derive(Debug, Clone)]
pub(super) struct Exposition {
    requests: Family<RequestLabels, Counter>,
    response_time: Family<StepLabels, Histogram, SecondsHistogram>,
    times: Family<KindLabels, Histogram, SecondsHistogram>,
    events_failed: Family<KindLabels, Counter>,
    iterations: Family<IterationLabels, Counter>,
    users: Gauge,
    results_pending: Gauge,
    incidents: Family<IncidentLabels, Counter>,
    steps: Arc<[Arc<str>]>,
    registry: Arc<Mutex<Registry>>,
}

impl Exposition {
    /// Figures of a run of `plan`, all of them zero.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            steps: plan.steps.iter().map(|step| step.name.as_str().into()).collect(),
            ..Self::named(&plan.name)
        }
    }

    /// Figures of a run of the scenario with this name.
    fn named(scenario: &str) -> Self {
        let mut registry = Registry::with_prefix_and_labels(
            "loadtest",
            [("scenario".into(), scenario.to_owned().into())].into_iter(),
        );
        let exposition = Self {
            requests: Family::default(),
            response_time: Family::new_with_constructor(SecondsHistogram),
            times: Family::new_with_constructor(SecondsHistogram),
            events_failed: Family::default(),
            iterations: Family::default(),
            users: Gauge::default(),
            results_pending: Gauge::default(),
            incidents: Family::default(),
            steps: Arc::default(),
            registry: Arc::default(),
        };
        registry.register(
            "requests",
            "Requests that were due, dropped ones included, by step and result; warm-up included",
            exposition.requests.clone(),
        );
        registry.register_with_unit(
            "response_time",
            "From the moment a request was due to the end of its answer, without failed ones",
            Unit::Seconds,
            exposition.response_time.clone(),
        );
        registry.register_with_unit(
            "event_time",
            "Times of the asynchronous half and of the generator, by kind, without failed events",
            Unit::Seconds,
            exposition.times.clone(),
        );
        registry.register(
            "events_failed",
            "Events that failed, were lost, or never came, by kind",
            exposition.events_failed.clone(),
        );
        registry.register(
            "iterations",
            "What became of the iterations",
            exposition.iterations.clone(),
        );
        registry.register(
            "virtual_users",
            "Users who are at their journey now",
            exposition.users.clone(),
        );
        registry.register(
            "results_pending",
            "Results whose webhook was not acknowledged yet",
            exposition.results_pending.clone(),
        );
        registry.register(
            "incidents",
            "Breaches of alert and rollback windows that were raised",
            exposition.incidents.clone(),
        );
        Self {
            registry: Arc::new(Mutex::new(registry)),
            ..exposition
        }
    }

    /// Serves the figures at `/metrics` of `address` until the run's runtime ends. Returns the address that was bound.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub(super) async fn serve(&self, address: SocketAddr) -> std::io::Result<SocketAddr> {
        server::start(self.clone(), address).await
    }

    /// Adds what a worker sent.
    pub(super) fn take_batch(&self, batch: &Batch) {
        for sample in &batch.samples {
            match sample {
                Sample::Request(request) => self.take_request(request),
                Sample::Event(event) => self.take_event(event),
            }
        }
        self.take_iterations(&batch.iterations);
    }

    fn step(&self, index: usize) -> Arc<str> {
        self.steps.get(index).cloned().unwrap_or_else(|| "unknown".into())
    }

    fn take_request(&self, request: &RequestSample) {
        let step = self.step(request.step.index());
        let is_good = request.outcome.is_ok();
        if is_good {
            let taken_ns = request.done.signed_nanos_since(request.intended);
            let labels = StepLabels { step: step.clone() };
            self.response_time
                .get_or_create(&labels)
                .observe(seconds(taken_ns));
        }
        let outcome = if is_good { "good" } else { "failed" };
        self.requests
            .get_or_create(&RequestLabels { step, outcome })
            .inc();
    }

    /// Adds an event of the asynchronous half.
    pub(super) fn take_event(&self, event: &EventSample) {
        let labels = KindLabels {
            kind: event.kind.key(),
        };
        match event.value_ns {
            // An attempt has a result and no time.
            Some(_) if event.kind == SeriesKind::WebhookAttempt => {}
            Some(taken_ns) => self.times.get_or_create(&labels).observe(seconds(taken_ns)),
            None => {
                self.events_failed.get_or_create(&labels).inc();
            }
        }
    }

    fn take_iterations(&self, iterations: &Iterations) {
        for (outcome, number) in [
            ("started", iterations.started),
            ("dropped", iterations.dropped),
            ("succeeded", iterations.succeeded),
            ("failed", iterations.failed),
            ("abandoned", iterations.abandoned),
            ("unfinished", iterations.unfinished),
        ] {
            self.iterations
                .get_or_create(&IterationLabels { outcome })
                .inc_by(number);
        }
    }

    /// Sets what is looked at once a second.
    pub(super) fn take_second(&self, users: u64, results_pending: Option<u64>) {
        self.users.set(i64::try_from(users).unwrap_or(i64::MAX));
        if let Some(pending) = results_pending {
            self.results_pending
                .set(i64::try_from(pending).unwrap_or(i64::MAX));
        }
    }

    /// Counts a breach of a window of this policy.
    pub(super) fn take_incident(&self, policy: &'static str) {
        self.incidents.get_or_create(&IncidentLabels { policy }).inc();
    }

    /// The figures in the text format of Prometheus (OpenMetrics 1.0).
    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        // A panic while a line was written leaves the registry itself whole.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Clocks that crossed give a negative time; it is none.
fn seconds(nanos: i64) -> f64 {
    nanos.max(0) as f64 / 1e9
}

#[cfg(test)]
mod tests;
