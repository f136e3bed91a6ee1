//! The three submit calls: `POST /v1/{kind}` with an `Idempotency-Key`, answered by 202 and a job id.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which of the three calls a job came from; the wire name is the last segment of the call's path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubmissionKind {
    RecordingAnalyses,
    TranscriptImprovements,
    SentenceExtractions,
}

impl SubmissionKind {
    pub const ALL: [Self; 3] = [
        Self::RecordingAnalyses,
        Self::TranscriptImprovements,
        Self::SentenceExtractions,
    ];

    /// The wire name, for instance `recording-analyses`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecordingAnalyses => "recording-analyses",
            Self::TranscriptImprovements => "transcript-improvements",
            Self::SentenceExtractions => "sentence-extractions",
        }
    }

    /// The path of the submit call.
    pub const fn path(self) -> &'static str {
        match self {
            Self::RecordingAnalyses => "/v1/recording-analyses",
            Self::TranscriptImprovements => "/v1/transcript-improvements",
            Self::SentenceExtractions => "/v1/sentence-extractions",
        }
    }
}

impl fmt::Display for SubmissionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the learner recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptType {
    Sentence,
    Word,
    FullTranscript,
}

/// For an attempt at a single word: which word of the sentence it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordContext {
    pub word: String,
    /// Position of the word in its sentence, from 0.
    pub word_index: u32,
}

/// Body of `POST /v1/recording-analyses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingAnalysisRequest {
    /// The caller's own id; returned in the webhook and searchable, which saves a submission whose 202 was lost.
    pub client_reference_id: String,
    pub webhook_url: String,
    pub attempt_type: AttemptType,
    /// What should have been said.
    pub expected_text: String,
    /// Position of the sentence in the transcript, from 0; absent for a full transcript.
    #[serde(default)]
    pub sentence_index: Option<u32>,
    #[serde(default)]
    pub word_context: Option<WordContext>,
    pub audio_url: String,
    /// BCP 47 tag, for instance `en-US`.
    pub language: String,
}

/// Body of `POST /v1/transcript-improvements`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TranscriptImprovementRequest {
    pub client_reference_id: String,
    pub webhook_url: String,
    pub transcript: String,
    pub language: String,
}

/// Body of `POST /v1/sentence-extractions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentenceExtractionRequest {
    pub client_reference_id: String,
    pub webhook_url: String,
    pub transcript: String,
    pub language: String,
}

/// Body of the 202 that answers each submit call. `Location` names `/v1/jobs/{job_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAccepted {
    pub job_id: String,
    pub status: crate::job::JobStatus,
    pub estimated_completion_ms: u64,
}
