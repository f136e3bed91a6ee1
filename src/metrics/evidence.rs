//! All that a verdict is drawn from: the measurements, the audit, and how well the run itself went.

use std::time::Duration;

use super::action::ActionRun;
use super::health::{Delivery, HostStalls, Lateness, NeverBegun, ProcessHealth, Punctuality};
use super::host_use::HostUse;
use super::instrument::{Calibration, ClockOffset};
use super::measurements::Measurements;
use super::under_way::UnderWay;
use super::users::Users;
use crate::plan::{BurnRate, Condition};

/// Everything a run leaves for its judge. It can be stored in `run.json` and judged again.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub measurements: Measurements,
    pub timeline: Timeline,
    pub iterations: Iterations,
    pub generator: GeneratorHealth,
    /// `None` when no mock was part of the run.
    pub mock: Option<MockHealth>,
    /// `None` when the run ended before the audit.
    pub audit: Option<Audit>,
    /// The way of a submission, hop by hop; empty when nothing could be joined.
    pub hops: Vec<Hop>,
    /// Empty in files of versions that did not look.
    pub under_way: UnderWay,
    /// What the window policies found, in order of detection.
    pub incidents: Vec<Incident>,
    /// What the scenario did to its target, in the order of the plan.
    pub actions: Vec<ActionRun>,
    /// Why the load ended before its time, when a target could not be met any more; `None` when it did not.
    pub early_stop: Option<EarlyStop>,
    /// What was done when the first rollback threshold tripped; `None` when none tripped, or nothing was to be done.
    pub rollback_action: Option<ActionRun>,
    /// Users with patience; `None` when the scenario has none.
    pub users: Option<Users>,
    pub interruption: Option<Interruption>,
}

impl Evidence {
    /// Evidence of nothing but requests: from a generator that had no trouble, without a mock, with nothing accepted that
    /// could be lost, and nothing that happened beside the load.
    pub fn of_measurements(measurements: Measurements, timeline: Timeline, iterations: Iterations) -> Self {
        Self {
            measurements,
            timeline,
            iterations,
            generator: GeneratorHealth::default(),
            mock: None,
            audit: None,
            hops: Vec::new(),
            under_way: UnderWay::default(),
            incidents: Vec::new(),
            actions: Vec::new(),
            early_stop: None,
            rollback_action: None,
            users: None,
            interruption: None,
        }
    }
}

/// The end of a load that had nothing left to prove.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyStop {
    /// Seconds from the start of the run.
    pub at_s: f64,
    /// Which target, and why it was settled, as a sentence.
    pub sentence: String,
}

/// The phases of the run, in seconds from its start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timeline {
    /// First second whose tickets are judged.
    pub measured_from_s: f64,
    /// When the last ticket could be issued: planned end, the moment the load was stopped, or the end of the last of a
    /// fixed number of iterations.
    pub load_ended_s: f64,
    /// When the load would have ended by the plan; at the latest, when the number of iterations is fixed.
    pub load_planned_s: f64,
    /// When the drain was over.
    pub drained_s: f64,
}

/// What became of the tickets, warm-up included. `due = started + dropped` and
/// `started = succeeded + failed + abandoned + unfinished`, in every run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Iterations {
    pub due: u64,
    pub started: u64,
    pub dropped: u64,
    pub succeeded: u64,
    pub failed: u64,
    /// Their user lost patience, or left because of an error. Zero without users with patience.
    pub abandoned: u64,
    pub unfinished: u64,
}

impl Iterations {
    /// Whether the two identities hold.
    pub fn conserved(&self) -> bool {
        self.due == self.started + self.dropped && self.started == self.ended()
    }

    /// Those that are no longer under way.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.failed + self.abandoned + self.unfinished
    }

    /// Users who are at their journey now.
    pub fn under_way(&self) -> u64 {
        self.started.saturating_sub(self.ended())
    }

    /// Adds the counts of another worker.
    pub fn add(&mut self, other: &Iterations) {
        self.due += other.due;
        self.started += other.started;
        self.dropped += other.dropped;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.abandoned += other.abandoned;
        self.unfinished += other.unfinished;
    }
}

/// How the load generator itself did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GeneratorHealth {
    pub workers: Vec<WorkerHealth>,
    /// `None` in files of versions that did not measure it.
    pub process: Option<ProcessHealth>,
    /// `None` in files of versions that did not measure it.
    pub host_stalls: Option<HostStalls>,
    pub never_begun: NeverBegun,
    /// `None` without a schedule, and in files of versions that did not look.
    pub delivery: Option<Delivery>,
    /// `None` in files of versions that did not measure it.
    pub host_use: Option<HostUse>,
    /// `None` when the generator was not tried out before the run.
    pub calibration: Option<Calibration>,
    /// The target's clock against ours; `None` when nobody had to know.
    pub clock_offset: Option<ClockOffset>,
    /// Most virtual users that were busy at once, over all workers.
    pub vus_peak: u32,
    /// The pool's size.
    pub vus_max: u32,
    /// Batches of samples or history that found their queue full and had to wait (nothing is thrown away).
    pub queue_waits: u64,
    /// Events that a full event store of a user pushed out before they were awaited.
    pub events_discarded: u64,
    /// Polls sent by fallbacks; they are no part of any gate.
    pub polls: u64,
    /// Reads of a row right after a subscription became live; no part of any gate either.
    pub initial_reads: u64,
    /// Realtime frames that were not of the protocol.
    pub frames_malformed: u64,
    /// Realtime sockets that closed before their user was done with them.
    pub sockets_lost: u64,
    /// Row changes whose moment of commit is not known: they have no realtime latency.
    pub events_without_commit: u64,
    /// Channels that the server had lost and that their users joined again.
    pub channels_rejoined: u64,
    /// Open files that this process was seen with at most; `None` where the system does not say.
    pub descriptors_peak: Option<u64>,
    /// Open files that this process may have.
    pub descriptors_max: Option<u64>,
    /// Local ports of one source address towards one address of the target.
    pub ports_max: Option<u64>,
}

