//! `--metrics ADDR`: the figures of a run, for Prometheus to scrape.

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

use super::{Listener, SECONDS_EDGES, meaning};
use crate::plan::Plan;

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
        let steps: Vec<&str> = plan.steps.iter().map(|step| step.name.as_str()).collect();
        Self::named(&plan.name, &steps)
    }

    /// Figures of a run of the scenario with this name, and these steps.
    pub(super) fn named(scenario: &str, steps: &[&str]) -> Self {
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
            steps: steps.iter().map(|step| Arc::from(*step)).collect(),
            registry: Arc::default(),
        };
        registry.register("requests", meaning::REQUESTS, exposition.requests.clone());
        registry.register_with_unit(
            "response_time",
            meaning::RESPONSE_TIME,
            Unit::Seconds,
            exposition.response_time.clone(),
        );
        registry.register_with_unit(
            "event_time",
            meaning::EVENT_TIME,
            Unit::Seconds,
            exposition.times.clone(),
        );
        registry.register(
            "events_failed",
            meaning::EVENTS_FAILED,
            exposition.events_failed.clone(),
        );
        registry.register("iterations", meaning::ITERATIONS, exposition.iterations.clone());
        registry.register("virtual_users", meaning::VIRTUAL_USERS, exposition.users.clone());
        registry.register(
            "results_pending",
            meaning::RESULTS_PENDING,
            exposition.results_pending.clone(),
        );
        registry.register("incidents", meaning::INCIDENTS, exposition.incidents.clone());
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

    fn step(&self, index: usize) -> Arc<str> {
        self.steps.get(index).cloned().unwrap_or_else(|| "unknown".into())
    }

    /// The figures in the text format of Prometheus (OpenMetrics 1.0).
    pub(super) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        // A panic while a line was written leaves the registry itself whole.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Listener for Exposition {
    fn request(&self, step: usize, taken_s: Option<f64>) {
        let step = self.step(step);
        if let Some(taken_s) = taken_s {
            let labels = StepLabels { step: step.clone() };
            self.response_time.get_or_create(&labels).observe(taken_s);
        }
        let outcome = if taken_s.is_some() { "good" } else { "failed" };
        self.requests
            .get_or_create(&RequestLabels { step, outcome })
            .inc();
    }

    fn event(&self, kind: &'static str, taken_s: Option<f64>) {
        let labels = KindLabels { kind };
        match taken_s {
            Some(taken_s) => self.times.get_or_create(&labels).observe(taken_s),
            None => {
                self.events_failed.get_or_create(&labels).inc();
            }
        }
    }

    fn iterations(&self, outcome: &'static str, number: u64) {
        self.iterations
            .get_or_create(&IterationLabels { outcome })
            .inc_by(number);
    }

    fn now(&self, users: u64, results_pending: Option<u64>) {
        self.users.set(i64::try_from(users).unwrap_or(i64::MAX));
        if let Some(pending) = results_pending {
            self.results_pending
                .set(i64::try_from(pending).unwrap_or(i64::MAX));
        }
    }

    fn incident(&self, policy: &'static str) {
        self.incidents.get_or_create(&IncidentLabels { policy }).inc();
    }
}
