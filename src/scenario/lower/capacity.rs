//! `[capacity]`.

use std::time::Duration;

use super::super::check;
use super::super::diagnostic::Diagnostics;
use super::super::raw::{CapacityFile, RateText};
use super::at::{At, duration, parse, positive_duration_or};
use crate::plan::{CapacityPlan, Executor, Plan};
use crate::units::{Rate, Ratio};

/// The lowest and the highest rate to try, as shares of the highest rate of the load.
const FROM_SHARE: f64 = 0.25;
const TO_SHARE: f64 = 16.0;
/// How many times higher each next rate is while stepping up.
const FACTOR: f64 = 2.0;
const STEP_HOLD: Duration = Duration::from_secs(15);
const TIME_BOX: Duration = Duration::from_secs(15 * 60);
/// A tenth: about what runs of the same rate differ by.
const RESOLUTION: f64 = 0.10;
/// A finer resolution is an illusion, a coarser one no search.
const RESOLUTION_RANGE: std::ops::RangeInclusive<f64> = 0.01..=1.0;
/// The shortest warm-up by default: connections and caches warm up even where journeys take no time.
const WARM_UP_MIN_S: f64 = 2.0;

/// The section as it is written; what it leaves open follows from the rest of the plan.
pub(super) struct Written {
    from: Option<Rate>,
    to: Option<Rate>,
    factor: f64,
    step_hold: Duration,
    step_warm_up: Option<Duration>,
    resolution: Ratio,
    time_box: Duration,
    confirm: bool,
    is_declared: bool,
}

/// Reads `[capacity]`; without such a section everything is left open.
pub(super) fn read(
    file: Option<&CapacityFile>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Written> {
    let none = CapacityFile::default();
    let section = file.unwrap_or(&none);
    let rates = section.rates.as_ref();
    let from = rate(
        rates.and_then(|rates| rates.from.as_ref()),
        at,
        "from",
        diagnostics,
    );
    let to = rate(rates.and_then(|rates| rates.to.as_ref()), at, "to", diagnostics);
    let hold = section.step_hold.as_ref();
    let step_hold = positive_duration_or(STEP_HOLD, hold, at, "step_hold", diagnostics);
    let step_warm_up = match &section.step_warm_up {
        Some(text) => duration(Some(text), at.key("step_warm_up"), diagnostics).map(Some),
        None => (!at.is_refused("step_warm_up")).then_some(None),
    };
    let time_box = positive_duration_or(TIME_BOX, section.time_box.as_ref(), at, "time_box", diagnostics);
    let resolution = resolution(section, at, diagnostics);
    Some(Written {
        from: from?,
        to: to?,
        factor: rates.and_then(|rates| rates.factor).unwrap_or(FACTOR),
        step_hold: step_hold?,
        step_warm_up: step_warm_up?,
        resolution: resolution?,
        time_box: time_box?,
        confirm: section.confirm.unwrap_or(true),
        is_declared: file.is_some(),
    })
}

/// A rate of the section: `None` when it has a mistake, `Some(None)` when it is left open.
#[expect(clippy::option_option, reason = "a mistake is not the same as nothing")]
fn rate(
    text: Option<&RateText>,
    at: At<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Option<Rate>> {
    let rates = at.key("rates");
    match text {
        Some(text) => parse(Some(&text.0), rates.key(key), diagnostics, str::parse::<Rate>).map(Some),
        None => (!at.is_refused("rates") && !rates.is_refused(key)).then_some(None),
    }
}

fn resolution(section: &CapacityFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Ratio> {
    let Some(text) = &section.resolution else {
        return Ratio::new(RESOLUTION)
            .ok()
            .filter(|_| !at.is_refused("resolution"));
    };
    let ratio: Ratio = parse(Some(&text.0), at.key("resolution"), diagnostics, str::parse)?;
    if !RESOLUTION_RANGE.contains(&ratio.get()) {
        diagnostics.push(
            at.key("resolution").value_span(),
            format!("the resolution of {ratio} is outside 1% to 100%"),
        );
        return None;
    }
    Some(ratio)
}

/// The search that a plan asks for, with all defaults; `None` for a closed model, which has no rate to be searched.
pub(super) fn resolve(
    written: &Written,
    plan: &Plan,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<CapacityPlan> {
    let Some(peak) = peak_rate(&plan.load.executor) else {
        if written.is_declared {
            diagnostics.push(
                at.key_span(),
                format!(
                    "`[capacity]` searches for an arrival rate, and the executor `{}` has none; take \
                     `constant-arrival-rate` or `ramping-arrival-rate`",
                    plan.load.executor.name()
                ),
            );
        }
        return None;
    };
    let capacity = CapacityPlan {
        from: written.from.unwrap_or_else(|| scaled(peak, FROM_SHARE)),
        to: written.to.unwrap_or_else(|| scaled(peak, TO_SHARE)),
        factor: written.factor,
        step_hold: written.step_hold,
        step_warm_up: written.step_warm_up.unwrap_or_else(|| journey_time(plan)),
        step_drain: plan.load.drain,
        resolution: written.resolution,
        time_box: written.time_box,
        confirm: written.confirm,
        is_declared: written.is_declared,
    };
    // Who does not ask for a search need not care whether it could be made.
    if written.is_declared
        && let Some(obstacle) = capacity.obstacle()
    {
        let sentence = format!("the capacity cannot be searched for: {obstacle}");
        diagnostics.push(at.key_span(), sentence);
    }
    Some(capacity)
}

/// The highest rate of an open model.
fn peak_rate(executor: &Executor) -> Option<Rate> {
    match executor {
        Executor::ConstantArrivalRate { rate, .. } => Some(*rate),
        Executor::RampingArrivalRate {
            start_rate, stages, ..
        } => Some(
            stages
                .iter()
                .map(|stage| stage.target)
                .fold(
                    *start_rate,
                    |highest, rate| {
                        if rate > highest { rate } else { highest }
                    },
                ),
        ),
        Executor::ConstantVus { .. }
        | Executor::RampingVus { .. }
        | Executor::PerVuIterations { .. }
        | Executor::SharedIterations { .. } => None,
    }
}

/// A share of a rate; the highest rate there is where it would be beyond that.
fn scaled(rate: Rate, share: f64) -> Rate {
    Rate::per_second(rate.as_per_second() * share).unwrap_or(rate)
}

/// How long a user is busy, in whole seconds: after that, as many leave as come.
fn journey_time(plan: &Plan) -> Duration {
    let seconds = check::check(plan).journey_time.as_secs_f64();
    Duration::from_secs_f64(seconds.ceil().max(WARM_UP_MIN_S))
}