impl GeneratorHealth {
    /// The share of all dispatched arrivals that went out timely; `None` when nothing was scheduled.
    pub fn timely_share(&self) -> Option<f64> {
        Punctuality::timely_share(
            self.workers
                .iter()
                .filter_map(|worker| worker.punctuality.as_ref()),
        )
    }
}

/// One worker thread.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerHealth {
    pub index: u16,
    /// CPU time of the thread.
    pub cpu: Duration,
    /// Wall time it ran.
    pub wall: Duration,
    /// Longest gap between two beats of the event loop beyond the beat's own period: how long it was blocked.
    pub longest_hiccup: Duration,
    /// The same as percentiles; `None` in files of versions that kept the longest only.
    pub lateness: Option<Lateness>,
    /// Iterations that it began, and that it dropped, warm-up included.
    pub started: u64,
    pub dropped: u64,
    /// `None` when it had no schedule to keep.
    pub punctuality: Option<Punctuality>,
    /// Its part of [`GeneratorHealth::queue_waits`].
    pub queue_waits: u64,
}

/// How the mock of ClassConnect did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MockHealth {
    /// Actual first send minus planned send, milliseconds; `None` when nothing was sent.
    pub lateness_p50_ms: Option<f64>,
    pub lateness_p99_ms: Option<f64>,
    pub accepted: u64,
    /// Planned never to be sent, on purpose.
    pub dropped_on_purpose: u64,
    /// Ledger records that could not be fetched.
    pub ledger_records_missing: u64,
}

/// What became of everything that was accepted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Audit {
    /// Submissions answered with the accepting status.
    pub accepted: u64,
    /// With their result visible.
    pub completed: u64,
    /// Ended in a failure that the target shows.
    pub failed: u64,
    /// Accepted, but no terminal state can be read, or the result is not the one that ClassConnect sent.
    pub lost: Option<u64>,
    /// An effect that happened twice.
    pub duplicated: Option<u64>,
    /// Events or results that belong to somebody else.
    pub misdelivered: Option<u64>,
    /// Nobody can tell: their rows could not be read.
    pub pending: u64,
    /// The first violations of each kind, with their witnesses.
    pub violations: Vec<Violation>,
}

/// One finding of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub kind: ViolationKind,
    /// The submission's reference.
    pub reference: String,
    pub ticket: u64,
    /// What is wrong, as a sentence.
    pub detail: String,
}

/// The kinds of audit findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViolationKind {
    Lost,
    Duplicated,
    Misdelivered,
}

/// One hop of a submission's way, over all joined submissions.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// Such as `intended → sent`.
    pub name: String,
    /// Whether this is the delay that the mock injected, not the target's doing.
    pub injected: bool,
    pub count: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// The p95 of each stretch of the run that had submissions, by its first second. Empty in files of versions that did not
    /// keep it.
    pub p95_over_time: Vec<(u32, f64)>,
}

impl Hop {
    /// The names of the hops that are told apart by more than their place.
    pub const ACCEPTED: &'static str = "sent → accepted (202)";
    pub const CALLED: &'static str = "sent → ClassConnect called";
    pub const ACKNOWLEDGED: &'static str = "webhook sent → webhook acknowledged";
    pub const RECEIVED: &'static str = "webhook sent → result received";
}

/// A window condition that was breached.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    pub kind: IncidentKind,
    /// What was breached; of a burn rate, what the rate comes to in terms of the target's metric.
    pub condition: Condition,
    /// The burn rate that was watched, when that is what the policy says.
    pub burn_rate: Option<BurnRate>,
    /// First second of the first window that was in breach.
    pub window_from_s: f64,
    /// First bad second, from the run's start: where the stretch begins that is more than the level over all, up to
    /// the detection. `None` when the seconds do not tell, and while the run goes on.
    pub onset_s: Option<f64>,
    /// When it was detected (raised), seconds from the run's start.
    pub detected_at_s: f64,
    /// First clean second that begins a stretch, as long as the policy's window, below the level at which an incident is
    /// over. `None` when there was none before the load ended, and while the run goes on.
    pub recovered_at_s: Option<f64>,
    /// When the window was clean again; `None` while it lasts.
    pub cleared_at_s: Option<f64>,
    /// The value the window was judged on: milliseconds, ratio or per second. Infinite when the quantile fell on a
    /// failed request.
    pub value: f64,
    pub samples: u64,
}

impl Incident {
    /// What was breached, as the policy says it.
    pub fn breach(&self) -> String {
        self.burn_rate
            .as_ref()
            .map_or_else(|| self.condition.to_string(), BurnRate::to_string)
    }
}

/// Which policy the condition belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IncidentKind {
    Alert,
    Rollback,
}

/// How the user stopped the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Once: the load ended, the drain was waited for.
    Drained,
    /// Twice: the drain was cut short.
    Cut,
    /// The process ended before the run did: what is left is its last checkpoint.
    Killed,
}
