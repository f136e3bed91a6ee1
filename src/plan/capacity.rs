//! How the highest rate at which all targets hold is searched for.

use std::fmt;
use std::time::Duration;

use crate::units::{Rate, Ratio, format_duration};

/// What starting and stopping a target takes at most, in an estimate made before anything has been started.
pub const STEP_OVERHEAD: Duration = Duration::from_secs(10);
/// A step judges at least so many users: fewer cannot tell anything about a percentile.
const USERS_MIN: f64 = 5.0;

/// The search for a capacity: stepping up from the lowest rate, then bisecting.
#[derive(Debug, Clone, PartialEq)]
pub struct CapacityPlan {
    /// The lowest rate that is tried, in new users per second.
    pub from: Rate,
    /// The highest rate that is tried; not below `from`.
    pub to: Rate,
    /// How many times higher each next rate is while stepping up; above 1.
    pub factor: f64,
    /// How long a step's rate is held and judged.
    pub step_hold: Duration,
    /// How long a step's rate is held before it is judged: until as many users are at work as there will be.
    pub step_warm_up: Duration,
    /// After a step's last arrival: how long users and the results that they wait for may take to end.
    pub step_drain: Duration,
    /// The search ends when the lowest rate that failed is above the highest that held by no more than this share.
    pub resolution: Ratio,
    /// No step is begun that might end later than this after the start of the search.
    pub time_box: Duration,
    /// Whether the rate that was found must hold a second time.
    pub confirm: bool,
    /// Whether the scenario has a section for it: else all of this is by default.
    pub is_declared: bool,
}

impl CapacityPlan {
    /// How long a step sends load.
    pub fn step_load(&self) -> Duration {
        self.step_warm_up + self.step_hold
    }

    /// How long a step may take, by the plan.
    pub fn step_longest(&self) -> Duration {
        self.step_load() + self.step_drain + STEP_OVERHEAD
    }

    /// Why this search cannot be made, as a sentence; `None` when it can.
    pub fn obstacle(&self) -> Option<String> {
        if self.from.as_per_second() <= 0.0 {
            return Some("the lowest rate must be above zero".to_owned());
        }
        if self.from > self.to {
            return Some(format!(
                "the lowest rate to try, {}, is above the highest, {}",
                self.from, self.to
            ));
        }
        let users = self.from.as_per_second() * self.step_hold.as_secs_f64();
        if users < USERS_MIN {
            return Some(format!(
                "at the lowest rate, {}, a step of {} judges {users:.1} users on average; at least {USERS_MIN:.0} are \
                 needed: start at a higher rate (`rates.from`), or hold each rate for longer (`step_hold`)",
                self.from,
                format_duration(self.step_hold)
            ));
        }
        (self.step_longest() > self.time_box).then(|| {
            format!(
                "one step may take {} ({} of warm-up, {} held, at most {} of drain, {} to start and stop the target), \
                 which is more than the time box of {}",
                format_duration(self.step_longest()),
                format_duration(self.step_warm_up),
                format_duration(self.step_hold),
                format_duration(self.step_drain),
                format_duration(STEP_OVERHEAD),
                format_duration(self.time_box)
            )
        })
    }
}

impl fmt::Display for CapacityPlan {
    /// What is searched: `10/s to 640/s, ×2 until a rate fails, then bisecting to 10%; …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {}, ×{} until a rate fails, then bisecting to {}; each rate held for {} after {} of warm-up",
            self.from,
            self.to,
            self.factor,
            self.resolution,
            format_duration(self.step_hold),
            format_duration(self.step_warm_up)
        )?;
        if self.confirm {
            f.write_str("; what is found must hold twice")?;
        }
        Ok(())
    }
}
