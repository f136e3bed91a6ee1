//! What became of users with patience: counts that no series holds, and what only the audit could tell.

use std::collections::BTreeMap;

use crate::plan::{self, StepId};

/// Users with patience, and what became of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Users {
    /// What they were like.
    pub parameters: plan::Users,
    pub tally: UserTally,
    /// `None` when the audit did not take place.
    pub completion: Option<Completion>,
}

impl Users {
    /// Nobody has come yet.
    pub fn new(parameters: plan::Users) -> Self {
        Self {
            parameters,
            tally: UserTally::default(),
            completion: None,
        }
    }
}

/// How the sessions that are judged ended: those of the warm-up are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserTally {
    /// Sessions begun: the sum of the next five.
    pub sessions: u64,
    /// Came to the end of their journey.
    pub reached_end: u64,
    /// Left because a step took too long.
    pub left_waiting: u64,
    /// Left because of an error.
    pub left_after_error: u64,
    /// Ended by a fault of the generator.
    pub failed: u64,
    /// Cut off at the end of the drain, still waiting.
    pub unfinished: u64,
    /// Errors after which a user tried again, and those of them that the second attempt healed.
    pub retries: u64,
    pub retries_healed: u64,
    pub complaints: Complaints,
    /// By the step at which they were.
    pub by_step: BTreeMap<StepId, StepTally>,
}

/// Sessions with reason to complain, and the reasons; a session may have several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Complaints {
    pub sessions: u64,
    /// At least two frustrated steps.
    pub frustrated: u64,
    /// An error that a second attempt did not heal, or a result that did not come.
    pub errors: u64,
    /// An event that came later than 5 s after its cause, or never.
    pub stale: u64,
    /// Work that was lost, done twice or given to somebody else.
    pub work: u64,
}

/// What happened at one user-visible step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepTally {
    pub left_waiting: u64,
    pub left_after_error: u64,
    /// Sessions with reason to complain that ended here.
    pub complained: u64,
}

/// Which sessions came to their end with everything that they had handed in.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Completion {
    pub sessions: u64,
    /// Came to their end, and every result was read back as it had been sent.
    pub completed: u64,
    /// Came to their end, but a result was not there.
    pub unconfirmed: u64,
    /// Still under way when they were cut off: nobody knows how they would have ended.
    pub running: u64,
    /// The share that would have completed had nobody been cut off (Kaplan–Meier, with the other ends as competing
    /// risks); `None` without sessions.
    pub estimate: Option<f64>,
    /// From the arrival to the end of completed sessions, think times included.
    pub time_p50_ms: Option<f64>,
    pub time_p95_ms: Option<f64>,
}

impl UserTally {
    /// Sessions whose user left.
    pub fn left(&self) -> u64 {
        self.left_waiting + self.left_after_error
    }

    /// Adds the counts of another worker.
    pub fn add(&mut self, other: &UserTally) {
        self.sessions += other.sessions;
        self.reached_end += other.reached_end;
        self.left_waiting += other.left_waiting;
        self.left_after_error += other.left_after_error;
        self.failed += other.failed;
        self.unfinished += other.unfinished;
        self.retries += other.retries;
        self.retries_healed += other.retries_healed;
        self.complaints.sessions += other.complaints.sessions;
        self.complaints.frustrated += other.complaints.frustrated;
        self.complaints.errors += other.complaints.errors;
        self.complaints.stale += other.complaints.stale;
        self.complaints.work += other.complaints.work;
        for (step, theirs) in &other.by_step {
            let mine = self.by_step.entry(*step).or_default();
            mine.left_waiting += theirs.left_waiting;
            mine.left_after_error += theirs.left_after_error;
            mine.complained += theirs.complained;
        }
    }
}
