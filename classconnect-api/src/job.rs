//! Looking jobs up: `GET /v1/jobs/{job_id}` and `GET /v1/jobs?client_reference_id=`.

use serde::{Deserialize, Serialize};

use crate::submission::SubmissionKind;
use crate::webhook::WebhookEvent;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    Queued,
    Completed,
    Failed,
}

/// One job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub job_id: String,
    pub client_reference_id: String,
    pub submission: SubmissionKind,
    pub status: JobStatus,
    /// `{type, data}` exactly as the webhook carries them, so that a poll and a webhook are applied by the same
    /// code; absent while the job is queued.
    #[serde(default)]
    pub result: Option<WebhookEvent>,
}

/// Answer to `GET /v1/jobs?client_reference_id=`, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobList {
    pub jobs: Vec<Job>,
}
