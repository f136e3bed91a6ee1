//! What the transaction of an action came to, which in the trigger architecture is not yet the answer.

use serde::{Deserialize, Serialize};

use super::Accepted;
use crate::domain::{AttemptId, SessionId, SubmissionKind};
use crate::legacy::Awaited;

/// The answer, and what has to happen before it may go out. Stored as it is under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    #[serde(flatten)]
    pub(super) accepted: Accepted,
    /// What the triggered function does. Nothing in the direct architecture, where the work is done already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) awaited: Option<Awaited>,
}

impl Outcome {
    /// The work is done.
    pub(super) fn done(session: SessionId, attempt: Option<AttemptId>) -> Self {
        Self {
            accepted: Accepted::new(session, attempt),
            awaited: None,
        }
    }

    /// A trigger has asked an edge function for the work; it ends with a call of this kind.
    pub(super) fn triggered(session: SessionId, attempt: Option<AttemptId>, kind: SubmissionKind) -> Self {
        let client_reference_id = attempt.map_or_else(|| session.to_string(), |attempt| attempt.to_string());
        Self {
            accepted: Accepted::new(session, attempt),
            awaited: Some(Awaited {
                client_reference_id,
                kind,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_being_stored_and_a_direct_answer_is_stored_as_it_was_sent() {
        let session = SessionId::random();
        let direct = Outcome::done(session, Some(AttemptId::random()));
        let stored = serde_json::to_string(&direct).unwrap();
        assert_eq!(stored, serde_json::to_string(&direct.accepted).unwrap());
        let triggered = Outcome::triggered(session, None, SubmissionKind::SentenceExtractions);
        for outcome in [direct, triggered] {
            let stored = serde_json::to_string(&outcome).unwrap();
            assert_eq!(serde_json::from_str::<Outcome>(&stored).unwrap(), outcome);
        }
    }
}
