//! The store of production: PostgreSQL. Every unit of work is a transaction on a connection out of a small pool; what
//! subscribers see comes from the write-ahead log and not from here, so that they see every writer.

pub(super) mod attempts;
pub(super) mod books;
pub(super) mod calls;
mod columns;
pub(super) mod inbox;
mod outage;
mod pool;
mod preflight;
pub(super) mod sessions;
mod transaction;
mod url;
mod work;

use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::sync::Notify;

use self::pool::Pool;
use self::transaction::Units;
pub use self::url::PostgresUrl;
pub(super) use self::work::Work;
use super::{
    Committed, DeadLetter, InboxRow, StoreContext, StoreError, Transaction, TransitionRow, WriteError,
};
use crate::clock::Stopwatch;
use crate::domain::{Attempt, AttemptId, Call, CallId, Session, SessionId, UserId};
use crate::metrics::Metrics;

/// Connections for what is no unit of work. They are opened when they are needed.
const SIDE_CONNECTIONS_MAX: u32 = 4;

/// An open PostgreSQL database. Cloning shares it.
#[derive(Clone)]
pub struct PostgresStore(Arc<Inner>);

struct Inner {
    url: PostgresUrl,
    units: Arc<Units>,
    side: PgPool,
    calls_enqueued: Arc<Notify>,
}

impl PostgresStore {
    pub(super) async fn open(url: &PostgresUrl, context: StoreContext) -> Result<Self, StoreError> {
        preflight::prepare(url, context.logical_replication).await?;
        let options = url.connect_options();
        let side = PgPoolOptions::new()
            .max_connections(SIDE_CONNECTIONS_MAX)
            .acquire_timeout(context.pool.wait)
            .connect_lazy_with(options.clone());
        let pool = Pool::new(options, context.pool, context.metrics.clone());
        Ok(Self(Arc::new(Inner {
            url: url.clone(),
            units: Arc::new(Units { pool, context }),
            side,
            calls_enqueued: Arc::default(),
        })))
    }

    /// Where the database is.
    pub fn url(&self) -> &PostgresUrl {
        &self.0.url
    }

    /// A few connections besides those of the units of work, for what belongs to no request.
    pub fn pool(&self) -> PgPool {
        self.0.side.clone()
    }

    pub(super) async fn write<T: Transaction>(
        &self,
        transaction: T,
    ) -> Result<Committed<T::Output>, WriteError> {
        let (committed, calls_enqueued) = self.0.units.run(transaction).await?;
        if calls_enqueued {
            self.0.calls_enqueued.notify_one();
        }
        Ok(committed)
    }

    pub(super) async fn session_of(
        &self,
        user: &UserId,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let mut reading = self.begin_reading("read_session").await?;
        let session = sessions::find(&mut reading.work, id).await;
        let session = reading.end(session)?;
        Ok(session.filter(|session| session.user_id == *user))
    }

    pub(super) async fn attempt_of(
        &self,
        user: &UserId,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError> {
        let mut reading = self.begin_reading("read_attempt").await?;
        let attempt = attempts::find(&mut reading.work, id).await;
        let attempt = reading.end(attempt)?;
        Ok(attempt.filter(|attempt| attempt.user_id == *user))
    }

    pub(super) async fn call(&self, id: CallId) -> Result<Option<Call>, StoreError> {
        let mut reading = self.begin_reading("read_call").await?;
        let call = calls::find(&mut reading.work, id).await;
        reading.end(call)
    }

    pub(super) async fn calls_of_session(&self, id: SessionId) -> Result<Vec<Call>, StoreError> {
        let mut reading = self.begin_reading("read_calls").await?;
        let calls = calls::of_session(&mut reading.work, id).await;
        reading.end(calls)
    }

    pub(super) async fn transitions_of(&self, entity_id: &str) -> Result<Vec<TransitionRow>, StoreError> {
        let mut reading = self.begin_reading("read_transitions").await?;
        let transitions = books::transitions_of(&mut reading.work, entity_id).await;
        reading.end(transitions)
    }

    pub(super) async fn inbox_row(&self, webhook_id: &str) -> Result<Option<InboxRow>, StoreError> {
        let mut reading = self.begin_reading("read_inbox").await?;
        let row = inbox::find(&mut reading.work, webhook_id).await;
        reading.end(row)
    }

    pub(super) async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        let mut reading = self.begin_reading("read_dead_letters").await?;
        let letters = books::dead_letters(&mut reading.work, limit).await;
        reading.end(letters)
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let mut reading = self.begin_reading("ping").await?;
        let answer = reading
            .work
            .run("asking whether the database answers", "SELECT 1")
            .await;
        reading.end(answer)
    }

    pub(super) fn calls_enqueued(&self) -> Arc<Notify> {
        Arc::clone(&self.0.calls_enqueued)
    }

    pub(super) fn refresh_gauges(&self) {
        self.0.units.pool.refresh_gauges();
    }

    pub(super) async fn close(&self) {
        self.0.units.pool.close().await;
        self.0.side.close().await;
    }

    /// A connection for a single statement that only reads and needs no transaction around it.
    async fn begin_reading(&self, query: &'static str) -> Result<Reading<'_>, StoreError> {
        let Units { pool, context } = &*self.0.units;
        Ok(Reading {
            work: Work::new(pool.acquire().await?, context.commits.clone()),
            metrics: &context.metrics,
            query,
            started: Stopwatch::start(),
        })
    }
}

/// A read under way.
struct Reading<'s> {
    work: Work,
    metrics: &'s Metrics,
    query: &'static str,
    started: Stopwatch,
}

impl Reading<'_> {
    /// Books the read, and gives the connection back unless it broke.
    fn end<T>(self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        self.metrics
            .observe_query(self.query, self.started.elapsed_seconds());
        self.metrics.count_statements(self.query, self.work.statements());
        if !matches!(&result, Err(error) if error.ends_the_connection()) {
            self.work.into_lease().give_back();
        }
        result
    }
}
