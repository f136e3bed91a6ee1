//! `[load]`.

use std::time::Duration;

use super::super::diagnostic::{Diagnostics, list_names};
use super::super::raw::{ArrivalsFile, ConnectionsFile, ExecutorFile, LoadFile, StageTarget};
use super::at::{At, duration, duration_or, parse, positive_duration, positive_duration_or};
use crate::plan::{Connections, Executor, Load, Partition, Spacing, Stage};
use crate::units::{Rate, format_duration};

/// Virtual users of the arrival-rate executors, unless the scenario says otherwise.
const MAX_VUS: i64 = 1000;

/// Longest time for a fixed number of iterations to begin, unless the scenario says otherwise.
const MAX_DURATION: Duration = Duration::from_secs(600);

/// Most iterations of an executor with a fixed number of them. What never began is recorded all at once.
const ITERATIONS_MAX: u64 = 1_000_000;

/// The keys that only some executors take.
const EXECUTOR_KEYS: [&str; 10] = [
    "rate",
    "duration",
    "arrivals",
    "max_vus",
    "vus",
    "iterations",
    "max_duration",
    "start_rate",
    "start_vus",
    "stages",
];

/// Lowers `[load]`. `cores` decides how many threads there are when the file does not.
pub(super) fn lower(
    file: &LoadFile,
    cores: usize,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Load> {
    let drain = duration_or(
        Duration::from_secs(30),
        file.drain.as_ref(),
        at,
        "drain",
        diagnostics,
    );
    let given_warm_up = match &file.warm_up {
        Some(text) => duration(Some(text), at.key("warm_up"), diagnostics).map(Some),
        None if at.is_refused("warm_up") => None,
        None => Some(None),
    };
    let executor = executor(file, at, diagnostics)?;
    let warm_up = given_warm_up?.unwrap_or_else(|| ramp_before_plateau(&executor));
    if warm_up >= executor.duration() {
        diagnostics.push(
            at.key("warm_up").value_span(),
            format!(
                "the warm-up of {} leaves nothing of the load's {} to be measured",
                format_duration(warm_up),
                format_duration(executor.duration())
            ),
        );
        return None;
    }
    let max_vus = match &executor {
        Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. } => {
            u32::try_from(file.max_vus.unwrap_or(MAX_VUS)).ok()?
        }
        Executor::ConstantVus { vus, .. }
        | Executor::PerVuIterations { vus, .. }
        | Executor::SharedIterations { vus, .. } => *vus,
        Executor::RampingVus { start_vus, stages } => stages
            .iter()
            .map(|stage| stage.target)
            .max()
            .unwrap_or(0)
            .max(*start_vus),
    };
    let connections = match file.connections {
        Some(ConnectionsFile::PerIteration) => Connections::PerIteration,
        Some(ConnectionsFile::PerVu) => Connections::PerVirtualUser,
        None if executor.is_open() => Connections::PerIteration,
        None => Connections::PerVirtualUser,
    };
    let workers = workers(file, cores, max_vus, at, diagnostics)?;
    Some(Load {
        executor,
        max_vus,
        connections,
        warm_up,
        drain: drain?,
        workers,
        partition: Partition::WHOLE,
        calibrate: file.calibrate.unwrap_or(true),
    })
}

