//! Where two distributions differ: the shift function and Cliff's delta.
//!
//! The shift function is the difference of the quantiles, Δ(q) = Q(candidate, q) − Q(baseline, q) (Doksum 1974). Its
//! interval holds for all quantiles together: the largest of the studentised differences over all quantiles decides how
//! wide it is (max-statistic). Blocks of seconds are resampled within every run; from three pairs on pairs are resampled
//! too, because runs differ by more than chance within them. It is shown, and decides nothing.

use std::collections::BTreeMap;

use super::bootstrap::{Draws, Resampling, block_length, resample};
use super::tape::{Axis, Sum, Tape};
use crate::metrics::Slice;
use crate::plan::Sides;

/// The quantiles that are looked at.
pub const QUANTILES: [f64; 8] = [0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
/// A quantile needs this many events on either side of it: else it is one of a handful of points.
const EVENTS_BEYOND_MIN: f64 = 10.0;
/// Of fewer runs of each arm, the runs themselves cannot be resampled.
const RUNS_TO_RESAMPLE_MIN: usize = 3;
/// Confidence of the whole band.
const CONFIDENCE: f64 = 0.95;

/// The shift function.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// One per quantile of [`QUANTILES`] that has enough events in both arms.
    pub points: Vec<ShiftPoint>,
    /// Whether runs were resampled too; else the interval holds within these runs only.
    pub across_runs: bool,
    /// Longest block of consecutive seconds that was drawn.
    pub block_s: usize,
    pub replicates: u64,
}

/// The shift at one quantile, in milliseconds. A quantile that falls on a failed event is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftPoint {
    pub quantile: f64,
    pub quantiles_ms: Sides<f64>,
    /// Candidate − baseline; `None` when one of them is infinite.
    pub difference_ms: Option<f64>,
    /// The difference lies between these, at all quantiles together, with 95 % confidence.
    pub low_ms: Option<f64>,
    pub high_ms: Option<f64>,
}

/// The seconds of the runs of one arm.
pub(super) type Runs = Vec<BTreeMap<u32, Slice>>;

/// Everything that is drawn from.
struct Material<'a> {
    axis: &'a Axis,
    tapes: Sides<Vec<Tape>>,
    blocks: Sides<Vec<usize>>,
    /// Longest block of any run.
    block_s_max: usize,
    paired: bool,
    across_runs: bool,
}

type Quantiles = [f64; QUANTILES.len()];

/// The shift from the baseline's runs to the candidate's. Of `paired` runs the n-th of each arm belong together. `None`
/// when an arm has no events.
pub(super) fn shift(runs: &Sides<Runs>, paired: bool, resampling: Resampling) -> Option<Shift> {
    let axis = Axis::of(runs.iter().flatten().flat_map(BTreeMap::values));
    let tapes = runs
        .as_ref()
        .map(|runs| runs.iter().map(|run| Tape::of(run, &axis)).collect::<Vec<Tape>>());
    let blocks = tapes.as_ref().map(|tapes| {
        tapes
            .iter()
            .map(|tape| block_length(tape, &axis))
            .collect::<Vec<usize>>()
    });
    let runs_min = tapes.iter().map(Vec::len).min().unwrap_or(0);
    let material = Material {
        axis: &axis,
        block_s_max: blocks.iter().flatten().copied().max().unwrap_or(1),
        tapes,
        blocks,
        paired,
        across_runs: runs_min >= RUNS_TO_RESAMPLE_MIN,
    };
    let mut sums = Sides {
        baseline: Sum::new(&axis),
        candidate: Sum::new(&axis),
    };
    for (tapes, sum) in [
        (&material.tapes.baseline, &mut sums.baseline),
        (&material.tapes.candidate, &mut sums.candidate),
    ] {
        for tape in tapes {
            tape.add(0..tape.seconds(), sum);
        }
    }
    if sums.iter().any(|sum| sum.total() == 0) {
        return None;
    }
    let events = sums.as_ref().map(Sum::total);
    let measured = material.quantiles(&sums);
    let deviations: Vec<Quantiles> = (0..resampling.replicates)
        .map(|replicate| {
            let drawn = material.replicate(&mut Draws::new(resampling.chance, replicate), &mut sums);
            std::array::from_fn(|at| {
                (drawn.candidate[at] - drawn.baseline[at]) - (measured.candidate[at] - measured.baseline[at])
            })
        })
        .collect();
    // Resampling R runs makes them vary less than they do, by the factor (R − 1) / R.
    let inflation = match (material.across_runs, runs_min as f64) {
        (true, count) => (count / (count - 1.0)).sqrt(),
        (false, _) => 1.0,
    };
    let widths = simultaneous_widths(&deviations);
    let points = (0..QUANTILES.len())
        .filter(|at| events.iter().all(|events| has_enough(QUANTILES[*at], *events)))
        .map(|at| {
            let difference = measured.candidate[at] - measured.baseline[at];
            let difference_ms = difference.is_finite().then_some(difference);
            let half = difference_ms.and(widths[at]).map(|width| width * inflation);
            ShiftPoint {
                quantile: QUANTILES[at],
                quantiles_ms: measured.as_ref().map(|values| values[at]),
                difference_ms,
                low_ms: half.map(|half| difference - half),
                high_ms: half.map(|half| difference + half),
            }
        });
    Some(Shift {
        points: points.collect(),
        across_runs: material.across_runs,
        block_s: material.block_s_max,
        replicates: resampling.replicates,
    })
}

