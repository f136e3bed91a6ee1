//! One step of a search: the scenario as a run at a constant rate.

use std::path::PathBuf;

use super::search::{Aim, Answer};
use crate::clock::wall_clock_now;
use crate::plan::{CapacityPlan, Executor, JudgeMode, Metric, Plan, Spacing, Unit};
use crate::recording::{Recorded, RecordingError, Shown, run_recorded};
use crate::report::model::{CapacityStepRecord, RunRecord, SlaRecord};
use crate::run::{FolderError, ProgressMode, RunFolder, RunOptions};
use crate::scenario::{self, Decision, Loaded, TargetCheck};
use crate::sla::wording::quantity;
use crate::sla::{Context, Status, Verdict, slot_samples_min};
use crate::units::{Rate, format_duration};

/// The folder of all steps, within that of the search.
pub const STEPS_FOLDER: &str = "capacity-steps";

/// Share of the planned arrivals that must have been sent for a rate to have held.
const ACHIEVED_MIN: f64 = 0.99;

/// How many times more virtual users a step has than a healthy target needs: a target that slows down fills them first,
/// before arrivals are turned away.
const POOL_RESERVE: f64 = 1.5;
/// Most virtual users of a run.
const VUS_MAX: f64 = 100_000.0;

/// What a step is run with.
#[derive(Debug, Clone)]
pub struct StepOptions {
    /// The executable that is started for the reference server and the mock: this one.
    pub executable: PathBuf,
    pub progress: ProgressMode,
    /// The folder of the search; the step's own is created below it.
    pub folder: PathBuf,
}

/// A step that is over.
#[derive(Debug)]
pub struct Step {
    pub outcome: Outcome,
    pub record: CapacityStepRecord,
    pub run: Recorded,
}

/// What a step says about its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered(Answer),
    /// The user stopped it.
    Interrupted,
}

/// Why there is no step.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Run(#[from] RecordingError),
}

/// Runs the scenario at the rate of `aim`, as the step with this number (from 1).
///
/// # Errors
/// When nothing could be measured, or what was measured could not be written.
pub fn run_step(
    loaded: &Loaded,
    capacity: &CapacityPlan,
    aim: Aim,
    number: u32,
    options: &StepOptions,
) -> Result<Step, StepError> {
    let name = format!("{STEPS_FOLDER}/{}", folder_name(number, aim.rate));
    let folder = RunFolder::create(
        Some(&options.folder.join(&name)),
        &loaded.plan.name,
        wall_clock_now(),
    )?;
    let step = Loaded {
        plan: plan_of_step(&loaded.plan, capacity, aim.rate, number),
        ..loaded.clone()
    };
    let run_options = RunOptions {
        executable: options.executable.clone(),
        progress: options.progress,
        metrics: None,
        otlp: None,
    };
    let run = run_recorded(&step, &run_options, &folder, &Shown::default())?;
    let planned = run.result.context.arrivals_planned.unwrap_or_default();
    let outcome = outcome(&run.record, planned);
    Ok(Step {
        outcome,
        record: record(aim, number, outcome, planned, &run.record, name),
        run,
    })
}

/// `07-28.3-per-s`.
fn folder_name(number: u32, rate: Rate) -> String {
    format!("{number:02}-{}-per-s", rate.to_string().trim_end_matches("/s"))
}

