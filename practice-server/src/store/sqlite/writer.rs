//! The one writer. SQLite lets one transaction write at a time, so all writes go through one thread, which puts
//! whatever is waiting into one transaction: one flush to disk for many jobs. A job's answer goes out, and its
//! changes are published, only after that transaction's commit has returned.
//!
//! The thread is the writer's own, apart from those that serve requests: every statement is a visit to the driver's
//! thread and back, and on a shared thread each way back would queue behind whatever request is being served.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use super::statements::{Begun, Statements};
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
        options: SqliteConnectOptions,
        context: StoreContext,
        calls_enqueued: Arc<Notify>,
    ) -> Result<Self, StoreError> {
        let doing = "starting the writer";
        let failed = |error| StoreError::new(doing, sqlx::Error::Io(error));
        let (jobs, queue) = mpsc::channel(QUEUE_LENGTH_MAX);
        let stop = Arc::new(Notify::new());
        let (ends, ended) = oneshot::channel();
        let (opens, opened) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(failed)?;
        let until = Arc::clone(&stop);
        let work = async move {
            let connection = match SqliteConnection::connect_with(&options).await {
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
            writer.run(queue, until).await;
        };
        std::thread::Builder::new()
            .name("database-writer".to_owned())
            .spawn(move || {
                stay_on_one_core();
                runtime.block_on(work);
                // Nobody listens when the store was dropped without being closed.
                let _ = ends.send(());
            })
            .map_err(failed)?;
        let opened = opened.await.unwrap_or(Err(sqlx::Error::WorkerCrashed));
        opened.map_err(|error| StoreError::new(doing, error))?;
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

/// Keeps this thread, and the driver's thread that it starts, on the core where it runs now. The two take strict turns,
/// a turn per statement, so a second core gains them nothing, and waking a thread on another core costs more than most
/// statements. Where the system does not allow it, nothing is lost but that.
fn stay_on_one_core() {
    let mut core = rustix::thread::CpuSet::new();
    core.set(rustix::thread::sched_getcpu());
    if let Err(error) = rustix::thread::sched_setaffinity(None, &core) {
        tracing::debug!(%error, "the database writer is not kept on one core");
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
            let result = match transaction.run(tx).await {
                Ok(output) => tx.settle().await.map(|()| output).map_err(Abort::from),
                Err(abort) => Err(abort),
            };
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

/// What has reached the database of a group so far, and therefore what has to come before the next job or the commit.
/// It travels with that: the end of one savepoint and the beginning of the next together.
#[derive(Debug, Clone, Copy)]
enum Before {
    Group,
    KeptJob,
    UndoneJob,
}

impl Before {
    fn next_job(self) -> &'static str {
        match self {
            Self::Group => "BEGIN IMMEDIATE; SAVEPOINT job",
            Self::KeptJob => "RELEASE job; SAVEPOINT job",
            Self::UndoneJob => "ROLLBACK TO job; RELEASE job; SAVEPOINT job",
        }
    }

    /// `None`: nothing has reached the database, so there is nothing to commit.
    fn commit(self) -> Option<&'static str> {
        match self {
            Self::Group => None,
            Self::KeptJob => Some("RELEASE job; COMMIT"),
            Self::UndoneJob => Some("ROLLBACK TO job; RELEASE job; COMMIT"),
        }
    }
}

struct GroupWriter {
    connection: SqliteConnection,
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
        if let Err(error) = self.connection.close().await {
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
                let _ = sqlx::query("ROLLBACK").execute(&mut self.connection).await;
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
        let mut before = Before::Group;
        for job in group {
            let started = Stopwatch::start();
            let statements = Statements::of_job(&mut self.connection, before.next_job());
            let mut tx = Tx::sqlite(statements, self.context.clock.now());
            let keep = job.run(&mut tx).await;
            let (written, begun) = tx.into_effects();
            before = match begun {
                Begun::NotYet => before,
                Begun::Begun if keep => Before::KeptJob,
                Begun::Begun => Before::UndoneJob,
                Begun::Failed(error) => return Err(error),
            };
            effects.push(if keep { written } else { Effects::default() });
            if !keep {
                tracing::debug!(job = job.name(), "a job is undone");
            }
            self.context
                .metrics
                .observe_query(job.name(), started.elapsed_seconds());
        }
        if let Some(end) = before.commit() {
            let started = Stopwatch::start();
            self.execute(end, "committing").await?;
            self.context
                .metrics
                .observe_query("commit", started.elapsed_seconds());
        }
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

    async fn execute(&mut self, sql: &'static str, doing: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql)
            .execute(&mut self.connection)
            .await
            .map(|_| ())
            .map_err(|error| StoreError::new(doing, error))
    }
}
