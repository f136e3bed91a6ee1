//! Why a job has no result: the `data` of the three `*.failed` events.

use serde::{Deserialize, Serialize};

/// `data` of `recording.analysis.failed`, `transcript.improvement.failed` and `sentence.extraction.failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    pub job_id: String,
    pub client_reference_id: String,
    /// Order of this event among the events of its job, from 1.
    pub sequence: u64,
    pub error: JobError,
}

/// The error that ended a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobError {
    pub code: JobErrorCode,
    pub message: String,
    /// Whether submitting the same input again may succeed.
    pub retryable: bool,
}

/// The kinds of error that end a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobErrorCode {
    NoSpeech,
    Unintelligible,
    AudioUnreachable,
    InternalError,
}

impl JobErrorCode {
    /// Whether the same input may succeed later: only trouble that does not lie in the recording itself.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::AudioUnreachable | Self::InternalError => true,
            Self::NoSpeech | Self::Unintelligible => false,
        }
    }
}
