//! A run from start to end: [`run`] reads from top to bottom as the run happens.

mod actions;
mod apart;
mod calibrate;
mod collect;
mod contention;
mod delivered;
mod error;
mod figures;
mod folder;
mod hiccups;
mod host_meter;
mod host_watch;
mod instrument;
mod interrupts;
mod limits;
mod observe;
mod progress;
mod read_back;
mod rollback;
mod supervise;
mod tally;
mod target_clock;
mod workers;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use uuid::Uuid;

use crate::clock::{Moment, RunClock, day_of, wall_clock_now};
use crate::executor::StopSwitch;
use crate::metrics::{Audit, Evidence, GeneratorHealth, Hop, Interruption, Iterations, NeverBegun, Timeline};
use crate::plan::{Plan, StepKind};
use crate::protocol::{Connector, Dialing};
use crate::sla::{self, Judgement};
use crate::step::CommitClock;
use crate::target::{self, Started};
use crate::traces::Traces;
use actions::{Actions, Means};
pub use apart::{BetweenRuns, run_apart};
use collect::Collector;
pub use error::RunError;
use figures::Figures;
pub use figures::OtlpEndpoint;
pub use folder::{FolderError, RunFolder};
use host_watch::HostWatch;
use instrument::Instrument;
use interrupts::Interrupts;
use limits::SocketLimits;
pub use limits::SocketShortage;
pub use progress::ProgressMode;
use progress::{Headline, Progress};
use read_back::{ReadBack, awaited};
use rollback::Rollback;
use supervise::{Supervision, Supervisor};
use workers::WorkerPlan;

/// Time between "all is ready" and the first ticket: workers resolve names and start their runtimes in it.
const LEAD: Duration = Duration::from_millis(300);
/// How long the audit may wait for unfinished rows when the drain is over already.
const AUDIT_GRACE: Duration = Duration::from_secs(2);

/// How long a child may take to end in order.
const CHILD_PATIENCE: Duration = Duration::from_secs(5);
/// The same once the user has cut the run off: whoever presses Ctrl-C twice wants the report now.
const CHILD_PATIENCE_CUT: Duration = Duration::from_secs(1);

/// How a run is to be done, besides its plan.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The executable that is started for the reference server and the mock: this one.
    pub executable: PathBuf,
    pub progress: ProgressMode,
    /// Where the figures of the run are served while it goes on, for Prometheus; `None` = nowhere.
    pub metrics: Option<SocketAddr>,
    /// Where the figures of the run are sent, for OpenTelemetry; `None` = nowhere.
    pub otlp: Option<OtlpEndpoint>,
}

/// What a run leaves.
#[derive(Debug)]
pub struct RunResult {
    pub evidence: Evidence,
    pub judgement: Judgement,
    pub context: sla::Context,
    /// What was tested, in words.
    pub target: String,
    /// What a reader must know of it, in sentences.
    pub target_notes: Vec<String>,
    pub started_at: jiff::Timestamp,
    /// What the traces that requests named have in common; `None` = they named none.
    pub traces: Option<Traces>,
}

