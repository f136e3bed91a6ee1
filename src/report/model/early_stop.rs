//! Why a load ended before its time, as `run.json` holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::metrics::EarlyStop;

/// The end of a load that had nothing left to prove.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EarlyStopRecord {
    /// Seconds from the run's start.
    pub at_s: f64,
    /// Which target, and why it was settled.
    pub sentence: String,
}

impl From<&EarlyStop> for EarlyStopRecord {
    fn from(stop: &EarlyStop) -> Self {
        Self {
            at_s: stop.at_s,
            sentence: stop.sentence.clone(),
        }
    }
}

impl From<&EarlyStopRecord> for EarlyStop {
    fn from(record: &EarlyStopRecord) -> Self {
        Self {
            at_s: record.at_s,
            sentence: record.sentence.clone(),
        }
    }
}
