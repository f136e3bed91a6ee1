//! The embedded store: SQLite in WAL mode with one writer and several readers. The schema is brought up to date through
//! sqlx, whose migrations every backend shares; see `docs/decisions/0007-sqlite-on-the-writers-own-thread.md` for why
//! the statements are not run through it.

pub(super) mod attempts;
pub(super) mod books;
pub(super) mod calls;
mod columns;
mod connection;
pub(super) mod inbox;
mod readers;
pub(super) mod sessions;
mod temporary;
mod writer;

use std::path::Path;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tokio::sync::Notify;

pub(super) use self::connection::Connection;
use self::readers::Readers;
use self::temporary::TemporaryDatabase;
use self::writer::Writer;
use super::{
    Committed, DatabaseUrl, DeadLetter, InboxRow, StoreContext, StoreError, Transaction, TransitionRow,
    WriteError,
};
use crate::clock::Stopwatch;
use crate::domain::{Attempt, AttemptId, Call, CallId, Session, SessionId, UserId};
use crate::metrics::Metrics;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/sqlite");

/// An open SQLite database. Cloning shares it.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    writer: Writer,
    readers: Readers,
    metrics: Metrics,
    calls_enqueued: Arc<Notify>,
    /// Dropped last, so that the file outlives its connections.
    temporary: Option<TemporaryDatabase>,
}

impl SqliteStore {
    pub(super) async fn open(url: &DatabaseUrl, context: StoreContext) -> Result<Self, StoreError> {
        let temporary = match url {
            DatabaseUrl::SqliteTemporary => Some(TemporaryDatabase::new()),
            DatabaseUrl::SqliteFile(_) | DatabaseUrl::Postgres(_) => None,
        };
        let path = match (url, &temporary) {
            (DatabaseUrl::SqliteFile(path), _) => path.as_path(),
            (DatabaseUrl::SqliteTemporary, Some(temporary)) => temporary.path(),
            (DatabaseUrl::SqliteTemporary | DatabaseUrl::Postgres(_), None) => Path::new(":memory:"),
            (DatabaseUrl::Postgres(_), Some(temporary)) => temporary.path(),
        };
        migrate(path).await?;
        let readers = Readers::new(path.to_owned());
        let calls_enqueued = Arc::new(Notify::new());
        let metrics = context.metrics.clone();
        let writer = Writer::start(path, context, Arc::clone(&calls_enqueued)).await?;
        Ok(Self(Arc::new(Inner {
            writer,
            readers,
            metrics,
            calls_enqueued,
            temporary,
        })))
    }

    pub(super) async fn write<T: Transaction>(
        &self,
        transaction: T,
    ) -> Result<Committed<T::Output>, WriteError> {
        self.0.writer.write(transaction).await
    }

    pub(super) async fn session_of(
        &self,
        user: &UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let _timed = self.time("read_session");
        let session = self
            .0
            .readers
            .read(move |connection| sessions::find(connection, id))
            .await?;
        Ok(session.filter(|session| session.user_id == *user))
    }

    pub(super) async fn attempt_of(
        &self,
        user: &UserId,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError> {
        let _timed = self.time("read_attempt");
        let attempt = self
            .0
            .readers
            .read(move |connection| attempts::find(connection, id))
            .await?;
        Ok(attempt.filter(|attempt| attempt.user_id == *user))
    }

    pub(super) async fn call(&self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.0
            .readers
            .read(move |connection| calls::find(connection, id))
            .await
    }

    pub(super) async fn calls_of_session(&self, id: SessionId) -> Result<Vec<Call>, StoreError> {
        self.0
            .readers
            .read(move |connection| calls::of_session(connection, id))
            .await
    }

    pub(super) async fn transitions_of(&self, entity_id: &str) -> Result<Vec<TransitionRow>, StoreError> {
        let entity_id = entity_id.to_owned();
        self.0
            .readers
            .read(move |connection| books::transitions_of(connection, &entity_id))
            .await
    }

    pub(super) async fn inbox_row(&self, webhook_id: &str) -> Result<Option<InboxRow>, StoreError> {
        let webhook_id = webhook_id.to_owned();
        self.0
            .readers
            .read(move |connection| inbox::find(connection, &webhook_id))
            .await
    }

    pub(super) async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.0
            .readers
            .read(move |connection| books::dead_letters(connection, limit))
            .await
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let _timed = self.time("ping");
        let doing = "asking whether the database answers";
        if !self.0.writer.is_running() {
            return Err(StoreError::Unavailable { doing, source: None });
        }
        let ask = |connection: &Connection| connection.statement(doing, "SELECT 1").fetch_one(|_| Ok(()));
        self.0.readers.read(ask).await
    }

    pub(super) fn calls_enqueued(&self) -> Arc<Notify> {
        Arc::clone(&self.0.calls_enqueued)
    }

    pub(super) fn refresh_gauges(&self) {
        let Inner {
            metrics,
            readers,
            writer,
            ..
        } = &*self.0;
        let (open, idle) = readers.connections();
        metrics
            .pool_connections
            .set(i64::try_from(open).unwrap_or(i64::MAX));
        metrics
            .pool_connections_idle
            .set(i64::try_from(idle).unwrap_or(i64::MAX));
        metrics
            .writer_queue_depth
            .set(i64::try_from(writer.queue_depth()).unwrap_or(i64::MAX));
    }

    pub(super) async fn close(&self) {
        self.0.writer.close().await;
        self.0.readers.close().await;
        if let Some(temporary) = &self.0.temporary {
            temporary.remove();
        }
    }

    fn time(&self, query: &'static str) -> QueryTimer<'_> {
        QueryTimer {
            metrics: &self.0.metrics,
            query,
            started: Stopwatch::start(),
        }
    }
}

/// Observes a read's duration, wait for a connection included, when it goes out of scope.
struct QueryTimer<'m> {
    metrics: &'m Metrics,
    query: &'static str,
    started: Stopwatch,
}

impl Drop for QueryTimer<'_> {
    fn drop(&mut self) {
        self.metrics
            .observe_query(self.query, self.started.elapsed_seconds());
    }
}

/// Creates the file if need be and brings its schema up to date. A database that is in WAL mode stays in it. Through a
/// pool of one, since the migrator cannot be given a lone connection inside a future that is to be spawned.
async fn migrate(path: &Path) -> Result<(), StoreError> {
    let doing = "bringing the schema up to date";
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|error| StoreError::new(doing, error))?;
    let migrated = MIGRATOR.run(&pool).await;
    pool.close().await;
    migrated.map_err(|error| StoreError::new(doing, sqlx::Error::Migrate(Box::new(error))))
}
