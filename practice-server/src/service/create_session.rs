//! `create_practice_session`: the row, then the improvement of its transcript.

use std::time::Duration;

use super::improve_transcript::auto_improve_transcript;
use super::outcome::Outcome;
use crate::domain::{Architecture, Language, Session, SubmissionKind, Transcript, UserId};
use crate::store::{Abort, Entity, Transaction, Transition, TransitionCause, Tx};

#[derive(Clone)]
pub(super) struct CreatePracticeSession {
    pub(super) user: UserId,
    pub(super) transcript: Transcript,
    pub(super) language: Language,
    pub(super) architecture: Architecture,
    pub(super) result_deadline: Duration,
}

impl Transaction for CreatePracticeSession {
    const NAME: &'static str = "create_practice_session";

    type Output = Outcome;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Outcome, Abort> {
        let mut session = Session::new(self.user, self.transcript, self.language, tx.now());
        session.architecture = self.architecture;
        tx.insert_session(&session).await?;
        let created = Transition {
            submission_id: None,
            entity: Entity::Session,
            entity_id: session.id.to_string(),
            from_status: None,
            to_status: session.status.as_str(),
            is_terminal: false,
            cause: TransitionCause::Request,
        };
        tx.record_transition(&created).await?;
        match session.architecture {
            Architecture::Direct => {
                auto_improve_transcript(tx, &mut session, self.result_deadline).await?;
                Ok(Outcome::done(session.id, None))
            }
            // The new row's trigger has asked an edge function for the rest.
            Architecture::Trigger => {
                let kind = SubmissionKind::TranscriptImprovements;
                Ok(Outcome::triggered(session.id, None, kind))
            }
        }
    }
}
