//! What became of the things that a scenario does to its target while the load goes on.

/// One of the plan's actions, and how it went. Times are seconds from the start of the load.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionRun {
    pub name: String,
    /// What was done, such as `PUT /admin/v1/rollout`.
    pub deed: String,
    pub planned_s: f64,
    /// `None` when its time had not come.
    pub begun_s: Option<f64>,
    /// `None` while it is under way.
    pub ended_s: Option<f64>,
    pub outcome: ActionOutcome,
    /// Whether it is the fault of a drill, whose detection is timed from `begun_s`.
    pub injects: bool,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionOutcome {
    NotBegun,
    UnderWay,
    /// It was done; a sentence says what was seen.
    Done(String),
    /// It could not be done; a sentence says why.
    Failed(String),
}
