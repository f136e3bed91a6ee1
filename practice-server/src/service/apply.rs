//! Bringing a result into the rows. One function for a webhook, a poll and a deadline, so that none of them can
//! disagree about what a result means or whether the submission has ended already.

use classconnect_api::recording_analysis::AnalysisStatus;
use classconnect_api::{JobFailure, RecordingAnalysis};
use serde::Serialize;
use serde_json::Value;

use super::session_status::{StatusMetadata, update_session_status};
use crate::domain::{
    Attempt, AttemptId, AttemptStatus, Call, CallId, CallState, RecordingResult, Session, SessionStatus,
    SettledStatus, WebhookEvent, final_scores, record_sentence_result, settled_status,
};
use crate::store::{Abort, Entity, StoreError, Transition, TransitionCause, Tx};

/// What applying a result came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    Applied,
    /// The submission had ended before; nothing was changed.
    Superseded,
}

/// Applies the result of `call`. The first result wins; a terminal state is never overwritten.
pub(super) async fn apply_result(
    tx: &mut Tx<'_>,
    call: &Call,
    event: &WebhookEvent,
    cause: TransitionCause,
) -> Result<Applied, Abort> {
    let failure = failure_message(event);
    if !tx
        .finish_call(call.id, CallState::Done, Some(event.job_id()), failure.as_deref())
        .await?
    {
        return Ok(Applied::Superseded);
    }
    record_end(tx, call, CallState::Done, cause).await?;
    if let Some(message) = failure {
        fail_submission(tx, call, &message, cause).await?;
        return Ok(Applied::Applied);
    }
    let metadata = StatusMetadata {
        submission_id: Some(call.id),
        ..StatusMetadata::default()
    };
    match event {
        WebhookEvent::TranscriptImprovementCompleted(improvement) => {
            let mut session = session_of_call(tx, call).await?;
            session.improved_transcript = Some(improvement.improved_transcript.clone());
            update_session_status(tx, &mut session, SessionStatus::Ready, metadata, cause).await?;
        }
        WebhookEvent::SentenceExtractionCompleted(extraction) => {
            let mut session = session_of_call(tx, call).await?;
            session.sentences = Some(extraction.sentences.clone());
            update_session_status(tx, &mut session, SessionStatus::Practicing, metadata, cause).await?;
        }
        WebhookEvent::RecordingAnalysisCompleted(analysis) => {
            complete_attempt(tx, call, analysis, cause).await?;
        }
        WebhookEvent::RecordingAnalysisFailed(_)
        | WebhookEvent::TranscriptImprovementFailed(_)
        | WebhookEvent::SentenceExtractionFailed(_) => {}
    }
    Ok(Applied::Applied)
}

/// Why an event carries no result; `None` if it does. An analysis that ended with status `error` has scores of zero
/// that mean nothing, so it counts as failed.
fn failure_message(event: &WebhookEvent) -> Option<String> {
    let sentence =
        |failure: &JobFailure| Some(format!("ClassConnect could not do it: {}", failure.error.message));
    match event {
        WebhookEvent::RecordingAnalysisFailed(failure)
        | WebhookEvent::TranscriptImprovementFailed(failure)
        | WebhookEvent::SentenceExtractionFailed(failure) => sentence(failure),
        WebhookEvent::RecordingAnalysisCompleted(analysis) if analysis.status == AnalysisStatus::Error => {
            Some("ClassConnect analysed the recording without a result".to_owned())
        }
        WebhookEvent::RecordingAnalysisCompleted(_)
        | WebhookEvent::TranscriptImprovementCompleted(_)
        | WebhookEvent::SentenceExtractionCompleted(_) => None,
    }
}

/// Fails what a call was made for: the attempt, or else the session.
pub(super) async fn fail_submission(
    tx: &mut Tx<'_>,
    call: &Call,
    message: &str,
    cause: TransitionCause,
) -> Result<(), Abort> {
    if let Some(attempt_id) = call.attempt_id {
        let (mut session, mut attempt) = session_and_attempt(tx, call, attempt_id).await?;
        attempt.error_message = Some(message.to_owned());
        let open = end_attempt(tx, Some(call.id), &mut attempt, AttemptStatus::Failed, cause).await?;
        return settle_session(tx, Some(call.id), &mut session, open, cause).await;
    }
    let mut session = session_of_call(tx, call).await?;
    let metadata = StatusMetadata {
        error_message: Some(message.to_owned()),
        submission_id: Some(call.id),
        ..StatusMetadata::default()
    };
    update_session_status(tx, &mut session, SessionStatus::Failed, metadata, cause).await
}

