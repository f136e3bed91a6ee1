//! From a condition to a number: which series it reads, and what it says over a stretch of time.
//!
//! Quantiles are decided by counting. `p95 <= 150 ms` is the same as "at most 5 % of the events were bad or took
//! longer than 150 ms", and that count is exact, while a quantile read from a histogram is rounded to its bucket.

use std::collections::BTreeMap;
use std::ops::Range;

use super::interval::Second;
use crate::metrics::{Measurements, SeriesKey, SeriesKind, Slice};
use crate::plan::{Condition, Limit, Metric, Statistic, StepId, StepInfo};

/// How a condition is computed from the series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measure {
    pub(crate) kind: SeriesKind,
    /// The steps it is about; `None` = all.
    steps: Option<Vec<StepId>>,
    form: Form,
    limit: f64,
}

/// The forms of computation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// A quantile of a time against a limit, decided by the share of events above it.
    Quantile {
        quantile: f64,
        limit_us: u32,
    },
    /// The largest time: no event may be above the limit.
    Max {
        limit_us: u32,
    },
    Mean,
    BadShare,
    GoodShare,
    /// The score of rated steps. What it falls short of one is a share of points lost, and is judged as any share.
    Apdex,
    /// Good events per second.
    PerSecond,
}

/// What a measure says over a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Reading {
    /// In the metric's unit; infinite when a quantile falls on a failed event.
    pub(crate) value: f64,
    pub(crate) samples: u64,
    /// Events that count against the condition's limit.
    pub(crate) bad: u64,
    side: Side,
}

/// On which side of its limit a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Below,
    At,
    Above,
}

/// Counts that decide a condition without a look at the histograms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) total: u64,
    failed: u64,
    /// Events that count against the limit: failed, or beyond it.
    pub(crate) against: u64,
    sum_us: u64,
}

impl Counts {
    /// The mean of the values in microseconds; `None` without values.
    pub(crate) fn mean_us(&self) -> Option<f64> {
        let good = self.total - self.failed;
        (good > 0 && self.sum_us != Slice::SUM_UNKNOWN).then(|| self.sum_us as f64 / good as f64)
    }

    /// The share of events that count against the limit; `None` without events.
    pub(crate) fn share_against(&self) -> Option<f64> {
        (self.total > 0).then(|| self.against as f64 / self.total as f64)
    }
}

impl Reading {
    /// Whether the condition, as it is written, holds for this reading.
    pub(crate) fn satisfies(&self, condition: &Condition) -> bool {
        self.side.satisfies(condition)
    }
}

impl Side {
    /// Whether a value on this side satisfies the condition as it is written.
    pub(crate) fn satisfies(self, condition: &Condition) -> bool {
        let value = match self {
            Side::Below => -1.0,
            Side::At => 0.0,
            Side::Above => 1.0,
        };
        condition.comparator.holds(value, 0.0)
    }

    fn of(value: f64, limit: f64) -> Self {
        if value > limit {
            Side::Above
        } else if value == limit {
            Side::At
        } else {
            Side::Below
        }
    }
}

impl Measure {
    /// The measure of a condition.
    ///
    /// # Errors
    /// A sentence, when the condition names a step that is not measured or asks for something that its metric does
    /// not have.
    pub(crate) fn of(condition: &Condition, steps: &[StepInfo]) -> Result<Self, String> {
        let unanswerable = || format!("{condition} cannot be computed: the metric has no such statistic");
        let kind = SeriesKind::of_metric(condition.metric).ok_or_else(unanswerable)?;
        let form = match (condition.metric, condition.statistic, condition.limit) {
            (_, Statistic::Quantile(quantile), Limit::Time(_)) => Form::Quantile {
                quantile: quantile.get(),
                limit_us: limit_us(condition.limit),
            },
            (_, Statistic::Max, Limit::Time(_)) => Form::Max {
                limit_us: limit_us(condition.limit),
            },
            (_, Statistic::Mean, Limit::Time(_)) => Form::Mean,
            (
                Metric::ErrorRate
                | Metric::RealtimeFailures
                | Metric::WebhookFailures
                | Metric::AbandonmentRate
                | Metric::ComplaintRate,
                Statistic::Share,
                Limit::Ratio(_),
            ) => Form::BadShare,
            (Metric::WebhookSuccess | Metric::CompletionRate, Statistic::Share, Limit::Ratio(_)) => {
                Form::GoodShare
            }
            (Metric::Apdex, Statistic::Share, Limit::Ratio(_)) => Form::Apdex,
            (Metric::Throughput, Statistic::PerSecond, Limit::PerSecond(_)) => Form::PerSecond,
            _ => return Err(unanswerable()),
        };
        Ok(Self {
            kind,
            steps: select(condition, steps)?,
            form,
            limit: condition.limit.as_number(),
        })
    }

