//! What `run.json` holds of the generator's machine, of the generator by itself, and of the target's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::generator::{duration, milliseconds};
use crate::metrics::{Calibration, ClockOffset, Contention, Delivery, HostUse, Lateness, Level, MemoryUse};

/// Percentiles of how late something came that was due at regular times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LatenessRecord {
    /// Median.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
}

/// How much of the schedule each second brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryRecord {
    /// Seconds that were looked at.
    pub seconds: u32,
    /// Seconds that brought less than 95 % of their planned arrivals.
    pub short: u32,
    /// The second that fell short the most; `null` when none did.
    pub worst: Option<ShortSecondRecord>,
}

/// The second that fell short the most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ShortSecondRecord {
    /// Second of the run.
    pub second: u32,
    /// Arrivals that were planned for it.
    pub planned: u64,
    /// Arrivals that began in it.
    pub began: u64,
}

/// A share of the time: over all seconds in which it was known, and in the worst of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LevelRecord {
    /// Seconds in which it was known.
    pub seconds: u32,
    /// Over all of them, 0 to 1.
    pub mean: f64,
    /// In the worst of them, 0 to 1.
    pub worst: f64,
}

/// Resident memory of the generator's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemoryRecord {
    /// At the start of the load.
    pub first_bytes: u64,
    /// The most.
    pub peak_bytes: u64,
    /// At its end.
    pub last_bytes: u64,
}

/// What was taken of one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TakenRecord {
    /// Second of the run.
    pub second: u32,
    /// How much of it was taken, of the time of one core.
    pub taken_ms: f64,
}

/// Who had the cores in one second, while the run's threads waited for one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ContentionRecord {
    /// Second of the run.
    pub second: u32,
    /// Share of the used CPU time that went to processes that are no part of the run, 0 to 1.
    pub others_share: f64,
    /// How long the thread that waited longest did so, in all.
    pub waited_ms: f64,
    /// The mean wait of a wake-up of a worker.
    pub worker_wait_ms: f64,
    /// The mean wait of a wake-up of the target's servers or the mock.
    pub server_wait_ms: f64,
}

/// The generator's machine while the load went on; `null` = the system does not say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostUseRecord {
    /// Seconds that were looked at.
    pub seconds: u32,
    /// Share of all cores' time that was used.
    pub busy: Option<LevelRecord>,
    /// Seconds in which more than 85 % of all cores' time was used.
    pub busy_seconds: u32,
    /// Share that a hypervisor gave to others while somebody here wanted to run.
    pub stolen: Option<LevelRecord>,
    /// Share of the time in which some task waited for a core.
    pub waiting: Option<LevelRecord>,
    /// Share of the time in which some task waited for a disk; absent in files of versions that did not look at it.
    #[serde(default)]
    pub waiting_for_disk: Option<LevelRecord>,
    /// Share of the time in which the process's control group had used up its allowance.
    pub throttled: Option<LevelRecord>,
    /// Resident memory of the generator's process.
    pub memory: Option<MemoryRecord>,
    /// Most sockets of TCP in use at once.
    pub sockets_peak: Option<u64>,
    /// Most ports at once that rested after their connection.
    pub sockets_resting_peak: Option<u64>,
    /// What a hypervisor took, in seconds with at least 50 ms.
    pub stolen_by_second: Vec<TakenRecord>,
    /// For how long the control group had nothing left, in seconds with at least 50 ms.
    pub throttled_by_second: Vec<TakenRecord>,
    /// Who had the cores, in seconds in which the run's threads waited at least 50 ms for what other processes had;
    /// absent in files of versions that did not look.
    #[serde(default)]
    pub contended_by_second: Vec<ContentionRecord>,
}

/// The generator against a server in its own process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationRecord {
    /// Requests per second that were planned.
    pub planned_per_s: f64,
    /// Requests per second that were made.
    pub achieved_per_s: f64,
    /// Requests that were measured.
    pub samples: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Median response time.
    pub p50_ms: f64,
    /// 99th percentile of the response time.
    pub p99_ms: f64,
}

/// The target's clock less ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClockOffsetRecord {
    /// The target's clock less this machine's, in milliseconds.
    pub offset_ms: f64,
    /// `null`: the clocks could not be compared again after the run.
    pub uncertainty_ms: Option<f64>,
    /// How much it changed during the run; `null` when it could not be compared again.
    pub drift_ms: Option<f64>,
}

impl From<&Lateness> for LatenessRecord {
    fn from(lateness: &Lateness) -> Self {
        Self {
            p50_ms: milliseconds(lateness.p50),
            p99_ms: milliseconds(lateness.p99),
            p999_ms: milliseconds(lateness.p999),
        }
    }
}

impl From<&LatenessRecord> for Lateness {
    fn from(record: &LatenessRecord) -> Self {
        Self {
            p50: duration(record.p50_ms),
            p99: duration(record.p99_ms),
            p999: duration(record.p999_ms),
        }
    }
}

impl From<&Delivery> for DeliveryRecord {
    fn from(delivery: &Delivery) -> Self {
        Self {
            seconds: delivery.seconds,
            short: delivery.short,
            worst: delivery.worst.map(|(second, planned, began)| ShortSecondRecord {
                second,
                planned,
                began,
            }),
        }
    }
}

impl From<&DeliveryRecord> for Delivery {
    fn from(record: &DeliveryRecord) -> Self {
        Self {
            seconds: record.seconds,
            short: record.short,
            worst: record
                .worst
                .as_ref()
                .map(|worst| (worst.second, worst.planned, worst.began)),
        }
    }
}

