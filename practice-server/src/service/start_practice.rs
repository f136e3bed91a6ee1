//! `start_practice` → `auto_start_practice`: sentence extraction, what the second database trigger used to start.

use std::time::Duration;

use classconnect_api::SentenceExtractionRequest;

use super::outbox::enqueue;
use super::outcome::Outcome;
use super::session_status::{StatusMetadata, session_of, update_session_status};
use crate::domain::{Architecture, Refusal, Session, SessionId, SessionStatus, SubmissionKind, UserId};
use crate::store::{Abort, Transaction, TransitionCause, Tx};

#[derive(Clone)]
pub(super) struct StartPractice {
    pub(super) user: UserId,
    pub(super) session_id: SessionId,
    pub(super) result_deadline: Duration,
}

impl Transaction for StartPractice {
    const NAME: &'static str = "start_practice";

    type Output = Outcome;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Outcome, Abort> {
        let mut session = session_of(tx, &self.user, self.session_id).await?;
        let kind = SubmissionKind::SentenceExtractions;
        match session.status {
            SessionStatus::Ready => match session.architecture {
                Architecture::Direct => auto_start_practice(tx, &mut session, self.result_deadline).await?,
                Architecture::Trigger => {
                    tx.request_practice(&mut session).await?;
                    return Ok(Outcome::triggered(session.id, None, kind));
                }
            },
            SessionStatus::Processing => {
                if tx.open_call(&session.id.to_string(), kind).await?.is_none() {
                    return Err(Refusal::conflict(
                        "the session's transcript is still being improved; start when the session is ready",
                    )
                    .into());
                }
            }
            status => {
                return Err(Refusal::conflict(format!(
                    "practice starts from a session that is ready; this one is {status}"
                ))
                .into());
            }
        }
        Ok(Outcome::done(session.id, None))
    }
}

/// Sets the session to processing and puts the call into the outbox.
pub(super) async fn auto_start_practice(
    tx: &mut Tx<'_>,
    session: &mut Session,
    result_deadline: Duration,
) -> Result<(), Abort> {
    let request = SentenceExtractionRequest {
        client_reference_id: session.id.to_string(),
        webhook_url: String::new(),
        transcript: session.current_transcript().to_owned(),
        language: session.language.as_str().to_owned(),
    };
    let kind = SubmissionKind::SentenceExtractions;
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
