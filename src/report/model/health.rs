//! How the run itself went, as `run.json` holds it: phases, iterations, generator, mock, audit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::generator::{
    HostStallsRecord, NeverBegunRecord, ProcessRecord, PunctualityRecord, duration, milliseconds,
};
use super::instrument::{
    CalibrationRecord, ClockOffsetRecord, DeliveryRecord, HostUseRecord, LatenessRecord,
};
use crate::metrics::{
    Audit, GeneratorHealth, Hop, Iterations, MockHealth, Timeline, Violation, ViolationKind, WorkerHealth,
};

/// The phases, in seconds from the run's start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineRecord {
    /// The first second whose arrivals are judged: the end of the warm-up.
    pub measured_from_s: f64,
    /// The end of the load.
    pub load_ended_s: f64,
    /// When the load was to end.
    pub load_planned_s: f64,
    /// When the drain was over.
    pub drained_s: f64,
}

/// What became of the tickets, warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IterationsRecord {
    /// Iterations that were due: `started` and `dropped`.
    pub due: u64,
    /// Iterations that began.
    pub started: u64,
    /// Iterations that found no free virtual user, or no time.
    pub dropped: u64,
    /// Iterations in which every step succeeded.
    pub succeeded: u64,
    /// Iterations that ended with a failed step.
    pub failed: u64,
    /// Iterations whose user left; absent in files of versions that knew no users with patience.
    #[serde(default)]
    pub abandoned: u64,
    /// Iterations that were cut off at the end of the run.
    pub unfinished: u64,
}

/// How the load generator did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GeneratorRecord {
    /// The threads that drove virtual users.
    pub workers: Vec<WorkerRecord>,
    /// What the process used; absent in files of versions that did not measure it.
    #[serde(default)]
    pub process: Option<ProcessRecord>,
    /// How late a thread woke up that only sleeps; absent in files of versions that did not measure it.
    #[serde(default)]
    pub host_stalls: Option<HostStallsRecord>,
    /// Iterations of the plan that never began, by cause; absent in files of versions that did not measure it.
    #[serde(default)]
    pub never_begun: NeverBegunRecord,
    /// The share of all dispatched arrivals that were timely; `null` when nothing was scheduled. Follows from the
    /// workers' counts.
    #[serde(default)]
    pub timely_share: Option<f64>,
    /// How much of the schedule each second brought; absent in files of versions that did not look.
    #[serde(default)]
    pub delivery: Option<DeliveryRecord>,
    /// The generator's machine while the load went on; absent in files of versions that did not look.
    #[serde(default)]
    pub host_use: Option<HostUseRecord>,
    /// The generator against a server in its own process, before the load; absent in files of versions that did not
    /// look.
    #[serde(default)]
    pub calibration: Option<CalibrationRecord>,
    /// The target's clock compared with this machine's; absent in files of versions that did not look.
    #[serde(default)]
    pub clock_offset: Option<ClockOffsetRecord>,
    /// Row changes that have no realtime latency, because nobody knows when they were committed.
    #[serde(default)]
    pub events_without_commit: u64,
    /// How many virtual users were busy at once.
    pub vus_peak: u32,
    /// The size of the pool of virtual users.
    pub vus_max: u32,
    /// How often samples found their queue full and had to wait; nothing is thrown away.
    pub queue_waits: u64,
    /// Row changes that a full store of a user pushed out before they were awaited.
    pub events_discarded: u64,
    /// Polls of a `fallback`; no part of what is judged.
    pub polls: u64,
    /// Reads of a row once a subscription was live; no part of what is judged.
    pub initial_reads: u64,
    /// Realtime messages that could not be understood.
    pub frames_malformed: u64,
    /// Realtime sockets that were lost.
    pub sockets_lost: u64,
    /// Channels that were lost and joined again; 0 in files of versions that did not count.
    #[serde(default)]
    pub channels_rejoined: u64,
    /// Most file descriptors at once; `null` when the system does not say.
    #[serde(default)]
    pub descriptors_peak: Option<u64>,
    /// How many file descriptors the process may have; `null` when the system does not say.
    #[serde(default)]
    pub descriptors_max: Option<u64>,
    /// How many local ports there are for connections to one address; `null` when the system does not say.
    #[serde(default)]
    pub ports_max: Option<u64>,
}