impl Material<'_> {
    fn quantiles(&self, sums: &Sides<Sum>) -> Sides<Quantiles> {
        sums.as_ref().map(|sum| {
            let mut values = [f64::INFINITY; QUANTILES.len()];
            sum.quantiles(&QUANTILES, self.axis, &mut values);
            values
        })
    }

    /// The quantiles of both arms as they might have come out.
    fn replicate(&self, draws: &mut Draws, sums: &mut Sides<Sum>) -> Sides<Quantiles> {
        sums.baseline.clear();
        sums.candidate.clear();
        let baseline = self.picks(self.tapes.baseline.len(), draws);
        let candidate = if self.paired && self.across_runs {
            baseline.clone()
        } else {
            self.picks(self.tapes.candidate.len(), draws)
        };
        for pick in baseline {
            let (tape, block) = (&self.tapes.baseline[pick], self.blocks.baseline[pick]);
            resample(tape, block, draws, &mut sums.baseline);
        }
        for pick in candidate {
            let (tape, block) = (&self.tapes.candidate[pick], self.blocks.candidate[pick]);
            resample(tape, block, draws, &mut sums.candidate);
        }
        self.quantiles(sums)
    }

    /// The runs that take part: as many as there are, drawn with replacement, or simply all of them.
    fn picks(&self, runs: usize, draws: &mut Draws) -> Vec<usize> {
        if self.across_runs {
            (0..runs).map(|_| draws.below(runs)).collect()
        } else {
            (0..runs).collect()
        }
    }
}

fn has_enough(quantile: f64, events: u64) -> bool {
    let events = events as f64;
    // The tolerance lets 10 000 events carry p99.9.
    events * quantile.min(1.0 - quantile) >= EVENTS_BEYOND_MIN - 1e-6
}

/// Half widths of a band that holds all deviations of a replicate together in 95 % of the replicates. `None` for a
/// quantile that falls on failed events in more of them than the band may miss.
fn simultaneous_widths(deviations: &[Quantiles]) -> [Option<f64>; QUANTILES.len()] {
    let spreads: [Option<f64>; QUANTILES.len()] = std::array::from_fn(|at| spread(deviations, at));
    let mut largest: Vec<f64> = deviations
        .iter()
        .map(|deviation| {
            let studentised = (0..QUANTILES.len()).filter_map(|at| {
                let spread = spreads[at].filter(|spread| *spread > 0.0)?;
                deviation[at].is_finite().then(|| deviation[at].abs() / spread)
            });
            studentised.fold(0.0, f64::max)
        })
        .collect();
    largest.sort_by(f64::total_cmp);
    let factor = largest
        .get((CONFIDENCE * largest.len().saturating_sub(1) as f64).round() as usize)
        .copied()
        .unwrap_or(0.0);
    spreads.map(|spread| spread.map(|spread| spread * factor))
}

