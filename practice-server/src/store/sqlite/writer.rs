//! The one writer. SQLite lets one transaction write at a time, so all writes go through one thread, which puts
//! whatever is waiting into one transaction: one flush to disk for many jobs. A job's answer goes out, and its
//! changes are published, only after that transaction's commit has returned.
//!
//! The thread is the writer's own, apart from those that serve requests, and SQLite runs on it directly.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use super::connection::Connection;
use crate::clock::{self, Stopwatch};
use crate::error::with_causes;
use crate::realtime::Change;
use crate::store::tx::Effects;
use crate::store::{Abort, Committed, StoreContext, StoreError, Transaction, Tx, WriteError};

/// Jobs in one commit. More would keep the first of them waiting.
const GROUP_SIZE_MAX: usize = 256;
/// Jobs that may wait. About a second's work at the highest load planned for.
const QUEUE_LENGTH_MAX: usize = 1024;
/// How long a job may wait for a place in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);

/// The handle to the writer task.
pub(super) struct Writer {
    jobs: mpsc::Sender<Box<dyn Job>>,
    stop: Arc<Notify>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// Starts the writer's thread and opens its connection.
    ///
    /// # Errors
    /// When the system gives no thread, or the database cannot be opened.
    pub(super) async fn start(
        path: &Path,
        context: StoreContext,
        calls_enqueued: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let doing = "starting the writer";
        let failed = |error: std::io::Error| StoreError::new(doing, error);
        let (jobs, queue) = mpsc::channel(QUEUE_LENGTH_MAX);
        let stop = Arc::new(Notify::new());
        let (ends, ended) = oneshot::channel();
        let (opens, opened) = oneshot::channel();
        // Only to wait for jobs: nothing that a job does waits for anything else.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(failed)?;
        let path = path.to_owned();
        let until = Arc::clone(&stop);
        let work = move || {
            let connection = match Connection::open(&path) {
                Ok(connection) => connection,
                Err(error) => return drop(opens.send(Err(error))),
            };
            // Whoever started the writer and went away closes the queue as well, and that ends it.
            let _ = opens.send(Ok(()));
            let writer = GroupWriter {
                connection,
                context,
                calls_enqueued,
            };
            runtime.block_on(writer.run(queue, until));
            // Nobody listens when the store was dropped without being closed.
            let _ = ends.send(());
        };
        std::thread::Builder::new()
            .name("database-writer".to_owned())
            .spawn(work)
            .map_err(failed)?;
        opened
            .await
            .unwrap_or(Err(StoreError::Unavailable { doing, source: None }))?;
        Ok(Self {
            jobs,
            stop,
            ended: Mutex::new(Some(ended)),
        })
    }

    pub(super) async fn write<T: Transaction>(
        &self,
        transaction: T,
    ) -> Result<Committed<T::Output>, WriteError> {
        let (reply, answer) = oneshot::channel();
        let job = PendingJob {
            transaction: Some(transaction),
            result: None,
            reply,
        };
        let unavailable = || StoreError::Unavailable {
            doing: T::NAME,
            source: None,
        };
        self.jobs
            .send_timeout(Box::new(job), QUEUE_TIMEOUT)
            .await
            .map_err(|_| unavailable())?;
        answer.await.map_err(|_| unavailable())?
    }

    /// Whether writes are still taken.
    pub(super) fn is_running(&self) -> bool {
        !self.jobs.is_closed()
    }

    pub(super) fn queue_depth(&self) -> usize {
        self.jobs.max_capacity() - self.jobs.capacity()
    }

    /// Commits what is queued and closes the connection. Later writes are refused.
    pub(super) async fn close(&self) {
        self.stop.notify_one();
        if let Some(ended) = self.ended.lock().await.take()
            && ended.await.is_err()
        {
            tracing::error!("the database writer ended badly");
        }
    }
}

/// A transaction with its type erased, so that one queue carries them all.
trait Job: Send {
    fn name(&self) -> &'static str;

    /// Runs the transaction and keeps its result for later. `true`: keep what it wrote.
    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, bool>;

    /// Sends the result to whoever waits for it, given what became of the group's commit.
    fn answer(self: Box<Self>, commit: Result<Arc<[Change]>, StoreError>);
}

