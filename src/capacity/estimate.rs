//! How long a search will take, said before it begins.

use std::fmt;
use std::time::Duration;

use super::search::Search;
use crate::plan::CapacityPlan;
use crate::units::format_duration;

/// What starting and stopping a target takes at least.
const STEP_OVERHEAD_LEAST: Duration = Duration::from_secs(1);

/// How many steps a search takes, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Steps at most, when none has to be repeated.
    pub steps_most: u32,
    pub step_shortest: Duration,
    pub step_longest: Duration,
    /// One step, that holds at the highest rate or fails at the lowest.
    pub least: Duration,
    /// All steps, or the time box.
    pub most: Duration,
    pub time_box: Duration,
}

impl Estimate {
    /// The estimate of a search that has not begun.
    pub fn of(plan: &CapacityPlan) -> Self {
        let steps_most = Search::new(plan).steps_most();
        let step_shortest = plan.step_load() + STEP_OVERHEAD_LEAST;
        Self {
            steps_most,
            step_shortest,
            step_longest: plan.step_longest(),
            least: step_shortest,
            most: plan.step_longest().saturating_mul(steps_most).min(plan.time_box),
            time_box: plan.time_box,
        }
    }
}

impl fmt::Display for Estimate {
    /// `1 to 11 steps of 27s to 1m6s: at least 27s, at most 12m6s (time box 15m)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = match self.steps_most {
            1 => "1 step".to_owned(),
            most => format!("1 to {most} steps"),
        };
        write!(
            f,
            "{steps} of {} to {}: at least {}, at most {} (time box {})",
            format_duration(self.step_shortest),
            format_duration(self.step_longest),
            format_duration(self.least),
            format_duration(self.most),
            format_duration(self.time_box)
        )
    }
}