/// The root mean square of a quantile's deviations.
fn spread(deviations: &[Quantiles], at: usize) -> Option<f64> {
    let finite: Vec<f64> = deviations
        .iter()
        .map(|deviation| deviation[at])
        .filter(|deviation| deviation.is_finite())
        .collect();
    let missing = deviations.len() - finite.len();
    if finite.is_empty() || missing as f64 > (1.0 - CONFIDENCE) * deviations.len() as f64 {
        return None;
    }
    let squares: f64 = finite.iter().map(|deviation| deviation * deviation).sum();
    Some((squares / finite.len() as f64).sqrt())
}

/// Cliff's delta: how much more often an event of the candidate takes longer than one of the baseline than the other
/// way round, from −1 (always shorter) over 0 (no tendency) to 1. One pass over the buckets of both; failed events take
/// longer than all others. `None` when either has no events.
pub fn cliffs_delta(baseline: &Slice, candidate: &Slice) -> Option<f64> {
    if baseline.total == 0 || candidate.total == 0 {
        return None;
    }
    let mut before = baseline.values.iter().peekable();
    let mut below: u64 = 0;
    // Pairs in which the candidate's event took longer, and half of those in which both took as long.
    let mut longer = 0.0;
    for (bucket, count) in &candidate.values {
        while let Some((_, passed)) = before.next_if(|(low, _)| *low < bucket) {
            below += passed;
        }
        let tied = before
            .peek()
            .filter(|(low, _)| *low == bucket)
            .map_or(0, |(_, tied)| **tied);
        longer += *count as f64 * (below as f64 + 0.5 * tied as f64);
    }
    longer += candidate.bad as f64 * (baseline.good() as f64 + 0.5 * baseline.bad as f64);
    Some(2.0 * longer / (baseline.total as f64 * candidate.total as f64) - 1.0)
}