    /// What the measure says over `seconds`; `None` without samples.
    pub(crate) fn read(&self, measurements: &Measurements, seconds: Range<u32>) -> Option<Reading> {
        let span = f64::from(seconds.end.saturating_sub(seconds.start));
        self.read_slice(&self.slice(measurements, seconds), measurements, span)
    }

    /// What the measure says of one slice that stands for `span` seconds.
    pub(crate) fn read_slice(
        &self,
        slice: &Slice,
        measurements: &Measurements,
        span: f64,
    ) -> Option<Reading> {
        let mut counts = Counts::default();
        self.count(&mut counts, slice, measurements);
        let side = self.side(&counts, span)?;
        let value = match self.form {
            Form::Quantile { quantile, limit_us } => {
                on_its_side(slice.quantile_ms(quantile)?, limit_us, side)
            }
            Form::Max { limit_us } => on_its_side(slice.max_ms()?, limit_us, side),
            Form::Mean | Form::BadShare | Form::GoodShare | Form::Apdex | Form::PerSecond => {
                self.plain(&counts, span)?
            }
        };
        Some(Reading {
            value,
            samples: counts.total,
            bad: counts.against,
            side,
        })
    }

    /// The counts of `seconds`: cheap enough to be asked for every second of a run.
    pub(crate) fn counts(&self, measurements: &Measurements, seconds: Range<u32>) -> Counts {
        let mut counts = Counts::default();
        for series in self.matching(measurements) {
            for (_, slice) in series.measured.range(seconds.clone()) {
                self.count(&mut counts, slice, measurements);
            }
        }
        counts
    }

    fn count(&self, counts: &mut Counts, slice: &Slice, measurements: &Measurements) {
        counts.total += slice.total;
        counts.failed += slice.bad;
        counts.sum_us = counts.sum_us.saturating_add(slice.sum_us);
        counts.against = match self.form {
            // Whole points, for sentences; rounded over everything, because the halves of many seconds make points.
            Form::Apdex => (counts.failed as f64 + counts.sum_us as f64 / 2.0).ceil() as u64,
            _ => counts.against + self.bad_of(slice, measurements),
        };
    }

    /// On which side of the limit the counted events lie; `None` without events. Exact: no histogram is asked.
    pub(crate) fn side(&self, counts: &Counts, span: f64) -> Option<Side> {
        if counts.total == 0 {
            return None;
        }
        let beyond = |beyond: bool| if beyond { Side::Above } else { Side::Below };
        match self.form {
            Form::Quantile { quantile, .. } => {
                Some(beyond(counts.against > bad_allowed(counts.total, quantile)))
            }
            Form::Max { .. } => Some(beyond(counts.against > 0)),
            Form::Mean | Form::BadShare | Form::GoodShare | Form::Apdex | Form::PerSecond => {
                self.plain(counts, span).map(|value| Side::of(value, self.limit))
            }
        }
    }

    /// The value of a measure that needs no histogram.
    fn plain(&self, counts: &Counts, span: f64) -> Option<f64> {
        let good = (counts.total - counts.failed) as f64;
        let total = counts.total as f64;
        match self.form {
            Form::Mean => counts.mean_us().map(|mean_us| mean_us / 1e3),
            Form::BadShare => Some(counts.failed as f64 / total),
            Form::GoodShare => Some(good / total),
            Form::Apdex => Some((good - counts.sum_us as f64 / 2.0) / total),
            Form::PerSecond => Some(good / span.max(1.0)),
            Form::Quantile { .. } | Form::Max { .. } => None,
        }
    }

