//! The one way a session's status changes.

use crate::domain::{CallId, Progress, Refusal, Session, SessionId, SessionStatus, UserId};
use crate::store::{Abort, Entity, Transition, TransitionCause, Tx};

/// What goes with a new status; what is `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct StatusMetadata {
    pub progress: Option<Progress>,
    pub error_message: Option<String>,
    /// The submission that brings the status about.
    pub submission_id: Option<CallId>,
}

/// Writes a session's status with its metadata and whatever else the caller changed in `session`, and records the
/// transition. Staying in a status writes the row and records nothing.
///
/// # Errors
/// A status that may not follow the present one, or trouble of the database.
pub async fn update_session_status(
    tx: &mut Tx<'_>,
    session: &mut Session,
    status: SessionStatus,
    metadata: StatusMetadata,
    cause: TransitionCause,
) -> Result<(), Abort> {
    let from = session.status;
    if from != status && !from.may_become(status) {
        return Err(Refusal::conflict(format!("a session that is {from} cannot become {status}")).into());
    }
    session.status = status;
    session.updated_at = tx.now();
    if let Some(progress) = metadata.progress {
        session.progress = progress;
    }
    if metadata.error_message.is_some() {
        session.error_message = metadata.error_message;
    }
    tx.update_session(session).await?;
    if from != status {
        let transition = Transition {
            submission_id: metadata.submission_id,
            entity: Entity::Session,
            entity_id: session.id.to_string(),
            from_status: Some(from.as_str()),
            to_status: status.as_str(),
            is_terminal: matches!(
                status,
                SessionStatus::Completed | SessionStatus::Failed | SessionStatus::Abandoned
            ),
            cause,
        };
        tx.record_transition(&transition).await?;
    }
    Ok(())
}

/// The user's session, or the refusal that does not tell whether it exists.
pub(super) async fn session_of(tx: &mut Tx<'_>, user: &UserId, id: SessionId) -> Result<Session, Abort> {
    match tx.session(id).await? {
        Some(session) if session.user_id == *user => Ok(session),
        _ => Err(Refusal::NotFound { entity: "session" }.into()),
    }
}
