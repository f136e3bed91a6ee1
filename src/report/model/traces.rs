//! The traces that requests named.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use crate::traces::Traces;

/// What the traces of a run had in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TracesRecord {
    /// With what the id of every trace of the run begins: 16 hexadecimal digits, drawn for this run.
    pub run: String,
    /// Whether requests asked the target to record their trace.
    pub sampled: bool,
}

impl From<Traces> for TracesRecord {
    fn from(traces: Traces) -> Self {
        Self {
            run: format!("{:016x}", traces.run()),
            sampled: traces.sampled(),
        }
    }
}

impl TracesRecord {
    /// What somebody who looks for a trace must know; `None` when it should be there.
    pub fn note(&self) -> Option<&'static str> {
        (!self.sampled).then_some(
            "Requests named their trace without asking for it to be recorded: search the target's logs for it. For whole \
             traces, run with traceparent = \"sampled\" in [target].",
        )
    }

    pub(super) fn read(&self) -> Result<Traces, ReportError> {
        let run = u64::from_str_radix(&self.run, 16).map_err(|_| {
            ReportError::invalid(format!("\"{}\" is not what names of traces begin with", self.run))
        })?;
        Ok(Traces::new(run, self.sampled))
    }
}
