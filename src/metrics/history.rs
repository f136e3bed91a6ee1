//! The client's history: what users handed in, what they got back, what they saw that they should not have.
//!
//! It is written to `history.jsonl` while the run goes on, one record a line, and read again by the audit. Times are
//! nanoseconds of the host's monotonic clock, like the mock's ledger, so that the two can be joined.

use serde::{Deserialize, Serialize};

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum HistoryRecord {
    Submission(SubmissionRecord),
    Result(ResultRecord),
    Sighting(SightingRecord),
    /// Only of users with patience.
    Session(SessionRecord),
}

/// A user handed in work whose result comes later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmissionRecord {
    pub ticket: u64,
    pub warm_up: bool,
    pub step: String,
    /// The kind of job, as the ledger names it.
    pub kind: String,
    /// Joins the ledger's `client_reference_id`; absent when the answer that would have named it never came.
    pub reference: Option<String>,
    /// Path that shows the outcome; absent with the reference.
    pub read_back: Option<String>,
    pub acceptance: Acceptance,
    pub intended_ns: u64,
    pub sent_ns: u64,
    /// When the answer was there, or the request was given up.
    pub answered_ns: u64,
}

/// What the user knows about the fate of what they handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acceptance {
    /// The target said yes: from here on it must not lose it.
    Accepted,
    /// No answer came: it may have been accepted or not.
    Unknown,
}

/// A result reached its user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultRecord {
    pub ticket: u64,
    pub kind: String,
    pub reference: String,
    pub channel: ResultChannel,
    pub received_ns: u64,
}

/// How a result reached its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultChannel {
    /// A realtime event.
    Event,
    /// The one read of the row after the subscription became live: it had happened before.
    Read,
    /// The polling fallback.
    Poll,
}

/// A user received an event that must not be: somebody else's, or the same one twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SightingRecord {
    pub ticket: u64,
    pub sighting: Sighting,
    pub detail: String,
}

/// The kinds of events that must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sighting {
    Duplicated,
    Misdelivered,
}

/// A session of a user with patience is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    pub ticket: u64,
    pub warm_up: bool,
    /// When the user arrived.
    pub began_ns: u64,
    /// When they reached the end, left, or were cut off.
    pub ended_ns: u64,
    pub end: SessionEnd,
    /// The step at which they left, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_at: Option<String>,
    /// Whether the user had reason to complain, as far as they could see.
    pub complained: bool,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The user came to the end of their journey.
    Reached,
    /// They left, because a step took too long.
    LeftWaiting,
    /// They left, because of an error.
    LeftAfterError,
    /// The generator itself could not go on.
    Failed,
    /// Cut off at the end of the drain.
    Unfinished,
}

impl SessionEnd {
    /// Whether the user left of their own accord.
    pub fn is_left(self) -> bool {
        matches!(self, SessionEnd::LeftWaiting | SessionEnd::LeftAfterError)
    }
}
