//! Waivers as `run.json` holds them: what was waived, and what became of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use crate::plan::Waiver;
use crate::sla::WaiverUse;

/// A target that may be missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverRecord {
    /// `error_rate`, `response_time{submit_recording} p99`.
    pub target: String,
    /// Why it may be missed.
    pub reason: String,
    /// Who answers for that.
    pub owner: String,
    /// The last day (UTC) on which it holds, `2026-12-31`.
    pub expires: String,
}

/// A waiver, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaiverUseRecord {
    #[serde(flatten)]
    pub waiver: WaiverRecord,
    /// `applied`, `not_needed`, or void: `expired`, `no_target`.
    pub state: String,
}

impl From<&Waiver> for WaiverRecord {
    fn from(waiver: &Waiver) -> Self {
        Self {
            target: waiver.target.clone(),
            reason: waiver.reason.clone(),
            owner: waiver.owner.clone(),
            expires: waiver.expires.to_string(),
        }
    }
}

impl WaiverRecord {
    pub(super) fn read(&self) -> Result<Waiver, ReportError> {
        Ok(Waiver {
            target: self.target.clone(),
            reason: self.reason.clone(),
            owner: self.owner.clone(),
            expires: self
                .expires
                .parse()
                .map_err(|_| ReportError::invalid(format!("\"{}\" is not a date", self.expires)))?,
        })
    }
}

impl From<&WaiverUse> for WaiverUseRecord {
    fn from(waiver_use: &WaiverUse) -> Self {
        Self {
            waiver: WaiverRecord::from(&waiver_use.waiver),
            state: waiver_use.state.key().to_owned(),
        }
    }
}