/// One worker thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerRecord {
    /// Number of the worker, from 0.
    pub index: u16,
    /// Processor time of its thread, in milliseconds.
    pub cpu_ms: f64,
    /// Time that went by, in milliseconds.
    pub wall_ms: f64,
    /// The longest time that its event loop was blocked.
    pub longest_hiccup_ms: f64,
    /// Percentiles of how late its event loop was; absent in files of versions that kept the longest only.
    #[serde(default)]
    pub lateness: Option<LatenessRecord>,
    /// Iterations that it began; absent in files of versions that did not count by worker.
    #[serde(default)]
    pub started: u64,
    /// Iterations that it dropped; absent in files of versions that did not count by worker.
    #[serde(default)]
    pub dropped: u64,
    /// How punctually it dispatched its arrivals; `null` when it had no schedule to keep.
    #[serde(default)]
    pub punctuality: Option<PunctualityRecord>,
    /// How often its samples found their queue full; absent in files of versions that did not count by worker.
    #[serde(default)]
    pub queue_waits: u64,
}

/// How the mock of ClassConnect did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MockRecord {
    /// Median of how late webhooks were sent; `null` when none was sent.
    pub lateness_p50_ms: Option<f64>,
    /// 99th percentile of how late webhooks were sent; `null` when none was sent.
    pub lateness_p99_ms: Option<f64>,
    /// Submissions that it accepted.
    pub accepted: u64,
    /// Webhooks that it was told not to send.
    pub dropped_on_purpose: u64,
    /// Records of its ledger that could not be fetched.
    pub ledger_records_missing: u64,
}

/// What became of everything that was accepted. `null` = nobody could tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditRecord {
    /// Submissions that the target accepted.
    pub accepted: u64,
    /// Submissions with their result visible.
    pub completed: u64,
    /// Submissions that ended in a failure that the target shows.
    pub failed: u64,
    /// Submissions without an end that can be read, or with another result than the one that was sent.
    pub lost: Option<u64>,
    /// Effects that happened twice.
    pub duplicated: Option<u64>,
    /// Events or results that belong to somebody else.
    pub misdelivered: Option<u64>,
    /// Submissions that were still under way at the end of the run.
    pub pending: u64,
    /// What was found, with witnesses; a bounded list.
    pub violations: Vec<ViolationRecord>,
}

/// One finding of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ViolationRecord {
    /// `lost`, `duplicated` or `misdelivered`.
    pub kind: String,
    /// The `client_reference_id` of the submission.
    pub reference: String,
    /// Number of the iteration.
    pub ticket: u64,
    /// What was found, as a sentence.
    pub detail: String,
}

/// One hop of a submission's way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HopRecord {
    /// From where to where.
    pub name: String,
    /// Whether its time is a delay that the mock injected.
    pub injected: bool,
    /// Submissions that went this way.
    pub count: u64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// The longest.
    pub max_ms: f64,
    /// First second of each stretch, and its p95 in milliseconds. Absent in files of versions that did not keep it.
    #[serde(default)]
    pub p95_over_time: Vec<(u32, f64)>,
}

impl From<&Timeline> for TimelineRecord {
    fn from(timeline: &Timeline) -> Self {
        Self {
            measured_from_s: timeline.measured_from_s,
            load_ended_s: timeline.load_ended_s,
            load_planned_s: timeline.load_planned_s,
            drained_s: timeline.drained_s,
        }
    }
}