/// The scenario's plan at a constant rate.
fn plan_of_step(plan: &Plan, capacity: &CapacityPlan, rate: Rate, number: u32) -> Plan {
    let mut step = plan.clone();
    step.description = format!(
        "Step {number} of a search for capacity: {rate}, held for {}. {}",
        format_duration(capacity.step_hold),
        plan.description
    )
    .trim_end()
    .to_owned();
    // Steps must not be alike in their chance events, and the whole search the same for the same seed.
    step.seed = plan.seed.wrapping_add(u64::from(number) - 1);
    step.load.executor = Executor::ConstantArrivalRate {
        rate,
        duration: capacity.step_load(),
        spacing: match plan.load.executor {
            Executor::ConstantArrivalRate { spacing, .. } | Executor::RampingArrivalRate { spacing, .. } => {
                spacing
            }
            _ => Spacing::Poisson,
        },
    };
    // The search decides by what many short steps show together; none of them could certify anything by itself, and each
    // shows more of its rate when it is held to the end.
    step.criteria.mode = JudgeMode::Observed;
    step.criteria.early_stop = false;
    // What happens to the target at given times belongs to the scenario's own load.
    step.actions.clear();
    step.rollback_action = None;
    step.load.warm_up = capacity.step_warm_up;
    step.load.drain = capacity.step_drain;
    if let Some(rollback) = &mut step.criteria.rollback {
        // A rate at which a threshold trips has failed; there is nothing more to be learnt from it.
        rollback.stop_load = true;
    }
    let check = scenario::check(&step);
    step.load.max_vus = step
        .load
        .max_vus
        .max(pool(&step, check.waiting_time.as_secs_f64()));
    if rate.as_per_second() * check.requests_per_user < slot_samples_min(&step.criteria) as f64 {
        // Seconds with so few requests decide nothing about availability. That is known before the step, and does
        // not depend on how it goes.
        step.criteria.not_measured.push(Metric::Availability);
    }
    step
}

/// What somebody who is about to search should know, as sentences: what of the scenario is left out, and the targets that
/// a step at the lowest rate judges on so few samples that a percentile is their maximum. There one slow request decides.
pub fn notes(plan: &Plan, capacity: &CapacityPlan) -> Vec<String> {
    let step = plan_of_step(plan, capacity, capacity.from, 1);
    let thin = |target: &TargetCheck| match target.decision {
        Decision::TooFew { needed } => Some(format!(
            "at {}, {} is judged on about {} samples; with fewer than {needed} that is their maximum, and one slow \
             request decides (start higher, or hold each rate for longer)",
            capacity.from,
            target.target,
            target.samples.unwrap_or_default()
        )),
        _ => None,
    };
    let left_out = (!plan.actions.is_empty()).then(|| {
        format!(
            "the timed actions of the scenario ({}) are left out",
            plan.actions.len()
        )
    });
    left_out
        .into_iter()
        .chain(scenario::check(&step).targets.iter().filter_map(thin))
        .collect()
}

/// The virtual users that the step's rate needs, with a reserve: Little's law, with three standard deviations of a
/// Poisson number of users. A user stays for think times and requests at their limit, and waits for results.
fn pool(step: &Plan, waiting_s: f64) -> u32 {
    let context = Context::of(step, None);
    let users = context.peak_rate * (context.iteration_healthy.as_secs_f64() + waiting_s);
    let needed = (users + 3.0 * users.sqrt()) * POOL_RESERVE;
    needed.ceil().min(VUS_MAX) as u32
}

/// A rate held when every target is met, nothing was lost, no threshold tripped, and the load was what was planned.
fn outcome(run: &RunRecord, planned: u64) -> Outcome {
    match Verdict::from_name(&run.verdict) {
        Some(Verdict::Interrupted) => Outcome::Interrupted,
        Some(Verdict::Invalid) => Outcome::Answered(Answer::Invalid),
        Some(Verdict::Go) if achieved_share(run, planned) >= ACHIEVED_MIN => Outcome::Answered(Answer::Held),
        Some(Verdict::Inconclusive) => Outcome::Answered(Answer::Doubtful),
        Some(Verdict::NoGo) if failed_by_seconds_alone(run) => Outcome::Answered(Answer::Doubtful),
        Some(Verdict::Go | Verdict::NoGo | Verdict::Rollback) | None => Outcome::Answered(Answer::NotHeld),
    }
}

/// Whether availability is all that the run failed by. It counts whole seconds, of which a step has so few that a single
/// bad one misses most targets: that is what was observed, and no proof against chance.
fn failed_by_seconds_alone(run: &RunRecord) -> bool {
    let failed: Vec<&SlaRecord> = run
        .sla
        .iter()
        .filter(|sla| sla.status == Status::Fail.name() && !sla.waived)
        .collect();
    let waived = run.sla.iter().filter(|sla| sla.waived).count();
    // Each failure is one reason, and so is each that was waived; a further one is a loss, or users that were turned
    // away.
    failed.len() + waived == run.reasons.len()
        && failed.iter().all(|sla| sla.metric == Metric::Availability.key())
}

