//! Wire types and webhook signing of ClassConnect, the pronunciation-assessment API.
//!
//! What a vendor's SDK would ship, without any I/O:
//! - [`submission`]: the bodies of the three submit calls and the answer to them;
//! - [`job`]: what looking a job up returns;
//! - [`webhook`]: the envelope `{type, timestamp, data}`, closed over the six event types;
//! - [`recording_analysis`], [`transcript`]: the results, [`failure`]: why there is none;
//! - [`scores`]: the rules that make a result consistent in itself;
//! - [`signature`]: Standard Webhooks signing and strict verification.

pub mod failure;
pub mod job;
pub mod recording_analysis;
pub mod scores;
pub mod signature;
pub mod submission;
pub mod transcript;
pub mod webhook;

pub use failure::{JobError, JobErrorCode, JobFailure};
pub use job::{Job, JobList, JobStatus};
pub use recording_analysis::RecordingAnalysis;
pub use signature::{SignatureHeaders, Verifier, WebhookSecret};
pub use submission::{
    AttemptType, JobAccepted, RecordingAnalysisRequest, SentenceExtractionRequest, SubmissionKind,
    TranscriptImprovementRequest,
};
pub use transcript::{SentenceExtraction, TranscriptImprovement};
pub use webhook::{WebhookEnvelope, WebhookEvent};
