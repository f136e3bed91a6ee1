//! Storage behind one seam. A unit of work is a [`Transaction`]: it reads and writes rows through [`Tx`], which
//! every backend implements, and it either happens wholly or not at all. The rules stay out of the backends.

mod error;
mod pool_settings;
mod postgres;
mod rows;
mod sqlite;
mod transaction;
mod tx;

use std::fmt;
use std::sync::Arc;

use tokio::sync::Notify;

pub use error::{Abort, DriverError, StoreError, Violation, WriteError};
pub use pool_settings::PoolSettings;
pub use postgres::{PostgresStore, PostgresUrl};
pub use rows::{
    CallCompletion, ClaimedCall, DeadLetter, Disposition, Entity, InboxEntry, InboxRow, Retention,
    StoredAnswer, Transition, TransitionCause, TransitionRow,
};
pub use transaction::{Committed, Transaction};
pub use tx::Tx;

use crate::clock::Clock;
use crate::domain::{Attempt, AttemptId, Call, CallId, Session, SessionId, UserId};
use crate::metrics::Metrics;
use crate::realtime::{CommitMoments, Hub};

/// Where rows are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A temporary file that is removed when the store closes.
    SqliteTemporary,
    SqliteFile(std::path::PathBuf),
    Postgres(PostgresUrl),
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SqliteTemporary => f.write_str("sqlite::memory:"),
            Self::SqliteFile(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

/// What a store needs besides its database.
#[derive(Clone)]
pub struct StoreContext {
    pub hub: Hub,
    pub metrics: Metrics,
    pub clock: Clock,
    /// Where PostgreSQL's transactions write down when they were committed, for the change feed.
    pub commits: CommitMoments,
    /// The bounds of PostgreSQL's connections.
    pub pool: PoolSettings,
}

/// The open database. Cloning shares it.
#[derive(Clone)]
pub enum Store {
    Sqlite(sqlite::SqliteStore),
    Postgres(PostgresStore),
}

impl Store {
    /// Opens the database and brings its schema up to date.
    ///
    /// # Errors
    /// A database that cannot be opened, or a schema that cannot be brought up to date.
    pub async fn open(url: &DatabaseUrl, context: StoreContext) -> Result<Self, StoreError> {
        match url {
            DatabaseUrl::SqliteTemporary | DatabaseUrl::SqliteFile(_) => {
                Ok(Self::Sqlite(sqlite::SqliteStore::open(url, context).await?))
            }
            DatabaseUrl::Postgres(url) => Ok(Self::Postgres(PostgresStore::open(url, context).await?)),
        }
    }

    /// Runs a transaction. When this returns `Ok`, it is committed and durable. Its changes are published by then on
    /// SQLite; on PostgreSQL they come from the write-ahead log.
    ///
    /// # Errors
    /// A refusal by the transaction itself (nothing was written), or a store that could not commit it.
    pub async fn write<T: Transaction>(&self, transaction: T) -> Result<Committed<T::Output>, WriteError> {
        match self {
            Self::Sqlite(store) => store.write(transaction).await,
            Self::Postgres(store) => store.write(transaction).await,
        }
    }

    /// A session, if it is the user's.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn session_of(&self, user: &UserId, id: SessionId) -> Result<Option<Session>, StoreError> {
        match self {
            Self::Sqlite(store) => store.session_of(user, id).await,
            Self::Postgres(store) => store.session_of(user, id).await,
        }
    }

    /// An attempt, if it is the user's.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn attempt_of(&self, user: &UserId, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        match self {
            Self::Sqlite(store) => store.attempt_of(user, id).await,
            Self::Postgres(store) => store.attempt_of(user, id).await,
        }
    }

    /// A call, for whoever looks into what became of it.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn call(&self, id: CallId) -> Result<Option<Call>, StoreError> {
        match self {
            Self::Sqlite(store) => store.call(id).await,
            Self::Postgres(store) => store.call(id).await,
        }
    }

    /// The calls made for a session, oldest first.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn calls_of_session(&self, id: SessionId) -> Result<Vec<Call>, StoreError> {
        match self {
            Self::Sqlite(store) => store.calls_of_session(id).await,
            Self::Postgres(store) => store.calls_of_session(id).await,
        }
    }

    /// Every transition of an entity, oldest first.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn transitions_of(&self, entity_id: &str) -> Result<Vec<TransitionRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.transitions_of(entity_id).await,
            Self::Postgres(store) => store.transitions_of(entity_id).await,
        }
    }

    /// An entry of the webhook inbox.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn inbox_row(&self, webhook_id: &str) -> Result<Option<InboxRow>, StoreError> {
        match self {
            Self::Sqlite(store) => store.inbox_row(webhook_id).await,
            Self::Postgres(store) => store.inbox_row(webhook_id).await,
        }
    }

    /// The dead letter queue, oldest first, at most `limit` entries.
    ///
    /// # Errors
    /// A database that cannot answer.
    pub async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        match self {
            Self::Sqlite(store) => store.dead_letters(limit).await,
            Self::Postgres(store) => store.dead_letters(limit).await,
        }
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// A database that does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(store) => store.ping().await,
            Self::Postgres(store) => store.ping().await,
        }
    }

    /// Woken after each commit that put a call into the outbox.
    pub fn calls_enqueued(&self) -> Arc<Notify> {
        match self {
            Self::Sqlite(store) => store.calls_enqueued(),
            Self::Postgres(store) => store.calls_enqueued(),
        }
    }

    /// Brings the gauges up to date that nothing else maintains.
    pub fn refresh_gauges(&self) {
        match self {
            Self::Sqlite(store) => store.refresh_gauges(),
            Self::Postgres(store) => store.refresh_gauges(),
        }
    }

    /// Commits what is queued, refuses what comes later, and closes the database.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}
