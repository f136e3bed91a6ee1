//! The server's own figures, in the Prometheus text format. The registry is a value, so that several servers can
//! live in one process.

mod legacy;
mod realtime;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub use legacy::LegacyMetrics;
pub use realtime::RealtimeMetrics;

/// Upper bucket edges in seconds. They include every threshold that a target or an alert is set at, so that shares
/// beyond a threshold can be read off exactly.
const SECONDS_EDGES: [f64; 13] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0,
];

const GROUP_SIZE_EDGES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What can become of a webhook delivery. The first four are acknowledged.
pub const WEBHOOK_OUTCOMES: [&str; 8] = [
    "applied",
    "duplicate",
    "superseded",
    "unmatched",
    "unauthorized",
    "malformed",
    "too_large",
    "unavailable",
];

/// What can become of a claimed call.
pub const CALL_OUTCOMES: [&str; 6] = ["accepted", "retry", "deferred", "rejected", "exhausted", "fenced"];

/// What can become of a lookup.
pub const POLL_OUTCOMES: [&str; 5] = ["applied", "superseded", "pending", "unknown", "failed"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    pub method: String,
    pub route: String,
    pub status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct QueryLabel {
    pub query: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabel {
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct SourceLabel {
    pub source: &'static str,
}

#[derive(Debug, Clone)]
pub struct SecondsHistogram;

impl MetricConstructor<Histogram> for SecondsHistogram {
    fn new_metric(&self) -> Histogram {
        Histogram::new(SECONDS_EDGES)
    }
}

type SecondsBy<L> = Family<L, Histogram, SecondsHistogram>;

/// Handles to every metric. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    pub http_request_duration: SecondsBy<RequestLabels>,
    pub db_query_duration: SecondsBy<QueryLabel>,
    pub commit_group_size: Histogram,
    pub writer_queue_depth: Gauge,
    pub pool_connections: Gauge,
    pub pool_connections_idle: Gauge,
    pub pool_connections_max: Gauge,
    /// The wait for a place in the pool, also when it was in vain.
    pub pool_wait: Histogram,
    pub pool_timeouts: Counter,
    /// By unit of work, the borders of transactions included.
    pub db_statements: Family<QueryLabel, Counter>,
    /// By one of [`WEBHOOK_OUTCOMES`].
    pub webhooks: Family<OutcomeLabel, Counter>,
    pub webhook_processing: Histogram,
    /// By one of [`CALL_OUTCOMES`].
    pub calls: Family<OutcomeLabel, Counter>,
    pub calls_in_flight: Gauge,
    pub call_duration: SecondsBy<OutcomeLabel>,
    /// By one of [`POLL_OUTCOMES`].
    pub polls: Family<OutcomeLabel, Counter>,
    /// 0 closed, 1 open, 2 half-open.
    pub breaker_state: Gauge,
    pub breaker_opened: Counter,
    /// By source: call, webhook.
    pub dead_letters: Family<SourceLabel, Counter>,
    pub injected_faults: Counter,
    pub realtime: RealtimeMetrics,
    pub legacy: LegacyMetrics,
    registry: std::sync::Arc<Registry>,
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Self {
            http_request_duration: Family::new_with_constructor(SecondsHistogram),
            db_query_duration: Family::new_with_constructor(SecondsHistogram),
            commit_group_size: Histogram::new(GROUP_SIZE_EDGES),
            writer_queue_depth: Gauge::default(),
            pool_connections: Gauge::default(),
            pool_connections_idle: Gauge::default(),
            pool_connections_max: Gauge::default(),
            pool_wait: Histogram::new(SECONDS_EDGES),
            pool_timeouts: Counter::default(),
            db_statements: Family::default(),
            webhooks: Family::default(),
            webhook_processing: Histogram::new(SECONDS_EDGES),
            calls: Family::default(),
            calls_in_flight: Gauge::default(),
            call_duration: Family::new_with_constructor(SecondsHistogram),
            polls: Family::default(),
            breaker_state: Gauge::default(),
            breaker_opened: Counter::default(),
            dead_letters: Family::default(),
            injected_faults: Counter::default(),
            realtime: RealtimeMetrics::default(),
            legacy: LegacyMetrics::default(),
            registry: std::sync::Arc::default(),
        };
        metrics.registry = std::sync::Arc::new(metrics.register());
        metrics.begin_at_zero();
        metrics
    }

    /// A series that does not exist cannot be told from one that is missing, so the known ones begin at zero.
    fn begin_at_zero(&self) {
        for outcome in WEBHOOK_OUTCOMES {
            drop(self.webhooks.get_or_create(&OutcomeLabel { outcome }));
        }
        for outcome in CALL_OUTCOMES {
            drop(self.calls.get_or_create(&OutcomeLabel { outcome }));
        }
        for outcome in POLL_OUTCOMES {
            drop(self.polls.get_or_create(&OutcomeLabel { outcome }));
        }
        for source in ["call", "webhook"] {
            drop(self.dead_letters.get_or_create(&SourceLabel { source }));
        }
    }

    fn register(&self) -> Registry {
        let mut registry = Registry::default();
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer's head, by route and status",
            Unit::Seconds,
            self.http_request_duration.clone(),
        );
        registry.register_with_unit(
            "db_query_duration",
            "Time of a read, or of a write transaction's statements without the wait for its group's commit",
            Unit::Seconds,
            self.db_query_duration.clone(),
        );
        registry.register(
            "db_commit_group_size",
            "Write jobs per commit",
            self.commit_group_size.clone(),
        );
        registry.register(
            "db_writer_queue_depth",
            "Write jobs waiting",
            self.writer_queue_depth.clone(),
        );
        self.register_pool(&mut registry);
        self.register_classconnect(&mut registry);
        registry.register(
            "injected_faults",
            "Requests answered 500 on purpose",
            self.injected_faults.clone(),
        );
        self.realtime.register(&mut registry);
        self.legacy.register(&mut registry);
        registry
    }

    fn register_pool(&self, registry: &mut Registry) {
        registry.register(
            "db_pool_connections",
            "Open connections; on SQLite those of the readers",
            self.pool_connections.clone(),
        );
        registry.register(
            "db_pool_connections_idle",
            "Open connections nobody uses",
            self.pool_connections_idle.clone(),
        );
        registry.register(
            "db_pool_connections_max",
            "Connections that may be open at once",
            self.pool_connections_max.clone(),
        );
        registry.register_with_unit(
            "db_pool_wait",
            "Wait for a connection of the pool, also in vain (PostgreSQL)",
            Unit::Seconds,
            self.pool_wait.clone(),
        );
        registry.register(
            "db_pool_timeouts",
            "Waits for a connection of the pool that were given up (PostgreSQL)",
            self.pool_timeouts.clone(),
        );
        registry.register(
            "db_statements",
            "Statements sent by unit of work, borders of transactions included (PostgreSQL)",
            self.db_statements.clone(),
        );
    }

    fn register_classconnect(&self, registry: &mut Registry) {
        registry.register(
            "webhooks",
            "Webhook deliveries received, by outcome",
            self.webhooks.clone(),
        );
        registry.register_with_unit(
            "webhook_processing_duration",
            "Time from a verified delivery to its commit",
            Unit::Seconds,
            self.webhook_processing.clone(),
        );
        registry.register(
            "classconnect_calls",
            "Calls to ClassConnect, by outcome",
            self.calls.clone(),
        );
        registry.register(
            "classconnect_calls_in_flight",
            "Calls to ClassConnect under way",
            self.calls_in_flight.clone(),
        );
        registry.register_with_unit(
            "classconnect_call_duration",
            "Time of a call to ClassConnect with its quick retries, by outcome",
            Unit::Seconds,
            self.call_duration.clone(),
        );
        registry.register(
            "classconnect_polls",
            "Lookups of overdue jobs, by outcome",
            self.polls.clone(),
        );
        registry.register(
            "circuit_breaker_state",
            "0 closed, 1 open, 2 half-open",
            self.breaker_state.clone(),
        );
        registry.register(
            "circuit_breaker_opened",
            "Times the circuit breaker opened",
            self.breaker_opened.clone(),
        );
        registry.register(
            "dead_letters",
            "Entries put into the dead letter queue",
            self.dead_letters.clone(),
        );
    }

    /// Everything in the OpenMetrics text format.
    ///
    /// # Errors
    /// Only if formatting into a string fails.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub fn count_webhook(&self, outcome: &'static str) {
        self.webhooks.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub fn count_call(&self, outcome: &'static str) {
        self.calls.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub fn count_poll(&self, outcome: &'static str) {
        self.polls.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub fn count_dead_letter(&self, source: &'static str) {
        self.dead_letters.get_or_create(&SourceLabel { source }).inc();
    }

    pub fn count_statements(&self, query: &'static str, count: u64) {
        self.db_statements
            .get_or_create(&QueryLabel { query })
            .inc_by(count);
    }

    pub fn observe_query(&self, query: &'static str, seconds: f64) {
        self.db_query_duration
            .get_or_create(&QueryLabel { query })
            .observe(seconds);
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
