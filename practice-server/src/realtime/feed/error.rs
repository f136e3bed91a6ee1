//! Why the changes of the database cannot be followed.

use std::time::Duration;

use pgwire_replication::PgWireError;

use super::changes::OutOfOrder;
use super::pgoutput::DecodeError;

/// Trouble of the feed. It is not the end: the feed connects again.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("the database could not be asked while {doing}")]
    Database {
        doing: &'static str,
        #[source]
        source: sqlx::Error,
    },
    #[error("the database did not answer within {limit:?} while {doing}; {advice}")]
    Silent {
        doing: &'static str,
        limit: Duration,
        advice: &'static str,
    },
    #[error("the database refused {doing}; {advice}")]
    Refused {
        doing: &'static str,
        advice: &'static str,
        #[source]
        source: PgWireError,
    },
    #[error("the stream of the database's changes broke off")]
    Stream(#[source] PgWireError),
    #[error("the database ended the stream of its changes")]
    Ended,
    #[error("the database's log cannot be read: {0}")]
    Unreadable(String),
}

impl From<DecodeError> for FeedError {
    fn from(error: DecodeError) -> Self {
        Self::Unreadable(format!("a message is not one of pgoutput's: {error}"))
    }
}

impl From<OutOfOrder> for FeedError {
    fn from(error: OutOfOrder) -> Self {
        Self::Unreadable(error.to_string())
    }
}

impl FeedError {
    /// `doing` completes "the database could not be asked while …".
    pub(super) fn database(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }
}
