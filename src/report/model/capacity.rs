//! `capacity.json`: the answer of a search for a capacity, and every step that led to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::health::IterationsRecord;
use super::incident::IncidentRecord;
use super::summary::{MetricSummary, SlaRecord};
use super::{EnvironmentRecord, ScenarioRecord, TargetRecord};
use crate::plan::CapacityPlan;

/// The version of the file's layout, as [`super::SCHEMA_VERSION`] of a run's.
pub const CAPACITY_SCHEMA_VERSION: u32 = 1;

/// Tells the file apart from a run's.
pub const CAPACITY_KIND: &str = "capacity";

/// A search for a capacity: its answer, and every step that led to it. New keys may come without a new `schema_version`,
/// so ignore those that you do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "capacity.json of loadtest")]
pub struct CapacityRecord {
    /// Version of the layout.
    #[schemars(extend("const" = CAPACITY_SCHEMA_VERSION))]
    pub schema_version: u32,
    /// Tells the file apart from a run's.
    #[schemars(extend("const" = CAPACITY_KIND))]
    pub kind: String,
    /// The scenario whose load was varied.
    pub scenario: ScenarioRecord,
    /// `null` when no step got as far as a target.
    pub target: Option<TargetRecord>,
    /// The seed of the first step; each further step's is one higher.
    pub seed: u64,
    /// When the first step started (UTC, RFC 3339).
    pub started_at: String,
    /// How long the search took, in seconds.
    pub duration_s: f64,
    /// Where the load came from.
    pub environment: EnvironmentRecord,
    /// What was searched, and how.
    pub search: CapacitySearchRecord,
    /// The answer.
    pub result: CapacityResultRecord,
    /// Every step, in order.
    pub steps: Vec<CapacityStepRecord>,
}

/// What was searched. Rates are new users per second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacitySearchRecord {
    /// The lowest rate to try.
    pub from_per_s: f64,
    /// The highest rate to try.
    pub to_per_s: f64,
    /// How many times higher each next rate was, until one failed.
    pub factor: f64,
    /// How long each rate was held and judged, in seconds.
    pub step_hold_s: f64,
    /// How long each rate was held before it was judged, in seconds.
    pub step_warm_up_s: f64,
    /// How long users and results could take to end after each step, in seconds.
    pub step_drain_s: f64,
    /// How far the two rates of the answer may lie apart, as a share of the lower one.
    pub resolution: f64,
    /// The longest time that the search could take, in seconds.
    pub time_box_s: f64,
    /// Whether the rate that was found had to hold a second time.
    pub confirm: bool,
    /// All of it as a person reads it.
    pub text: String,
}

/// What was found. The capacity lies between the two rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityResultRecord {
    /// The highest rate that held, in new users per second; `null` when none did.
    pub held_per_s: Option<f64>,
    /// The lowest rate that failed; `null` when none did.
    pub not_held_per_s: Option<f64>,
    /// The lowest rate that the load generator could not bring, when it is below the one that failed; else `null`.
    pub not_brought_per_s: Option<f64>,
    /// How far `not_held_per_s` lies above `held_per_s`, as a share; `null` unless both are known.
    pub resolution: Option<f64>,
    /// Whether the rate that held did so twice.
    pub confirmed: bool,
    /// `found`, `at_least` (the highest rate to try held), `not_even_lowest`, `generator_limit`, `time_box`,
    /// `interrupted` or `broken` (a step could not be run).
    pub ended: String,
    /// What kept the search from its end, as a sentence.
    pub problem: Option<String>,
    /// The answer in one sentence.
    pub sentence: String,
}

/// One step: a run with a constant rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityStepRecord {
    /// From 1.
    pub number: u32,
    /// The rate of the step, in new users per second.
    pub rate_per_s: f64,
    /// `stepping up`, `bisecting`, `confirming` or `repeating`.
    pub purpose: String,
    /// `held`, `not_held`, `doubtful` (not held, and chance may be the reason), `invalid` or `interrupted`.
    pub outcome: String,
    /// The run's verdict.
    pub verdict: String,
    /// The sentences that the verdict rests on.
    pub reasons: Vec<String>,
    /// Why in a few words: the target that was missed, the threshold that tripped; empty when all targets held.
    pub why: String,
    /// The targets and what was found about them.
    pub sla: Vec<SlaRecord>,
    /// Rollback thresholds that tripped.
    pub rollback: Vec<IncidentRecord>,
    /// Arrivals of the plan up to the end of the load, warm-up included.
    pub planned: u64,
    /// What became of the arrivals, warm-up included.
    pub iterations: IterationsRecord,
    /// Iterations begun per second of the load.
    pub achieved_per_s: f64,
    /// Iterations that succeeded, per second of the load.
    pub completed_per_s: f64,
    /// Response time over all steps; `null` without a request.
    pub response_time: Option<MetricSummary>,
    /// The size of the pool of virtual users.
    pub vus_max: u32,
    /// How many virtual users were busy at once.
    pub vus_peak: u32,
    /// Seed of all chance in the step.
    pub seed: u64,
    /// When the step started (UTC, RFC 3339).
    pub started_at: String,
    /// How long it took, in seconds.
    pub duration_s: f64,
    /// The run's folder, relative to this file's.
    pub folder: String,
}

impl CapacityRecord {
    /// Reads a file.
    ///
    /// # Errors
    /// When the text is not such a file, or was written by another version.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Head {
            schema_version: Option<u32>,
            kind: Option<String>,
        }
        let head: Head = serde_json::from_str(text).map_err(ReportError::NotJson)?;
        if head.kind.as_deref() != Some(CAPACITY_KIND) {
            return Err(ReportError::NotACapacity);
        }
        match head.schema_version {
            Some(CAPACITY_SCHEMA_VERSION) => serde_json::from_str(text).map_err(ReportError::NotJson),
            other => Err(ReportError::Version {
                found: other.unwrap_or_default(),
            }),
        }
    }
}

impl CapacityStepRecord {
    /// Whether the rate did not hold, for whatever reason on the target's side.
    pub fn failed(&self) -> bool {
        matches!(self.outcome.as_str(), "not_held" | "doubtful")
    }

    /// Whether the step says anything about the target.
    pub fn is_answer(&self) -> bool {
        self.outcome == "held" || self.failed()
    }
}

impl From<&CapacityPlan> for CapacitySearchRecord {
    fn from(plan: &CapacityPlan) -> Self {
        Self {
            from_per_s: plan.from.as_per_second(),
            to_per_s: plan.to.as_per_second(),
            factor: plan.factor,
            step_hold_s: plan.step_hold.as_secs_f64(),
            step_warm_up_s: plan.step_warm_up.as_secs_f64(),
            step_drain_s: plan.step_drain.as_secs_f64(),
            resolution: plan.resolution.get(),
            time_box_s: plan.time_box.as_secs_f64(),
            confirm: plan.confirm,
            text: plan.to_string(),
        }
    }
}
