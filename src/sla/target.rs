//! Judges one target: value, interval, status, and one sentence.

mod availability;
mod sentence;
mod steadiness;

use std::ops::Range;

pub(super) use self::availability::failures_within;
use self::sentence::Extent;
use super::context::Context;
use super::distribution::Z_97_5;
use super::finding::{Finding, Status, Subject};
use super::interval::{Caution, ShareBounds, clopper_pearson, mean_bounds, share_bounds};
use super::measure::{Measure, Reading};
use crate::metrics::{Measurements, Slice};
use crate::plan::{Condition, Criteria, JudgeMode, Metric};

/// What every target is judged against.
pub(crate) struct Bench<'a> {
    pub(crate) criteria: &'a Criteria,
    pub(crate) context: &'a Context,
    pub(crate) measurements: &'a Measurements,
    /// The seconds in which judged tickets were issued: what rates are per second of.
    pub(crate) load: Range<u32>,
    /// The seconds in which the load was constant, when they are enough to ask whether the target was steady.
    pub(crate) plateau: Option<Range<u32>>,
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
            Some(reading) => {
                let finding = if measure.budget().is_some() {
                    self.judge_share(condition, &measure, &total, &reading)
                } else {
                    self.judge_mean(condition, &measure, &reading, seconds)
                };
                self.unless_unsteady(finding, condition, &measure)
            }
        }
    }

    /// How long the judged load was, which says how long more samples would take.
    fn extent(&self, samples: u64) -> Extent {
        Extent {
            samples,
            load_s: f64::from(self.load.end - self.load.start),
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
        let mut reason = sentence::share(
            condition,
            measure,
            reading,
            &bounds,
            budget,
            status,
            noun(condition.metric),
        );
        let mut settled_after_s = None;
        if status == Status::Inconclusive {
            let extent = self.extent(reading.samples);
            let more = sentence::more_data(&bounds, share, budget, noun(condition.metric), extent);
            reason.push_str(&more.sentence);
            settled_after_s = more.measure_for_s;
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
            settled_after_s,
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
        let mut reason = sentence::mean(condition, reading, interval, noun(condition.metric));
        let mut settled_after_s = None;
        if status == Status::Inconclusive {
            let extent = self.extent(reading.samples);
            let more = sentence::more_time(reading.value, limit, interval, met, extent);
            reason.push_str(&more.sentence);
            settled_after_s = more.measure_for_s;
        }
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
            reason,
            settled_after_s,
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
        settled_after_s: None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::metrics::{SeriesKind, Thresholds};

    /// A thousand times of 1 to 1 000 ms, and failures.
    fn slice(failed: u64) -> Slice {
        let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
        for value_ms in 1..=1_000 {
            let value_ns = Some(value_ms * 1_000_000);
            measurements.add_many(SeriesKind::Response, None, false, 0, value_ns, 1);
        }
        measurements.add_many(SeriesKind::Response, None, false, 0, None, failed);
        measurements.total(SeriesKind::Response, None)
    }

    #[test]
    fn the_interval_of_a_percentile_is_two_other_percentiles() {
        // (percentile, independent samples, lower and upper percentile), two-sided 95 %.
        for (quantile, samples, low, high) in [
            (0.95, 1_000.0, 0.936, 0.964),
            (0.95, 10_000.0, 0.945_7, 0.954_3),
            (0.99, 10_000.0, 0.988_0, 0.992_0),
            (0.5, 100.0, 0.402, 0.598),
        ] {
            let (found_low, found_high) = quantile_interval(&slice(0), quantile, samples);
            for (found, expected) in [(found_low, low), (found_high, high)] {
                let found = found.unwrap() / 1e3;
                // The values are whole milliseconds, and a bucket holds three digits of them.
                assert!((found - expected).abs() < 0.002_1, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn the_interval_of_a_percentile_reaches_the_failed_events() {
        // 30 of 1 030 failed: p97 and all above have no value.
        let (low, high) = quantile_interval(&slice(30), 0.95, 300.0);
        assert!(low.unwrap().is_finite());
        assert_eq!(high, Some(f64::INFINITY));
        // Nothing lies above the largest value, however few samples there are.
        assert_eq!(quantile_interval(&slice(0), 0.95, 3.0).1, Some(1_000.0));
        assert_eq!(quantile_interval(&Slice::default(), 0.95, 3.0), (None, None));
    }
}
