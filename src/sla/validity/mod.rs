//! Whether the run can prove anything: was the plan delivered, and did the generator and the mock keep up?
//!
//! Undelivered load, lost records and a clock that is not known where it matters always invalidate, because they can make
//! results look better. Everything else here can only make results look worse, so it is a warning, and [`super::blame`] decides whether it explains a bad
//! result.

mod actions;
mod checks;
mod delivery;
mod generator;
mod instrument;

pub(crate) use checks::checks;
pub use checks::lag_limit_ms;
pub(crate) use delivery::dropped_by_target;
pub(crate) use generator::STALL_WARNING;

/// The answer, check by check.
#[derive(Debug, Clone, PartialEq)]
pub struct Validity {
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub name: CheckName,
    pub severity: Severity,
    pub sentence: String,
}

/// How bad a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    Ok,
    Warning,
    /// The run cannot be judged.
    Invalid,
}

/// The checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CheckName {
    Conservation,
    PlanDelivered,
    /// No second fell short of its arrivals.
    DeliveredPerSecond,
    DroppedArrivals,
    /// What the scenario does to its target was done.
    ActionsCarriedOut,
    SamplesTaken,
    SchedulingLag,
    TimelySends,
    /// The generator had a socket for everything that it had to send.
    GeneratorSockets,
    WorkerHiccups,
    HostStalls,
    WorkerCpu,
    HostCpu,
    /// By a hypervisor, or by a control group.
    CpuTaken,
    /// What the generator measures when there is nothing to measure.
    InstrumentFloor,
    /// The target's clock is known well enough.
    ClockOffset,
    /// Row changes say when they were committed.
    CommitMoments,
    MockLateness,
    LedgerComplete,
    QueueWaits,
    EventsDiscarded,
    NegativeLatencies,
    ClampedValues,
    UnfinishedIterations,
    /// Trouble of the generator or the mock explains a bad result.
    ResultExplained,
}

impl CheckName {
    /// All checks, in the order of reports.
    pub const ALL: [CheckName; 25] = [
        CheckName::Conservation,
        CheckName::PlanDelivered,
        CheckName::DeliveredPerSecond,
        CheckName::DroppedArrivals,
        CheckName::ActionsCarriedOut,
        CheckName::SamplesTaken,
        CheckName::SchedulingLag,
        CheckName::TimelySends,
        CheckName::GeneratorSockets,
        CheckName::WorkerHiccups,
        CheckName::HostStalls,
        CheckName::WorkerCpu,
        CheckName::HostCpu,
        CheckName::CpuTaken,
        CheckName::InstrumentFloor,
        CheckName::ClockOffset,
        CheckName::CommitMoments,
        CheckName::MockLateness,
        CheckName::LedgerComplete,
        CheckName::QueueWaits,
        CheckName::EventsDiscarded,
        CheckName::NegativeLatencies,
        CheckName::ClampedValues,
        CheckName::UnfinishedIterations,
        CheckName::ResultExplained,
    ];

    /// The name in `run.json`.
    pub fn key(self) -> &'static str {
        match self {
            CheckName::Conservation => "conservation",
            CheckName::PlanDelivered => "plan_delivered",
            CheckName::DeliveredPerSecond => "delivered_per_second",
            CheckName::DroppedArrivals => "dropped_arrivals",
            CheckName::ActionsCarriedOut => "actions_carried_out",
            CheckName::SamplesTaken => "samples_taken",
            CheckName::SchedulingLag => "scheduling_lag",
            CheckName::TimelySends => "timely_sends",
            CheckName::GeneratorSockets => "generator_sockets",
            CheckName::WorkerHiccups => "worker_hiccups",
            CheckName::HostStalls => "host_stalls",
            CheckName::WorkerCpu => "worker_cpu",
            CheckName::HostCpu => "host_cpu",
            CheckName::CpuTaken => "cpu_taken",
            CheckName::InstrumentFloor => "instrument_floor",
            CheckName::ClockOffset => "clock_offset",
            CheckName::CommitMoments => "commit_moments",
            CheckName::MockLateness => "mock_lateness",
            CheckName::LedgerComplete => "ledger_complete",
            CheckName::QueueWaits => "queue_waits",
            CheckName::EventsDiscarded => "events_discarded",
            CheckName::NegativeLatencies => "negative_latencies",
            CheckName::ClampedValues => "clamped_values",
            CheckName::UnfinishedIterations => "unfinished_iterations",
            CheckName::ResultExplained => "result_explained",
        }
    }
}

impl Severity {
    /// The severity as `run.json` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Ok => "ok",
            Severity::Warning => "warning",
            Severity::Invalid => "invalid",
        }
    }
}

impl Validity {
    /// Whether no check invalidates the run.
    pub fn valid(&self) -> bool {
        self.checks
            .iter()
            .all(|check| check.severity != Severity::Invalid)
    }

    /// The sentences of the checks that came out with this severity.
    pub fn sentences(&self, severity: Severity) -> impl Iterator<Item = &str> {
        self.checks
            .iter()
            .filter(move |check| check.severity == severity)
            .map(|check| check.sentence.as_str())
    }
}

fn check(name: CheckName, severity: Severity, sentence: String) -> Check {
    Check {
        name,
        severity,
        sentence,
    }
}

/// A warning when `wrong`, else fine.
fn warn_if(wrong: bool) -> Severity {
    if wrong { Severity::Warning } else { Severity::Ok }
}
