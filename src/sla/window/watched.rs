//! One condition of a policy: what its windows say at each look.

use std::ops::Range;
use std::time::Duration;

use super::alarm::{Alarm, Rules};
use super::chance::is_beyond_chance;
use super::due::{Due, Expected};
use crate::metrics::Measurements;
use crate::plan::{BurnRate, Condition, Limit, StepInfo, WindowPolicy};
use crate::sla::measure::Measure;
use crate::units::{Rate, Ratio};

/// Seconds that must pass before a second counts as complete.
const SETTLING_S: u32 = 1;
/// Windows in a row without any sample, although samples were due, that count as a breach.
const SILENT_WINDOWS: u32 = 2;

/// One condition with its state.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) condition: Condition,
    pub(super) burn_rate: Option<BurnRate>,
    /// `None` when the condition cannot be computed; the plan refuses such conditions.
    measures: Option<Measures>,
    /// Lengths in seconds, the longest first. A breach is one in all of them.
    windows: Vec<u32>,
    expected: Expected,
    silent_windows: u32,
    pub(super) alarm: Alarm,
    /// Which incident is open; `None` also for those beyond the number that is kept.
    pub(super) incident: Option<usize>,
}

/// How breach and calm are computed.
#[derive(Debug, Clone)]
struct Measures {
    breach: Measure,
    /// The condition that must not hold any more before a breach is over.
    calm: (Condition, Measure),
}

/// What all looks of a policy have in common.
pub(super) struct Frame<'a> {
    pub(super) measurements: &'a Measurements,
    pub(super) measured_from: u32,
    pub(super) samples_min: u64,
}

/// What a look says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// In these windows, the older first: the one whose last second is complete, the newest, or both.
    Breach(Vec<Range<u32>>),
    /// No sample, although samples were due.
    Silence(Range<u32>),
    Calm,
    Between,
    Nothing,
}

/// What one window shows, or all windows of a condition that end together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shown {
    Breach(Range<u32>),
    Calm,
    Between,
    Nothing,
}

impl Watched {
    /// A plain condition of the policy.
    pub(super) fn plain(condition: &Condition, policy: &WindowPolicy, steps: &[StepInfo]) -> Self {
        let calm = calm_condition(condition, policy.clear_at);
        Self::new(
            condition.clone(),
            None,
            calm,
            vec![whole_seconds(policy.window)],
            policy,
            steps,
        )
    }

    /// A burn rate of the policy; `None` when it cannot be a breach, which the plan refuses.
    pub(super) fn burning(burn_rate: &BurnRate, policy: &WindowPolicy, steps: &[StepInfo]) -> Option<Self> {
        let condition = burn_rate.as_breach()?;
        let calm = burn_rate.breach_at(burn_rate.above * policy.clear_at)?;
        let windows = vec![whole_seconds(burn_rate.long), whole_seconds(burn_rate.short)];
        Some(Self::new(
            condition,
            Some(burn_rate.clone()),
            calm,
            windows,
            policy,
            steps,
        ))
    }

    fn new(
        condition: Condition,
        burn_rate: Option<BurnRate>,
        calm: Condition,
        windows: Vec<u32>,
        policy: &WindowPolicy,
        steps: &[StepInfo],
    ) -> Self {
        let measures = Measure::of(&condition, steps)
            .and_then(|breach| {
                let calm_measure = Measure::of(&calm, steps)?;
                Ok(Measures {
                    breach,
                    calm: (calm, calm_measure),
                })
            })
            .ok();
        let needed = whole_seconds(policy.sustained);
        Self {
            expected: measures.as_ref().map_or(Expected::Nothing, |measures| {
                Expected::of(measures.breach.kind, &condition, steps)
            }),
            condition,
            burn_rate,
            measures,
            alarm: Alarm::new(Rules {
                needed,
                within: policy.within.map_or(needed, whole_seconds),
                calm: shortest(&windows),
            }),
            windows,
            silent_windows: 0,
            incident: None,
        }
    }

    /// Looks after second `ended` has passed; `due` tells what was due in a stretch of seconds.
    pub(super) fn look(&mut self, frame: &Frame<'_>, ended: u32, due: &dyn Fn(Range<u32>) -> Due) -> Look {
        let Some(measures) = &self.measures else {
            return Look::Nothing;
        };
        let settled = ended
            .checked_sub(SETTLING_S)
            .filter(|second| *second >= frame.measured_from)
            .map_or(Shown::Nothing, |second| self.all_windows(measures, frame, second));
        // A rate over a second that is still filling is too low by nature.
        let fresh = if measures.breach.is_rate() {
            Shown::Nothing
        } else {
            self.all_windows(measures, frame, ended)
        };
        let breaches: Vec<Range<u32>> = [&settled, &fresh]
            .into_iter()
            .filter_map(|shown| match shown {
                Shown::Breach(window) => Some(window.clone()),
                Shown::Calm | Shown::Between | Shown::Nothing => None,
            })
            .collect();
        if !breaches.is_empty() {
            return Look::Breach(breaches);
        }
        let silence = self.silence(measures, frame, ended, due);
        self.silent_windows = if silence.is_some() {
            self.silent_windows + 1
        } else {
            0
        };
        match silence {
            Some(window) if self.silent_windows >= SILENT_WINDOWS => Look::Silence(window),
            // The newest seconds are still filling: they cannot show that a breach is over.
            Some(_) | None => match settled {
                Shown::Calm => Look::Calm,
                Shown::Between => Look::Between,
                Shown::Breach(_) | Shown::Nothing => Look::Nothing,
            },
        }
    }

