//! What is needed of a stored run beside another one: the first pages, without the series. The history of a scenario is
//! made of them, and a run that is compared with a baseline keeps its baseline's.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::head::check_version;
use super::{EnvironmentRecord, RunRecord, ScenarioRecord, SlaRecord};
use crate::plan::Condition;
use crate::sla::Verdict;

/// The head of a `run.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunDigest {
    /// Version of the layout of its file.
    schema_version: u32,
    /// Names the run.
    pub run_id: String,
    /// The decision.
    pub verdict: String,
    /// How sure the verdict was: `observed` or `certified`.
    pub evidence: String,
    /// When the run started (UTC, RFC 3339).
    pub started_at: String,
    /// The scenario as it was written.
    pub scenario: ScenarioRecord,
    /// What was tested.
    pub target: TargetDigest,
    /// Seed of all chance in the run.
    pub seed: u64,
    /// Where the load came from.
    pub environment: EnvironmentRecord,
    /// The targets and what was found about them.
    pub sla: Vec<SlaRecord>,
    /// `drained` or `cut` when the user stopped the run; `killed` in a checkpoint.
    pub interruption: Option<String>,
}

/// What was tested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetDigest {
    /// In one line.
    pub description: String,
    /// As the scenario named it.
    pub version: String,
    /// Whether it was the reference server that comes with the tool; not so in files of versions that did not say.
    #[serde(default)]
    pub built_in: bool,
}

impl RunDigest {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// When the text is not a run file of a version that is understood.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        check_version(text)?;
        serde_json::from_str(text).map_err(ReportError::NotJson)
    }

    /// The head of a run that is at hand.
    pub fn of(record: &RunRecord) -> Self {
        Self {
            schema_version: record.schema_version,
            run_id: record.run_id.clone(),
            verdict: record.verdict.clone(),
            evidence: record.evidence.clone(),
            started_at: record.started_at.clone(),
            scenario: record.scenario.clone(),
            target: TargetDigest {
                description: record.target.description.clone(),
                version: record.target.version.clone(),
                built_in: record.target.built_in,
            },
            seed: record.seed,
            environment: record.environment.clone(),
            sla: record.sla.clone(),
            interruption: record.interruption.clone(),
        }
    }

    /// Whether nothing that it measured says anything of its target.
    pub fn proves_nothing(&self) -> bool {
        [Verdict::Invalid, Verdict::Interrupted]
            .iter()
            .any(|verdict| verdict.name() == self.verdict)
    }

    /// Whether the run has a value for this target, whatever its limit was.
    pub fn has_measured(&self, target: &Condition) -> bool {
        self.sla.iter().any(|sla| {
            sla.samples > 0
                && sla.metric == target.metric.key()
                && sla.step == target.step
                && sla.stat.as_deref() == Some(target.statistic.to_string().as_str())
        })
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
