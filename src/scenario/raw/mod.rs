//! The files as they are written: what serde reads, and what the JSON Schema is derived from.
//!
//! A field is an `Option` even where the key is required: a value that was refused for its own mistake is absent
//! here, and the rest of the file is still read, so that all mistakes are told at once. `#[schemars(required)]` marks
//! what must be there. The comments are the descriptions in the schema.

mod action;
mod capacity;
mod classconnect;
mod compare;
mod criteria;
mod journey;
mod load;
mod metric;
mod target;
mod text;
mod users;
mod waiver;

pub(super) use action::{ActionFile, DeedKeys, OutageFile, RollbackActionFile, StopModeFile};
pub(super) use capacity::CapacityFile;
pub(super) use classconnect::{ClassConnectFaults, ClassConnectFile, DelayFile, DistributionFile};
pub(super) use compare::{ArmFile, ClaimFile, CompareFile};
pub(super) use criteria::{
    AlertsFile, BudgetFile, JudgeFile, JudgeModeFile, LimitFile, Limits, RollbackFile, RollbackLimitsFile,
    SlaFile, StepLimitsFile, WindowKeys,
};
pub(super) use journey::{
    AwaitStepFile, BindingFile, ChangeEventFile, EventFile, ExpectFile, FallbackFile, InitialReadFile,
    JobKind, JourneyEntry, JourneyFile, ParallelStepFile, RequestStepFile, StatusFile, StepFile,
    SubmissionFile, SubscribeStepFile,
};
pub(super) use load::{ArrivalsFile, ConnectionsFile, ExecutorFile, LoadFile, StageTarget};
pub(super) use metric::meaning;
pub(super) use target::{
    ArchitectureFile, EdgeBootFile, HttpVersionFile, LegacyFile, LegacyQueueFile, PoolFile, RealtimeFile,
    ServerFile, TargetFaults, TargetFile, TraceparentFile,
};
pub(super) use text::{DurationText, PercentText, RateText};
pub(super) use users::{AnchorFile, ApdexFile, PatienceFile, ProfileFile, UsersFile};
pub(super) use waiver::WaiverFile;

use schemars::JsonSchema;
use serde::Deserialize;

/// A scenario: what is tested, with which load, and what it is judged by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A scenario of loadtest")]
pub(super) struct ScenarioFile {
    /// Name in reports and of the output directory.
    #[schemars(title = "a name", required)]
    pub(super) name: Option<String>,
    /// What the scenario is for, in a sentence or two. Default: empty.
    pub(super) description: Option<String>,
    /// Seed of all chance; `--seed` overrides it. Default: 1.
    #[schemars(range(min = 0))]
    pub(super) seed: Option<i64>,
    /// What is tested.
    #[schemars(required)]
    pub(super) target: Option<TargetFile>,
    /// The mock of ClassConnect. Default: with the reference server all defaults, else no mock.
    pub(super) classconnect: Option<ClassConnectFile>,
    /// How many users come, and when.
    #[schemars(required)]
    pub(super) load: Option<LoadFile>,
    /// What is done to the target at given times, while the load goes on. Default: nothing.
    pub(super) actions: Option<Vec<ActionFile>>,
    /// What users do; their weights decide how often each journey is taken.
    #[schemars(required, length(min = 1))]
    pub(super) journey: Option<Vec<JourneyEntry>>,
    /// Users with patience. Default: users wait for as long as the steps' time-outs.
    pub(super) users: Option<UsersFile>,
    /// How the verdict is found. Default: all defaults.
    pub(super) judge: Option<JudgeFile>,
    /// The targets: conditions that must hold over the whole measured part of the run. Default: no targets.
    pub(super) sla: Option<SlaFile>,
    /// Targets that may be missed for now, because somebody has accepted that: they are shown, and do not decide the
    /// verdict. Default: none.
    pub(super) waiver: Option<Vec<WaiverFile>>,
    /// Conditions whose breach within a window is reported. Default: none.
    pub(super) alerts: Option<AlertsFile>,
    /// Conditions whose breach within a window means "roll back". Default: none.
    pub(super) rollback: Option<RollbackFile>,
    /// How `loadtest capacity` searches; a run does not look at it. Default: all defaults, for the arrival-rate
    /// executors.
    pub(super) capacity: Option<CapacityFile>,
    /// Two arms of this scenario, for `loadtest compare`; a run does not look at it. Default: none.
    pub(super) compare: Option<CompareFile>,
}
