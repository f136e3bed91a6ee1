//! One observation, as it leaves a worker: raw moments, nothing computed yet.

use crate::clock::Moment;
use crate::metrics::SeriesKind;
use crate::plan::StepId;

/// What workers and the run's observers send to the aggregator, in batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sample {
    Request(RequestSample),
    Event(EventSample),
}

/// One HTTP request with its four moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestSample {
    pub step: StepId,
    /// The ticket it belongs to: an example of a failure names it.
    pub ticket: u64,
    /// Whether the ticket was scheduled during warm-up. Dependent steps follow their ticket.
    pub warm_up: bool,
    /// When the plan wanted it: the scheduled arrival, or the end of the step before plus its think time.
    pub intended: Moment,
    /// When the generator got to it.
    pub dispatched: Moment,
    /// When the first byte was handed to the socket.
    pub sent: Moment,
    /// When the last byte of the answer was there, or the request was given up.
    pub done: Moment,
    pub outcome: Outcome,
}

/// One event of the asynchronous half, or of the generator itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventSample {
    pub kind: SeriesKind,
    pub step: Option<StepId>,
    pub warm_up: bool,
    /// The moment whose second the event belongs to.
    pub at: Moment,
    /// The measured time in nanoseconds; `None` = a bad event: it failed, was lost, or never came. Negative values
    /// (clocks that crossed) are counted and taken as zero.
    pub value_ns: Option<i64>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// An expected status, and every check held.
    Ok,
    /// No complete answer within the time-out.
    Timeout,
    /// No connection: refused, unreachable, no TLS, or its own time-out. The target's doing.
    Connect,
    /// No connection, because the generator had no socket for it: no free port, descriptor or memory.
    Generator,
    /// The connection broke before the answer was complete.
    Reset,
    /// An unexpected status.
    Status(u16),
    /// Bytes that are not the protocol, or a body beyond the limit.
    Protocol,
    /// A check on the answer did not hold, or a value to save was not there.
    Check,
    /// Never sent: no virtual user was free when it was due, or the time for it to begin was over.
    Dropped,
    /// Cut off at the end of the drain.
    Unfinished,
}

impl Outcome {
    /// Whether the request succeeded.
    pub fn is_ok(self) -> bool {
        self == Outcome::Ok
    }

    /// The outcome in a few words, for reports.
    pub fn describe(self) -> String {
        match self {
            Outcome::Ok => "ok".to_owned(),
            Outcome::Timeout => "timed out".to_owned(),
            Outcome::Connect => "could not connect".to_owned(),
            Outcome::Generator => "the generator had no socket for it".to_owned(),
            Outcome::Reset => "connection broke".to_owned(),
            Outcome::Status(code) => format!("status {code}"),
            Outcome::Protocol => "invalid answer".to_owned(),
            Outcome::Check => "check failed".to_owned(),
            Outcome::Dropped => "dropped: never begun".to_owned(),
            Outcome::Unfinished => "unfinished at the end".to_owned(),
        }
    }
}
