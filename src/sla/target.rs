//! Judges one target: value, interval, status, and one sentence.

use std::ops::Range;

use super::availability::{self, Basis};
use super::context::Context;
use super::distribution::Z_97_5;
use super::finding::{Finding, Status, Subject};
use super::interval::{Caution, ShareBounds, clopper_pearson, events_missing, mean_bounds, share_bounds};
use super::measure::{Measure, Reading};
use super::wording::{counted, quantity};
use crate::metrics::{Measurements, Slice};
use crate::plan::{Condition, Criteria, JudgeMode, Metric, Unit};

/// What every target is judged against.
pub(crate) struct Bench<'a> {
    pub(crate) criteria: &'a Criteria,
    pub(crate) context: &'a Context,
    pub(crate) measurements: &'a Measurements,
    /// The seconds in which judged tickets were issued: what rates are per second of.
    pub(crate) load: Range<u32>,
}

/// Every second. Samples belong to the phase of their ticket, so the steps and results that follow a judged arrival
/// are judged too when they come after the load has ended.
const ALL_SECONDS: Range<u32> = 0..u32::MAX;

impl Bench<'_> {
    /// The finding on one target.
    pub(crate) fn judge(&self, condition: &Condition) -> Finding {
        if self.criteria.not_measured.contains(&condition.metric) {
            return empty(
                condition,
                Status::NotMeasured,
                format!(
                    "{} is declared as not measurable on this target; nothing was judged.",
                    condition.metric.title()
                ),
            );
        }
        if condition.metric == Metric::Availability {
            return self.judge_availability(condition);
        }
        let measure = match Measure::of(condition, &self.context.steps) {
            Ok(measure) => measure,
            Err(why) => return empty(condition, Status::NoData, format!("{why}.")),
        };
        let seconds = if measure.is_rate() {
            self.load.clone()
        } else {
            ALL_SECONDS
        };
        let span = f64::from(seconds.end - seconds.start);
        let total = measure.slice(self.measurements, seconds.clone());
        match measure.read_slice(&total, self.measurements, span) {
            None => empty(
                condition,
                Status::NoData,
                format!("No sample of {condition} was taken; a target without data is never met."),
            ),
            Some(reading) if measure.budget().is_some() => {
                self.judge_share(condition, &measure, &total, &reading)
            }
            Some(reading) => self.judge_mean(condition, &measure, &reading, seconds),
        }
    }

    /// A share of bad events against a budget: quantiles and ratios.
    fn judge_share(
        &self,
        condition: &Condition,
        measure: &Measure,
        total: &Slice,
        reading: &Reading,
    ) -> Finding {
        let by_second = measure.by_second(self.measurements, ALL_SECONDS);
        let seconds = measure.seconds(&by_second, self.measurements);
        let budget = measure.budget().unwrap_or(0.0);
        let Some(bounds) = share_bounds(&seconds, Caution::AssumeBursts) else {
            return empty(
                condition,
                Status::NoData,
                format!("No sample of {condition} was taken."),
            );
        };
        let met = reading.satisfies(condition);
        let share = reading.bad as f64 / reading.samples as f64;
        let mut status = self.status(met, &bounds, share, budget);
        let mut reason = share_sentence(condition, measure, reading, &bounds, budget, status);
        if status == Status::Inconclusive {
            reason.push_str(&more_data(&bounds, share, budget, self.criteria.mode));
        }
        if status == Status::Fail
            && condition.metric == Metric::RealtimeLatency
            && self.context.realtime_is_upper_bound
        {
            status = Status::Inconclusive;
            reason.push_str(
                " The target's clock is not known well enough, so this is an upper bound: it can meet a target, \
                 not miss one.",
            );
        }
        let (ci_low, ci_high) = match measure.quantile() {
            Some(quantile) => quantile_interval(total, quantile, bounds.samples_effective),
            None => measure
                .share_as_value(bounds.lower, bounds.upper)
                .map_or((None, None), |(low, high)| (Some(low), Some(high))),
        };
        Finding {
            subject: Subject::Target(condition.clone()),
            waived: None,
            status,
            value: Some(reading.value),
            ci_low,
            ci_high,
            samples: reading.samples,
            samples_effective: Some(bounds.samples_effective),
            bad: reading.bad,
            budget: Some(budget),
            reason,
        }
    }

    fn status(&self, met: bool, bounds: &ShareBounds, share: f64, budget: f64) -> Status {
        if !met && bounds.lower > budget {
            return Status::Fail;
        }
        match self.criteria.mode {
            JudgeMode::Observed if met => Status::Pass,
            JudgeMode::Certified if met && bounds.upper <= budget && !too_short(bounds, share, budget) => {
                Status::Pass
            }
            JudgeMode::Observed | JudgeMode::Certified => Status::Inconclusive,
        }
    }

    /// A mean or a rate: no share of bad events, so the interval is that of batch means.
    fn judge_mean(
        &self,
        condition: &Condition,
        measure: &Measure,
        reading: &Reading,
        seconds: Range<u32>,
    ) -> Finding {
        let by_second = measure.by_second(self.measurements, seconds);
        let interval = mean_bounds(&measure.seconds(&by_second, self.measurements));
        let limit = condition.limit.as_number();
        let met = reading.satisfies(condition);
        let both = |low: f64, high: f64| {
            (
                condition.comparator.holds(low, limit),
                condition.comparator.holds(high, limit),
            )
        };
        let status = match (self.criteria.mode, interval.map(|(low, high)| both(low, high))) {
            (_, Some((false, false))) if !met => Status::Fail,
            (JudgeMode::Observed, _) if met => Status::Pass,
            (JudgeMode::Certified, Some((true, true))) if met => Status::Pass,
            (JudgeMode::Observed | JudgeMode::Certified, _) => Status::Inconclusive,
        };
        let unit = condition.limit.unit();
        let tail = if reading.bad > 0 && unit == Unit::Time {
            format!(" {} failed and have no time.", counted(reading.bad, "request"))
        } else {
            String::new()
        };
        Finding {
            subject: Subject::Target(condition.clone()),
            waived: None,
            status,
            value: Some(reading.value),
            ci_low: interval.map(|(low, _)| low),
            ci_high: interval.map(|(_, high)| high),
            samples: reading.samples,
            samples_effective: None,
            bad: reading.bad,
            budget: None,
            reason: format!(
                "Measured {} over {}; the target is {} {}.{tail}",
                quantity(reading.value, unit),
                counted(reading.samples, "sample"),
                condition.comparator,
                condition.limit,
            ),
        }
    }

    /// Availability by slots is a fact about the observed seconds; no run of minutes can certify 99.9 %.
    fn judge_availability(&self, condition: &Condition) -> Finding {
        let slots = availability::slots(
            self.criteria,
            &self.context.steps,
            self.measurements,
            &availability::responses(self.measurements),
        );
        let slots = match slots {
            Ok(slots) => slots,
            Err(why) => {
                return empty(
                    condition,
                    Status::NoData,
                    format!("Availability cannot be computed: {why}."),
                );
            }
        };
        let left_out = match slots.left_out {
            0 => String::new(),
            count => format!(
                " {} had too few requests to tell and are left out.",
                counted(count, "second")
            ),
        };
        let (Some(share), Some(bounds)) = (slots.share(), share_bounds(&slots.seconds, Caution::None)) else {
            return empty(
                condition,
                Status::NoData,
                format!("No second had enough requests to tell whether the target was available.{left_out}"),
            );
        };
        let budget = 1.0 - condition.limit.as_number();
        let status = if condition.comparator.holds(share, condition.limit.as_number()) {
            Status::Pass
        } else if bounds.lower > budget {
            Status::Fail
        } else {
            Status::Inconclusive
        };
        let basis = match slots.basis {
            Basis::Rollback => "the rollback thresholds",
            Basis::Targets => "the targets on errors and response time, for want of rollback thresholds,",
        };
        Finding {
            subject: Subject::Target(condition.clone()),
            waived: None,
            status,
            value: Some(share),
            ci_low: Some(1.0 - bounds.upper),
            ci_high: Some(1.0 - bounds.lower),
            samples: slots.counted(),
            samples_effective: Some(bounds.samples_effective),
            bad: slots.bad(),
            budget: Some(budget),
            reason: format!(
                "In {} of {} {basis} held; the target is {} {}. This is what was observed, not a forecast.{left_out}",
                slots.counted() - slots.bad(),
                counted(slots.counted(), "measured second"),
                condition.comparator,
                condition.limit,
            ),
        }
    }
}

