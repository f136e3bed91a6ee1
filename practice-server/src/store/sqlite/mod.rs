//! The embedded store: SQLite in WAL mode with one writer and several readers.

pub(super) mod attempts;
pub(super) mod books;
pub(super) mod calls;
mod columns;
pub(super) mod inbox;
pub(super) mod sessions;
pub(super) mod statements;
mod temporary;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Sqlite, SqlitePool};
use tokio::sync::Notify;

use self::statements::Statements;
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

/// Reads are short; more connections than this only wait for the same two or four cores.
const READERS_MAX: u32 = 4;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// An open SQLite database. Cloning shares it.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    writer: Writer,
    readers: SqlitePool,
    metrics: Metrics,
    calls_enqueued: Arc<Notify>,
    /// Dropped last, so that the file outlives its connections.
    temporary: Option<TemporaryDatabase>,
}

impl SqliteStore {
    pub(super) async fn open(url: &DatabaseUrl, context: StoreContext) -> Result<Self, StoreError> {
        let temporary = match url {
            DatabaseUrl::SqliteTemporary => Some(TemporaryDatabase::new()),
            DatabaseUrl::SqliteFile(_) => None,
        };
        let path = match (url, &temporary) {
            (DatabaseUrl::SqliteFile(path), _) => path.as_path(),
            (DatabaseUrl::SqliteTemporary, Some(temporary)) => temporary.path(),
            (DatabaseUrl::SqliteTemporary, None) => Path::new(":memory:"),
        };
        let options = options(path);
        let doing = "opening the database";
        migrate(options.clone()).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options.clone().create_if_missing(false).read_only(true))
            .await
            .map_err(|error| StoreError::new(doing, error))?;
        let calls_enqueued = Arc::new(Notify::new());
        let metrics = context.metrics.clone();
        let writer = Writer::start(options, context, Arc::clone(&calls_enqueued)).await?;
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
        let session = sessions::find(&mut Statements::on(&mut *self.reader().await?), id).await?;
        Ok(session.filter(|session| session.user_id == *user))
    }

    pub(super) async fn attempt_of(
        &self,
        user: &UserId,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError> {
        let _timed = self.time("read_attempt");
        let attempt = attempts::find(&mut Statements::on(&mut *self.reader().await?), id).await?;
        Ok(attempt.filter(|attempt| attempt.user_id == *user))
    }

    pub(super) async fn call(&self, id: CallId) -> Result<Option<Call>, StoreError> {
        calls::find(&mut Statements::on(&mut *self.reader().await?), id).await
    }

    pub(super) async fn calls_of_session(&self, id: SessionId) -> Result<Vec<Call>, StoreError> {
        calls::of_session(&mut Statements::on(&mut *self.reader().await?), id).await
    }

    pub(super) async fn transitions_of(&self, entity_id: &str) -> Result<Vec<TransitionRow>, StoreError> {
        books::transitions_of(&mut Statements::on(&mut *self.reader().await?), entity_id).await
    }

    pub(super) async fn inbox_row(&self, webhook_id: &str) -> Result<Option<InboxRow>, StoreError> {
        inbox::find(&mut Statements::on(&mut *self.reader().await?), webhook_id).await
    }

    pub(super) async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        books::dead_letters(&mut Statements::on(&mut *self.reader().await?), limit).await
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let _timed = self.time("ping");
        let doing = "asking whether the database answers";
        if !self.0.writer.is_running() {
            return Err(StoreError::Unavailable { doing, source: None });
        }
        sqlx::query("SELECT 1")
            .execute(&mut *self.reader().await?)
            .await
            .map_err(|error| StoreError::new(doing, error))?;
        Ok(())
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
        metrics.pool_connections.set(i64::from(readers.size()));
        metrics
            .pool_connections_idle
            .set(i64::try_from(readers.num_idle()).unwrap_or(i64::MAX));
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

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.0
            .readers
            .acquire()
            .await
            .map_err(|error| StoreError::new("waiting for a reader connection", error))
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

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging()
}

/// Brings the schema up to date. Through a pool of one, since the migrator cannot be given a lone connection inside a
/// future that is to be spawned.
async fn migrate(options: SqliteConnectOptions) -> Result<(), StoreError> {
    let doing = "bringing the schema up to date";
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|error| StoreError::new(doing, error))?;
    let migrated = MIGRATOR.run(&pool).await;
    pool.close().await;
    migrated.map_err(|error| StoreError::new(doing, sqlx::Error::Migrate(Box::new(error))))
}