/// What a value of Cliff's delta is usually called (conventions after Romano 2006).
pub fn size_of(delta: f64) -> &'static str {
    match delta.abs() {
        size if size < 0.147 => "negligible",
        size if size < 0.33 => "small",
        size if size < 0.474 => "medium",
        _ => "large",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use proptest::prelude::*;

    fn slice(values: &[(u32, u64)], bad: u64) -> Slice {
        let mut slice = Slice::default();
        for (value, count) in values {
            slice.add_value(*value, *value, *count, &[]);
        }
        slice.add_bad(bad);
        slice
    }

    #[test]
    fn cliffs_delta_agrees_with_mann_whitney() {
        // SciPy 1.16: 2 · U / (n · n') − 1 over the same values, failed ones infinite.
        let baseline = slice(&[(1, 3), (2, 5), (5, 2)], 1);
        let candidate = slice(&[(1, 1), (2, 2), (4, 4)], 2);
        let delta = cliffs_delta(&baseline, &candidate).unwrap();
        assert!((delta - 0.323_232_323_232_323_3).abs() < 1e-12, "{delta}");
        assert_eq!(size_of(delta), "small");
        assert_eq!(cliffs_delta(&Slice::default(), &candidate), None);
    }

    proptest! {
        /// Counting buckets is the same as comparing every event with every other.
        #[test]
        fn cliffs_delta_is_that_of_all_pairs(
            left in proptest::collection::vec(1_u32..30, 0..25), right in proptest::collection::vec(1_u32..30, 0..25),
            failed in (0_u64..4, 0_u64..4),
        ) {
            let of = |values: &[u32], bad| slice(&values.iter().map(|value| (*value, 1)).collect::<Vec<_>>(), bad);
            let all = |values: &[u32], bad: u64| -> Vec<f64> {
                let failed = std::iter::repeat_n(f64::INFINITY, bad as usize);
                values.iter().map(|value| f64::from(*value)).chain(failed).collect()
            };
            let (before, after) = (all(&left, failed.0), all(&right, failed.1));
            let delta = cliffs_delta(&of(&left, failed.0), &of(&right, failed.1));
            if before.is_empty() || after.is_empty() {
                prop_assert_eq!(delta, None);
            } else {
                let sum: f64 = after
                    .iter()
                    .flat_map(|a| before.iter().map(move |b| f64::from(a > b) - f64::from(a < b)))
                    .sum();
                prop_assert!((delta.unwrap() - sum / (before.len() * after.len()) as f64).abs() < 1e-9);
            }
        }
    }

    fn drawn() -> Resampling {
        Resampling {
            chance: Chance::new(1),
            replicates: 300,
        }
    }

    /// Runs of 40 s with 50 requests a second, with values that a hash scatters.
    fn runs(count: u64, base_us: u32, slower: impl Fn(u32) -> u32) -> Runs {
        let chance = Chance::new(5);
        let scatter =
            |run: u64, n: u64| (chance.bits(run, crate::chance::Purpose::Resample, n) % 20_000) as u32;
        (0..count)
            .map(|run| {
                let second = |second: u32| {
                    let mut slice = Slice::default();
                    for request in 0..50 {
                        let value = slower(base_us + scatter(run, u64::from(second) * 50 + request));
                        slice.add_value(value, value, 1, &[]);
                    }
                    (second, slice)
                };
                (0..40).map(second).collect()
            })
            .collect()
    }

    #[test]
    fn a_delay_of_all_requests_shifts_every_quantile_alike() {
        let both = Sides {
            baseline: runs(4, 100_000, |value| value),
            candidate: runs(4, 100_000, |value| value + 30_000),
        };
        for paired in [true, false] {
            let shift = shift(&both, paired, drawn()).unwrap();
            assert!(shift.across_runs);
            // 8 000 events do not carry p99.9.
            assert_eq!(shift.points.len(), 7);
            for point in &shift.points {
                let (low, high) = (point.low_ms.unwrap(), point.high_ms.unwrap());
                assert!((point.difference_ms.unwrap() - 30.0).abs() < 1e-9, "{point:?}");
                assert!(low <= 30.0 && 30.0 <= high && high - low < 5.0, "{point:?}");
            }
        }
    }

    #[test]
    fn a_change_of_the_tail_is_seen_in_the_tail() {
        let both = Sides {
            baseline: runs(2, 100_000, |value| value),
            candidate: runs(
                2,
                100_000,
                |value| if value > 118_500 { value + 200_000 } else { value },
            ),
        };
        let shift = shift(&both, true, drawn()).unwrap();
        assert!(!shift.across_runs, "two runs are too few to be resampled");
        for point in &shift.points {
            let (low, high) = (point.low_ms.unwrap(), point.high_ms.unwrap());
            if point.quantile < 0.9 {
                assert!(low <= 0.0 && 0.0 <= high, "{point:?}");
            } else if point.quantile > 0.94 {
                assert!(low > 100.0, "{point:?}");
            }
        }
    }

    #[test]
    fn failed_events_have_no_difference() {
        let mut failing = runs(1, 100_000, |value| value);
        for slice in failing[0].values_mut() {
            slice.add_bad(30);
        }
        let both = Sides {
            baseline: runs(1, 100_000, |value| value),
            candidate: failing,
        };
        let shift = shift(&both, true, drawn()).unwrap();
        let tail = shift.points.iter().find(|point| point.quantile == 0.9).unwrap();
        assert_eq!((tail.difference_ms, tail.low_ms), (None, None));
        assert!(tail.quantiles_ms.candidate.is_infinite());
        let none = Sides {
            baseline: Vec::new(),
            candidate: runs(1, 1, |value| value),
        };
        assert_eq!(super::shift(&none, true, drawn()), None);
    }
}
