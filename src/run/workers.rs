//! Worker threads: one current-thread runtime each, so that virtual users need no lock to share anything.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::LocalSet;

use super::hiccups::{BEAT, HiccupMeter};
use crate::clock::{Moment, RunClock};
use crate::executor::{StopSignal, drive};
use crate::metrics::{Batch, Recorder, WorkerHealth};
use crate::pacing::Pacer;
use crate::plan::{Partition, Plan};
use crate::protocol::{Connector, Dialing};
use crate::step::{CommitClock, Context, StandbyConnectors, Surroundings};
use crate::target::Endpoints;
use crate::traces::Traces;

/// How often a worker hands over what it has recorded, at least; a full batch goes at once.
const HAND_OVER: Duration = Duration::from_millis(250);
/// Batches that may wait to be taken in: some seconds' worth at 20,000 samples per second. A worker that finds the queue full waits and says so.
const BATCHES_WAITING_MAX: usize = 128;

/// What the names of the workers' threads begin with.
pub(super) const THREAD_NAME: &str = "worker-";

/// What workers send.
#[derive(Debug)]
pub(super) enum WorkerMessage {
    Batch {
        worker: u16,
        batch: Batch,
    },
    /// The worker is done; its last batch came before.
    Ended(WorkerEnd),
}

/// A worker's last word.
#[derive(Debug)]
pub(super) struct WorkerEnd {
    pub(super) health: WorkerHealth,
    pub(super) vus_peak: u32,
    /// Why the worker could not drive any load.
    pub(super) failure: Option<String>,
}

/// What all workers of a run share.
#[derive(Debug, Clone)]
pub(super) struct WorkerPlan {
    pub(super) plan: Arc<Plan>,
    pub(super) endpoints: Endpoints,
    pub(super) clock: RunClock,
    pub(super) epoch: Moment,
    /// How the moment of a row change's commit is known.
    pub(super) commit_clock: CommitClock,
    /// What the traces that requests name have in common.
    pub(super) traces: Option<Traces>,
}

/// How nice the thread that keeps the books is to the workers.
const BOOKKEEPING_NICENESS: i32 = 5;

/// Starts the workers. The receiver ends when all of them have. The calling thread, which keeps the books, steps back
/// behind them: what they measure must not wait for it where a core is short.
///
/// # Errors
/// When a thread cannot be started.
pub(super) fn start(
    shared: &WorkerPlan,
    stop: &StopSignal,
) -> std::io::Result<mpsc::Receiver<WorkerMessage>> {
    let (messages, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
    let load = &shared.plan.load;
    for (index, partition) in (0..).zip(load.partition.split(load.workers)) {
        let (shared, stop, messages) = (shared.clone(), stop.clone(), messages.clone());
        std::thread::Builder::new()
            .name(format!("{THREAD_NAME}{index}"))
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                match runtime {
                    Ok(runtime) => {
                        LocalSet::new().block_on(&runtime, work(shared, index, partition, stop, messages))
                    }
                    Err(error) => {
                        let end = WorkerEnd::failed(index, format!("cannot start a runtime: {error}"));
                        // The receiver lives until every worker has ended.
                        let _ = messages.blocking_send(WorkerMessage::Ended(end));
                    }
                }
            })?;
    }
    // Of this thread alone on Linux. The worst that a refusal can do is what happened before.
    if let Err(error) = rustix::process::setpriority_process(None, BOOKKEEPING_NICENESS) {
        tracing::debug!(%error, "the bookkeeping keeps its priority");
    }
    Ok(receiver)
}

impl WorkerEnd {
    fn failed(index: u16, reason: String) -> Self {
        let health = WorkerHealth {
            index,
            ..WorkerHealth::default()
        };
        Self {
            health,
            vus_peak: 0,
            failure: Some(reason),
        }
    }
}