/// Runs a plan: target up, load, drain, audit, verdict, target down. Every few seconds `checkpoint` is given the result
/// so far, as if the run had been cut off at that moment: should it really be, that much is kept.
///
/// # Errors
/// When nothing could be measured. A missed target is a result, not an error.
pub async fn run(
    plan: Plan,
    options: &RunOptions,
    folder: &RunFolder,
    checkpoint: &mut dyn FnMut(RunResult),
) -> Result<RunResult, RunError> {
    let plan = Arc::new(plan);
    let started_at = wall_clock_now();
    let today = day_of(started_at);
    let mut progress = Progress::new(options.progress);
    let limits = look_ahead(&plan, today, &mut progress)?;
    let mut interrupts = Interrupts::listen().map_err(RunError::Internal)?;
    let figures = Arc::new(Figures::begin(&plan, options, folder, &mut progress).await?);

    progress.note(&format!("{}: starting the target", plan.name));
    let brought_up = interrupts.unless_any(bring_up(&plan, options, folder)).await;
    let mut started = brought_up.ok_or(RunError::Interrupted)??;

    let clock = RunClock::start();
    let preparing = Instrument::prepare(&plan, limits, &started, clock, &mut progress);
    let Some(instrument) = interrupts.unless_any(preparing).await else {
        bring_down(started, CHILD_PATIENCE).await;
        return Err(RunError::Interrupted);
    };
    let epoch = clock.now().plus(LEAD);
    progress.note(&format!("load on {}", started.endpoints.description));
    let target = started.endpoints.description.clone();
    progress.announce(Headline::of(&plan, &target));
    let target_notes = started.endpoints.notes.clone();
    // Not from the seed: two runs with one seed would be one in a tracing backend.
    let traces = Traces::of(plan.target.traceparent, Uuid::new_v4().as_u64_pair().1);
    let result = |collector: &Collector, supervision: &Supervision, audited| {
        let evidence = evidence(&plan, epoch, collector, supervision, audited);
        let context = instrument.context(&plan, supervision.arrivals_planned, today);
        let judgement = sla::judge(&plan.criteria, &evidence, &context);
        RunResult {
            evidence,
            judgement,
            context,
            target: target.clone(),
            target_notes: target_notes.clone(),
            started_at,
            traces,
        }
    };
    let mut checkpoint =
        |collector: &Collector, supervision: &Supervision| checkpoint(result(collector, supervision, None));
    let course = Course {
        plan: &plan,
        limits,
        clock,
        epoch,
        folder,
        figures: Arc::clone(&figures),
        instrument: &instrument,
        traces,
    };
    let (mut collector, mut supervision) = course
        .load(&mut started, &mut interrupts, &mut progress, &mut checkpoint)
        .await?;

    let audited = course
        .conclude(
            &started,
            &mut collector,
            &supervision,
            &mut interrupts,
            &mut progress,
        )
        .await;
    supervision.interruption = interrupts.so_far();
    let result = result(&collector, &supervision, audited);

    // Neither waits long, and neither has anything to do with the other.
    let bringing_down = bring_down(started, patience(interrupts.so_far()));
    let (trouble, ()) = tokio::join!(figures.finish(), bringing_down);
    if let Some(trouble) = trouble {
        progress.note(&trouble);
    }
    Ok(result)
}

/// What can be said before anything is started. The limit of open files is raised now, because children take it over.
fn look_ahead(plan: &Plan, today: Date, progress: &mut Progress) -> Result<SocketLimits, SocketShortage> {
    let waivers = plan.criteria.waivers.iter();
    for waiver in waivers.filter(|waiver| !waiver.holds_on(today)) {
        progress.note(&format!("WARNING: {}", waiver.void_sentence()));
    }
    if plan.target.is_unverified() {
        progress.note("WARNING: the target's certificate is not verified (insecure = true in [target.tls])");
    }
    let limits = SocketLimits::raise();
    limits.check(plan)?;
    let peak_rate = sla::Context::of(plan, None).peak_rate;
    if let Some(warning) = limits.warning(plan, peak_rate) {
        progress.note(&warning);
    }
    Ok(limits)
}

/// How long a child may take to end in order.
fn patience(interruption: Option<Interruption>) -> Duration {
    match interruption {
        Some(Interruption::Cut | Interruption::Killed) => CHILD_PATIENCE_CUT,
        Some(Interruption::Drained) | None => CHILD_PATIENCE,
    }
}

/// Ends what the run has started: the database last, because the server works with it to its end.
async fn bring_down(started: Started, patience: Duration) {
    for child in started.children {
        child.stop(patience).await;
    }
    if let Some(database) = started.database {
        database.remove().await;
    }
}

/// Starts the target and makes sure that it is up before any load is sent.
async fn bring_up(plan: &Plan, options: &RunOptions, folder: &RunFolder) -> Result<Started, RunError> {
    let started = target::start(plan, &options.executable, folder.path()).await?;
    if let Some(path) = &started.health_path {
        started
            .probe
            .check_health(path)
            .await
            .map_err(RunError::Preflight)?;
    }
    let endpoints = &started.endpoints;
    try_connection(&endpoints.http).await?;
    if let Some(standby) = &endpoints.standby {
        try_connection(&standby.http).await?;
    }
    if plan.steps.iter().any(|step| step.kind == StepKind::Subscribe) {
        try_connection(&endpoints.realtime).await?;
    }
    Ok(started)
}