    /// Events of `slice` that count against the limit.
    fn bad_of(&self, slice: &Slice, measurements: &Measurements) -> u64 {
        match self.form {
            Form::Quantile { limit_us, .. } | Form::Max { limit_us } => {
                slice.bad_or_above(limit_us, measurements.thresholds.of_kind(self.kind))
            }
            Form::Apdex => slice.points_lost().ceil() as u64,
            Form::Mean | Form::BadShare | Form::GoodShare | Form::PerSecond => slice.bad,
        }
    }

    /// The share of bad events that the limit allows; `None` when the measure is no share of events.
    pub(crate) fn budget(&self) -> Option<f64> {
        match self.form {
            Form::Quantile { quantile, .. } => Some(1.0 - quantile),
            Form::Max { .. } => Some(0.0),
            Form::BadShare => Some(self.limit),
            Form::GoodShare | Form::Apdex => Some(1.0 - self.limit),
            Form::Mean | Form::PerSecond => None,
        }
    }

    /// Whether the measure is events per second, and so needs to know of which seconds.
    pub(crate) fn is_rate(&self) -> bool {
        self.form == Form::PerSecond
    }

    /// Whether the measure is a statistic of times.
    pub(crate) fn is_of_times(&self) -> bool {
        matches!(self.form, Form::Quantile { .. } | Form::Max { .. } | Form::Mean)
    }

    /// Whether the condition holds when `bad` of `total` events count against it. For shares of events.
    pub(crate) fn allows(&self, condition: &Condition, bad: u64, total: u64) -> bool {
        let counts = Counts {
            total,
            failed: bad,
            against: bad,
            sum_us: 0,
        };
        self.side(&counts, 1.0)
            .is_some_and(|side| side.satisfies(condition))
    }

    /// What each second of a range adds to the measure, as [`Measure::seconds`] has it, without a look at the
    /// histograms: cheap enough to be asked for while a run goes on.
    pub(crate) fn seconds_so_far(&self, measurements: &Measurements, seconds: Range<u32>) -> Vec<Second> {
        let mut sums = vec![self.empty_second(); seconds.end.saturating_sub(seconds.start) as usize];
        for series in self.matching(measurements) {
            for (second, slice) in series.measured.range(seconds.clone()) {
                let added = self.second(slice, measurements);
                let sum = &mut sums[(second - seconds.start) as usize];
                sum.events += added.events;
                sum.bad += added.bad;
            }
        }
        sums
    }

    /// The quantile, when the measure is one.
    pub(crate) fn quantile(&self) -> Option<f64> {
        match self.form {
            Form::Quantile { quantile, .. } => Some(quantile),
            Form::Max { .. }
            | Form::Mean
            | Form::BadShare
            | Form::GoodShare
            | Form::Apdex
            | Form::PerSecond => None,
        }
    }

    /// Bounds of the bad share turned into bounds of the value, for measures whose value is a share.
    pub(crate) fn share_as_value(&self, lower: f64, upper: f64) -> Option<(f64, f64)> {
        match self.form {
            Form::BadShare => Some((lower, upper)),
            Form::GoodShare | Form::Apdex => Some((1.0 - upper, 1.0 - lower)),
            Form::Quantile { .. } | Form::Max { .. } | Form::Mean | Form::PerSecond => None,
        }
    }

    /// The same measure on another series: response times seen as service times, to find whose delay it was.
    pub(crate) fn on(&self, kind: SeriesKind) -> Self {
        Self { kind, ..self.clone() }
    }

    /// All samples of `seconds` together.
    pub(crate) fn slice(&self, measurements: &Measurements, seconds: Range<u32>) -> Slice {
        let mut sum = Slice::default();
        for series in self.matching(measurements) {
            for slice in series.measured.range(seconds.clone()).map(|(_, slice)| slice) {
                sum.merge(slice);
            }
        }
        sum
    }

