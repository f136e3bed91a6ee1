//! The webhook's body, `{type, timestamp, data}`, closed over the six event types.

use serde::{Deserialize, Serialize};

use crate::failure::JobFailure;
use crate::recording_analysis::RecordingAnalysis;
use crate::submission::SubmissionKind;
use crate::transcript::{SentenceExtraction, TranscriptImprovement};

/// The body of a webhook delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookEnvelope {
    /// When the event happened, as RFC 3339 in UTC. For people and logs: order comes from `sequence`, and the age
    /// of a delivery from the signed `webhook-timestamp` header.
    pub timestamp: String,
    #[serde(flatten)]
    pub event: WebhookEvent,
}

/// What happened to a job; on the wire the two keys `type` and `data`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum WebhookEvent {
    #[serde(rename = "recording.analysis.completed")]
    RecordingAnalysisCompleted(Box<RecordingAnalysis>),
    #[serde(rename = "recording.analysis.failed")]
    RecordingAnalysisFailed(JobFailure),
    #[serde(rename = "transcript.improvement.completed")]
    TranscriptImprovementCompleted(TranscriptImprovement),
    #[serde(rename = "transcript.improvement.failed")]
    TranscriptImprovementFailed(JobFailure),
    #[serde(rename = "sentence.extraction.completed")]
    SentenceExtractionCompleted(SentenceExtraction),
    #[serde(rename = "sentence.extraction.failed")]
    SentenceExtractionFailed(JobFailure),
}

impl WebhookEvent {
    /// The wire value of `type`.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::RecordingAnalysisCompleted(_) => "recording.analysis.completed",
            Self::RecordingAnalysisFailed(_) => "recording.analysis.failed",
            Self::TranscriptImprovementCompleted(_) => "transcript.improvement.completed",
            Self::TranscriptImprovementFailed(_) => "transcript.improvement.failed",
            Self::SentenceExtractionCompleted(_) => "sentence.extraction.completed",
            Self::SentenceExtractionFailed(_) => "sentence.extraction.failed",
        }
    }

    pub fn job_id(&self) -> &str {
        match self {
            Self::RecordingAnalysisCompleted(data) => &data.job_id,
            Self::TranscriptImprovementCompleted(data) => &data.job_id,
            Self::SentenceExtractionCompleted(data) => &data.job_id,
            Self::RecordingAnalysisFailed(data)
            | Self::TranscriptImprovementFailed(data)
            | Self::SentenceExtractionFailed(data) => &data.job_id,
        }
    }

    pub fn client_reference_id(&self) -> &str {
        match self {
            Self::RecordingAnalysisCompleted(data) => &data.client_reference_id,
            Self::TranscriptImprovementCompleted(data) => &data.client_reference_id,
            Self::SentenceExtractionCompleted(data) => &data.client_reference_id,
            Self::RecordingAnalysisFailed(data)
            | Self::TranscriptImprovementFailed(data)
            | Self::SentenceExtractionFailed(data) => &data.client_reference_id,
        }
    }

    /// Order of this event among the events of its job, from 1.
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::RecordingAnalysisCompleted(data) => data.sequence,
            Self::TranscriptImprovementCompleted(data) => data.sequence,
            Self::SentenceExtractionCompleted(data) => data.sequence,
            Self::RecordingAnalysisFailed(data)
            | Self::TranscriptImprovementFailed(data)
            | Self::SentenceExtractionFailed(data) => data.sequence,
        }
    }

    /// The submit call that this event answers.
    pub const fn submission(&self) -> SubmissionKind {
        match self {
            Self::RecordingAnalysisCompleted(_) | Self::RecordingAnalysisFailed(_) => {
                SubmissionKind::RecordingAnalyses
            }
            Self::TranscriptImprovementCompleted(_) | Self::TranscriptImprovementFailed(_) => {
                SubmissionKind::TranscriptImprovements
            }
            Self::SentenceExtractionCompleted(_) | Self::SentenceExtractionFailed(_) => {
                SubmissionKind::SentenceExtractions
            }
        }
    }

    /// Whether this is one of the three `*.failed` events.
    pub const fn is_failure(&self) -> bool {
        matches!(
            self,
            Self::RecordingAnalysisFailed(_)
                | Self::TranscriptImprovementFailed(_)
                | Self::SentenceExtractionFailed(_)
        )
    }
}

#[cfg(test)]
mod tests;
