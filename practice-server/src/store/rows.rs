//! The rows that are not part of the practice domain: transitions, inbox entries, stored answers, dead letters, and
//! what completing a call writes.

use std::time::Duration;

use crate::domain::{Call, CallId, Timestamp};

/// What a transition is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entity {
    Session,
    Attempt,
    /// One call to ClassConnect, from its acceptance to its result.
    Submission,
}

impl Entity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Attempt => "attempt",
            Self::Submission => "submission",
        }
    }
}

/// What brought a transition about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransitionCause {
    /// A request to the practice API.
    Request,
    /// ClassConnect accepted or refused a call.
    Dispatch,
    Webhook,
    /// A result was fetched because its webhook did not come.
    Poll,
    /// A deadline passed.
    Sweep,
}

impl TransitionCause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Dispatch => "dispatch",
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Sweep => "sweep",
        }
    }
}

/// A row of `transitions` to be written.
#[derive(Debug, Clone)]
pub struct Transition {
    pub submission_id: Option<CallId>,
    pub entity: Entity,
    pub entity_id: String,
    pub from_status: Option<&'static str>,
    pub to_status: &'static str,
    pub is_terminal: bool,
    pub cause: TransitionCause,
}

/// A row of `transitions` as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransitionRow {
    pub submission_id: Option<String>,
    pub from_status: Option<String>,
    pub to_status: String,
    pub is_terminal: bool,
    pub cause: String,
}

/// A call that was claimed for sending.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedCall {
    pub call: Call,
    /// Only the holder of this token may complete the call.
    pub lease_token: String,
}

/// How a claimed call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallCompletion {
    /// ClassConnect took the work.
    Accepted { job_id: String, poll_at: Timestamp },
    /// Worth another try at `run_at`.
    Retry { run_at: Timestamp, error: String },
    /// It was not sent at all, so the claim does not count as an attempt.
    Deferred { run_at: Timestamp },
    /// Given up.
    Dead { error: String },
}

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    Applied,
    /// The submission had its result already.
    Superseded,
    /// No submission of ours, or not yet; matching is tried again for a while.
    Unmatched,
    /// Never matched; a copy is in the dead letter queue.
    Dead,
}

impl Disposition {
    pub const ALL: [Self; 4] = [Self::Applied, Self::Superseded, Self::Unmatched, Self::Dead];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Superseded => "superseded",
            Self::Unmatched => "unmatched",
            Self::Dead => "dead",
        }
    }

    /// The disposition a stored word stands for; `None` for a word that is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|disposition| disposition.as_str() == word)
    }
}

/// A valid delivery on its way into the inbox.
#[derive(Debug, Clone)]
pub struct InboxEntry {
    pub webhook_id: String,
    /// The signed `webhook-timestamp`, Unix seconds.
    pub webhook_timestamp: u64,
    pub event_type: &'static str,
    pub job_id: String,
    pub client_reference_id: String,
    /// The body as it was signed.
    pub payload: String,
}

/// A row of `webhook_inbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxRow {
    pub webhook_id: String,
    pub payload: String,
    pub disposition: Disposition,
    pub deliveries: u32,
    pub received_at: Timestamp,
}

/// A stored answer to an idempotent request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    pub fingerprint: Vec<u8>,
    /// The answer as JSON.
    pub answer: String,
}

/// A row of `dead_letter_queue`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// `call` or `webhook`.
    pub source: &'static str,
    /// The call's id or the webhook's id.
    pub reference_id: String,
    pub payload: String,
    pub reason: String,
    pub attempts: u32,
}

/// How long finished bookkeeping is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub idempotency_keys: Duration,
    pub inbox: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        Self {
            idempotency_keys: DAY,
            inbox: DAY.saturating_mul(7),
        }
    }
}
