//! Whether a run that goes on can still end in a GO.
//!
//! It cannot in two cases. *Curtailment*: so many events were bad that even if none of the rest were, the target would be
//! missed, or could not be certified; that is arithmetic and needs no assumption. *Beyond doubt*: a test that may be
//! looked at every second ([`e_process`]) rejects the target. Then the load ends as it does after a rollback: users under
//! way end, the audit is done, and the judge decides as ever. It says NO-GO when the bound proves the miss, else
//! INCONCLUSIVE; a run that was ended early is never a GO.

mod e_process;
mod planned;

use super::bisection::first_where;
use super::certifiable::bad_at_most;
use super::interval::{Caution, DESIGN_EFFECT_FLOOR, share_bounds};
use super::measure::Measure;
use super::target::failures_within;
use super::wording::{count, counted, quantity};
use crate::metrics::{EarlyStop, Measurements};
use crate::plan::{Condition, Criteria, JudgeMode, Metric, Plan, TargetKind, Unit};

/// The probability that a run whose targets are all kept is ended.
const ALPHA: f64 = 0.05;
/// Seconds that must have been judged before the test is asked: the design effect is estimated from as many.
const SECONDS_MIN: u32 = 20;
/// The newest seconds, which the test leaves out. A failure is known at once and an answer only when it is there, so a
/// second that is still filling looks worse than it is.
const FILLING_S: u32 = 5;

/// Watches the targets of a run.
#[derive(Debug, Clone)]
pub struct EarlyStopWatch {
    mode: JudgeMode,
    measured_from: u32,
    targets: Vec<Watched>,
}

/// A target whose end can be foreseen: a share of bad events.
#[derive(Debug, Clone)]
struct Watched {
    target: Condition,
    measure: Measure,
    budget: f64,
    /// Most samples that the plan brings, and how many of them may be bad; `None` when only the run shows it.
    planned: Option<Planned>,
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    samples: u64,
    bad_allowed: u64,
}

impl EarlyStopWatch {
    /// A watch over the targets of `plan`; `None` when the plan does not ask for it, or has no target that it could be
    /// told of. `users` come after the warm-up; `None` when only the run shows how many.
    pub fn of(plan: &Plan, users: Option<u64>) -> Option<Self> {
        if !plan.criteria.early_stop {
            return None;
        }
        let targets: Vec<Watched> = plan
            .criteria
            .targets
            .iter()
            .filter(|target| can_be_missed(target, plan))
            .filter_map(|target| Watched::of(target, plan, users))
            .collect();
        (!targets.is_empty()).then(|| Self {
            mode: plan.criteria.mode,
            measured_from: plan.load.warm_up.as_secs_f64().ceil() as u32,
            targets,
        })
    }

    /// Why the load should end after second `ended`; `None` while it should not.
    pub fn tick(&self, measurements: &Measurements, ended: u32) -> Option<EarlyStop> {
        let at_s = f64::from(ended) + 1.0;
        let sentence = self.targets.iter().find_map(|watched| {
            watched
                .cannot_pass(measurements, self.mode)
                .or_else(|| self.is_missed(watched, measurements, ended))
        })?;
        Some(EarlyStop {
            at_s,
            sentence: format!("The load was ended after {at_s:.0} s: {sentence}"),
        })
    }