    /// The value of a window and its samples; infinite and none when nothing is there to read.
    pub(super) fn read(&self, measurements: &Measurements, window: Range<u32>) -> (f64, u64) {
        self.measures
            .as_ref()
            .and_then(|measures| measures.breach.read(measurements, window))
            .map_or((f64::INFINITY, 0), |reading| (reading.value, reading.samples))
    }

    /// The window without a sample, when samples were due in it.
    fn silence(
        &self,
        measures: &Measures,
        frame: &Frame<'_>,
        ended: u32,
        due: &dyn Fn(Range<u32>) -> Due,
    ) -> Option<Range<u32>> {
        let second = ended
            .checked_sub(self.expected.known_after_s())
            .filter(|second| *second >= frame.measured_from)?;
        let window = window_ending_with(second, shortest(&self.windows), frame.measured_from);
        let counts = measures.breach.counts(frame.measurements, window.clone());
        let missing = counts.total == 0
            && self
                .expected
                .count(due(window.clone()), frame.measurements, window.clone())
                >= frame.samples_min;
        missing.then_some(window)
    }

    fn all_windows(&self, measures: &Measures, frame: &Frame<'_>, second: u32) -> Shown {
        let looks: Vec<Shown> = self
            .windows
            .iter()
            .map(|length| window_ending_with(second, *length, frame.measured_from))
            .map(|window| self.one_window(measures, frame, window))
            .collect();
        if looks.iter().all(|look| matches!(look, Shown::Breach(_))) {
            looks.into_iter().next().unwrap_or(Shown::Nothing)
        } else if looks.contains(&Shown::Calm) {
            Shown::Calm
        } else if looks.contains(&Shown::Nothing) {
            Shown::Nothing
        } else {
            Shown::Between
        }
    }

    fn one_window(&self, measures: &Measures, frame: &Frame<'_>, window: Range<u32>) -> Shown {
        let span = f64::from(window.end - window.start);
        let counts = measures.breach.counts(frame.measurements, window.clone());
        let Some(side) = measures
            .breach
            .side(&counts, span)
            .filter(|_| counts.total >= frame.samples_min)
        else {
            return Shown::Nothing;
        };
        if side.satisfies(&self.condition) {
            let certain = measures
                .breach
                .budget()
                .is_none_or(|level| is_beyond_chance(counts.against, counts.total, level));
            return if certain {
                Shown::Breach(window)
            } else {
                Shown::Between
            };
        }
        // How far it is from the level matters only to what is to end.
        if !self.alarm.is_raised() {
            return Shown::Calm;
        }
        let (condition, measure) = &measures.calm;
        let counts = measure.counts(frame.measurements, window);
        match measure.side(&counts, span) {
            Some(side) if side.satisfies(condition) => Shown::Between,
            Some(_) => Shown::Calm,
            None => Shown::Nothing,
        }
    }
}

/// The window that ends with `second`, cut at the end of the warm-up.
fn window_ending_with(second: u32, length: u32, measured_from: u32) -> Range<u32> {
    let end = second.saturating_add(1);
    end.saturating_sub(length).max(measured_from)..end
}

fn shortest(windows: &[u32]) -> u32 {
    windows.iter().copied().min().unwrap_or(1)
}

/// The whole seconds of a time that a policy names; at least one.
pub(crate) fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// The condition at `part` of its level: while it still holds, a breach is not over. Of a share of good events the level is
/// the share of bad ones that goes with it, of a rate that is too low the inverse.
pub(crate) fn calm_condition(condition: &Condition, part: f64) -> Condition {
    let limit = match condition.limit {
        Limit::Time(limit) => Some(Limit::Time(Duration::from_micros(
            (limit.as_micros() as f64 * part).round() as u64,
        ))),
        Limit::Ratio(limit) if condition.metric.higher_is_better() => {
            Ratio::new(1.0 - (1.0 - limit.get()) * part)
                .ok()
                .map(Limit::Ratio)
        }
        Limit::Ratio(limit) => Ratio::new(limit.get() * part).ok().map(Limit::Ratio),
        Limit::PerSecond(limit) => {
            let part = if condition.comparator.is_upper() {
                1.0 / part
            } else {
                part
            };
            Rate::per_second(limit.as_per_second() * part)
                .ok()
                .map(Limit::PerSecond)
        }
    };
    Condition {
        limit: limit.unwrap_or(condition.limit),
        ..condition.clone()
    }
}
