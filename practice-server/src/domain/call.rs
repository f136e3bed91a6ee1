//! A row of `classconnect_calls`: work for ClassConnect that was accepted and is not finished until it says so.

use std::fmt;

use serde_json::Value;

use super::{AttemptId, CallId, SessionId, SubmissionKind, Timestamp};

/// Where a call stands.
///
/// `ready → leased → awaiting → done`; back from `leased` to `ready` after a failure that is worth a retry or an
/// expired lease; `dead` once given up. A result may arrive in any state before the last two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallState {
    /// Due at `run_at`.
    Ready,
    /// A dispatcher is sending it until `lease_until`.
    Leased,
    /// ClassConnect accepted it; the result is due by webhook, and by polling from `poll_at` on.
    Awaiting,
    /// A result, good or bad, was applied.
    Done,
    /// Given up; a copy is in the dead letter queue.
    Dead,
}

impl CallState {
    pub const ALL: [Self; 5] = [Self::Ready, Self::Leased, Self::Awaiting, Self::Done, Self::Dead];

    /// Nothing more will happen to the call.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Dead)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Awaiting => "awaiting",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// The state a stored word stands for; `None` for a word that is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for CallState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One submission to ClassConnect.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Also the `Idempotency-Key` under which it is sent, however often.
    pub id: CallId,
    pub kind: SubmissionKind,
    pub session_id: SessionId,
    /// Present for a recording analysis.
    pub attempt_id: Option<AttemptId>,
    /// The request body, without the `webhook_url`, which is this server's present address.
    pub payload: Value,
    pub state: CallState,
    /// Claims so far; counted at the claim, so that a crash in between counts too.
    pub attempts: u32,
    /// Lookups of the job so far.
    pub polls: u32,
    pub job_id: Option<String>,
    /// The call fails with a timeout at this moment, whatever its state.
    pub deadline_at: Timestamp,
    pub created_at: Timestamp,
}

impl Call {
    /// The id under which ClassConnect knows the work: the attempt's, or the session's.
    pub fn client_reference_id(&self) -> String {
        match self.attempt_id {
            Some(attempt_id) => attempt_id.to_string(),
            None => self.session_id.to_string(),
        }
    }
}
