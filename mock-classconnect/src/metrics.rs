//! The mock's own metrics, in the Prometheus text format.

use std::fmt;

use classconnect_api::SubmissionKind;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::schedule::Pending;

/// Edges of the lateness histogram in seconds: a timer is late by about a millisecond, trouble begins at ten.
const LATENESS_EDGES: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// All metrics and their registry. A value, not a global, so that several mocks fit into one process.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    jobs: Family<SubmissionLabel, Counter>,
    rejected: Family<ReasonLabel, Counter>,
    attempts: Family<OutcomeLabel, Counter>,
    bounds_hit: Family<BoundLabel, Counter>,
    pub(crate) retries: Counter,
    pub(crate) webhooks_acknowledged: Counter,
    pub(crate) webhooks_exhausted: Counter,
    pub(crate) webhooks_dropped: Counter,
    pub(crate) delays_clamped: Counter,
    pub(crate) ledger_write_failures: Counter,
    lateness: Histogram,
    pending_jobs: Gauge,
    pending_deliveries: Gauge,
    in_flight_deliveries: Gauge,
}

/// How a delivery attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptOutcome {
    /// Answered 2xx.
    Acknowledged,
    /// Answered with another status.
    Refused,
    /// Not answered.
    Error,
}

impl AttemptOutcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Refused => "refused",
            Self::Error => "error",
        }
    }
}

/// A limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A connection had to wait until another one ended.
    Connections,
    /// A submission was refused because too many jobs were pending.
    PendingJobs,
    /// An old job was forgotten.
    Jobs,
    /// An old record left memory.
    LedgerRecords,
    /// A delivery that was due had to wait for a sender.
    Senders,
    /// A refused try could not be remembered.
    RefusedSubmissions,
}

impl Bound {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::PendingJobs => "pending_jobs",
            Self::Jobs => "jobs",
            Self::LedgerRecords => "ledger_records",
            Self::Senders => "senders",
            Self::RefusedSubmissions => "refused_submissions",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SubmissionLabel {
    submission: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BoundLabel {
    bound: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("mock_classconnect");
        let metrics = Self {
            jobs: Family::default(),
            rejected: Family::default(),
            attempts: Family::default(),
            bounds_hit: Family::default(),
            retries: Counter::default(),
            webhooks_acknowledged: Counter::default(),
            webhooks_exhausted: Counter::default(),
            webhooks_dropped: Counter::default(),
            delays_clamped: Counter::default(),
            ledger_write_failures: Counter::default(),
            lateness: Histogram::new(LATENESS_EDGES),
            pending_jobs: Gauge::default(),
            pending_deliveries: Gauge::default(),
            in_flight_deliveries: Gauge::default(),
            registry: Registry::default(),
        };
        metrics.register(&mut registry);
        Self { registry, ..metrics }
    }

    fn register(&self, to: &mut Registry) {
        to.register("jobs", "Submissions accepted", self.jobs.clone());
        to.register("rejected", "Submissions not accepted", self.rejected.clone());
        to.register(
            "delivery_attempts",
            "Delivery attempts that ended",
            self.attempts.clone(),
        );
        to.register("bounds_hit", "Limits that were reached", self.bounds_hit.clone());
        to.register(
            "retries",
            "Delivery attempts that were scheduled again",
            self.retries.clone(),
        );
        to.register(
            "webhooks_acknowledged",
            "Webhooks answered 2xx",
            self.webhooks_acknowledged.clone(),
        );
        to.register(
            "webhooks_exhausted",
            "Webhooks given up",
            self.webhooks_exhausted.clone(),
        );
        to.register(
            "webhooks_dropped",
            "Webhooks not sent, as planned",
            self.webhooks_dropped.clone(),
        );
        to.register(
            "delays_clamped",
            "Delays cut at their maximum",
            self.delays_clamped.clone(),
        );
        to.register(
            "ledger_write_failures",
            "Writes to the ledger file that failed",
            self.ledger_write_failures.clone(),
        );
        to.register_with_unit(
            "delivery_lateness",
            "From the planned to the actual moment of sending",
            Unit::Seconds,
            self.lateness.clone(),
        );
        to.register(
            "pending_jobs",
            "Jobs whose webhook is not settled",
            self.pending_jobs.clone(),
        );
        to.register(
            "pending_deliveries",
            "Deliveries waiting or under way",
            self.pending_deliveries.clone(),
        );
        to.register(
            "in_flight_deliveries",
            "Deliveries under way",
            self.in_flight_deliveries.clone(),
        );
    }

    pub(crate) fn count_job(&self, kind: SubmissionKind) {
        self.jobs
            .get_or_create(&SubmissionLabel {
                submission: kind.as_str(),
            })
            .inc();
    }

    pub(crate) fn count_rejection(&self, reason: &'static str) {
        self.rejected.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub(crate) fn count_attempt(&self, outcome: AttemptOutcome) {
        self.attempts
            .get_or_create(&OutcomeLabel {
                outcome: outcome.as_str(),
            })
            .inc();
    }

    pub(crate) fn count_bound_hit(&self, bound: Bound, times: u64) {
        if times > 0 {
            self.bounds_hit
                .get_or_create(&BoundLabel {
                    bound: bound.as_str(),
                })
                .inc_by(times);
        }
    }

    pub(crate) fn observe_lateness(&self, lateness_ns: u64) {
        self.lateness.observe(lateness_ns as f64 / 1e9);
    }

    /// All metrics as text, with the gauges set to what is pending now.
    pub(crate) fn render(&self, pending: Pending) -> Result<String, fmt::Error> {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        self.pending_jobs.set(gauge(pending.jobs));
        self.pending_deliveries.set(gauge(pending.deliveries));
        self.in_flight_deliveries.set(gauge(pending.in_flight));
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
