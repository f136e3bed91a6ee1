//! What was done to the target while the load went on, as `run.json` holds it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use crate::metrics::{ActionOutcome, ActionRun};

/// One action of the scenario. Times are seconds from the start of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionRecord {
    /// What the scenario calls it, or what was done.
    pub name: String,
    /// What was done, such as `PUT /admin/v1/rollout`.
    pub deed: String,
    /// When it was to begin.
    pub planned_s: f64,
    /// When it began; `null` when it did not.
    pub begun_s: Option<f64>,
    /// When it was over; `null` when it did not begin or was still under way.
    pub ended_s: Option<f64>,
    /// `done`, `failed`, `not_begun` or `under_way`.
    pub status: String,
    /// What was seen when it was done, or why it could not be.
    pub detail: Option<String>,
    /// Whether it is the fault of a drill, whose detection is timed. Taken not to be for files of versions that did not
    /// say.
    #[serde(default)]
    pub injects: bool,
}

impl From<&ActionRun> for ActionRecord {
    fn from(action: &ActionRun) -> Self {
        let (status, detail) = match &action.outcome {
            ActionOutcome::NotBegun => ("not_begun", None),
            ActionOutcome::UnderWay => ("under_way", None),
            ActionOutcome::Done(detail) => ("done", Some(detail)),
            ActionOutcome::Failed(detail) => ("failed", Some(detail)),
        };
        Self {
            name: action.name.clone(),
            deed: action.deed.clone(),
            planned_s: action.planned_s,
            begun_s: action.begun_s,
            ended_s: action.ended_s,
            status: status.to_owned(),
            detail: detail.cloned(),
            injects: action.injects,
        }
    }
}

impl ActionRecord {
    pub(super) fn read(&self) -> Result<ActionRun, ReportError> {
        let detail = || self.detail.clone().unwrap_or_default();
        Ok(ActionRun {
            name: self.name.clone(),
            deed: self.deed.clone(),
            planned_s: self.planned_s,
            begun_s: self.begun_s,
            ended_s: self.ended_s,
            injects: self.injects,
            outcome: match self.status.as_str() {
                "not_begun" => ActionOutcome::NotBegun,
                "under_way" => ActionOutcome::UnderWay,
                "done" => ActionOutcome::Done(detail()),
                "failed" => ActionOutcome::Failed(detail()),
                other => {
                    return Err(ReportError::invalid(format!(
                        "\"{other}\" is not a status of an action"
                    )));
                }
            },
        })
    }
}
