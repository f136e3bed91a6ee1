//! How long a rollback took, as `run.json` holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sla::{Paced, RollbackTimes, Timing};

/// The parts of a rollback. Each counts from the tripping of the first threshold, but for its detection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackTimesRecord {
    /// From the injected fault, or else the first bad second, to the tripping.
    pub detect: PacedRecord,
    /// To the end of the rollback action.
    pub act: PacedRecord,
    /// To the first second of a window's length in which all was well.
    pub recover: PacedRecord,
}

/// A time, and how long it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PacedRecord {
    /// `null` when it was not over, or nobody can tell.
    pub seconds: Option<f64>,
    /// So long at least, when it was not over at the end of the load.
    pub more_than_s: Option<f64>,
    /// How long it may be; `null` = no limit is set.
    pub limit_s: Option<f64>,
    /// `null` without a limit, or when nobody can tell.
    pub kept: Option<bool>,
}

impl From<RollbackTimes> for RollbackTimesRecord {
    fn from(times: RollbackTimes) -> Self {
        Self {
            detect: times.detect.into(),
            act: times.act.into(),
            recover: times.recover.into(),
        }
    }
}

impl From<Paced> for PacedRecord {
    fn from(paced: Paced) -> Self {
        let (seconds, more_than_s) = match paced.took {
            Timing::Seconds(seconds) => (Some(seconds), None),
            Timing::MoreThan(seconds) => (None, Some(seconds)),
            Timing::Unknown => (None, None),
        };
        Self {
            seconds,
            more_than_s,
            limit_s: paced.limit.map(|limit| limit.as_secs_f64()),
            kept: paced.kept(),
        }
    }
}
