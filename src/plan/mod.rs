//! The plan: a scenario as it is meant, with every default resolved and every value checked.
//!
//! It is data only. [`crate::scenario`] makes it from a file, everything else reads it, nothing changes it.

use std::collections::BTreeSet;

mod action;
mod capacity;
mod claims;
mod comparison;
mod criteria;
mod faults;
mod journey;
mod load;
mod metric;
mod partition;
mod postgres;
mod target;
mod template;
mod transport;
mod users;
mod waiver;
mod window;

pub use action::{Action, ActionRequest, CommandDeed, Deed, Outage, RollbackAction, SqlDeed, StopMode};
pub use capacity::{CapacityPlan, STEP_OVERHEAD};
pub use comparison::{
    Arm, Band, Claim, ClaimTest, Comparison, Negligible, Override, RatioLimit, Side, Sides, Subject,
};
pub use criteria::{Comparator, Condition, Criteria, JudgeMode, Limit, Rollback, RollbackLimits, Statistic};
pub use journey::{
    AwaitStep, Binding, ChangeEvent, Check, EventMatch, Expect, Fallback, InitialRead, Journey, JsonPointer,
    Method, RequestStep, Step, StepId, StepInfo, StepKind, Submission, SubscribeStep, ThinkStep,
};
pub use load::{Connections, DurationDistribution, Executor, Load, Spacing, Stage};
pub use metric::{Metric, Unit};
pub use partition::Partition;
pub use postgres::{
    Architecture, ConnectionPool, DatabaseUrl, LegacyModel, Postgres, PostgresPlace, RealtimeSource,
};
pub use target::{
    Attachment, ClassConnect, Database, ReferenceServer, RemoteTarget, StandbyServer, Target, TargetKind,
    Tokens,
};
pub use template::{Encoding, Piece, Template, VariableId, Variables};
pub use transport::{Certificates, HttpVersion, Traceparent, Transport};
pub use users::{Anchor, Patience, Rating, Satisfaction, Users};
pub use waiver::Waiver;
pub use window::{BurnRate, WindowPolicy};

/// Everything a run needs to know.
#[derive(Debug, Clone)]
pub struct Plan {
    pub name: String,
    pub description: String,
    /// The seed of all chance in the run; `--seed` overrides the scenario's.
    pub seed: u64,
    pub target: Target,
    /// The mock of ClassConnect; `None` when the target brings its own.
    pub classconnect: Option<ClassConnect>,
    pub load: Load,
    /// What is done to the target while the load goes on, in the order of time.
    pub actions: Vec<Action>,
    /// What is done when the first rollback threshold trips.
    pub rollback_action: Option<RollbackAction>,
    /// At least one; the weights decide which journey a ticket takes.
    pub journeys: Vec<Journey>,
    /// Every step that is measured, over all journeys, indexed by [`StepId`].
    pub steps: Vec<StepInfo>,
    /// What the users are like; `None` = they wait for as long as the steps' time-outs.
    pub users: Option<Users>,
    /// The names behind [`VariableId`]s.
    pub variables: Variables,
    /// Targets, alerts and rollback thresholds.
    pub criteria: Criteria,
    /// How the highest rate at which the targets hold is searched for; `None` for closed models, which have no rate.
    pub capacity: Option<CapacityPlan>,
}

impl Plan {
    /// The variables that some template of some journey names.
    pub fn variables_used(&self) -> BTreeSet<VariableId> {
        let steps = self.journeys.iter().flat_map(|journey| &journey.steps);
        steps
            .flat_map(Step::templates)
            .flat_map(Template::variables)
            .collect()
    }

    /// The most connections that a user has at once, besides the realtime socket.
    pub fn connections_of_a_user(&self) -> u32 {
        fn most(steps: &[Step]) -> u32 {
            let of_step = |step: &Step| match step {
                // Their own connection stays open meanwhile.
                Step::Parallel { times, .. } => 1 + times,
                Step::Repeat { steps, .. } => most(steps),
                Step::Request(_) | Step::Subscribe(_) | Step::Await(_) | Step::Think(_) => 1,
            };
            steps.iter().map(of_step).max().unwrap_or(1)
        }
        let journeys = self.journeys.iter();
        journeys.map(|journey| most(&journey.steps)).max().unwrap_or(1)
    }

    /// The name of a measured step.
    pub fn step_name(&self, id: StepId) -> &str {
        self.steps
            .get(id.index())
            .map_or("unknown", |info| info.name.as_str())
    }
}
