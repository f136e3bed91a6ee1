//! One unit of work, one transaction, one connection. It runs in a task of its own, so that a client that hangs up does
//! not cut it.
//!
//! Isolation is READ COMMITTED. What a unit of work reads in order to change it is locked by the reading; locks are taken
//! in one order (idempotency key or inbox entry, call, session, attempt), so that two units of work wait for each other
//! in one direction only. Should PostgreSQL find a deadlock all the same, the unit of work is run once more.

use std::sync::Arc;
use std::time::Duration;

use super::pool::{Lease, Pool};
use super::work::Work;
use crate::clock::{self, Stopwatch};
use crate::store::tx::Effects;
use crate::store::{Abort, Committed, DriverError, StoreContext, StoreError, Transaction, Tx, WriteError};

/// The longest that a transaction may take once it has its connection. Beyond this the database hangs.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(12);

/// What running a transaction takes besides a connection.
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

    async fn run_on<T: Transaction>(&self, lease: Lease, transaction: T) -> Result<Done<T::Output>, Abort> {
        let again = transaction.clone();
        match self.attempt(lease, transaction).await {
            Err(Abort::Store(error)) if error.is_repeatable() => {
                tracing::warn!(job = T::NAME, %error, "a transaction is run again");
                self.attempt(self.pool.acquire().await?, again).await
            }
            result => result,
        }
    }

    async fn attempt<T: Transaction>(&self, lease: Lease, transaction: T) -> Result<Done<T::Output>, Abort> {
        let mut work = self.begin(lease).await?;
        let timed = tokio::time::timeout(TRANSACTION_TIMEOUT, self.transact(&mut work, transaction)).await;
        self.context.metrics.count_statements(T::NAME, work.statements());
        match timed {
            // What failed may be open still: its connection is closed.
            Ok((result, ended)) => {
                if ended {
                    work.into_lease().give_back();
                }
                result
            }
            Err(_) => {
                work.into_lease().abandon();
                Err(StoreError::new(T::NAME, DriverError::TookTooLong(TRANSACTION_TIMEOUT)).into())
            }
        }
    }

    /// Begins a transaction. A connection that turns out to be dead, since the database was restarted behind its back, is
    /// replaced once: nothing has happened on it yet.
    async fn begin(&self, lease: Lease) -> Result<Work, StoreError> {
        let doing = "beginning a transaction";
        let mut work = Work::new(lease, self.context.commits.clone());
        match work.run(doing, "BEGIN").await {
            Ok(()) => Ok(work),
            Err(error) if error.ends_the_connection() => {
                drop(work);
                let mut work = Work::new(self.pool.acquire().await?, self.context.commits.clone());
                work.run(doing, "BEGIN").await?;
                Ok(work)
            }
            Err(error) => Err(error),
        }
    }

    /// Runs the transaction to its end. The flag says whether it has ended, one way or the other.
    async fn transact<T: Transaction>(
        &self,
        work: &mut Work,
        transaction: T,
    ) -> (Result<Done<T::Output>, Abort>, bool) {
        let metrics = &self.context.metrics;
        let started = Stopwatch::start();
        let mut tx = Tx::postgres(work, self.context.clock.now());
        let result = transaction.run(&mut tx).await;
        let effects = tx.into_effects();
        metrics.observe_query(T::NAME, started.elapsed_seconds());
        match result {
            Ok(output) if !work.has_failed() => match self.commit(work).await {
                Ok(committed_monotonic_ns) => {
                    let done = Done {
                        output,
                        effects,
                        committed_monotonic_ns,
                    };
                    (Ok(done), true)
                }
                Err(error) => (Err(error.into()), false),
            },
            Ok(_) => {
                // It went on after an error, and PostgreSQL would only pretend to commit.
                let error = StoreError::Unavailable {
                    doing: T::NAME,
                    source: None,
                };
                (
                    Err(error.into()),
                    work.run("undoing a transaction", "ROLLBACK").await.is_ok(),
                )
            }
            Err(abort) => {
                tracing::debug!(job = T::NAME, "a transaction is undone");
                (
                    Err(abort),
                    work.run("undoing a transaction", "ROLLBACK").await.is_ok(),
                )
            }
        }
    }

    /// Commits, and answers the moment at which the commit returned.
    async fn commit(&self, work: &mut Work) -> Result<u64, StoreError> {
        let started = Stopwatch::start();
        let published = work.take_published();
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
}
