//! How a run was stopped before its time, as `run.json` holds it.

use super::super::ReportError;
use crate::metrics::Interruption;

/// The interruption as `run.json` writes it.
pub(super) fn key(interruption: Interruption) -> &'static str {
    match interruption {
        Interruption::Drained => "drained",
        Interruption::Cut => "cut",
        Interruption::Killed => "killed",
    }
}

/// The interruption with this key.
pub(super) fn read(key: &str) -> Result<Interruption, ReportError> {
    match key {
        "drained" => Ok(Interruption::Drained),
        "cut" => Ok(Interruption::Cut),
        "killed" => Ok(Interruption::Killed),
        other => Err(ReportError::invalid(format!(
            "\"{other}\" is not a kind of interruption"
        ))),
    }
}
