//! What the generator knows of its own punctuality and of its host, as `run.json` holds it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::instrument::LatenessRecord;
use crate::metrics::{HostStalls, NeverBegun, ProcessHealth, Punctuality};

/// How punctually a worker dispatched its arrivals, after the warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PunctualityRecord {
    /// Arrivals that were dispatched.
    pub dispatched: u64,
    /// Within 10 ms of their due moment.
    pub timely: u64,
    /// Median of how late they were dispatched.
    pub lag_p50_ms: f64,
    /// 99th percentile of how late they were dispatched.
    pub lag_p99_ms: f64,
    /// The latest.
    pub lag_max_ms: f64,
}

/// What the generator's process used during load and drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProcessRecord {
    /// Processor time, in milliseconds.
    pub cpu_ms: f64,
    /// Time that went by, in milliseconds.
    pub wall_ms: f64,
}

/// How late a thread woke up that only sleeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostStallsRecord {
    /// How often it was to wake up.
    pub beats: u64,
    /// Beats that came more than 10 ms late.
    pub late: u64,
    /// The longest stall.
    pub longest_ms: f64,
    /// Percentiles of how late it woke up; absent in files of versions that kept the longest only.
    #[serde(default)]
    pub lateness: Option<LatenessRecord>,
    /// The seconds with a stall of at least 50 ms.
    pub by_second: Vec<HostStallRecord>,
}

/// The longest stall of one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HostStallRecord {
    /// Second of the run.
    pub second: u32,
    /// The longest stall in it.
    pub longest_ms: f64,
}

/// Iterations of the plan that never began, by cause.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NeverBegunRecord {
    /// No virtual user was free.
    pub no_free_user: u64,
    /// The time in which iterations may begin was over.
    pub max_duration: u64,
    /// The load was stopped before.
    pub called_off: u64,
}

pub(super) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

pub(super) fn duration(milliseconds: f64) -> Duration {
    Duration::from_micros((milliseconds * 1e3).round().max(0.0) as u64)
}

impl From<&Punctuality> for PunctualityRecord {
    fn from(punctuality: &Punctuality) -> Self {
        Self {
            dispatched: punctuality.dispatched,
            timely: punctuality.timely,
            lag_p50_ms: punctuality.lag_p50_ms,
            lag_p99_ms: punctuality.lag_p99_ms,
            lag_max_ms: punctuality.lag_max_ms,
        }
    }
}

impl From<&PunctualityRecord> for Punctuality {
    fn from(record: &PunctualityRecord) -> Self {
        Self {
            dispatched: record.dispatched,
            timely: record.timely,
            lag_p50_ms: record.lag_p50_ms,
            lag_p99_ms: record.lag_p99_ms,
            lag_max_ms: record.lag_max_ms,
        }
    }
}

impl From<&ProcessHealth> for ProcessRecord {
    fn from(process: &ProcessHealth) -> Self {
        Self {
            cpu_ms: milliseconds(process.cpu),
            wall_ms: milliseconds(process.wall),
        }
    }
}

impl From<&ProcessRecord> for ProcessHealth {
    fn from(record: &ProcessRecord) -> Self {
        Self {
            cpu: duration(record.cpu_ms),
            wall: duration(record.wall_ms),
        }
    }
}

impl From<&HostStalls> for HostStallsRecord {
    fn from(stalls: &HostStalls) -> Self {
        let by_second = stalls.by_second.iter().map(|(second, longest)| HostStallRecord {
            second: *second,
            longest_ms: milliseconds(*longest),
        });
        Self {
            beats: stalls.beats,
            late: stalls.late,
            longest_ms: milliseconds(stalls.longest),
            lateness: stalls.lateness.as_ref().map(Into::into),
            by_second: by_second.collect(),
        }
    }
}

impl From<&HostStallsRecord> for HostStalls {
    fn from(record: &HostStallsRecord) -> Self {
        let by_second = record.by_second.iter();
        Self {
            beats: record.beats,
            late: record.late,
            longest: duration(record.longest_ms),
            lateness: record.lateness.as_ref().map(Into::into),
            by_second: by_second
                .map(|stall| (stall.second, duration(stall.longest_ms)))
                .collect(),
        }
    }
}

impl From<&NeverBegun> for NeverBegunRecord {
    fn from(never_begun: &NeverBegun) -> Self {
        Self {
            no_free_user: never_begun.no_free_user,
            max_duration: never_begun.max_duration,
            called_off: never_begun.called_off,
        }
    }
}

impl From<&NeverBegunRecord> for NeverBegun {
    fn from(record: &NeverBegunRecord) -> Self {
        Self {
            no_free_user: record.no_free_user,
            max_duration: record.max_duration,
            called_off: record.called_off,
        }
    }
}
