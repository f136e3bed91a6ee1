//! What a plan comes to, worked out before anything is sent: users, requests, time, and what each target can be
//! judged on.

mod arrivals;
mod journeys;
mod targets;

use std::fmt;
use std::time::Duration;

pub use targets::{Decision, TargetCheck};

use self::journeys::Averages;
use crate::plan::{CapacityPlan, JudgeMode, Partition, Plan};
use crate::sla::DESIGN_EFFECT_FLOOR;
use crate::units::format_duration;

/// What a plan comes to.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    pub scenario: String,
    pub executor: &'static str,
    /// New users per second at the busiest moment.
    pub users_per_s_peak: f64,
    /// New users per second over the whole load.
    pub users_per_s_mean: f64,
    /// New users in all, and those that are judged because they come after the warm-up.
    pub users: f64,
    pub users_measured: f64,
    /// Requests of one user, averaged over the journeys by their weights. Polls and initial reads are not counted.
    pub requests_per_user: f64,
    /// How long one user is busy: think times and the mock's delays, answers taking no time.
    pub journey_time: Duration,
    /// The part of it that is spent waiting for results.
    pub waiting_time: Duration,
    /// Users at work at the busiest moment.
    pub users_at_once: f64,
    pub max_vus: u32,
    pub warm_up: Duration,
    /// How long users come; at most, when the number of iterations is fixed.
    pub load: Duration,
    /// A fixed number of iterations, and how long they take with answers that take no time.
    pub iterations: Option<(u64, Duration)>,
    /// At most; it ends early when nothing is pending.
    pub drain: Duration,
    /// The waits whose length is a guess, because no mock says how long the results take.
    pub guessed_waits: usize,
    /// Whether nothing proves that the target is who it says.
    pub target_is_unverified: bool,
    pub targets: Vec<TargetCheck>,
    /// How sure a verdict must be.
    pub mode: JudgeMode,
    /// How long users wait, in words; `None` = for as long as the steps' time-outs.
    pub patience: Option<String>,
    /// What `loadtest capacity` would search; `None` when the scenario does not speak of it.
    pub capacity: Option<CapacityPlan>,
}

/// Said of a scenario that believes any certificate.
const UNVERIFIED: &str = "the target's certificate is not verified (insecure = true in [target.tls]), so nothing \
                              proves that it is the target";

/// Works out what `plan` comes to.
pub fn check(plan: &Plan) -> CheckReport {
    let averages = Averages::of(plan);
    let executor = &plan.load.executor;
    let flow = arrivals::flow(executor, averages.time);
    let load = executor.duration();
    // Only the run shows how long a fixed number of iterations takes.
    let iterations = executor
        .fixed_iterations(Partition::WHOLE)
        .map(|iterations| (iterations, flow.end()));
    let users = flow.between(Duration::ZERO, load);
    let users_measured = flow.between(plan.load.warm_up, load);
    let users_at_once = if executor.is_open() {
        // Little's law: L = λ W.
        flow.peak() * averages.time.as_secs_f64()
    } else {
        f64::from(plan.load.max_vus)
    };
    CheckReport {
        scenario: plan.name.clone(),
        executor: executor.name(),
        users_per_s_peak: flow.peak(),
        users_per_s_mean: users / flow.end().as_secs_f64(),
        users,
        users_measured,
        requests_per_user: averages.requests(plan),
        journey_time: averages.time,
        waiting_time: averages.waiting,
        users_at_once,
        max_vus: plan.load.max_vus,
        warm_up: plan.load.warm_up,
        load,
        iterations,
        drain: plan.load.drain,
        guessed_waits: averages.guessed_waits,
        target_is_unverified: plan.target.is_unverified(),
        targets: targets::check(plan, &averages, users_measured),
        mode: plan.criteria.mode,
        patience: plan.users.as_ref().map(|users| users.patience.to_string()),
        capacity: plan.capacity.clone().filter(|capacity| capacity.is_declared),
    }
}

impl CheckReport {
    /// Whether the pool of virtual users is smaller than the plan needs even when the target answers at once.
    pub fn pool_is_too_small(&self) -> bool {
        self.users_at_once > f64::from(self.max_vus)
    }