struct PendingJob<T: Transaction> {
    transaction: Option<T>,
    result: Option<Result<T::Output, Abort>>,
    reply: oneshot::Sender<Result<Committed<T::Output>, WriteError>>,
}

impl<T: Transaction> Job for PendingJob<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx<'_>) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            let Some(transaction) = self.transaction.take() else {
                return false;
            };
            let result = transaction.run(tx).await;
            let keep = result.is_ok();
            self.result = Some(result);
            keep
        })
    }

    fn answer(self: Box<Self>, commit: Result<Arc<[Change]>, StoreError>) {
        let answer = match (self.result, commit) {
            (Some(Err(abort)), _) => Err(abort),
            (Some(Ok(output)), Ok(changes)) => Ok(Committed { output, changes }),
            (_, Err(error)) => Err(error.into()),
            (None, Ok(_)) => Err(StoreError::Unavailable {
                doing: T::NAME,
                source: None,
            }
            .into()),
        };
        // Nobody may be waiting any more: a client that hung up. The work is done all the same.
        let _ = self.reply.send(answer);
    }
}

struct GroupWriter {
    connection: Connection,
    context: StoreContext,
    calls_enqueued: Arc<Notify>,
}

impl GroupWriter {
    async fn run(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>, stop: Arc<Notify>) {
        let mut group = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = stop.notified(), if !queue.is_closed() => queue.close(),
                received = queue.recv_many(&mut group, GROUP_SIZE_MAX) => {
                    if received == 0 {
                        break;
                    }
                    self.write_group(std::mem::take(&mut group)).await;
                }
            }
        }
        if let Err(error) = self.connection.close() {
            tracing::warn!(%error, "the database could not be closed cleanly");
        }
    }

    /// One transaction for the whole group. What waits while it commits forms the next group.
    async fn write_group(&mut self, mut group: Vec<Box<dyn Job>>) {
        self.context.metrics.commit_group_size.observe(group.len() as f64);
        match self.commit(&mut group).await {
            Ok(effects) => self.publish_and_answer(group, effects),
            Err(error) => {
                tracing::error!(
                    kind = error.kind(),
                    error = with_causes(&error),
                    jobs = group.len(),
                    "a group of writes was not committed"
                );
                // There may be no transaction left to roll back: some errors end it by themselves.
                let _ = self.connection.execute("undoing a group", "ROLLBACK");
                for job in group {
                    job.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Each job runs under a savepoint of its own, so that one that fails does not spoil the others. Any error here
    /// spoils the group.
    async fn commit(&mut self, group: &mut [Box<dyn Job>]) -> Result<Vec<Effects>, StoreError> {
        let mut effects = Vec::with_capacity(group.len());
        self.connection.execute("beginning a group", "BEGIN IMMEDIATE")?;
        for job in group {
            let started = Stopwatch::start();
            self.connection.execute("beginning a job", "SAVEPOINT job")?;
            let mut tx = Tx::sqlite(&mut self.connection, self.context.clock.now());
            let keep = job.run(&mut tx).await;
            let written = tx.into_effects();
            if keep {
                self.connection.execute("ending a job", "RELEASE job")?;
                effects.push(written);
            } else {
                self.connection
                    .execute("undoing a job", "ROLLBACK TO job; RELEASE job")?;
                effects.push(Effects::default());
                tracing::debug!(job = job.name(), "a job is undone");
            }
            self.context
                .metrics
                .observe_query(job.name(), started.elapsed_seconds());
        }
        let started = Stopwatch::start();
        self.connection.execute("committing", "COMMIT")?;
        self.context
            .metrics
            .observe_query("commit", started.elapsed_seconds());
        Ok(effects)
    }

    fn publish_and_answer(&self, group: Vec<Box<dyn Job>>, effects: Vec<Effects>) {
        let committed_monotonic_ns = clock::monotonic_ns();
        let committed_at = self.context.clock.now();
        let mut enqueued = false;
        for (job, effects) in group.into_iter().zip(effects) {
            enqueued |= effects.calls_enqueued;
            let changes = effects.into_changes(committed_monotonic_ns, committed_at);
            if !changes.is_empty() {
                self.context.hub.publish(&changes);
            }
            job.answer(Ok(changes));
        }
        if enqueued {
            self.calls_enqueued.notify_one();
        }
    }
}