async fn work(
    shared: WorkerPlan,
    index: u16,
    partition: Partition,
    stop: StopSignal,
    messages: mpsc::Sender<WorkerMessage>,
) {
    let started = shared.clock.now();
    let recorder = Recorder::default();
    let hiccups = Rc::new(RefCell::new(HiccupMeter::new()));
    tokio::task::spawn_local(watch_hiccups(shared.clock, Rc::clone(&hiccups)));
    let hand_over = HandOver {
        worker: index,
        recorder: recorder.clone(),
        messages: messages.clone(),
        waits: Rc::default(),
    };
    let regular = tokio::task::spawn_local(hand_over.clone().keep_going());
    let end = match context(&shared, recorder).await {
        Ok(context) => {
            let report = drive(Rc::new(context), partition, stop).await;
            let health = WorkerHealth {
                index,
                cpu: thread_cpu_time(),
                wall: shared.clock.now().since(started),
                longest_hiccup: hiccups.borrow().longest(),
                lateness: hiccups.borrow().lateness(),
                queue_waits: hand_over.waits.get(),
                ..WorkerHealth::default()
            };
            WorkerEnd {
                health,
                vus_peak: report.vus_peak,
                failure: None,
            }
        }
        Err(error) => WorkerEnd::failed(index, error),
    };
    regular.abort();
    hand_over.once().await;
    // The receiver lives until every worker has ended.
    let _ = messages.send(WorkerMessage::Ended(end)).await;
}

/// Hands over what the worker's users have recorded.
#[derive(Clone)]
struct HandOver {
    worker: u16,
    recorder: Recorder,
    messages: mpsc::Sender<WorkerMessage>,
    waits: Rc<Cell<u64>>,
}

impl HandOver {
    async fn keep_going(self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(HAND_OVER) => {}
                () = self.recorder.full() => {}
            }
            self.once().await;
        }
    }

    async fn once(&self) {
        // Room first, batch second: what is recorded while waiting goes along, and nothing is lost when this is cut.
        let room = match self.messages.try_reserve() {
            Ok(room) => Ok(room),
            Err(_) => {
                self.waits.set(self.waits.get() + 1);
                self.messages.reserve().await
            }
        };
        if let Ok(room) = room {
            room.send(WorkerMessage::Batch {
                worker: self.worker,
                batch: self.recorder.take(),
            });
        }
    }
}

/// Notes by how much each beat was late: so long did this thread do nothing else.
async fn watch_hiccups(clock: RunClock, hiccups: Rc<RefCell<HiccupMeter>>) {
    loop {
        let due = clock.now().plus(BEAT);
        clock.sleep_until(due).await;
        hiccups.borrow_mut().note(clock.now().since(due));
    }
}

/// CPU time that this thread has used.
fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

async fn context(shared: &WorkerPlan, recorder: Recorder) -> Result<Context, String> {
    let resolve = async |dialing: &Dialing| {
        Connector::resolve(dialing)
            .await
            .map_err(|error| error.to_string())
    };
    let standby = match &shared.endpoints.standby {
        Some(standby) => Some(StandbyConnectors {
            http: resolve(&standby.http).await?,
            realtime: resolve(&standby.realtime).await?,
            traffic: standby.traffic.clone(),
        }),
        None => None,
    };
    let pacer = Pacer::fine(shared.clock).map_err(|error| format!("cannot make a timer: {error}"))?;
    Context::new(Surroundings {
        plan: Arc::clone(&shared.plan),
        clock: shared.clock,
        pacer,
        epoch: shared.epoch,
        identities: shared.endpoints.identities.clone(),
        recorder,
        http: resolve(&shared.endpoints.http).await?,
        base_path: shared.endpoints.base_path.clone(),
        realtime: resolve(&shared.endpoints.realtime).await?,
        realtime_path: shared.endpoints.realtime_path.clone(),
        standby,
        commit_clock: shared.commit_clock,
        traces: shared.traces,
    })
    .map_err(|error| format!("the target's address or API key cannot be sent as a header: {error}"))
}
