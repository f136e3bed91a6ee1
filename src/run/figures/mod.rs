//! The figures of a run while it goes on, told to whoever listens: Prometheus, which scrapes them (`--metrics`), and a
//! collector of OpenTelemetry's, which they are sent to (`--otlp`). What a sample means is decided here, once, so that
//! both tell the same.
//!
//! They are for dashboards. No verdict comes from them: a quantile that is interpolated between the edges of buckets
//! is not what a target is judged by.

mod endpoint;
mod exposition;
mod otlp;

pub use endpoint::OtlpEndpoint;

use super::progress::Progress;
use super::{RunError, RunFolder, RunOptions};
use crate::metrics::{Batch, EventSample, IncidentKind, Iterations, RequestSample, Sample, SeriesKind};
use crate::plan::Plan;
use exposition::Exposition;
use otlp::Export;

/// Edges of the buckets, in seconds: those of the plan's band and thresholds, and some below and above.
const SECONDS_EDGES: [f64; 13] = [
    0.001, 0.002, 0.005, 0.010, 0.025, 0.050, 0.100, 0.150, 0.200, 0.500, 1.0, 2.0, 5.0,
];

/// What each figure counts, for its readers.
mod meaning {
    pub(super) const REQUESTS: &str =
        "Requests that were due, dropped ones included, by step and result; warm-up included";
    pub(super) const RESPONSE_TIME: &str =
        "From the moment a request was due to the end of its answer, without failed ones";
    pub(super) const EVENT_TIME: &str =
        "Times of the asynchronous half and of the generator, by kind, without failed events";
    pub(super) const EVENTS_FAILED: &str = "Events that failed, were lost, or never came, by kind";
    pub(super) const ITERATIONS: &str = "What became of the iterations";
    pub(super) const VIRTUAL_USERS: &str = "Users who are at their journey now";
    pub(super) const RESULTS_PENDING: &str = "Results whose webhook was not acknowledged yet";
    pub(super) const INCIDENTS: &str = "Breaches of alert and rollback windows that were raised";
}

/// Somebody who is told the figures.
trait Listener: std::fmt::Debug {
    /// A request of a step, by its index: how long it took in seconds; `None` = it failed.
    fn request(&self, step: usize, taken_s: Option<f64>);
    /// An event of a kind, by its key in reports: how long it took in seconds; `None` = it failed or never came.
    fn event(&self, kind: &'static str, taken_s: Option<f64>);
    /// So many more iterations have come to this.
    fn iterations(&self, outcome: &'static str, number: u64);
    /// How many users are at their journey, and how many results are awaited, where that is known.
    fn now(&self, users: u64, results_pending: Option<u64>);
    /// A window of this policy was breached.
    fn incident(&self, policy: &'static str);
}

/// The figures of a run, and who is told them.
#[derive(Debug, Default)]
pub(super) struct Figures {
    exposition: Option<Exposition>,
    export: Option<Export>,
}

impl Figures {
    /// Begins to tell the figures of a run of `plan` to those that the options name.
    ///
    /// # Errors
    /// When the address for Prometheus cannot be bound, or the export cannot be set up.
    pub(super) async fn begin(
        plan: &Plan,
        options: &RunOptions,
        folder: &RunFolder,
        progress: &mut Progress,
    ) -> Result<Self, RunError> {
        let exposition = match options.metrics {
            None => None,
            Some(address) => {
                let exposition = Exposition::new(plan);
                let bound = exposition
                    .serve(address)
                    .await
                    .map_err(|source| RunError::Metrics { address, source })?;
                progress.note(&format!("metrics at http://{bound}/metrics"));
                Some(exposition)
            }
        };
        let export = match &options.otlp {
            None => None,
            Some(endpoint) => {
                let export = Export::start(plan, &folder.name(), endpoint).map_err(RunError::Otlp)?;
                progress.note(&format!("metrics are sent to {endpoint}"));
                Some(export)
            }
        };
        Ok(Self { exposition, export })
    }

    fn listeners(&self) -> impl Iterator<Item = &dyn Listener> {
        let exposition = self.exposition.iter().map(|listener| listener as &dyn Listener);
        let export = self.export.iter().map(|listener| listener as &dyn Listener);
        exposition.chain(export)
    }

    /// Adds what a worker sent.
    pub(super) fn take_batch(&self, batch: &Batch) {
        for listener in self.listeners() {
            for sample in &batch.samples {
                match sample {
                    Sample::Request(request) => tell_request(listener, request),
                    Sample::Event(event) => tell_event(listener, event),
                }
            }
            tell_iterations(listener, &batch.iterations);
        }
    }

    /// Adds an event of the asynchronous half.
    pub(super) fn take_event(&self, event: &EventSample) {
        self.listeners().for_each(|listener| tell_event(listener, event));
    }

    /// Sets what is looked at once a second, and says once when the figures do not arrive where they are sent.
    pub(super) fn take_second(&self, users: u64, results_pending: Option<u64>, progress: &mut Progress) {
        self.listeners()
            .for_each(|listener| listener.now(users, results_pending));
        if let Some(trouble) = self.export.as_ref().and_then(Export::trouble) {
            progress.note_once(&trouble);
        }
    }

    /// Counts a breach of a window.
    pub(super) fn take_incident(&self, kind: IncidentKind) {
        let policy = match kind {
            IncidentKind::Alert => "alert",
            IncidentKind::Rollback => "rollback",
        };
        self.listeners().for_each(|listener| listener.incident(policy));
    }

    /// Sends the last figures; those that are scraped stay where they are. Returns what its reader must know when figures
    /// did not arrive where they were sent.
    pub(super) async fn finish(&self) -> Option<String> {
        match &self.export {
            Some(export) => export.finish().await,
            None => None,
        }
    }
}

fn tell_request(listener: &dyn Listener, request: &RequestSample) {
    let taken_ns = request.done.signed_nanos_since(request.intended);
    listener.request(
        request.step.index(),
        request.outcome.is_ok().then(|| seconds(taken_ns)),
    );
}

fn tell_event(listener: &dyn Listener, event: &EventSample) {
    match event.value_ns {
        // An attempt has a result and no time.
        Some(_) if event.kind == SeriesKind::WebhookAttempt => {}
        value_ns => listener.event(event.kind.key(), value_ns.map(seconds)),
    }
}

fn tell_iterations(listener: &dyn Listener, iterations: &Iterations) {
    for (outcome, number) in [
        ("started", iterations.started),
        ("dropped", iterations.dropped),
        ("succeeded", iterations.succeeded),
        ("failed", iterations.failed),
        ("abandoned", iterations.abandoned),
        ("unfinished", iterations.unfinished),
    ] {
        listener.iterations(outcome, number);
    }
}

/// Clocks that crossed give a negative time; it is none.
fn seconds(nanos: i64) -> f64 {
    nanos.max(0) as f64 / 1e9
}

#[cfg(test)]
mod tests;
