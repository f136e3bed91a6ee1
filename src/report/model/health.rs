//! How the run itself went, as `run.json` holds it: phases, iterations, generator, mock, audit.

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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimelineRecord {
    pub measured_from_s: f64,
    pub load_ended_s: f64,
    pub load_planned_s: f64,
    pub drained_s: f64,
}

/// What became of the tickets, warm-up included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IterationsRecord {
    pub due: u64,
    pub started: u64,
    pub dropped: u64,
    pub succeeded: u64,
    pub failed: u64,
    /// Absent in files of versions that knew no users with patience.
    #[serde(default)]
    pub abandoned: u64,
    pub unfinished: u64,
}

/// How the load generator did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GeneratorRecord {
    pub workers: Vec<WorkerRecord>,
    /// Absent in files of versions that did not measure it, as are the next two.
    #[serde(default)]
    pub process: Option<ProcessRecord>,
    #[serde(default)]
    pub host_stalls: Option<HostStallsRecord>,
    #[serde(default)]
    pub never_begun: NeverBegunRecord,
    /// The share of all dispatched arrivals that were timely; `null` when nothing was scheduled. Follows from the
    /// workers' counts.
    #[serde(default)]
    pub timely_share: Option<f64>,
    /// Absent in files of versions that did not look, as are the next four.
    #[serde(default)]
    pub delivery: Option<DeliveryRecord>,
    #[serde(default)]
    pub host_use: Option<HostUseRecord>,
    #[serde(default)]
    pub calibration: Option<CalibrationRecord>,
    #[serde(default)]
    pub clock_offset: Option<ClockOffsetRecord>,
    /// Row changes that have no realtime latency, because nobody knows when they were committed.
    #[serde(default)]
    pub events_without_commit: u64,
    pub vus_peak: u32,
    pub vus_max: u32,
    pub queue_waits: u64,
    pub events_discarded: u64,
    pub polls: u64,
    pub initial_reads: u64,
    pub frames_malformed: u64,
    pub sockets_lost: u64,
    // Runs stored before these were recorded have none of them.
    #[serde(default)]
    pub channels_rejoined: u64,
    #[serde(default)]
    pub descriptors_peak: Option<u64>,
    #[serde(default)]
    pub descriptors_max: Option<u64>,
    #[serde(default)]
    pub ports_max: Option<u64>,
}

/// One worker thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerRecord {
    pub index: u16,
    pub cpu_ms: f64,
    pub wall_ms: f64,
    pub longest_hiccup_ms: f64,
    /// Absent in files of versions that kept the longest only.
    #[serde(default)]
    pub lateness: Option<LatenessRecord>,
    /// Absent in files of versions that did not count by worker, as are the next three.
    #[serde(default)]
    pub started: u64,
    #[serde(default)]
    pub dropped: u64,
    /// `null` when the worker had no schedule to keep.
    #[serde(default)]
    pub punctuality: Option<PunctualityRecord>,
    #[serde(default)]
    pub queue_waits: u64,
}

/// How the mock of ClassConnect did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MockRecord {
    pub lateness_p50_ms: Option<f64>,
    pub lateness_p99_ms: Option<f64>,
    pub accepted: u64,
    pub dropped_on_purpose: u64,
    pub ledger_records_missing: u64,
}

/// What became of everything that was accepted. `null` = nobody could tell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub accepted: u64,
    pub completed: u64,
    pub failed: u64,
    pub lost: Option<u64>,
    pub duplicated: Option<u64>,
    pub misdelivered: Option<u64>,
    pub pending: u64,
    pub violations: Vec<ViolationRecord>,
}

/// One finding of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViolationRecord {
    /// `lost`, `duplicated` or `misdelivered`.
    pub kind: String,
    pub reference: String,
    pub ticket: u64,
    pub detail: String,
}

/// One hop of a submission's way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HopRecord {
    pub name: String,
    pub injected: bool,
    pub count: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
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
