//! `auto_improve_transcript`: what the first database trigger used to start.

use std::time::Duration;

use classconnect_api::TranscriptImprovementRequest;

use super::outbox::enqueue;
use super::outcome::Outcome;
use super::session_status::{StatusMetadata, session_of, update_session_status};
use crate::domain::{Refusal, Session, SessionId, SessionStatus, SubmissionKind, UserId};
use crate::store::{Abort, Transaction, TransitionCause, Tx};

#[derive(Clone)]
pub(super) struct AutoImproveTranscript {
    pub(super) user: UserId,
    pub(super) session_id: SessionId,
    pub(super) result_deadline: Duration,
}

impl Transaction for AutoImproveTranscript {
    const NAME: &'static str = "auto_improve_transcript";

    type Output = Outcome;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Outcome, Abort> {
        let mut session = session_of(tx, &self.user, self.session_id).await?;
        // No trigger is on this action, so it is the same in both architectures.
        match session.status {
            SessionStatus::Created | SessionStatus::Ready => {
                auto_improve_transcript(tx, &mut session, self.result_deadline).await?;
            }
            SessionStatus::Processing => {
                let kind = SubmissionKind::TranscriptImprovements;
                if tx.open_call(&session.id.to_string(), kind).await?.is_none() {
                    return Err(Refusal::conflict(
                        "the session's sentences are being extracted; its transcript can no longer be improved",
                    )
                    .into());
                }
            }
            status => {
                return Err(Refusal::conflict(format!(
                    "the transcript of a session that is {status} can no longer be improved"
                ))
                .into());
            }
        }
        Ok(Outcome::done(session.id, None))
    }
}

/// Sets the session to processing and puts the call into the outbox.
pub(super) async fn auto_improve_transcript(
    tx: &mut Tx<'_>,
    session: &mut Session,
    result_deadline: Duration,
) -> Result<(), Abort> {
    let request = TranscriptImprovementRequest {
        client_reference_id: session.id.to_string(),
        webhook_url: String::new(),
        transcript: session.transcript.as_str().to_owned(),
        language: session.language.as_str().to_owned(),
    };
    let kind = SubmissionKind::TranscriptImprovements;
    let call = enqueue(tx, kind, session.id, None, &request, result_deadline).await?;
    let metadata = StatusMetadata {
        submission_id: Some(call),
        ..StatusMetadata::default()
    };
    update_session_status(
        tx,
        session,
        SessionStatus::Processing,
        metadata,
        TransitionCause::Request,
    )
    .await
}