impl From<&TimelineRecord> for Timeline {
    fn from(record: &TimelineRecord) -> Self {
        Self {
            measured_from_s: record.measured_from_s,
            load_ended_s: record.load_ended_s,
            load_planned_s: record.load_planned_s,
            drained_s: record.drained_s,
        }
    }
}

impl From<&Iterations> for IterationsRecord {
    fn from(all: &Iterations) -> Self {
        Self {
            due: all.due,
            started: all.started,
            dropped: all.dropped,
            succeeded: all.succeeded,
            failed: all.failed,
            abandoned: all.abandoned,
            unfinished: all.unfinished,
        }
    }
}

impl From<&IterationsRecord> for Iterations {
    fn from(record: &IterationsRecord) -> Self {
        Self {
            due: record.due,
            started: record.started,
            dropped: record.dropped,
            succeeded: record.succeeded,
            failed: record.failed,
            abandoned: record.abandoned,
            unfinished: record.unfinished,
        }
    }
}

impl From<&GeneratorHealth> for GeneratorRecord {
    fn from(health: &GeneratorHealth) -> Self {
        Self {
            workers: health
                .workers
                .iter()
                .map(|worker| WorkerRecord {
                    index: worker.index,
                    cpu_ms: milliseconds(worker.cpu),
                    wall_ms: milliseconds(worker.wall),
                    longest_hiccup_ms: milliseconds(worker.longest_hiccup),
                    lateness: worker.lateness.as_ref().map(Into::into),
                    started: worker.started,
                    dropped: worker.dropped,
                    punctuality: worker.punctuality.as_ref().map(Into::into),
                    queue_waits: worker.queue_waits,
                })
                .collect(),
            process: health.process.as_ref().map(Into::into),
            host_stalls: health.host_stalls.as_ref().map(Into::into),
            never_begun: (&health.never_begun).into(),
            timely_share: health.timely_share(),
            delivery: health.delivery.as_ref().map(Into::into),
            host_use: health.host_use.as_ref().map(Into::into),
            calibration: health.calibration.as_ref().map(Into::into),
            clock_offset: health.clock_offset.as_ref().map(Into::into),
            events_without_commit: health.events_without_commit,
            vus_peak: health.vus_peak,
            vus_max: health.vus_max,
            queue_waits: health.queue_waits,
            events_discarded: health.events_discarded,
            polls: health.polls,
            initial_reads: health.initial_reads,
            frames_malformed: health.frames_malformed,
            sockets_lost: health.sockets_lost,
            channels_rejoined: health.channels_rejoined,
            descriptors_peak: health.descriptors_peak,
            descriptors_max: health.descriptors_max,
            ports_max: health.ports_max,
        }
    }
}

impl From<&GeneratorRecord> for GeneratorHealth {
    fn from(record: &GeneratorRecord) -> Self {
        Self {
            workers: record
                .workers
                .iter()
                .map(|worker| WorkerHealth {
                    index: worker.index,
                    cpu: duration(worker.cpu_ms),
                    wall: duration(worker.wall_ms),
                    longest_hiccup: duration(worker.longest_hiccup_ms),
                    lateness: worker.lateness.as_ref().map(Into::into),
                    started: worker.started,
                    dropped: worker.dropped,
                    punctuality: worker.punctuality.as_ref().map(Into::into),
                    queue_waits: worker.queue_waits,
                })
                .collect(),
            process: record.process.as_ref().map(Into::into),
            host_stalls: record.host_stalls.as_ref().map(Into::into),
            never_begun: (&record.never_begun).into(),
            delivery: record.delivery.as_ref().map(Into::into),
            host_use: record.host_use.as_ref().map(Into::into),
            calibration: record.calibration.as_ref().map(Into::into),
            clock_offset: record.clock_offset.as_ref().map(Into::into),
            events_without_commit: record.events_without_commit,
            vus_peak: record.vus_peak,
            vus_max: record.vus_max,
            queue_waits: record.queue_waits,
            events_discarded: record.events_discarded,
            polls: record.polls,
            initial_reads: record.initial_reads,
            frames_malformed: record.frames_malformed,
            sockets_lost: record.sockets_lost,
            channels_rejoined: record.channels_rejoined,
            descriptors_peak: record.descriptors_peak,
            descriptors_max: record.descriptors_max,
            ports_max: record.ports_max,
        }
    }
}

