//! How requests failed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use crate::metrics::{Evidence, Outcome};
use crate::plan::StepInfo;
use crate::traces::Traces;

/// How often a step ended in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FailureRecord {
    /// Index into `plan.steps`.
    pub step: u16,
    /// Name of the step.
    pub step_name: String,
    /// `timeout`, `connect`, `generator`, `reset`, `status`, `protocol`, `check`, `dropped` or `unfinished`.
    pub outcome: String,
    /// The status, when that was what was wrong.
    pub status: Option<u16>,
    /// The outcome in words.
    pub description: String,
    /// How often it came.
    pub count: u64,
    /// Tickets of some of the iterations in which it came.
    pub example_tickets: Vec<u64>,
    /// The traces of these tickets, in the same order. Absent when requests named none, when none was sent, and in files
    /// of versions that did not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub example_traces: Vec<String>,
}

/// The failures of a run, the most frequent first.
pub(super) fn failures(
    evidence: &Evidence,
    steps: &[StepInfo],
    traces: Option<&Traces>,
) -> Vec<FailureRecord> {
    let mut failures: Vec<FailureRecord> = evidence
        .measurements
        .errors
        .iter()
        .filter_map(|((step, outcome), tally)| {
            let (key, status) = outcome_key(*outcome)?;
            Some(FailureRecord {
                step: step.0,
                step_name: steps
                    .get(step.index())
                    .map_or_else(|| "unknown".to_owned(), |info| info.name.clone()),
                outcome: key.to_owned(),
                status,
                description: outcome.describe(),
                count: tally.count,
                example_tickets: tally.example_tickets.clone(),
                example_traces: match traces {
                    // A dropped arrival sent nothing.
                    Some(traces) if *outcome != Outcome::Dropped => {
                        let tickets = tally.example_tickets.iter();
                        tickets
                            .map(|ticket| traces.trace_id(*ticket).to_string())
                            .collect()
                    }
                    _ => Vec::new(),
                },
            })
        })
        .collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    failures
}

/// The outcome's key and status; `None` for a request that did not fail.
fn outcome_key(outcome: Outcome) -> Option<(&'static str, Option<u16>)> {
    Some(match outcome {
        Outcome::Ok => return None,
        Outcome::Timeout => ("timeout", None),
        Outcome::Connect => ("connect", None),
        Outcome::Generator => ("generator", None),
        Outcome::Reset => ("reset", None),
        Outcome::Status(code) => ("status", Some(code)),
        Outcome::Protocol => ("protocol", None),
        Outcome::Check => ("check", None),
        Outcome::Dropped => ("dropped", None),
        Outcome::Unfinished => ("unfinished", None),
    })
}

impl FailureRecord {
    /// Tickets that failed so, each with its trace when there is one.
    pub fn examples(&self) -> impl Iterator<Item = (u64, Option<&str>)> {
        let traces = self.example_traces.iter().map(|trace| Some(trace.as_str()));
        let traces = traces.chain(std::iter::repeat(None));
        self.example_tickets.iter().copied().zip(traces)
    }

    pub(super) fn outcome(&self) -> Result<Outcome, ReportError> {
        Ok(match (self.outcome.as_str(), self.status) {
            ("timeout", _) => Outcome::Timeout,
            ("connect", _) => Outcome::Connect,
            ("generator", _) => Outcome::Generator,
            ("reset", _) => Outcome::Reset,
            ("status", Some(code)) => Outcome::Status(code),
            ("protocol", _) => Outcome::Protocol,
            ("check", _) => Outcome::Check,
            ("dropped", _) => Outcome::Dropped,
            ("unfinished", _) => Outcome::Unfinished,
            (other, _) => return Err(ReportError::invalid(format!("\"{other}\" is not an outcome"))),
        })
    }
}
