//! `--otlp URL`: the figures of a run, sent to a collector of OpenTelemetry's every few seconds and once at the end.
//!
//! The SDK gathers and sends on a thread of its own. What does not arrive is counted and told, and changes nothing else:
//! all figures are sums since the start, so that the next export makes up for one that was lost.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter, MeterProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

use super::endpoint::OtlpEndpoint;
use super::{Listener, SECONDS_EDGES, meaning};
use crate::plan::Plan;

/// How often figures are sent.
const EVERY: Duration = Duration::from_secs(5);
/// How long a collector may take over one export. Two of them, the last of the load and that of the end, must not keep
/// a report from whoever has pressed Ctrl-C twice.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The figures on their way to a collector.
pub(super) struct Export {
    provider: SdkMeterProvider,
    instruments: Instruments,
    labels: Labels,
    tally: Arc<Tally>,
    endpoint: OtlpEndpoint,
}

/// What the figures are gathered in.
struct Instruments {
    requests: Counter<u64>,
    response_time: Histogram<f64>,
    event_time: Histogram<f64>,
    events_failed: Counter<u64>,
    iterations: Counter<u64>,
    virtual_users: Gauge<u64>,
    results_pending: Gauge<u64>,
    incidents: Counter<u64>,
}

/// What a figure is told with, made once: a run has many samples and few steps.
struct Labels {
    scenario: KeyValue,
    steps: Vec<StepLabels>,
    unknown_step: StepLabels,
}

struct StepLabels {
    good: [KeyValue; 3],
    failed: [KeyValue; 3],
    timed: [KeyValue; 2],
}

/// How many exports arrived, and how many did not.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    failed: AtomicU64,
    first_failure: OnceLock<String>,
    /// Whether the latest did not arrive.
    is_behind: AtomicBool,
}

/// An exporter that counts.
struct Counting {
    exporter: MetricExporter,
    tally: Arc<Tally>,
}

impl PushMetricExporter for Counting {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.exporter.export(metrics).await;
        self.tally.take(&result);
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

impl Tally {
    fn take(&self, result: &OTelSdkResult) {
        let counter = match result {
            Ok(()) => &self.sent,
            Err(error) => {
                self.first_failure.get_or_init(|| error.to_string());
                &self.failed
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.is_behind.store(result.is_err(), Ordering::Relaxed);
    }

    /// What became of the exports to `endpoint`; `None` when all arrived.
    fn sentence(&self, endpoint: &OtlpEndpoint) -> Option<String> {
        let failed = self.failed.load(Ordering::Relaxed);
        let all = failed + self.sent.load(Ordering::Relaxed);
        let outcome = if self.is_behind.load(Ordering::Relaxed) {
            "the last one neither, so that what is there is not the end of the run"
        } else {
            "but the last one did, so that the sums there are complete"
        };
        (failed > 0).then(|| {
            format!("WARNING: {failed} of {all} exports of figures did not arrive at {endpoint}, {outcome}")
        })
    }
}

/// Sends to the address that was given and to no other: neither through a proxy of the environment's nor to where an answer
/// points. Figures and the credentials of the environment's variables go with each request.
fn client() -> Result<reqwest::blocking::Client, ExporterBuildError> {
    let build = || {
        reqwest::blocking::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
    };
    let failed =
        |reason: &str| ExporterBuildError::InternalFailure(format!("no HTTP client can be made: {reason}"));
    // A blocking client may not be made on a thread of the asynchronous runtime.
    std::thread::spawn(build)
        .join()
        .map_err(|_| failed("its thread panicked"))?
        .map_err(|error| failed(&error.to_string()))
}

impl fmt::Debug for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Export")
            .field("endpoint", &self.endpoint)
            .field("tally", &self.tally)
            .finish_non_exhaustive()
    }
}

impl Export {
    /// Begins to send the figures of a run of `plan`.
    ///
    /// # Errors
    /// When the exporter cannot be made as the environment's variables of OpenTelemetry want it.
    pub(super) fn start(
        plan: &Plan,
        run_id: &str,
        endpoint: &OtlpEndpoint,
    ) -> Result<Self, ExporterBuildError> {
        let exporter = MetricExporter::builder()
            .with_http()
            .with_http_client(client()?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint.to_string())
            .with_timeout(TIMEOUT)
            .with_temporality(Temporality::Cumulative)
            .build()?;
        let tally = Arc::new(Tally::default());
        let counting = Counting {
            exporter,
            tally: Arc::clone(&tally),
        };
        let resource = Resource::builder()
            .with_service_name("loadtest")
            .with_attributes([
                KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
                KeyValue::new("service.instance.id", run_id.to_owned()),
                KeyValue::new("loadtest.run_id", run_id.to_owned()),
                KeyValue::new("loadtest.scenario", plan.name.clone()),
                KeyValue::new("loadtest.target.version", plan.target.version.clone()),
            ])
            .build();
        let provider = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(PeriodicReader::builder(counting).with_interval(EVERY).build())
            .build();
        Ok(Self {
            instruments: Instruments::new(&provider.meter("loadtest")),
            labels: Labels::of(plan),
            provider,
            tally,
            endpoint: endpoint.clone(),
        })
    }

    /// What is wrong with the exports, in the same words however often it is asked; `None` while all have arrived.
    pub(super) fn trouble(&self) -> Option<String> {
        self.tally.first_failure.get().map(|reason| {
            format!(
                "WARNING: figures do not arrive at {}: {reason}; the run goes on, and its own files are complete",
                self.endpoint
            )
        })
    }

