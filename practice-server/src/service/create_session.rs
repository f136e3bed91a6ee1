//! `create_practice_session`: the row, then the improvement of its transcript.

use std::time::Duration;

use super::Accepted;
use super::improve_transcript::auto_improve_transcript;
use crate::domain::{Language, Session, Transcript, UserId};
use crate::store::{Abort, Entity, Transaction, Transition, TransitionCause, Tx};

#[derive(Clone)]
pub(super) struct CreatePracticeSession {
    pub(super) user: UserId,
    pub(super) transcript: Transcript,
    pub(super) language: Language,
    pub(super) result_deadline: Duration,
}

impl Transaction for CreatePracticeSession {
    const NAME: &'static str = "create_practice_session";

    type Output = Accepted;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Accepted, Abort> {
        let mut session = Session::new(self.user, self.transcript, self.language, tx.now());
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
        auto_improve_transcript(tx, &mut session, self.result_deadline).await?;
        Ok(Accepted::new(session.id, None))
    }
}
