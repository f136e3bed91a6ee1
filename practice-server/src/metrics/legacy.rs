//! Figures of the trigger architecture and of the roll-out.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{GROUP_SIZE_EDGES, SECONDS_EDGES, SecondsBy, SecondsHistogram};
use crate::domain::Architecture;

/// Why a queued request's work was not done.
const LOST_REASONS: [&str; 3] = ["connection", "status", "timeout"];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ArchitectureLabel {
    architecture: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FunctionLabel {
    function: &'static str,
}

/// Handles to the figures. Cloning shares them.
#[derive(Debug, Clone)]
pub struct LegacyMetrics {
    actions: Family<ArchitectureLabel, Counter>,
    direct_percent: Gauge,
    queue_depth: Gauge,
    batch_size: Histogram,
    requests_lost: Family<ReasonLabel, Counter>,
    edge_function_duration: SecondsBy<FunctionLabel>,
    edge_function_injected_delay: Histogram,
    trigger_wait: Histogram,
    triggers_overdue: Counter,
    trigger_waits_left_out: Counter,
}

impl Default for LegacyMetrics {
    fn default() -> Self {
        Self {
            actions: Family::default(),
            direct_percent: Gauge::default(),
            queue_depth: Gauge::default(),
            batch_size: Histogram::new(GROUP_SIZE_EDGES),
            requests_lost: Family::default(),
            edge_function_duration: Family::new_with_constructor(SecondsHistogram),
            edge_function_injected_delay: Histogram::new(SECONDS_EDGES),
            trigger_wait: Histogram::new(SECONDS_EDGES),
            triggers_overdue: Counter::default(),
            trigger_waits_left_out: Counter::default(),
        }
    }
}

impl LegacyMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "practice_actions",
            "Accepted practice actions, by the architecture of their session",
            self.actions.clone(),
        );
        registry.register(
            "rollout_direct_percent",
            "How many of a hundred users are served by direct calls",
            self.direct_percent.clone(),
        );
        registry.register(
            "legacy_queue_depth",
            "Requests that waited in the HTTP queue when the latest batch was taken",
            self.queue_depth.clone(),
        );
        registry.register(
            "legacy_batch_size",
            "Requests per batch of the HTTP queue, empty batches left out",
            self.batch_size.clone(),
        );
        registry.register(
            "legacy_requests_lost",
            "Queued requests whose work was not done; there is no second try",
            self.requests_lost.clone(),
        );
        registry.register_with_unit(
            "edge_function_duration",
            "Time of an edge function with its injected delay, by function",
            Unit::Seconds,
            self.edge_function_duration.clone(),
        );
        registry.register_with_unit(
            "edge_function_injected_delay",
            "The part of it that is injected",
            Unit::Seconds,
            self.edge_function_injected_delay.clone(),
        );
        registry.register_with_unit(
            "trigger_wait",
            "Time for which an action waited until its triggered function had set the status",
            Unit::Seconds,
            self.trigger_wait.clone(),
        );
        registry.register(
            "triggers_overdue",
            "Actions that were answered 504 because their triggered function did not set the status in time",
            self.triggers_overdue.clone(),
        );
        registry.register(
            "trigger_waits_left_out",
            "Waits that one look for finished triggers did not ask about, because too many waited longer; added up over \
             all looks",
            self.trigger_waits_left_out.clone(),
        );
        self.begin_at_zero();
    }

    fn begin_at_zero(&self) {
        for architecture in Architecture::ALL.map(Architecture::as_str) {
            drop(self.actions.get_or_create(&ArchitectureLabel { architecture }));
        }
        for reason in LOST_REASONS {
            drop(self.requests_lost.get_or_create(&ReasonLabel { reason }));
        }
    }

    pub fn count_action(&self, architecture: Architecture) {
        let architecture = architecture.as_str();
        self.actions
            .get_or_create(&ArchitectureLabel { architecture })
            .inc();
    }

    pub fn set_direct_percent(&self, percent: u8) {
        self.direct_percent.set(percent.into());
    }

    pub fn observe_batch(&self, waiting: u64, taken: usize) {
        self.queue_depth.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        if taken > 0 {
            self.batch_size.observe(taken as f64);
        }
    }

    pub fn count_lost(&self, reason: &'static str) {
        self.requests_lost.get_or_create(&ReasonLabel { reason }).inc();
    }

    pub fn observe_function(&self, function: &'static str, seconds: f64, injected_seconds: f64) {
        self.edge_function_duration
            .get_or_create(&FunctionLabel { function })
            .observe(seconds);
        self.edge_function_injected_delay.observe(injected_seconds);
    }

    pub fn observe_trigger_wait(&self, seconds: f64) {
        self.trigger_wait.observe(seconds);
    }

    /// Takes note of waits that one look did not ask about.
    pub fn observe_left_out(&self, waits: usize) {
        self.trigger_waits_left_out.inc_by(waits as u64);
    }

    pub fn count_overdue(&self) {
        self.triggers_overdue.inc();
    }
}
