//! One unit of work, one transaction, one connection. It runs in a task of its own, so that a client that hangs up does
//! not cut it.
//!
//! Isolation is READ COMMITTED. What a unit of work reads in order to change it is locked by the reading; locks are taken
//! in one order (idempotency key or inbox entry, call, session, attempt), so that two units of work wait for each other
//! in one direction only. Should PostgreSQL find a deadlock all the same, the unit of work is run once more.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::pool::{Lease, Pool};
use super::work::Work;
use crate::clock::{self, Stopwatch};
use crate::error::with_causes;
use crate::store::tx::Effects;
use crate::store::{Abort, Committed, DriverError, StoreContext, StoreError, Transaction, Tx, WriteError};

/// The longest that work on a connection may take, longer than the server's own limit for a statement: beyond this the
/// database hangs.
const WORK_TIMEOUT: Duration = Duration::from_secs(12);

/// The pause before a transaction that was undone in favour of another one is run again.
const PAUSE_BEFORE_REPEAT: Duration = Duration::from_millis(20);

/// What running transactions and reads takes.
pub(super) struct Units {
    pub(super) pool: Pool,
    pub(super) context: StoreContext,
}

/// What a commit left behind.
struct Done<T> {
    output: T,
    effects: Effects,
    committed_monotonic_ns: u64,
}

impl Units {
    /// Waits for a connection and runs the transaction on it. The flag says whether a call was put into the outbox.
    pub(super) async fn run<T: Transaction>(
        self: &Arc<Self>,
        transaction: T,
    ) -> Result<(Committed<T::Output>, bool), WriteError> {
        let lease = self.pool.acquire().await?;
        let units = Arc::clone(self);
        let task = tokio::spawn(async move { units.run_on(lease, transaction).await });
        // It fails only if the work panicked or the runtime is shutting down.
        let done = task.await.unwrap_or(Err(StoreError::Unavailable {
            doing: T::NAME,
            source: None,
        }
        .into()))?;
        let calls_enqueued = done.effects.calls_enqueued;
        let changes = done
            .effects
            .into_changes(done.committed_monotonic_ns, self.context.clock.now());
        let committed = Committed {
            output: done.output,
            changes,
        };
        Ok((committed, calls_enqueued))
    }

