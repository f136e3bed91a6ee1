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
    /// `1 to 11 steps of 27s to 1m6s: at least 27s, at most 12m6s, or the time box of 15m if steps must be repeated`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = match self.steps_most {
            1 => "1 step".to_owned(),
            most => format!("1 to {most} steps"),
        };
        write!(
            f,
            "{steps} of {} to {}: at least {}, at most {}, or the time box of {} if steps must be repeated",
            format_duration(self.step_shortest),
            format_duration(self.step_longest),
            format_duration(self.least),
            format_duration(self.most),
            format_duration(self.time_box)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Rate, Ratio};

    #[test]
    fn the_time_is_told_from_one_step_to_all_or_the_time_box() {
        let plan = CapacityPlan {
            from: Rate::per_second(10.0).unwrap(),
            to: Rate::per_second(640.0).unwrap(),
            factor: 2.0,
            step_hold: Duration::from_secs(15),
            step_warm_up: Duration::from_secs(11),
            step_drain: Duration::from_secs(30),
            resolution: Ratio::new(0.1).unwrap(),
            time_box: Duration::from_secs(900),
            confirm: true,
            is_declared: false,
        };
        assert_eq!(
            Estimate::of(&plan).to_string(),
            "1 to 11 steps of 27s to 1m6s: at least 27s, at most 12m6s, or the time box of 15m if steps must be repeated"
        );
        let short = CapacityPlan {
            time_box: Duration::from_secs(300),
            ..plan
        };
        assert_eq!(Estimate::of(&short).most, Duration::from_secs(300));
    }
}