/// Makes sure that virtual users will find a connection: better to be told now than by a thousand failed requests.
async fn try_connection(dialing: &Dialing) -> Result<(), RunError> {
    let connector = Connector::resolve(dialing)
        .await
        .map_err(RunError::NoConnection)?;
    connector
        .connect()
        .await
        .map(drop)
        .map_err(RunError::NoConnection)
}

/// What stays the same from the first ticket to the audit.
struct Course<'a> {
    plan: &'a Arc<Plan>,
    limits: SocketLimits,
    clock: RunClock,
    epoch: Moment,
    folder: &'a RunFolder,
    figures: Arc<Figures>,
    instrument: &'a Instrument,
    traces: Option<Traces>,
}

impl Course<'_> {
    /// Drives the load and collects all it gives, until the last user is done or cut off.
    async fn load(
        &self,
        started: &mut Started,
        interrupts: &mut Interrupts,
        progress: &mut Progress,
        checkpoint: &mut dyn FnMut(&Collector, &Supervision),
    ) -> Result<(Collector, Supervision), RunError> {
        let Course {
            plan,
            clock,
            epoch,
            instrument,
            ..
        } = *self;
        let cannot_start = |error: std::io::Error| RunError::Generator(error.to_string());
        let mut collector = self.collector(started.mock.is_some())?;
        let (switch, signal) = StopSwitch::new();
        let shared = WorkerPlan {
            plan: Arc::clone(plan),
            endpoints: started.endpoints.clone(),
            clock,
            epoch,
            commit_clock: instrument.clock.commit_clock,
            traces: self.traces,
        };
        let means = || Means {
            operator: started.operator.apart(),
            database: started.database.clone(),
        };
        let actions =
            Actions::start(&plan.actions, clock, epoch, signal.clone(), means()).map_err(cannot_start)?;
        let rollback = Rollback::start(
            plan.rollback_action.as_ref(),
            clock,
            epoch,
            signal.clone(),
            means(),
        )
        .map_err(cannot_start)?;
        let batches = workers::start(&shared, &signal).map_err(cannot_start)?;
        let mut observations = observe::start(started.mock.clone(), started.probes(), signal);
        let supervision = Supervisor::new(
            plan,
            clock,
            epoch,
            switch.clone(),
            interrupts,
            progress,
            checkpoint,
        )
        .run(
            &mut collector,
            batches,
            &mut observations,
            actions,
            rollback,
            &mut started.children,
        )
        .await;
        collector.host.stop();
        // What the observer had under way when it was stopped is still to come.
        let last_observations = async {
            while let Some(observation) = observations.recv().await {
                collector.take_observation(observation);
            }
        };
        interrupts.unless_cut(progress, last_observations).await;
        match collector.failures.first() {
            Some(reason) => Err(RunError::Generator(reason.clone())),
            None => Ok((collector, supervision)),
        }
    }

    /// A collector of what the run learns, with what is known before it.
    fn collector(&self, has_mock: bool) -> Result<Collector, RunError> {
        let history = self.folder.file("history.jsonl");
        let can_tell_others = self.plan.target.is_told_from_others();
        let host = HostWatch::start(self.clock, self.epoch, can_tell_others)
            .map_err(|error| RunError::Generator(error.to_string()))?;
        let mut collector =
            Collector::new(self.plan, self.clock, self.epoch, has_mock, host, history.clone()).map_err(
                |source| RunError::History {
                    path: history,
                    source,
                },
            )?;
        collector.take_limits(self.limits);
        collector.figures = Arc::clone(&self.figures);
        collector.take_calibration(self.instrument.calibration);
        Ok(collector)
    }

    /// After the load: the mock's last deliveries, the rest of its ledger, and the audit. `None` when there was no
    /// audit, because the user cut it off or the history is not whole; what was measured before is not lost by that,
    /// and a verdict without an audit is never GO.
    async fn conclude(
        &self,
        started: &Started,
        collector: &mut Collector,
        supervision: &Supervision,
        interrupts: &mut Interrupts,
        progress: &mut Progress,
    ) -> Option<(Audit, Vec<Hop>)> {
        progress.end_live();
        let Course {
            plan,
            clock,
            instrument,
            ..
        } = *self;
        let offset = instrument.clock.over_run(&started.probe, clock);
        // Without a second comparison nobody knows where the clock has gone meanwhile.
        let offset = interrupts.unless_cut(progress, offset).await.flatten();
        collector.take_clock_offset(offset);
        progress.note("auditing what was accepted");
        let deadline = supervision
            .load_ended
            .plus(plan.load.drain)
            .max(clock.now().plus(AUDIT_GRACE));
        if let Some(mock) = &started.mock {
            let drain = mock.drain(deadline.since(clock.now()));
            if let Some(Err(error)) = interrupts.unless_cut(progress, drain).await {
                tracing::warn!(%error, "the mock could not be drained");
            }
            collector.take_rest_of_ledger(mock).await;
        }
        collector.close_ledger();
        if let Err(error) = collector.finish_history() {
            tracing::error!(%error, "the client history could not be written: there is no audit");
            return None;
        }
        let history = collector.history_path.clone();
        let ledger = started.mock.is_some().then_some(&collector.ledger);
        let read_back = ReadBack {
            awaited: awaited(plan),
            plan,
            clock,
            probe: started.serving(),
            ledger,
            commits_are_unknown: instrument.clock.commit_clock == CommitClock::Unknown,
            deadline,
        };
        let audit = read_back.run(&history, &mut collector.measurements, collector.users.as_mut());
        let audited = interrupts.unless_cut(progress, audit).await?;
        audited
            .inspect_err(
                |error| tracing::error!(%error, "the client history could not be read: there is no audit"),
            )
            .ok()
    }
}