/// Records that a submission has ended. The books allow each submission one end.
pub(super) async fn record_end(
    tx: &mut Tx<'_>,
    call: &Call,
    state: CallState,
    cause: TransitionCause,
) -> Result<(), Abort> {
    let transition = Transition {
        submission_id: Some(call.id),
        entity: Entity::Submission,
        entity_id: call.id.to_string(),
        from_status: Some(call.state.as_str()),
        to_status: state.as_str(),
        is_terminal: true,
        cause,
    };
    Ok(tx.record_transition(&transition).await?)
}

async fn complete_attempt(
    tx: &mut Tx<'_>,
    call: &Call,
    analysis: &RecordingAnalysis,
    cause: TransitionCause,
) -> Result<(), Abort> {
    let attempt_id = call.attempt_id.ok_or_else(|| StoreError::Corrupt {
        column: "classconnect_calls.attempt_id",
        detail: format!("call {} has no attempt", call.id),
    })?;
    let (mut session, mut attempt) = session_and_attempt(tx, call, attempt_id).await?;
    attempt.result = Some(RecordingResult {
        pronunciation_score: analysis.pronunciation_score,
        is_passed: analysis.is_passed,
        pronunciation_analysis: column(&analysis.pronunciation_analysis)?,
        feedback_data: column(&analysis.feedback_data)?,
        transcription_results: column(&analysis.transcription_results)?,
        word_level_scores: column(&analysis.word_level_scores)?,
    });
    let open = end_attempt(tx, Some(call.id), &mut attempt, AttemptStatus::Completed, cause).await?;
    if let Some(sentences) = &mut session.sentences {
        let target = attempt.recording.target;
        record_sentence_result(
            sentences,
            target,
            analysis.pronunciation_score,
            analysis.is_passed,
        );
    }
    settle_session(tx, Some(call.id), &mut session, open, cause).await
}

/// Writes the end of an attempt. Answers how many others of its session are still open.
pub(super) async fn end_attempt(
    tx: &mut Tx<'_>,
    submission_id: Option<CallId>,
    attempt: &mut Attempt,
    status: AttemptStatus,
    cause: TransitionCause,
) -> Result<u32, Abort> {
    let from = attempt.status;
    if !from.may_become(status) {
        return Err(StoreError::Corrupt {
            column: "practice_attempts.status",
            detail: format!("an attempt that is {from} has an open submission"),
        }
        .into());
    }
    attempt.status = status;
    attempt.updated_at = tx.now();
    let open = tx.end_attempt(attempt).await?;
    let transition = Transition {
        submission_id,
        entity: Entity::Attempt,
        entity_id: attempt.id.to_string(),
        from_status: Some(from.as_str()),
        to_status: status.as_str(),
        is_terminal: true,
        cause,
    };
    tx.record_transition(&transition).await?;
    Ok(open)
}

/// Writes the session after one of its attempts ended, with `open` others still under way: back to practicing, completed with its final scores, or
/// still analyzing.
pub(super) async fn settle_session(
    tx: &mut Tx<'_>,
    submission_id: Option<CallId>,
    session: &mut Session,
    open: u32,
    cause: TransitionCause,
) -> Result<(), Abort> {
    let sentences = session.sentences.as_deref().unwrap_or_default();
    let status = match settled_status(open, sentences) {
        SettledStatus::StillAnalyzing => SessionStatus::Analyzing,
        SettledStatus::BackToPracticing => SessionStatus::Practicing,
        SettledStatus::Completed => {
            session.final_scores = final_scores(sentences);
            SessionStatus::Completed
        }
    };
    let metadata = StatusMetadata {
        submission_id,
        ..StatusMetadata::default()
    };
    update_session_status(tx, session, status, metadata, cause).await
}

async fn session_of_call(tx: &mut Tx<'_>, call: &Call) -> Result<Session, Abort> {
    let missing = || StoreError::Corrupt {
        column: "classconnect_calls.session_id",
        detail: format!("there is no session {}", call.session_id),
    };
    Ok(tx.session(call.session_id).await?.ok_or_else(missing)?)
}

async fn session_and_attempt(
    tx: &mut Tx<'_>,
    call: &Call,
    attempt_id: AttemptId,
) -> Result<(Session, Attempt), Abort> {
    let missing = || StoreError::Corrupt {
        column: "classconnect_calls.attempt_id",
        detail: format!("session {} has no attempt {attempt_id}", call.session_id),
    };
    let rows = tx.session_and_attempt(call.session_id, attempt_id).await?;
    Ok(rows.ok_or_else(missing)?)
}

fn column(part: &impl Serialize) -> Result<Value, StoreError> {
    serde_json::to_value(part).map_err(|error| StoreError::Corrupt {
        column: "a part of a result",
        detail: error.to_string(),
    })
}
