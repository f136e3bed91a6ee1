//! What the history of a scenario needs of a stored run: the first pages, without the series.

use jiff::Timestamp;
use serde::Deserialize;

use super::super::ReportError;
use super::{SCHEMA_VERSION, SlaRecord};

/// The head of a `run.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunDigest {
    schema_version: u32,
    pub run_id: String,
    pub verdict: String,
    /// `observed` or `certified`.
    pub evidence: String,
    pub started_at: String,
    pub scenario: ScenarioDigest,
    pub target: TargetDigest,
    pub sla: Vec<SlaRecord>,
    /// `drained` or `cut` when the user stopped the run; `killed` in a checkpoint.
    pub interruption: Option<String>,
}

/// Which scenario it was.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ScenarioDigest {
    pub name: String,
}

/// What was tested.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TargetDigest {
    pub description: String,
    pub version: String,
}

impl RunDigest {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// When the text is not a run file of a version that is understood.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        let digest: RunDigest = serde_json::from_str(text).map_err(ReportError::NotJson)?;
        if digest.schema_version != SCHEMA_VERSION {
            return Err(ReportError::Version {
                found: digest.schema_version,
            });
        }
        Ok(digest)
    }

    /// When the run started.
    ///
    /// # Errors
    /// When the file holds no timestamp there.
    pub fn started(&self) -> Result<Timestamp, ReportError> {
        self.started_at
            .parse()
            .map_err(|_| ReportError::invalid(format!("\"{}\" is not a timestamp", self.started_at)))
    }
}