/// How many threads drive virtual users. Users are dealt out to them, so that none may go without.
fn workers(
    file: &LoadFile,
    cores: usize,
    max_vus: u32,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<u16> {
    let Some(workers) = file.workers else {
        let spare = u16::try_from(cores.saturating_sub(1).clamp(1, 256)).unwrap_or(1);
        return Some(u16::try_from(max_vus).map_or(spare, |vus| spare.min(vus.max(1))));
    };
    let workers = u16::try_from(workers).ok()?;
    if u32::from(workers) > max_vus {
        diagnostics.push(
            at.key("workers").value_span(),
            format!(
                "there are more workers than virtual users ({max_vus}): a worker without a user would drop all that \
                 falls to it"
            ),
        );
        return None;
    }
    Some(workers)
}

/// The executor's name, the keys that it takes, and how many of them (from the front) it needs.
fn keys_of(executor: ExecutorFile) -> (&'static str, &'static [&'static str], usize) {
    match executor {
        ExecutorFile::ConstantArrivalRate => (
            "constant-arrival-rate",
            &["rate", "duration", "arrivals", "max_vus"],
            2,
        ),
        ExecutorFile::RampingArrivalRate => (
            "ramping-arrival-rate",
            &["stages", "start_rate", "arrivals", "max_vus"],
            1,
        ),
        ExecutorFile::ConstantVus => ("constant-vus", &["vus", "duration"], 2),
        ExecutorFile::RampingVus => ("ramping-vus", &["stages", "start_vus"], 1),
        ExecutorFile::PerVuIterations => ("per-vu-iterations", &["vus", "iterations", "max_duration"], 2),
        ExecutorFile::SharedIterations => ("shared-iterations", &["vus", "iterations", "max_duration"], 2),
    }
}

/// Tells of keys that the executor needs and of those that mean nothing to it.
fn check_keys(name: &str, taken: &[&str], needed: usize, at: At<'_>, diagnostics: &mut Diagnostics) {
    for key in EXECUTOR_KEYS {
        if at.has(key) && !taken.contains(&key) {
            diagnostics.push(
                at.key(key).key_span(),
                format!(
                    "`{key}` means nothing to the executor `{name}`, which takes {}",
                    list_names(taken.iter().copied())
                ),
            );
        }
    }
    for key in &taken[..needed] {
        if !at.has(key) {
            let sentence = format!("`{key}` is missing: the executor `{name}` needs it");
            at.missing(key, &sentence, diagnostics);
        }
    }
}

fn executor(file: &LoadFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Executor> {
    let kind = file.executor?;
    let (name, taken, needed) = keys_of(kind);
    check_keys(name, taken, needed, at, diagnostics);
    let spacing = match file.arrivals.unwrap_or(ArrivalsFile::Poisson) {
        ArrivalsFile::Poisson => Spacing::Poisson,
        ArrivalsFile::Even => Spacing::Even,
    };
    match kind {
        ExecutorFile::ConstantArrivalRate => {
            let rate = rate(file, at, diagnostics);
            let duration = positive_duration(file.duration.as_ref(), at.key("duration"), diagnostics);
            Some(Executor::ConstantArrivalRate {
                rate: rate?,
                duration: duration?,
                spacing,
            })
        }
        ExecutorFile::ConstantVus => {
            let duration = positive_duration(file.duration.as_ref(), at.key("duration"), diagnostics);
            Some(Executor::ConstantVus {
                vus: u32::try_from(file.vus?).ok()?,
                duration: duration?,
            })
        }
        ExecutorFile::RampingArrivalRate => ramping_rate(file, spacing, at, diagnostics),
        ExecutorFile::RampingVus => ramping_vus(file, at, diagnostics),
        ExecutorFile::PerVuIterations => per_vu_iterations(file, at, diagnostics),
        ExecutorFile::SharedIterations => shared_iterations(file, at, diagnostics),
    }
}

fn per_vu_iterations(file: &LoadFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Executor> {
    let max_duration = max_duration(file, at, diagnostics);
    let vus = u32::try_from(file.vus?).ok()?;
    let iterations = u32::try_from(file.iterations?).ok()?;
    let total = u64::from(vus) * u64::from(iterations);
    if total > ITERATIONS_MAX {
        diagnostics.push(
            at.key("iterations").value_span(),
            format!(
                "{vus} virtual users make {total} iterations in all; at most {ITERATIONS_MAX} are possible, and \
                 `constant-vus` with a `duration` has no such limit"
            ),
        );
        return None;
    }
    Some(Executor::PerVuIterations {
        vus,
        iterations,
        max_duration: max_duration?,
    })
}

fn shared_iterations(file: &LoadFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Executor> {
    let max_duration = max_duration(file, at, diagnostics);
    let vus = u32::try_from(file.vus?).ok()?;
    let iterations = u32::try_from(file.iterations?).ok()?;
    if iterations < vus {
        diagnostics.push(
            at.key("iterations").value_span(),
            format!(
                "{vus} virtual users cannot share fewer iterations than they are: some would have nothing to do"
            ),
        );
        return None;
    }
    Some(Executor::SharedIterations {
        vus,
        iterations,
        max_duration: max_duration?,
    })
}

fn max_duration(file: &LoadFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    positive_duration_or(
        MAX_DURATION,
        file.max_duration.as_ref(),
        at,
        "max_duration",
        diagnostics,
    )
}

fn rate(file: &LoadFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Rate> {
    let text = file.rate.as_ref().map(|text| text.0.as_str());
    let rate: Rate = parse(text, at.key("rate"), diagnostics, str::parse)?;
    if rate.as_per_second() <= 0.0 {
        diagnostics.push(at.key("rate").value_span(), "the rate must be above zero");
        return None;
    }
    Some(rate)
}

fn ramping_rate(
    file: &LoadFile,
    spacing: Spacing,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Executor> {
    let start_rate = match &file.start_rate {
        Some(text) => parse(Some(&text.0), at.key("start_rate"), diagnostics, str::parse),
        None if at.is_refused("start_rate") => None,
        None => Rate::per_second(0.0).ok(),
    };
    let stages = stages(file, at, diagnostics, |target, at, diagnostics| match target {
        StageTarget::Rate(text) => parse(Some(&text.0), at, diagnostics, str::parse::<Rate>),
        StageTarget::Vus(number) => {
            diagnostics.push(
                at.value_span(),
                format!("a stage of `ramping-arrival-rate` needs a rate with its unit: \"{number}/s\""),
            );
            None
        }
    });
    let (start_rate, stages) = (start_rate?, stages?);
    if start_rate.as_per_second() <= 0.0 && stages.iter().all(|stage| stage.target.as_per_second() <= 0.0) {
        diagnostics.push(
            at.key("stages").key_span(),
            "every stage has a rate of zero: nobody would come",
        );
        return None;
    }
    Some(Executor::RampingArrivalRate {
        start_rate,
        stages,
        spacing,
    })
}

fn ramping_vus(file: &LoadFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Executor> {
    let start_vus = u32::try_from(file.start_vus.unwrap_or(0)).ok()?;
    let stages = stages(file, at, diagnostics, |target, at, diagnostics| match target {
        StageTarget::Vus(number) => u32::try_from(*number).ok(),
        StageTarget::Rate(_) => {
            diagnostics.push(
                at.value_span(),
                "a stage of `ramping-vus` needs a number of virtual users, such as 50",
            );
            None
        }
    })?;
    if start_vus == 0 && stages.iter().all(|stage| stage.target == 0) {
        diagnostics.push(
            at.key("stages").key_span(),
            "every stage has zero virtual users: nobody would come",
        );
        return None;
    }
    Some(Executor::RampingVus { start_vus, stages })
}

fn stages<T: Copy>(
    file: &LoadFile,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
    target: impl Fn(&StageTarget, At<'_>, &mut Diagnostics) -> Option<T>,
) -> Option<Vec<Stage<T>>> {
    let at = at.key("stages");
    let mut stages = Vec::new();
    let mut complete = !at.lost_items();
    for (index, stage) in file.stages.as_ref()?.iter().enumerate() {
        let at = at.item(index);
        let target = stage
            .target
            .as_ref()
            .and_then(|value| target(value, at.key("target"), diagnostics));
        // A stage of no length is a jump.
        let duration = duration(stage.duration.as_ref(), at.key("duration"), diagnostics);
        match (target, duration) {
            (Some(target), Some(duration)) => stages.push(Stage { target, duration }),
            _ => complete = false,
        }
    }
    if complete && stages.iter().all(|stage| stage.duration.is_zero()) {
        diagnostics.push(at.key_span(), "the stages together last no time at all");
        return None;
    }
    complete.then_some(stages)
}

/// The stages before the first one that holds the value before it; nothing when there is no such plateau.
fn ramp_before_plateau(executor: &Executor) -> Duration {
    fn ramp<T: Copy + PartialEq>(start: T, stages: &[Stage<T>]) -> Duration {
        let mut before = start;
        let mut sum = Duration::ZERO;
        for stage in stages {
            if stage.target == before && !stage.duration.is_zero() {
                return sum;
            }
            before = stage.target;
            sum += stage.duration;
        }
        Duration::ZERO
    }
    match executor {
        Executor::ConstantArrivalRate { .. }
        | Executor::ConstantVus { .. }
        | Executor::PerVuIterations { .. }
        | Executor::SharedIterations { .. } => Duration::ZERO,
        Executor::RampingArrivalRate {
            start_rate, stages, ..
        } => ramp(*start_rate, stages),
        Executor::RampingVus { start_vus, stages } => ramp(*start_vus, stages),
    }
}