impl From<Level> for LevelRecord {
    fn from(level: Level) -> Self {
        Self {
            seconds: level.seconds,
            mean: level.mean,
            worst: level.worst,
        }
    }
}

impl From<&LevelRecord> for Level {
    fn from(record: &LevelRecord) -> Self {
        Self {
            seconds: record.seconds,
            mean: record.mean,
            worst: record.worst,
        }
    }
}

fn taken(by_second: &BTreeMap<u32, Duration>) -> Vec<TakenRecord> {
    let seconds = by_second.iter();
    seconds
        .map(|(second, taken)| TakenRecord {
            second: *second,
            taken_ms: milliseconds(*taken),
        })
        .collect()
}

fn by_second(taken: &[TakenRecord]) -> BTreeMap<u32, Duration> {
    let seconds = taken.iter();
    seconds
        .map(|taken| (taken.second, duration(taken.taken_ms)))
        .collect()
}

fn contended(by_second: &BTreeMap<u32, Contention>) -> Vec<ContentionRecord> {
    let seconds = by_second.iter();
    seconds
        .map(|(second, contention)| ContentionRecord {
            second: *second,
            others_share: contention.others,
            waited_ms: milliseconds(contention.waited),
            worker_wait_ms: milliseconds(contention.worker_wait),
            server_wait_ms: milliseconds(contention.server_wait),
        })
        .collect()
}

impl From<&ContentionRecord> for (u32, Contention) {
    fn from(record: &ContentionRecord) -> Self {
        let contention = Contention {
            others: record.others_share,
            waited: duration(record.waited_ms),
            worker_wait: duration(record.worker_wait_ms),
            server_wait: duration(record.server_wait_ms),
        };
        (record.second, contention)
    }
}

impl From<&HostUse> for HostUseRecord {
    fn from(host: &HostUse) -> Self {
        Self {
            seconds: host.seconds,
            busy: host.busy.map(Into::into),
            busy_seconds: host.busy_seconds,
            stolen: host.stolen.map(Into::into),
            waiting: host.waiting.map(Into::into),
            waiting_for_disk: host.waiting_for_disk.map(Into::into),
            throttled: host.throttled.map(Into::into),
            memory: host.memory.map(|memory| MemoryRecord {
                first_bytes: memory.first,
                peak_bytes: memory.peak,
                last_bytes: memory.last,
            }),
            sockets_peak: host.sockets_peak,
            sockets_resting_peak: host.sockets_resting_peak,
            stolen_by_second: taken(&host.stolen_by_second),
            throttled_by_second: taken(&host.throttled_by_second),
            contended_by_second: contended(&host.contended_by_second),
        }
    }
}

impl From<&HostUseRecord> for HostUse {
    fn from(record: &HostUseRecord) -> Self {
        Self {
            seconds: record.seconds,
            busy: record.busy.as_ref().map(Into::into),
            busy_seconds: record.busy_seconds,
            stolen: record.stolen.as_ref().map(Into::into),
            waiting: record.waiting.as_ref().map(Into::into),
            waiting_for_disk: record.waiting_for_disk.as_ref().map(Into::into),
            throttled: record.throttled.as_ref().map(Into::into),
            memory: record.memory.as_ref().map(|memory| MemoryUse {
                first: memory.first_bytes,
                peak: memory.peak_bytes,
                last: memory.last_bytes,
            }),
            sockets_peak: record.sockets_peak,
            sockets_resting_peak: record.sockets_resting_peak,
            stolen_by_second: by_second(&record.stolen_by_second),
            throttled_by_second: by_second(&record.throttled_by_second),
            contended_by_second: record.contended_by_second.iter().map(Into::into).collect(),
        }
    }
}

impl From<&Calibration> for CalibrationRecord {
    fn from(found: &Calibration) -> Self {
        Self {
            planned_per_s: found.planned_per_s,
            achieved_per_s: found.achieved_per_s,
            samples: found.samples,
            failed: found.failed,
            p50_ms: found.p50_ms,
            p99_ms: found.p99_ms,
        }
    }
}

impl From<&CalibrationRecord> for Calibration {
    fn from(record: &CalibrationRecord) -> Self {
        Self {
            planned_per_s: record.planned_per_s,
            achieved_per_s: record.achieved_per_s,
            samples: record.samples,
            failed: record.failed,
            p50_ms: record.p50_ms,
            p99_ms: record.p99_ms,
        }
    }
}

fn signed_ms(nanos: i64) -> f64 {
    nanos as f64 / 1e6
}

fn signed_ns(milliseconds: f64) -> i64 {
    (milliseconds * 1e6).round() as i64
}

impl From<&ClockOffset> for ClockOffsetRecord {
    fn from(offset: &ClockOffset) -> Self {
        Self {
            offset_ms: signed_ms(offset.offset_ns),
            uncertainty_ms: offset.uncertainty.map(milliseconds),
            drift_ms: offset.drift_ns.map(signed_ms),
        }
    }
}

impl From<&ClockOffsetRecord> for ClockOffset {
    fn from(record: &ClockOffsetRecord) -> Self {
        Self {
            offset_ns: signed_ns(record.offset_ms),
            uncertainty: record.uncertainty_ms.map(duration),
            drift_ns: record.drift_ms.map(signed_ns),
        }
    }
}