/// A finding without numbers.
pub(crate) fn empty(condition: &Condition, status: Status, reason: String) -> Finding {
    Finding {
        subject: Subject::Target(condition.clone()),
        waived: None,
        status,
        value: None,
        ci_low: None,
        ci_high: None,
        samples: 0,
        samples_effective: None,
        bad: 0,
        budget: None,
        reason,
    }
}

/// Whether the design effect still grew at the longest batches and twice the effect would miss the budget: the run is
/// too short for its own correlation. The growth alone is too nervous a test, it fires on independent data too.
fn too_short(bounds: &ShareBounds, share: f64, budget: f64) -> bool {
    let halved = bounds.samples_effective / 2.0;
    bounds.effect_growing && clopper_pearson(share * halved, halved).1 > budget
}

/// The 95 % interval of a quantile: two other quantiles of the same samples, by the normal approximation of order
/// statistics with the effective sample size.
fn quantile_interval(total: &Slice, quantile: f64, samples_effective: f64) -> (Option<f64>, Option<f64>) {
    let half = Z_97_5 * (quantile * (1.0 - quantile) / samples_effective.max(1.0)).sqrt();
    let low = total.quantile_ms((quantile - half).max(0.0));
    let high = if quantile + half >= 1.0 {
        total.max_ms()
    } else {
        total.quantile_ms(quantile + half)
    };
    (low, high)
}

