//! One accepted submission.

use std::sync::Arc;

use classconnect_api::{
    Job as JobView, JobAccepted, JobStatus, RecordingAnalysisRequest, SentenceExtractionRequest,
    SubmissionKind, TranscriptImprovementRequest, WebhookEvent,
};
use reqwest::Url;
use uuid::Uuid;

use crate::clock::Moment;
use crate::decision::Draws;
use crate::fate::{Fate, delay_for};
use crate::plan::Plan;
use crate::results::event_of;

/// The body of one of the three submit calls.
#[derive(Debug, Clone)]
pub(crate) enum JobInput {
    Recording(RecordingAnalysisRequest),
    Improvement(TranscriptImprovementRequest),
    Extraction(SentenceExtractionRequest),
}

/// An accepted submission with all that was decided about it. Never changes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) webhook_id: String,
    pub(crate) idempotency_key: String,
    pub(crate) webhook_url: Url,
    pub(crate) input: JobInput,
    pub(crate) draws: Draws,
    pub(crate) fate: Fate,
    /// The plan at acceptance: a later change of plan touches later submissions only.
    pub(crate) plan: Arc<Plan>,
    pub(crate) accepted: Moment,
}

impl JobInput {
    pub(crate) const fn kind(&self) -> SubmissionKind {
        match self {
            Self::Recording(_) => SubmissionKind::RecordingAnalyses,
            Self::Improvement(_) => SubmissionKind::TranscriptImprovements,
            Self::Extraction(_) => SubmissionKind::SentenceExtractions,
        }
    }

    /// The input that the caller assigned and that decides the fate of the submission.
    pub(crate) fn submission_key(&self) -> &str {
        match self {
            Self::Recording(request) => &request.audio_url,
            Self::Improvement(request) => &request.transcript,
            Self::Extraction(request) => &request.transcript,
        }
    }

    /// The text whose words are worked on.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Recording(request) => &request.expected_text,
            Self::Improvement(request) => &request.transcript,
            Self::Extraction(request) => &request.transcript,
        }
    }

    pub(crate) fn client_reference_id(&self) -> &str {
        match self {
            Self::Recording(request) => &request.client_reference_id,
            Self::Improvement(request) => &request.client_reference_id,
            Self::Extraction(request) => &request.client_reference_id,
        }
    }

    pub(crate) fn webhook_url(&self) -> &str {
        match self {
            Self::Recording(request) => &request.webhook_url,
            Self::Improvement(request) => &request.webhook_url,
            Self::Extraction(request) => &request.webhook_url,
        }
    }
}

impl Job {
    /// Accepts a submission: gives it its ids and decides its fate.
    pub(crate) fn accept(
        input: JobInput,
        webhook_url: Url,
        idempotency_key: String,
        draws: Draws,
        plan: Arc<Plan>,
        accepted: Moment,
    ) -> Self {
        let id = Uuid::new_v4().simple();
        Self {
            id: format!("job_{id}"),
            // A job has one event, so its id can serve for both.
            webhook_id: format!("msg_{id}"),
            idempotency_key,
            webhook_url,
            fate: Fate::decide(&plan, draws, &input),
            input,
            draws,
            plan,
            accepted,
        }
    }

    pub(crate) fn client_reference_id(&self) -> &str {
        self.input.client_reference_id()
    }

    /// When the work is done: the result can be looked up, and the webhook is due.
    pub(crate) fn due(&self) -> Moment {
        self.accepted.plus(self.fate.delay)
    }

    pub(crate) fn event(&self) -> WebhookEvent {
        event_of(self)
    }

    /// The body of the 202. The estimate is that of the plan and does not tell what was drawn.
    pub(crate) fn acceptance(&self) -> JobAccepted {
        let typical = delay_for(&self.plan, &self.input).typical();
        JobAccepted {
            job_id: self.id.clone(),
            status: JobStatus::Queued,
            estimated_completion_ms: typical.as_millis().try_into().unwrap_or(u64::MAX),
        }
    }

    /// What looking the job up shows at this moment.
    pub(crate) fn view(&self, now: Moment) -> JobView {
        let result = (now.monotonic_ns >= self.due().monotonic_ns).then(|| self.event());
        let status = match &result {
            None => JobStatus::Queued,
            Some(event) if event.is_failure() => JobStatus::Failed,
            Some(_) => JobStatus::Completed,
        };
        JobView {
            job_id: self.id.clone(),
            client_reference_id: self.client_reference_id().to_owned(),
            submission: self.input.kind(),
            status,
            result,
        }
    }
}
