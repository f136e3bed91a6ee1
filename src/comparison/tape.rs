//! The seconds of a run in a form that can be drawn from a thousand times: what the bootstrap resamples.

use std::collections::{BTreeMap, BTreeSet};

use crate::metrics::Slice;
use crate::sla::Second;

/// The buckets that occur in any of the runs, in ascending order; failed events have the place after the last.
#[derive(Debug, Clone, Default)]
pub(super) struct Axis {
    lows_us: Vec<u32>,
}

/// One second.
#[derive(Debug, Clone, Default)]
struct Tick {
    /// Place on the axis and count.
    cells: Vec<(u32, u32)>,
    total: u64,
    bad: u64,
    sum_us: u64,
}

/// A run, second by second, without gaps.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape {
    ticks: Vec<Tick>,
}

/// What is computed from a stretch of tape.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Figure {
    Quantile(f64),
    Mean,
    BadShare,
    GoodShare,
    /// The score of rated steps.
    Apdex,
}

/// Seconds added up.
#[derive(Debug, Clone)]
pub(super) struct Sum {
    counts: Vec<u64>,
    total: u64,
    bad: u64,
    sum_us: u64,
}

impl Axis {
    pub(super) fn of<'a>(slices: impl Iterator<Item = &'a Slice>) -> Self {
        let lows: BTreeSet<u32> = slices.flat_map(|slice| slice.values.keys().copied()).collect();
        Self {
            lows_us: lows.into_iter().collect(),
        }
    }

    fn place(&self, low_us: u32) -> u32 {
        // Every bucket of a tape was on the axis before; there are far fewer than four billion.
        self.lows_us.partition_point(|known| *known < low_us) as u32
    }

    fn value_ms(&self, place: usize) -> f64 {
        self.lows_us
            .get(place)
            .map_or(f64::INFINITY, |low| f64::from(*low) / 1e3)
    }
}

impl Tape {
    pub(super) fn of(slices: &BTreeMap<u32, Slice>, axis: &Axis) -> Self {
        let (Some(first), Some(last)) = (slices.keys().next(), slices.keys().next_back()) else {
            return Self::default();
        };
        let ticks = (*first..=*last).map(|second| {
            slices.get(&second).map_or_else(Tick::default, |slice| Tick {
                cells: slice
                    .values
                    .iter()
                    .map(|(low, count)| (axis.place(*low), u32::try_from(*count).unwrap_or(u32::MAX)))
                    .collect(),
                total: slice.total,
                bad: slice.bad,
                sum_us: slice.sum_us,
            })
        });
        Self {
            ticks: ticks.collect(),
        }
    }

    pub(super) fn seconds(&self) -> usize {
        self.ticks.len()
    }

    /// Adds the seconds at these places.
    pub(super) fn add(&self, seconds: impl Iterator<Item = usize>, sum: &mut Sum) {
        for tick in seconds.filter_map(|second| self.ticks.get(second)) {
            for (place, count) in &tick.cells {
                if let Some(total) = sum.counts.get_mut(*place as usize) {
                    *total += u64::from(*count);
                }
            }
            sum.total += tick.total;
            sum.bad += tick.bad;
            sum.sum_us = sum.sum_us.saturating_add(tick.sum_us);
        }
    }

    /// Events of each second, and those of them that failed or lie above `limit_ms`.
    pub(super) fn exceedances(&self, limit_ms: f64, axis: &Axis) -> Vec<Second> {
        let count = |tick: &Tick| {
            let above = tick
                .cells
                .iter()
                .filter(|(place, _)| axis.value_ms(*place as usize) > limit_ms);
            Second {
                events: tick.total as f64,
                bad: tick.bad as f64 + above.map(|(_, count)| f64::from(*count)).sum::<f64>(),
            }
        };
        self.ticks.iter().map(count).collect()
    }
}

impl Sum {
    pub(super) fn new(axis: &Axis) -> Self {
        Self {
            counts: vec![0; axis.lows_us.len()],
            total: 0,
            bad: 0,
            sum_us: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.counts.fill(0);
        (self.total, self.bad, self.sum_us) = (0, 0, 0);
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Reads a figure; `None` without events. Failed events stand above every value.
    pub(super) fn read(&self, figure: Figure, axis: &Axis) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        match figure {
            Figure::Quantile(quantile) => {
                let mut value = [f64::INFINITY];
                self.quantiles(&[quantile], axis, &mut value);
                Some(value[0])
            }
            Figure::Mean => {
                let good = self.total - self.bad;
                (good > 0 && self.sum_us != Slice::SUM_UNKNOWN)
                    .then(|| self.sum_us as f64 / good as f64 / 1e3)
            }
            Figure::BadShare => Some(self.bad as f64 / self.total as f64),
            Figure::GoodShare => Some((self.total - self.bad) as f64 / self.total as f64),
            // One microsecond for each that is tolerated.
            Figure::Apdex => {
                let lost = self.bad as f64 + self.sum_us as f64 / 2.0;
                Some((self.total as f64 - lost) / self.total as f64)
            }
        }
    }

    /// Reads ascending quantiles in one pass, in milliseconds; infinite where they fall on a failed event.
    pub(super) fn quantiles(&self, quantiles: &[f64], axis: &Axis, values: &mut [f64]) {
        let mut seen = 0;
        let mut place = 0;
        for (quantile, value) in quantiles.iter().zip(values) {
            // The subtraction keeps 0.95 × 100 = 95.00000000000001 from being rounded up to 96.
            let rank = ((quantile * self.total as f64 - 1e-9).ceil() as u64).clamp(1, self.total.max(1));
            while place < self.counts.len() && seen + self.counts[place] < rank {
                seen += self.counts[place];
                place += 1;
            }
            *value = axis.value_ms(place);
        }
    }
}
