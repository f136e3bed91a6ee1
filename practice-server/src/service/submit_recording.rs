//! `submit_recording` → `auto_submit_recording`: what the third database trigger used to start.

use std::time::Duration;

use classconnect_api::RecordingAnalysisRequest;
use classconnect_api::submission::WordContext;

use super::Accepted;
use super::outbox::enqueue;
use super::session_status::{StatusMetadata, session_of, update_session_status};
use crate::domain::{
    Attempt, AttemptId, Recording, RecordingTarget, Refusal, Session, SessionId, SessionStatus,
    SubmissionKind, UserId,
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

    type Output = Accepted;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Accepted, Abort> {
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
        let attempt = auto_submit_recording(tx, &mut session, self.recording, self.result_deadline).await?;
        Ok(Accepted::new(session.id, Some(attempt)))
    }
}

/// Writes the session's progress and status, the attempt, and the call into the outbox.
async fn auto_submit_recording(
    tx: &mut Tx<'_>,
    session: &mut Session,
    recording: Recording,
    result_deadline: Duration,
) -> Result<AttemptId, Abort> {
    let mut request = analysis_request(session, &recording)?;
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
    .await?;

    let attempt = Attempt::new(session, recording, tx.now());
    tx.insert_attempt(&attempt).await?;
    request.client_reference_id = attempt.id.to_string();
    let kind = SubmissionKind::RecordingAnalyses;
    let call = enqueue(tx, kind, session.id, Some(attempt.id), &request, result_deadline).await?;
    let created = Transition {
        submission_id: Some(call),
        entity: Entity::Attempt,
        entity_id: attempt.id.to_string(),
        from_status: None,
        to_status: attempt.status.as_str(),
        is_terminal: false,
        cause: TransitionCause::Request,
    };
    tx.record_transition(&created).await?;
    Ok(attempt.id)
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