impl From<&MockHealth> for MockRecord {
    fn from(health: &MockHealth) -> Self {
        Self {
            lateness_p50_ms: health.lateness_p50_ms,
            lateness_p99_ms: health.lateness_p99_ms,
            accepted: health.accepted,
            dropped_on_purpose: health.dropped_on_purpose,
            ledger_records_missing: health.ledger_records_missing,
        }
    }
}

impl From<&MockRecord> for MockHealth {
    fn from(record: &MockRecord) -> Self {
        Self {
            lateness_p50_ms: record.lateness_p50_ms,
            lateness_p99_ms: record.lateness_p99_ms,
            accepted: record.accepted,
            dropped_on_purpose: record.dropped_on_purpose,
            ledger_records_missing: record.ledger_records_missing,
        }
    }
}

fn violation_key(kind: ViolationKind) -> &'static str {
    match kind {
        ViolationKind::Lost => "lost",
        ViolationKind::Duplicated => "duplicated",
        ViolationKind::Misdelivered => "misdelivered",
    }
}

impl From<&Audit> for AuditRecord {
    fn from(audit: &Audit) -> Self {
        Self {
            accepted: audit.accepted,
            completed: audit.completed,
            failed: audit.failed,
            lost: audit.lost,
            duplicated: audit.duplicated,
            misdelivered: audit.misdelivered,
            pending: audit.pending,
            violations: audit
                .violations
                .iter()
                .map(|violation| ViolationRecord {
                    kind: violation_key(violation.kind).to_owned(),
                    reference: violation.reference.clone(),
                    ticket: violation.ticket,
                    detail: violation.detail.clone(),
                })
                .collect(),
        }
    }
}

impl AuditRecord {
    pub(super) fn read(&self) -> Result<Audit, ReportError> {
        let kinds = [
            ViolationKind::Lost,
            ViolationKind::Duplicated,
            ViolationKind::Misdelivered,
        ];
        let mut violations = Vec::new();
        for record in &self.violations {
            let kind = kinds.into_iter().find(|kind| violation_key(*kind) == record.kind);
            violations.push(Violation {
                kind: kind.ok_or_else(|| {
                    ReportError::invalid(format!("\"{}\" is not a kind of violation", record.kind))
                })?,
                reference: record.reference.clone(),
                ticket: record.ticket,
                detail: record.detail.clone(),
            });
        }
        Ok(Audit {
            accepted: self.accepted,
            completed: self.completed,
            failed: self.failed,
            lost: self.lost,
            duplicated: self.duplicated,
            misdelivered: self.misdelivered,
            pending: self.pending,
            violations,
        })
    }
}

impl From<&Hop> for HopRecord {
    fn from(hop: &Hop) -> Self {
        Self {
            name: hop.name.clone(),
            injected: hop.injected,
            count: hop.count,
            p50_ms: hop.p50_ms,
            p95_ms: hop.p95_ms,
            p99_ms: hop.p99_ms,
            max_ms: hop.max_ms,
            p95_over_time: hop.p95_over_time.clone(),
        }
    }
}

impl From<&HopRecord> for Hop {
    fn from(record: &HopRecord) -> Self {
        Self {
            name: record.name.clone(),
            injected: record.injected,
            count: record.count,
            p50_ms: record.p50_ms,
            p95_ms: record.p95_ms,
            p99_ms: record.p99_ms,
            max_ms: record.max_ms,
            p95_over_time: record.p95_over_time.clone(),
        }
    }
}
