//! The moving-block bootstrap: how far a figure of one run could have moved by chance within that run.
//!
//! Requests of neighbouring seconds are alike (a stall makes them slow together), so whole blocks of consecutive
//! seconds are drawn, each as long as seconds go on to be alike: the length at which the variance between batches stops
//! growing (Künsch 1989 for the method; the rule for the length is that of the design effect in [`crate::sla`]).

use super::interval::Interval;
use super::tape::{Axis, Figure, Sum, Tape};
use crate::chance::{Chance, Purpose};
use crate::sla::correlation_length;

/// Resamples of one interval.
pub const REPLICATES: u64 = 1_000;

/// How replicates are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// Decides what is drawn.
    pub chance: Chance,
    pub replicates: u64,
}
/// Of fewer seconds nothing can be drawn that would tell anything.
const SECONDS_MIN: usize = 5;
/// A block is at most this part of the run, so that there are several to draw.
const BLOCK_PART_MAX: usize = 4;
/// The quantile above which seconds are looked at for how long they stay alike.
const TAIL: f64 = 0.9;

/// The draws of one replicate.
pub(super) struct Draws {
    chance: Chance,
    replicate: u64,
    drawn: u64,
}

impl Draws {
    pub(super) fn new(chance: Chance, replicate: u64) -> Self {
        Self {
            chance,
            replicate,
            drawn: 0,
        }
    }

    /// A number from 0 to `bound` − 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bits = self.chance.bits(self.replicate, Purpose::Resample, self.drawn);
        self.drawn += 1;
        ((u128::from(bits) * bound as u128) >> 64) as usize
    }
}

/// How many consecutive seconds are drawn together.
pub(super) fn block_length(tape: &Tape, axis: &Axis) -> usize {
    let seconds = tape.seconds();
    let mut all = Sum::new(axis);
    tape.add(0..seconds, &mut all);
    let alike = all
        .read(Figure::Quantile(TAIL), axis)
        .map_or(1, |tail_ms| correlation_length(&tape.exceedances(tail_ms, axis)));
    let least = (seconds as f64).cbrt().ceil() as usize;
    alike.max(least).min(seconds / BLOCK_PART_MAX).max(1)
}

/// Adds a run as it might have been: blocks drawn until it is as long as the real one.
pub(super) fn resample(tape: &Tape, block: usize, draws: &mut Draws, sum: &mut Sum) {
    let mut missing = tape.seconds();
    while missing > 0 {
        let length = block.min(missing);
        let start = draws.below(tape.seconds() - block + 1);
        tape.add(start..start + length, sum);
        missing -= length;
    }
}

/// The ratio of a figure, candidate over baseline, of one run each, with the 95 % interval of what chance within the runs
/// could have done. `None` when a run is too short or holds no such figure.
pub(super) fn ratio_within(
    baseline: &Tape,
    candidate: &Tape,
    figure: Figure,
    axis: &Axis,
    resampling: Resampling,
) -> Option<Interval> {
    let ratio =
        |baseline: &Sum, candidate: &Sum| Some(candidate.read(figure, axis)? / baseline.read(figure, axis)?);
    within(&[baseline, candidate], axis, resampling, |sums| {
        ratio(&sums[0], &sums[1])
    })
}

/// A figure of one run with the same interval.
pub(super) fn value_within(
    tape: &Tape,
    figure: Figure,
    axis: &Axis,
    resampling: Resampling,
) -> Option<Interval> {
    within(&[tape], axis, resampling, |sums| sums[0].read(figure, axis))
}

fn within(
    tapes: &[&Tape],
    axis: &Axis,
    resampling: Resampling,
    read: impl Fn(&[Sum]) -> Option<f64>,
) -> Option<Interval> {
    if tapes.iter().any(|tape| tape.seconds() < SECONDS_MIN) {
        return None;
    }
    let mut sums = vec![Sum::new(axis); tapes.len()];
    for (tape, sum) in tapes.iter().zip(&mut sums) {
        tape.add(0..tape.seconds(), sum);
    }
    let value = read(&sums)?;
    let blocks: Vec<usize> = tapes.iter().map(|tape| block_length(tape, axis)).collect();
    let mut replicates = Vec::new();
    for replicate in 0..resampling.replicates {
        let mut draws = Draws::new(resampling.chance, replicate);
        for ((tape, sum), block) in tapes.iter().zip(&mut sums).zip(&blocks) {
            sum.clear();
            resample(tape, *block, &mut draws, sum);
        }
        replicates.extend(read(&sums).filter(|value| !value.is_nan()));
    }
    let (low, high) = ends(&mut replicates)?;
    Some(Interval { value, low, high })
}