    /// Whether the target is missed beyond doubt.
    fn is_missed(&self, watched: &Watched, measurements: &Measurements, ended: u32) -> Option<String> {
        let settled = self.measured_from..(ended + 1).saturating_sub(FILLING_S);
        if settled.end < self.measured_from + SECONDS_MIN || watched.budget <= 0.0 {
            return None;
        }
        let counts = watched.measure.counts(measurements, settled.clone());
        // Within the budget nothing speaks against it, and the rest need not be computed.
        if counts.against as f64 <= watched.budget * counts.total as f64 {
            return None;
        }
        let seconds = watched.measure.seconds_so_far(measurements, settled);
        let effect = share_bounds(&seconds, Caution::AssumeBursts)?
            .design_effect
            .max(DESIGN_EFFECT_FLOOR);
        let (bad, total) = (counts.against as f64, counts.total as f64);
        // Any of the targets may end the run, so each has its part of the error.
        let alarm = (self.targets.len() as f64 / ALPHA).ln();
        if e_process::ln_e_value(bad / effect, total / effect, watched.budget) < alarm {
            return None;
        }
        Some(format!(
            "{} is missed beyond doubt. {} of {} counted against it, {} may, and bursts do not explain that.",
            watched.target,
            quantity(bad / total, Unit::Ratio),
            counted(counts.total, "sample"),
            quantity(watched.budget, Unit::Ratio)
        ))
    }
}

impl Watched {
    fn of(target: &Condition, plan: &Plan, users: Option<u64>) -> Option<Self> {
        let criteria = &plan.criteria;
        // Availability is certified by requests.
        let counted = if target.metric == Metric::Availability {
            failures_within(target)?
        } else {
            target.clone()
        };
        let measure = Measure::of(&counted, &plan.steps).ok()?;
        let budget = measure.budget()?;
        let planned = users
            .and_then(|users| planned::samples_at_most(plan, target, users))
            .and_then(|samples| {
                let bad_allowed = match criteria.mode {
                    // Independent events are the best case: a run that has bursts may allow fewer.
                    JudgeMode::Certified => bad_at_most(samples as f64, budget, 1.0)?,
                    JudgeMode::Observed => most_allowed(&measure, target, samples)?,
                };
                Some(Planned { samples, bad_allowed })
            });
        Some(Self {
            target: target.clone(),
            measure,
            budget,
            planned,
        })
    }

    /// Whether so many events were bad that the rest cannot make up for them.
    fn cannot_pass(&self, measurements: &Measurements, mode: JudgeMode) -> Option<String> {
        let Planned { samples, bad_allowed } = self.planned?;
        let counts = self.measure.counts(measurements, 0..u32::MAX);
        if counts.against <= bad_allowed {
            return None;
        }
        let pass = match mode {
            JudgeMode::Certified => "a certified pass allows",
            JudgeMode::Observed => "the target allows",
        };
        Some(format!(
            "{} cannot pass any more. {} counted against it so far, more than the {} that {pass} among all {} of the whole \
             plan.",
            self.target,
            counted(counts.against, "sample"),
            count(bad_allowed),
            counted(samples, "sample"),
        ))
    }
}

/// Whether the judge could say of this target that it is missed, by counting events.
fn can_be_missed(target: &Condition, plan: &Plan) -> bool {
    let Criteria {
        mode,
        not_measured,
        waivers,
        ..
    } = &plan.criteria;
    // Whether a waiver holds is decided when the run is judged; until then its target ends nothing.
    let is_waived = waivers.iter().any(|waiver| waiver.target == target.name());
    if is_waived || not_measured.contains(&target.metric) {
        return false;
    }
    match target.metric {
        // Seconds are no events: they are counted when the run is over.
        Metric::Availability => *mode == JudgeMode::Certified,
        // An upper bound only, for want of the target's clock: it may pass, and never fail.
        Metric::RealtimeLatency => !matches!(plan.target.kind, TargetKind::Remote(_)),
        // Who leaves, ends early: of the sessions that have ended so far, too many are those of users who left.
        Metric::AbandonmentRate | Metric::ComplaintRate | Metric::CompletionRate => false,
        _ => true,
    }
}

/// The largest number of bad ones among `samples` with which the target holds as it is written.
fn most_allowed(measure: &Measure, target: &Condition, samples: u64) -> Option<u64> {
    let allows = |bad: u64| measure.allows(target, bad, samples);
    if samples == 0 || !allows(0) {
        return None;
    }
    let too_many = first_where(1..samples + 1, |bad| !allows(bad));
    Some(too_many - 1)
}

#[cfg(test)]
mod tests;