/// Everything that the judge looks at.
fn evidence(
    plan: &Plan,
    epoch: Moment,
    collector: &Collector,
    supervision: &Supervision,
    audited: Option<(Audit, Vec<Hop>)>,
) -> Evidence {
    let (audit, hops) = audited.unzip();
    let seconds = |moment: Moment| moment.since(epoch).as_secs_f64();
    let timeline = Timeline {
        measured_from_s: plan.load.warm_up.as_secs_f64(),
        load_ended_s: seconds(supervision.load_ended),
        load_planned_s: plan.load.executor.duration().as_secs_f64(),
        drained_s: seconds(supervision.drained),
    };
    Evidence {
        timeline,
        iterations: collector.iterations,
        generator: GeneratorHealth {
            never_begun: never_begun(plan, &collector.iterations, supervision.arrivals_called_off),
            delivery: delivered::delivered(plan, epoch, &collector.measurements, supervision),
            ..collector.generator()
        },
        mock: collector.mock_health(),
        audit,
        hops: hops.unwrap_or_default(),
        under_way: collector.under_way(timeline.drained_s.ceil() as u32),
        incidents: sla::all_dated(
            supervision.incidents.clone(),
            &plan.criteria,
            &plan.steps,
            &collector.measurements,
            &timeline,
        ),
        actions: supervision.actions.clone(),
        early_stop: supervision.early_stop.clone(),
        rollback_action: supervision.rollback_action.clone(),
        users: collector.users.clone(),
        interruption: supervision.interruption,
        measurements: collector.measurements.clone(),
    }
}

/// Why iterations never began: a schedule drops what finds no free user, a fixed number what began too late.
fn never_begun(plan: &Plan, iterations: &Iterations, arrivals_called_off: u64) -> NeverBegun {
    let load = &plan.load;
    match load.executor.fixed_iterations(load.partition) {
        Some(planned) => NeverBegun {
            no_free_user: 0,
            max_duration: iterations.dropped,
            called_off: planned.saturating_sub(iterations.due),
        },
        None => NeverBegun {
            no_free_user: iterations.dropped,
            max_duration: 0,
            called_off: arrivals_called_off,
        },
    }
}