fn share_sentence(
    condition: &Condition,
    measure: &Measure,
    reading: &Reading,
    bounds: &ShareBounds,
    budget: f64,
    status: Status,
) -> String {
    let share = quantity(reading.bad as f64 / reading.samples as f64, Unit::Ratio);
    let allowed = quantity(budget, Unit::Ratio);
    let what = if measure.quantile().is_some() || condition.limit.unit() == Unit::Time {
        format!("took longer than {} or failed", condition.limit)
    } else {
        verb(condition.metric).to_owned()
    };
    let of = format!(
        "{share} of {} {what}; {allowed} may.",
        counted(reading.samples, noun(condition.metric))
    );
    match status {
        Status::Fail => format!(
            "{of} With 95 % confidence it is at least {}.",
            quantity(bounds.lower, Unit::Ratio)
        ),
        Status::Pass | Status::Inconclusive | Status::NoData | Status::NotMeasured => format!(
            "{of} The data bound it to {} with 95 % confidence (worth {:.0} independent samples).",
            quantity(bounds.upper, Unit::Ratio),
            bounds.samples_effective.max(1.0)
        ),
    }
}

/// What happened to those samples of a metric that count against it.
fn verb(metric: Metric) -> &'static str {
    match metric {
        Metric::CompletionRate => "were not completed",
        Metric::AbandonmentRate => "were left",
        Metric::ComplaintRate => "gave reason to complain (simulated)",
        // A point for each that frustrates, half for each that is tolerated.
        Metric::Apdex => "were lost as points of Apdex",
        _ => "failed",
    }
}

/// What the samples of a metric are called.
fn noun(metric: Metric) -> &'static str {
    match metric {
        Metric::ResponseTime | Metric::ErrorRate | Metric::Throughput => "request",
        Metric::Availability => "second",
        Metric::FeedbackLatency | Metric::RealtimeLatency | Metric::RealtimeFailures => "event",
        Metric::WebhookProcessing | Metric::WebhookSuccess => "webhook",
        Metric::WebhookFailures => "delivery attempt",
        Metric::ResultTurnaround | Metric::ServerTime => "result",
        Metric::DbQueryTime => "query sample",
        Metric::CompletionRate | Metric::AbandonmentRate | Metric::ComplaintRate => "session",
        Metric::Apdex => "rated step",
    }
}

fn more_data(bounds: &ShareBounds, share: f64, budget: f64, mode: JudgeMode) -> String {
    if share > budget {
        return " That misses the target, but too few events failed to be sure that it was not chance."
            .to_owned();
    }
    match (mode, events_missing(bounds, share, budget)) {
        (JudgeMode::Certified, Some(missing)) if missing >= 1.0 => {
            format!(
                " About {} more of the same would settle it.",
                super::wording::count(missing.ceil() as u64)
            )
        }
        (JudgeMode::Certified, Some(_)) => {
            " The run is too short for how strongly its samples depend on each other.".to_owned()
        }
        (JudgeMode::Certified, None) => {
            " The measured share is too close to the limit for any number of samples to settle it.".to_owned()
        }
        (JudgeMode::Observed, _) => String::new(),
    }
}