fn achieved_share(run: &RunRecord, planned: u64) -> f64 {
    if planned == 0 {
        return 0.0;
    }
    run.iterations.started as f64 / planned as f64
}

fn record(
    aim: Aim,
    number: u32,
    outcome: Outcome,
    planned: u64,
    run: &RunRecord,
    folder: String,
) -> CapacityStepRecord {
    let load_s = run.timeline.load_ended_s;
    let per_second = |count: u64| if load_s > 0.0 { count as f64 / load_s } else { 0.0 };
    CapacityStepRecord {
        number,
        rate_per_s: aim.rate.as_per_second(),
        purpose: aim.purpose.to_string(),
        outcome: match outcome {
            Outcome::Answered(Answer::Held) => "held",
            Outcome::Answered(Answer::Doubtful) => "doubtful",
            Outcome::Answered(Answer::NotHeld) => "not_held",
            Outcome::Answered(Answer::Invalid) => "invalid",
            Outcome::Interrupted => "interrupted",
        }
        .to_owned(),
        verdict: run.verdict.clone(),
        reasons: run.reasons.clone(),
        why: match outcome {
            Outcome::Answered(Answer::Held) => String::new(),
            Outcome::Answered(Answer::NotHeld | Answer::Doubtful) => why(run, planned),
            Outcome::Answered(Answer::Invalid) | Outcome::Interrupted => first_reason(run),
        },
        sla: run.sla.clone(),
        rollback: run.rollback.clone(),
        planned,
        iterations: run.iterations,
        achieved_per_s: per_second(run.iterations.started),
        completed_per_s: per_second(run.iterations.succeeded),
        response_time: run
            .metrics
            .get("response_time")
            .map(|metric| metric.summary.clone()),
        vus_max: run.generator.vus_max,
        vus_peak: run.generator.vus_peak,
        seed: run.seed,
        started_at: run.started_at.clone(),
        duration_s: run.duration_s,
        folder,
    }
}

/// Why the rate did not hold, in a few words: a loss, the first target that was missed, else the run's first reason.
fn why(run: &RunRecord, planned: u64) -> String {
    let lost = run.audit.as_ref().is_some_and(|audit| {
        [audit.lost, audit.duplicated, audit.misdelivered]
            .iter()
            .any(|count| count.is_some_and(|count| count > 0))
    });
    let of_status = |status: Status| {
        run.sla
            .iter()
            .find(|sla| sla.status == status.name() && !sla.waived)
    };
    let missed = [Status::Fail, Status::Inconclusive, Status::NoData]
        .into_iter()
        .find_map(of_status);
    match missed.filter(|_| !lost) {
        Some(sla) => missed_in_words(sla),
        None if run.verdict == Verdict::Go.name() => format!(
            "only {} of the planned arrivals were sent",
            quantity(achieved_share(run, planned), Unit::Ratio)
        ),
        None => first_reason(run),
    }
}

/// `submit_recording response_time p99 212 ms, target <= 150ms`.
fn missed_in_words(sla: &SlaRecord) -> String {
    let unit = Metric::from_key(&sla.metric).map_or(Unit::Time, Metric::unit);
    let mut words: Vec<&str> = sla.step.iter().map(String::as_str).collect();
    words.push(&sla.metric);
    words.extend(
        sla.stat
            .as_deref()
            .filter(|stat| !matches!(*stat, "share" | "per_second")),
    );
    let value = match sla.value {
        _ if sla.samples == 0 => "without data".to_owned(),
        Some(value) => quantity(value, unit),
        // The percentile fell on a failed event.
        None => quantity(f64::INFINITY, unit),
    };
    let target = sla.target.as_deref().unwrap_or_default();
    format!("{} {value}, target {target}", words.join(" "))
}

fn first_reason(run: &RunRecord) -> String {
    let reason = run.reasons.first().map_or("", String::as_str);
    reason.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
