//! What was found about one target.

use std::fmt;

use crate::plan::{Condition, Metric, Unit, Waiver};

/// A judged line of the criteria, with the numbers it was judged on.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub subject: Subject,
    pub status: Status,
    /// Milliseconds, ratio or per second; infinite when a quantile falls on a failed event; `None` without data.
    pub value: Option<f64>,
    /// The value lies at or above this: for shares and rates with one-sided 95 % confidence, for quantiles the lower
    /// end of a two-sided 95 % interval.
    pub ci_low: Option<f64>,
    /// The value lies at or below this, as [`Self::ci_low`]; infinite when the interval reaches the failed events.
    pub ci_high: Option<f64>,
    pub samples: u64,
    /// How many independent samples they are worth.
    pub samples_effective: Option<f64>,
    /// Events that count against the target.
    pub bad: u64,
    /// Share of events that may be bad; `None` for means and rates.
    pub budget: Option<f64>,
    /// One sentence for the person who decides.
    pub reason: String,
    /// For how many seconds to measure, at the same load, to settle a target that is open; `None` when it is not open or no time
    /// would do.
    pub settled_after_s: Option<f64>,
    /// Who has accepted that the target is not met; set when that is so, and then it does not decide the verdict.
    pub waived: Option<Waiver>,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    Target(Condition),
    /// A metric that the user declared as not measurable and set no target for.
    NotMeasured(Metric),
}

/// The status of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    Pass,
    Fail,
    Inconclusive,
    /// Nothing was measured, although something should have been.
    NoData,
    /// Declared by the user as not measurable on this target.
    NotMeasured,
}

impl Subject {
    /// The metric it is about.
    pub fn metric(&self) -> Metric {
        match self {
            Subject::Target(condition) => condition.metric,
            Subject::NotMeasured(metric) => *metric,
        }
    }

    /// The unit of its numbers.
    pub fn unit(&self) -> Unit {
        self.metric().unit()
    }
}

impl Status {
    /// All statuses.
    pub const ALL: [Status; 5] = [
        Status::Pass,
        Status::Fail,
        Status::Inconclusive,
        Status::NoData,
        Status::NotMeasured,
    ];

    /// The status as `run.json` writes it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Pass => "PASS",
            Status::Fail => "FAIL",
            Status::Inconclusive => "INCONCLUSIVE",
            Status::NoData => "NO_DATA",
            Status::NotMeasured => "NOT_MEASURED",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