    /// The samples second by second.
    pub(crate) fn by_second(&self, measurements: &Measurements, seconds: Range<u32>) -> BTreeMap<u32, Slice> {
        let mut sums: BTreeMap<u32, Slice> = BTreeMap::new();
        for series in self.matching(measurements) {
            for (second, slice) in series.measured.range(seconds.clone()) {
                sums.entry(*second).or_default().merge(slice);
            }
        }
        sums
    }

    /// What each second adds to the measure, without gaps: neighbours must stay neighbours for the batches.
    pub(crate) fn seconds(&self, slices: &BTreeMap<u32, Slice>, measurements: &Measurements) -> Vec<Second> {
        let (Some(first), Some(last)) = (slices.keys().next(), slices.keys().next_back()) else {
            return Vec::new();
        };
        (*first..=*last)
            .map(|second| {
                slices
                    .get(&second)
                    .map_or_else(|| self.empty_second(), |slice| self.second(slice, measurements))
            })
            .collect()
    }

    fn empty_second(&self) -> Second {
        let events = if self.form == Form::PerSecond { 1.0 } else { 0.0 };
        Second { events, bad: 0.0 }
    }

    fn second(&self, slice: &Slice, measurements: &Measurements) -> Second {
        match self.form {
            Form::Mean => Second {
                events: slice.good() as f64,
                bad: slice.sum_us as f64 / 1e3,
            },
            Form::PerSecond => Second {
                events: 1.0,
                bad: slice.good() as f64,
            },
            Form::Apdex => Second {
                events: slice.total as f64,
                bad: slice.points_lost(),
            },
            Form::Quantile { .. } | Form::Max { .. } | Form::BadShare | Form::GoodShare => Second {
                events: slice.total as f64,
                bad: self.bad_of(slice, measurements) as f64,
            },
        }
    }

    fn matching<'a>(
        &'a self,
        measurements: &'a Measurements,
    ) -> impl Iterator<Item = &'a crate::metrics::Series> {
        measurements
            .series
            .iter()
            .filter(|(key, _)| self.covers(**key))
            .map(|(_, series)| series)
    }

    fn covers(&self, key: SeriesKey) -> bool {
        key.kind == self.kind
            && self
                .steps
                .as_ref()
                .is_none_or(|steps| key.step.is_some_and(|step| steps.contains(&step)))
    }
}

/// How many of `total` events may lie beyond the limit while the quantile does not: the quantile is the value at rank
/// ⌈q·n⌉.
fn bad_allowed(total: u64, quantile: f64) -> u64 {
    // The subtraction keeps 0.95 × 100 = 95.00000000000001 from being rounded up to 96.
    let rank = (quantile * total as f64 - 1e-9).ceil().max(1.0) as u64;
    total.saturating_sub(rank)
}

/// A value read from a histogram is its bucket's lower edge; the exact count says on which side of the limit the true
/// value lies, and the reading must not contradict it.
fn on_its_side(value_ms: f64, limit_us: u32, side: Side) -> f64 {
    match side {
        Side::Above => value_ms.max((f64::from(limit_us) + 1.0) / 1e3),
        Side::Below | Side::At => value_ms.min(f64::from(limit_us) / 1e3),
    }
}

/// The limit in whole microseconds, as thresholds are counted.
fn limit_us(limit: Limit) -> u32 {
    match limit {
        Limit::Time(duration) => u32::try_from(duration.as_micros()).unwrap_or(u32::MAX),
        Limit::Ratio(_) | Limit::PerSecond(_) => u32::MAX,
    }
}

/// The steps that a condition names. One name can stand in several journeys.
fn select(condition: &Condition, steps: &[StepInfo]) -> Result<Option<Vec<StepId>>, String> {
    let Some(name) = &condition.step else {
        return Ok(None);
    };
    let ids: Vec<StepId> = (0_u16..)
        .zip(steps)
        .filter(|(_, info)| info.name == *name)
        .map(|(index, _)| StepId(index))
        .collect();
    if ids.is_empty() {
        return Err(format!(
            "{condition} names the step \"{name}\", which no journey has"
        ));
    }
    Ok(Some(ids))
}

#[cfg(test)]
mod tests;
