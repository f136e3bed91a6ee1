//! The store of production: PostgreSQL. Every unit of work is a transaction on a connection out of a small pool; what
//! subscribers see comes from the write-ahead log and not from here, so that they see every writer.

pub(super) mod attempts;
pub(super) mod books;
pub(super) mod calls;
mod columns;
pub(super) mod inbox;
mod outage;
pub(super) mod pending;
mod pool;
mod preflight;
pub(super) mod sessions;
mod transaction;
mod url;
mod work;

use std::sync::Arc;
use std::time::Duration;

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
use crate::domain::{Attempt, AttemptId, Call, CallId, Session, SessionId, UserId};

/// Connections for what is no unit of work. They are opened when they are needed.
const SIDE_CONNECTIONS_MAX: u32 = 4;
/// Nobody's answer waits for them, so the wait is not the one of the units of work.
const SIDE_CONNECTION_WAIT: Duration = Duration::from_secs(5);

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
        preflight::prepare(url).await?;
        let options = url.connect_options();
        let side = PgPoolOptions::new()
            .max_connections(SIDE_CONNECTIONS_MAX)
            .acquire_timeout(SIDE_CONNECTION_WAIT)
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
        let session = self
            .0
            .units
            .read("read_session", move |work| Box::pin(sessions::find(work, id)))
            .await?;
        Ok(session.filter(|session| session.user_id == *user))
    }

    pub(super) async fn attempt_of(
        &self,
        user: &UserId,
        id: AttemptId,
    ) -> Result<Option<Attempt>, StoreError> {
        let attempt = self
            .0
            .units
            .read("read_attempt", move |work| Box::pin(attempts::find(work, id)))
            .await?;
        Ok(attempt.filter(|attempt| attempt.user_id == *user))
    }

    pub(super) async fn call(&self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.0
            .units
            .read("read_call", move |work| Box::pin(calls::find(work, id)))
            .await
    }

    pub(super) async fn calls_of_session(&self, id: SessionId) -> Result<Vec<Call>, StoreError> {
        self.0
            .units
            .read("read_calls", move |work| Box::pin(calls::of_session(work, id)))
            .await
    }

    pub(super) async fn transitions_of(&self, entity_id: &str) -> Result<Vec<TransitionRow>, StoreError> {
        let id = entity_id.to_owned();
        self.0
            .units
            .read("read_transitions", move |work| {
                let id = id.clone();
                Box::pin(async move { books::transitions_of(work, &id).await })
            })
            .await
    }

    pub(super) async fn inbox_row(&self, webhook_id: &str) -> Result<Option<InboxRow>, StoreError> {
        let id = webhook_id.to_owned();
        self.0
            .units
            .read("read_inbox", move |work| {
                let id = id.clone();
                Box::pin(async move { inbox::find(work, &id).await })
            })
            .await
    }

    pub(super) async fn dead_letters(&self, limit: u32) -> Result<Vec<DeadLetter>, StoreError> {
        self.0
            .units
            .read("read_dead_letters", move |work| {
                Box::pin(books::dead_letters(work, limit))
            })
            .await
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.0
            .units
            .read("ping", |work| {
                Box::pin(Work::run(work, "asking whether the database answers", "SELECT 1"))
            })
            .await
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
}