    /// Sends the last figures and stops. Returns what its reader must know when some did not arrive.
    pub(super) async fn finish(&self) -> Option<String> {
        let provider = self.provider.clone();
        // It waits for the thread that sends, within bounds of its own. Whether that succeeded, the tally says.
        let _ = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        self.tally.sentence(&self.endpoint)
    }
}

impl Instruments {
    fn new(meter: &Meter) -> Self {
        let seconds = |name: &'static str, meaning| {
            meter
                .f64_histogram(name)
                .with_description(meaning)
                .with_unit("s")
                .with_boundaries(SECONDS_EDGES.to_vec())
                .build()
        };
        // A unit in braces is a remark: it adds nothing to the name that Prometheus gives the figure.
        let counter = |name: &'static str, unit, meaning| {
            meter
                .u64_counter(name)
                .with_description(meaning)
                .with_unit(unit)
                .build()
        };
        let gauge = |name: &'static str, unit, meaning| {
            meter
                .u64_gauge(name)
                .with_description(meaning)
                .with_unit(unit)
                .build()
        };
        Self {
            requests: counter("loadtest.requests", "{request}", meaning::REQUESTS),
            response_time: seconds("loadtest.response_time", meaning::RESPONSE_TIME),
            event_time: seconds("loadtest.event_time", meaning::EVENT_TIME),
            events_failed: counter("loadtest.events_failed", "{event}", meaning::EVENTS_FAILED),
            iterations: counter("loadtest.iterations", "{iteration}", meaning::ITERATIONS),
            virtual_users: gauge("loadtest.virtual_users", "{user}", meaning::VIRTUAL_USERS),
            results_pending: gauge("loadtest.results_pending", "{result}", meaning::RESULTS_PENDING),
            incidents: counter("loadtest.incidents", "{incident}", meaning::INCIDENTS),
        }
    }
}

impl Labels {
    fn of(plan: &Plan) -> Self {
        let scenario = shared("scenario", &plan.name);
        let steps = plan
            .steps
            .iter()
            .map(|step| StepLabels::of(&scenario, &step.name));
        Self {
            steps: steps.collect(),
            unknown_step: StepLabels::of(&scenario, "unknown"),
            scenario,
        }
    }

    fn step(&self, index: usize) -> &StepLabels {
        self.steps.get(index).unwrap_or(&self.unknown_step)
    }

    fn with(&self, key: &'static str, value: &'static str) -> [KeyValue; 2] {
        [self.scenario.clone(), KeyValue::new(key, value)]
    }
}

/// A label whose text is shared: it is cloned with each event, into labels that are made for it. Those of the steps are made
/// once and only lent.
fn shared(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, Value::String(Arc::<str>::from(value).into()))
}

impl StepLabels {
    fn of(scenario: &KeyValue, step: &str) -> Self {
        let step = KeyValue::new("step", step.to_owned());
        let with = |outcome| [scenario.clone(), step.clone(), KeyValue::new("outcome", outcome)];
        Self {
            good: with("good"),
            failed: with("failed"),
            timed: [scenario.clone(), step.clone()],
        }
    }
}

impl Listener for Export {
    fn request(&self, step: usize, taken_s: Option<f64>) {
        let labels = self.labels.step(step);
        match taken_s {
            Some(taken_s) => {
                self.instruments.response_time.record(taken_s, &labels.timed);
                self.instruments.requests.add(1, &labels.good);
            }
            None => self.instruments.requests.add(1, &labels.failed),
        }
    }

    fn event(&self, kind: &'static str, taken_s: Option<f64>) {
        let labels = self.labels.with("kind", kind);
        match taken_s {
            Some(taken_s) => self.instruments.event_time.record(taken_s, &labels),
            None => self.instruments.events_failed.add(1, &labels),
        }
    }

    fn iterations(&self, outcome: &'static str, number: u64) {
        let labels = self.labels.with("outcome", outcome);
        self.instruments.iterations.add(number, &labels);
    }

    fn now(&self, users: u64, results_pending: Option<u64>) {
        let labels = std::slice::from_ref(&self.labels.scenario);
        self.instruments.virtual_users.record(users, labels);
        if let Some(pending) = results_pending {
            self.instruments.results_pending.record(pending, labels);
        }
    }

    fn incident(&self, policy: &'static str) {
        let labels = self.labels.with("policy", policy);
        self.instruments.incidents.add(1, &labels);
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::error::OTelSdkError;

    use super::*;

    #[test]
    fn exports_that_failed_are_counted_and_the_last_one_decides_what_is_there() {
        let endpoint = "http://collector:4318".parse().unwrap();
        let tally = Tally::default();
        tally.take(&Ok(()));
        assert_eq!(tally.sentence(&endpoint), None);
        tally.take(&Err(OTelSdkError::InternalFailure("refused".to_owned())));
        let behind = tally.sentence(&endpoint).unwrap();
        assert!(
            behind.contains("1 of 2 exports") && behind.contains("not the end of the run"),
            "{behind}"
        );
        tally.take(&Ok(()));
        let complete = tally.sentence(&endpoint).unwrap();
        assert!(
            complete.contains("1 of 3 exports") && complete.contains("are complete"),
            "{complete}"
        );
    }
}