    fn write_load(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = [
            (
                "users per second",
                format!(
                    "{:.1} at the peak, {:.1} on average ({})",
                    self.users_per_s_peak, self.users_per_s_mean, self.executor
                ),
            ),
            (
                "users in all",
                format!(
                    "{:.0}, of which {:.0} are judged",
                    self.users, self.users_measured
                ),
            ),
            (
                "requests per second",
                format!(
                    "{:.1} at the peak, {:.1} on average ({:.1} per user)",
                    self.users_per_s_peak * self.requests_per_user,
                    self.users_per_s_mean * self.requests_per_user,
                    self.requests_per_user
                ),
            ),
            (
                "users at once",
                format!(
                    "{:.0} at the peak, of {} virtual users",
                    self.users_at_once, self.max_vus
                ),
            ),
            ("duration", self.duration()),
        ];
        for (name, value) in lines {
            writeln!(f, "  {name:<21}{value}")?;
        }
        Ok(())
    }

    fn duration(&self) -> String {
        let warm_up = format_duration(self.warm_up);
        let drain = format_duration(self.drain);
        let in_all = format_duration(self.load + self.drain);
        match self.iterations {
            None => format!(
                "{} ({warm_up} warm-up, {} measured), then at most {drain} of drain: {in_all} in all",
                format_duration(self.load),
                format_duration(self.load.saturating_sub(self.warm_up)),
            ),
            Some((_, taken)) => format!(
                "known afterwards: {} or more ({warm_up} warm-up), at most {}, then at most {drain} of drain: \
                 {in_all} in all at most",
                format_duration(round_to_ms(taken)),
                format_duration(self.load),
            ),
        }
    }

    /// The iterations of a fixed number that would not even begin when answers take no time.
    pub fn iterations_cut_off(&self) -> Option<u64> {
        let (iterations, _) = self.iterations?;
        let missing = iterations as f64 - self.users;
        (missing >= 1.0).then_some(missing as u64)
    }

    fn write_notes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nUsers at once are arrivals times the time of a journey ({}): its mean think times and the mean delays\n\
             of its results, with answers that take no time. A slower target has more users at once.",
            format_duration(round_to_ms(self.journey_time))
        )?;
        if self.mode == JudgeMode::Certified {
            writeln!(
                f,
                "\nCertified: a target is met only when the bound of its 95 % confidence meets it. \"may fail\" is what such\n\
                 a pass allows when failures come in bursts, {DESIGN_EFFECT_FLOOR} of them counting as one; of scattered ones it \
                 allows more."
            )?;
        }
        if self.guessed_waits > 0 {
            writeln!(
                f,
                "{} of the waits are counted with their full deadline, because no mock says how long results take.",
                self.guessed_waits
            )?;
        }
        if let Some(patience) = &self.patience {
            writeln!(
                f,
                "\nUsers leave when a step takes longer than they wait, and the rest of their journey is not taken.\n\
                 Patience is {patience}."
            )?;
        }
        if let Some(capacity) = &self.capacity {
            writeln!(f, "\n`loadtest capacity` would search {capacity}.")?;
        }
        if let Some(missing) = self.iterations_cut_off() {
            writeln!(
                f,
                "\nWARNING: about {missing} iterations would not begin before max_duration ({}) is over: they would be\n\
                 dropped and the run would be INVALID. Raise max_duration, or set more users.",
                format_duration(self.load)
            )?;
        }
        if self.pool_is_too_small() {
            writeln!(
                f,
                "\nWARNING: {:.0} users at once are more than max_vus = {}: arrivals would be dropped and the run would\n\
                 be INVALID. Raise max_vus to at least {:.0}.",
                self.users_at_once,
                self.max_vus,
                (self.users_at_once * 1.5).ceil()
            )?;
        }
        if self.target_is_unverified {
            writeln!(f, "\nWARNING: {UNVERIFIED}.")?;
        }
        Ok(())
    }
}

fn round_to_ms(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Scenario {}\n", self.scenario)?;
        self.write_load(f)?;
        targets::write_table(&self.targets, f)?;
        self.write_notes(f)
    }
}

#[cfg(test)]
mod tests;
