//! What a file says of itself before it is read as a whole: what it is about, and in which layout it was written.

use serde::Deserialize;

use super::super::ReportError;
use super::SCHEMA_VERSION;

/// Makes sure that a text is a run file of the version that is understood.
pub(super) fn check_version(text: &str) -> Result<(), ReportError> {
    #[derive(Deserialize)]
    struct Version {
        schema_version: Option<u32>,
    }
    let version: Version = serde_json::from_str(text).map_err(ReportError::NotJson)?;
    match version.schema_version {
        None => Err(ReportError::NotARun),
        Some(SCHEMA_VERSION) => Ok(()),
        Some(other) => Err(ReportError::Version { found: other }),
    }
}

/// The kind that a file names itself; a run names none.
pub(in crate::report) fn kind_of(text: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Head {
        kind: Option<String>,
    }
    serde_json::from_str::<Head>(text).ok()?.kind
}
