//! The queue of HTTP requests as its worker sees it. PostgreSQL implements it, and the worker's tests do, in virtual time.

use std::future::Future;
use std::time::Duration;

/// A request that was taken out of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueuedRequest {
    pub(crate) id: i64,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) timeout: Duration,
}

/// The methods that can be queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Post,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) request_id: i64,
    pub(crate) end: DeliveryEnd,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeliveryEnd {
    Answered {
        status: u16,
        content_type: Option<String>,
        content: String,
    },
    TimedOut {
        message: String,
    },
    Failed {
        message: String,
    },
}

impl DeliveryEnd {
    /// Why the request's work was not done, as the label of a counter; `None` if it was. There is no second try.
    pub(crate) fn lost_because(&self) -> Option<&'static str> {
        match self {
            Self::Answered {
                status: 200..=299, ..
            } => None,
            Self::Answered { .. } => Some("status"),
            Self::TimedOut { .. } => Some("timeout"),
            Self::Failed { .. } => Some("connection"),
        }
    }
}

/// When taken requests are gone for good. It makes a difference only if the worker dies in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taking {
    /// Before they are sent: a worker that dies loses them.
    CommittedFirst,
    /// With their answers, in one transaction: a worker that dies leaves them to its successor, who sends them again.
    WithTheAnswers,
}

/// The two tables of the schema `net`, with one worker.
pub(crate) trait RequestQueue: Send {
    type Error: Send;

    /// How many requests wait, counted up to `limit`. Requests that were taken [`Taking::WithTheAnswers`] wait until
    /// [`RequestQueue::finish`].
    fn waiting(&mut self, limit: u64) -> impl Future<Output = Result<u64, Self::Error>> + Send;

    /// Deletes answers that are kept long enough, at most one batch of them. Answers how many.
    fn delete_expired(&mut self) -> impl Future<Output = Result<u64, Self::Error>> + Send;

    /// Takes at most `limit` requests, oldest first.
    fn take(
        &mut self,
        limit: u32,
        taking: Taking,
    ) -> impl Future<Output = Result<Vec<QueuedRequest>, Self::Error>> + Send;

    /// Writes the answers of what was taken last.
    fn finish(&mut self, deliveries: &[Delivery]) -> impl Future<Output = Result<(), Self::Error>> + Send;
}
