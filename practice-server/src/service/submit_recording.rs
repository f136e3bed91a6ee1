//! `submit_recording` → `auto_submit_recording`: what the third database trigger used to start.

use std::time::Duration;

use classconnect_api::RecordingAnalysisRequest;
use classconnect_api::submission::WordContext;

use super::outbox::enqueue;
use super::outcome::Outcome;
use super::session_status::{StatusMetadata, session_of, update_session_status};
use crate::domain::{
    Architecture, Attempt, AttemptId, CallId, Recording, RecordingTarget, Refusal, Session, SessionId,
    SessionStatus, SubmissionKind, UserId,
};
use crate::store::{Abort, Entity, Transaction, Transition, TransitionCause, Tx};

#[derive(Clone)]
pub(super) struct SubmitRecording {
    pub(super) user: UserId,
    pub(super) session_id: SessionId,
    pub(super) recording: Recording,
    pub(super) result_deadline: Duration,
}

impl Transaction for SubmitRecording {
    const NAME: &'static str = "submit_recording";

    type Output = Outcome;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Outcome, Abort> {
        let mut session = session_of(tx, &self.user, self.session_id).await?;
        if !matches!(
            session.status,
            SessionStatus::Practicing | SessionStatus::Analyzing
        ) {
            return Err(Refusal::conflict(format!(
                "recordings are taken while practicing; this session is {}",
                session.status
            ))
            .into());
        }
        let Self {
            recording,
            result_deadline,
            ..
        } = self;
        match session.architecture {
            Architecture::Direct => {
                let attempt = auto_submit_recording(tx, &mut session, recording, result_deadline).await?;
                Ok(Outcome::done(session.id, Some(attempt)))
            }
            Architecture::Trigger => {
                // Refused now, as a direct call refuses it, what the function would refuse when nobody can be told.
                analysis_request(&session, &recording)?;
                let attempt = insert_attempt(tx, &session, recording).await?;
                record_creation(tx, &attempt, None).await?;
                let kind = SubmissionKind::RecordingAnalyses;
                Ok(Outcome::triggered(session.id, Some(attempt.id), kind))
            }
        }
    }
}

/// Writes the session's progress and status, the attempt, and the call into the outbox.
async fn auto_submit_recording(
    tx: &mut Tx<'_>,
    session: &mut Session,
    recording: Recording,
    result_deadline: Duration,
) -> Result<AttemptId, Abort> {
    let request = analysis_request(session, &recording)?;
    update_progress(tx, session, &recording).await?;
    let attempt = insert_attempt(tx, session, recording).await?;
    let call = enqueue_analysis(tx, &attempt, request, result_deadline).await?;
    record_creation(tx, &attempt, Some(call)).await?;
    Ok(attempt.id)
}

/// The same for an attempt that was inserted before: what the trigger on attempts starts.
pub(super) async fn analyse_attempt(
    tx: &mut Tx<'_>,
    session: &mut Session,
    attempt: &Attempt,
    result_deadline: Duration,
) -> Result<(), Abort> {
    let request = analysis_request(session, &attempt.recording)?;
    update_progress(tx, session, &attempt.recording).await?;
    enqueue_analysis(tx, attempt, request, result_deadline).await?;
    Ok(())
}

async fn update_progress(tx: &mut Tx<'_>, session: &mut Session, recording: &Recording) -> Result<(), Abort> {
    let progress = session.progress.after_submission(recording.target);
    let metadata = StatusMetadata {
        progress: Some(progress),
        ..StatusMetadata::default()
    };
    update_session_status(
        tx,
        session,
        SessionStatus::Analyzing,
        metadata,
        TransitionCause::Request,
    )
    .await
}

async fn insert_attempt(tx: &mut Tx<'_>, session: &Session, recording: Recording) -> Result<Attempt, Abort> {
    let attempt = Attempt::new(session, recording, tx.now());
    tx.insert_attempt(&attempt).await?;
    Ok(attempt)
}

async fn enqueue_analysis(
    tx: &mut Tx<'_>,
    attempt: &Attempt,
    mut request: RecordingAnalysisRequest,
    result_deadline: Duration,
) -> Result<CallId, Abort> {
    request.client_reference_id = attempt.id.to_string();
    let kind = SubmissionKind::RecordingAnalyses;
    let (session, attempt) = (attempt.session_id, Some(attempt.id));
    enqueue(tx, kind, session, attempt, &request, result_deadline).await
}

async fn record_creation(tx: &mut Tx<'_>, attempt: &Attempt, call: Option<CallId>) -> Result<(), Abort> {
    let created = Transition {
        submission_id: call,
        entity: Entity::Attempt,
        entity_id: attempt.id.to_string(),
        from_status: None,
        to_status: attempt.status.as_str(),
        is_terminal: false,
        cause: TransitionCause::Request,
    };
    Ok(tx.record_transition(&created).await?)
}

fn analysis_request(session: &Session, recording: &Recording) -> Result<RecordingAnalysisRequest, Refusal> {
    let sentences = session.sentences.as_deref().unwrap_or_default();
    let expected_text = recording
        .target
        .expected_text(session.current_transcript(), sentences)?
        .to_owned();
    let word_context = match recording.target {
        RecordingTarget::Word { word_index, .. } => Some(WordContext {
            word: expected_text.clone(),
            word_index,
        }),
        RecordingTarget::Sentence { .. } | RecordingTarget::FullTranscript => None,
    };
    Ok(RecordingAnalysisRequest {
        client_reference_id: String::new(),
        webhook_url: String::new(),
        attempt_type: recording.target.attempt_type(),
        expected_text,
        sentence_index: recording.target.sentence_index(),
        word_context,
        audio_url: recording.audio_url.as_str().to_owned(),
        language: session.language.as_str().to_owned(),
    })
}