/// The 2.5 % and 97.5 % quantiles of the replicates.
pub(super) fn ends(replicates: &mut [f64]) -> Option<(f64, f64)> {
    replicates.sort_by(f64::total_cmp);
    let last = replicates.len().checked_sub(1)?;
    let at = |part: f64| replicates[(part * last as f64).round() as usize];
    Some((at(0.025), at(0.975)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::metrics::Slice;

    /// Seconds of 20 requests each; the value of a second follows from its number.
    fn slices(seconds: u32, value_us: impl Fn(u32) -> u32) -> BTreeMap<u32, Slice> {
        (0..seconds)
            .map(|second| {
                let mut slice = Slice::default();
                for request in 0..20 {
                    let value = value_us(second) + request * 10;
                    slice.add_value(value, value, 1, &[]);
                }
                (second, slice)
            })
            .collect()
    }

    fn drawn_by(seed: u64) -> Resampling {
        Resampling {
            chance: Chance::new(seed),
            replicates: 400,
        }
    }

    fn scattered(second: u32) -> u32 {
        10_000 + Chance::new(9).bits(u64::from(second), Purpose::Resample, 1) as u32 % 10_000
    }

    fn tapes(all: &[BTreeMap<u32, Slice>]) -> (Axis, Vec<Tape>) {
        let axis = Axis::of(all.iter().flat_map(BTreeMap::values));
        let tapes = all.iter().map(|slices| Tape::of(slices, &axis)).collect();
        (axis, tapes)
    }

    #[test]
    fn a_ratio_lies_within_its_interval_and_is_reproducible() {
        let (axis, tapes) = tapes(&[
            slices(60, scattered),
            slices(60, |second| 2 * scattered(second + 500)),
        ]);
        for figure in [Figure::Quantile(0.95), Figure::Mean] {
            let interval = |seed| ratio_within(&tapes[0], &tapes[1], figure, &axis, drawn_by(seed)).unwrap();
            let found = interval(1);
            assert!(found.low <= found.value && found.value <= found.high, "{found:?}");
            assert!(
                (found.value - 2.0).abs() < 0.2 && found.high - found.low < 0.5,
                "{found:?}"
            );
            assert_eq!(found, interval(1));
            assert_ne!(found, interval(2));
        }
    }

    #[test]
    fn the_interval_of_a_mean_agrees_with_its_formula() {
        // Independent seconds: the standard error is sd / √n, known from the seconds themselves.
        let all = slices(200, scattered);
        let means: Vec<f64> = all.values().filter_map(Slice::mean_ms).collect();
        let (axis, tapes) = tapes(&[all]);
        let found = value_within(&tapes[0], Figure::Mean, &axis, drawn_by(3)).unwrap();
        let mean = means.iter().sum::<f64>() / 200.0;
        let squares: f64 = means.iter().map(|value| (value - mean).powi(2)).sum();
        let half = 1.96 * (squares / 199.0 / 200.0).sqrt();
        assert!((found.value - mean).abs() < 1e-9);
        let width = (found.high - found.low) / 2.0;
        assert!((0.75..1.3).contains(&(width / half)), "{width} {half}");
    }

    #[test]
    fn seconds_that_are_alike_are_drawn_together() {
        let (axis, tapes) = tapes(&[
            slices(240, scattered),
            slices(240, |second| {
                // Ten seconds fast, ten seconds slow.
                if second % 20 < 10 { 10_000 } else { 50_000 }
            }),
        ]);
        assert!(
            block_length(&tapes[1], &axis) >= 8,
            "{}",
            block_length(&tapes[1], &axis)
        );
        assert!(block_length(&tapes[1], &axis) <= 60);
        let widths = [0, 1].map(|index| {
            let found = value_within(&tapes[index], Figure::Mean, &axis, drawn_by(3)).unwrap();
            (found.high - found.low) / found.value
        });
        assert!(widths[1] > widths[0]);
    }

    #[test]
    fn too_short_a_run_has_no_interval() {
        let (axis, tapes) = tapes(&[slices(4, scattered)]);
        assert_eq!(value_within(&tapes[0], Figure::Mean, &axis, drawn_by(1)), None);
        let none = Tape::default();
        assert_eq!(value_within(&none, Figure::Mean, &axis, drawn_by(1)), None);
    }
}