    /// Runs a single statement that only reads, without a transaction around it. On a connection that turns out to be dead
    /// it is run once more on another: reading twice does no harm. In a task of its own as well: the connection of a read
    /// that is cut would have to be closed, and many learners who lose patience would cost as many new connections.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        query: &'static str,
        ask: impl for<'w> Fn(&'w mut Work) -> BoxFuture<'w, Result<T, StoreError>> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let lease = self.pool.acquire().await?;
        let units = Arc::clone(self);
        let reading = async move {
            match units.read_on(lease, query, &ask).await {
                Err(error) if error.ends_the_connection() => {
                    units.read_on(units.pool.acquire().await?, query, &ask).await
                }
                result => result,
            }
        };
        tokio::spawn(reading)
            .await
            .unwrap_or(Err(StoreError::Unavailable {
                doing: query,
                source: None,
            }))
    }

    async fn read_on<T>(
        &self,
        lease: Lease,
        query: &'static str,
        ask: &(impl for<'w> Fn(&'w mut Work) -> BoxFuture<'w, Result<T, StoreError>> + Sync),
    ) -> Result<T, StoreError> {
        let epoch = lease.epoch();
        let reading = async {
            let mut work = Work::new(lease, self.context.commits.clone());
            let started = Stopwatch::start();
            let result = ask(&mut work).await;
            self.context
                .metrics
                .observe_query(query, started.elapsed_seconds());
            self.context.metrics.count_statements(query, work.statements());
            if !matches!(&result, Err(error) if error.ends_the_connection()) {
                work.into_lease().give_back();
            }
            result
        };
        timeout(WORK_TIMEOUT, reading)
            .await
            .unwrap_or_else(|_| Err(self.took_too_long(query, epoch)))
    }

    async fn run_on<T: Transaction>(&self, lease: Lease, transaction: T) -> Result<Done<T::Output>, Abort> {
        let again = transaction.clone();
        match self.attempt(lease, transaction).await {
            Err(Abort::Store(error)) if error.is_repeatable() => {
                tracing::warn!(
                    job = T::NAME,
                    error = with_causes(&error),
                    "a transaction is run again"
                );
                // Not at once: what it had taken goes first to the one that it would meet again otherwise.
                tokio::time::sleep(PAUSE_BEFORE_REPEAT).await;
                self.attempt(self.pool.acquire().await?, again).await
            }
            result => result,
        }
    }

    async fn attempt<T: Transaction>(&self, lease: Lease, transaction: T) -> Result<Done<T::Output>, Abort> {
        let epoch = lease.epoch();
        let attempt = async {
            let mut work = if T::IS_ONE_STATEMENT {
                Work::new(lease, self.context.commits.clone())
            } else {
                self.begin(lease).await?
            };
            let (result, has_ended) = self.transact(&mut work, transaction).await;
            self.context.metrics.count_statements(T::NAME, work.statements());
            // A connection whose transaction may still be open is closed.
            if has_ended {
                work.into_lease().give_back();
            }
            result
        };
        timeout(WORK_TIMEOUT, attempt)
            .await
            .unwrap_or_else(|_| Err(self.took_too_long(T::NAME, epoch).into()))
    }

    /// Begins a transaction. A connection that turns out to be dead, since the database was restarted behind its back, is
    /// replaced once: nothing has happened on it yet.
    async fn begin(&self, lease: Lease) -> Result<Work, StoreError> {
        let (doing, sql) = ("beginning a transaction", "BEGIN");
        let mut work = Work::new(lease, self.context.commits.clone());
        match work.run(doing, sql).await {
            Err(error) if error.ends_the_connection() => {
                drop(work);
                work = Work::new(self.pool.acquire().await?, self.context.commits.clone());
                work.run(doing, sql).await?;
            }
            begun => begun?,
        }
        Ok(work)
    }

    /// Runs the transaction to its end. The flag says whether it has ended, one way or the other.
    async fn transact<T: Transaction>(
        &self,
        work: &mut Work,
        transaction: T,
    ) -> (Result<Done<T::Output>, Abort>, bool) {
        let started = Stopwatch::start();
        let mut tx = Tx::postgres(work, self.context.clock.now());
        let result = match transaction.run(&mut tx).await {
            Ok(output) => tx.flush().await.map(|()| output).map_err(Abort::from),
            Err(abort) => Err(abort),
        };
        let effects = tx.into_effects();
        self.context
            .metrics
            .observe_query(T::NAME, started.elapsed_seconds());
        let committed = match result {
            Ok(output) => self.commit::<T>(work).await.map(|committed_monotonic_ns| Done {
                output,
                effects,
                committed_monotonic_ns,
            }),
            Err(abort) => Err(abort),
        };
        match committed {
            Ok(done) => (Ok(done), true),
            Err(abort) if T::IS_ONE_STATEMENT => (Err(abort), !work.has_failed()),
            Err(abort) => {
                tracing::debug!(job = T::NAME, "a transaction is undone");
                let undone = work.run("undoing a transaction", "ROLLBACK").await;
                (Err(abort), undone.is_ok())
            }
        }
    }

    /// Commits, and answers the moment at which the commit returned.
    async fn commit<T: Transaction>(&self, work: &mut Work) -> Result<u64, Abort> {
        let started = Stopwatch::start();
        let published = work.take_published();
        if T::IS_ONE_STATEMENT {
            debug_assert!(
                work.statements() <= 1,
                "{} takes more than one statement",
                T::NAME
            );
            return Ok(clock::monotonic_ns());
        }
        if work.has_failed() {
            // The unit of work went on after an error, and PostgreSQL would only pretend to commit.
            return Err(StoreError::Unavailable {
                doing: T::NAME,
                source: None,
            }
            .into());
        }
        work.run("committing", "COMMIT").await?;
        let moment = clock::monotonic_ns();
        if let Some(published) = published {
            published.committed(moment);
        }
        self.context
            .metrics
            .observe_query("commit", started.elapsed_seconds());
        Ok(moment)
    }

    /// The connection is closed by now; the database may be hanging.
    fn took_too_long(&self, doing: &'static str, epoch: u64) -> StoreError {
        self.pool.doubt(epoch);
        StoreError::new(doing, DriverError::TookTooLong(WORK_TIMEOUT))
    }
}
