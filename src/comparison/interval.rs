//! How sure a ratio of two arms is.
//!
//! Figures of a run are compared by the logarithm of their ratio: "twice as long" and "half as long" are then equally
//! far from "the same". What two runs of one system differ by is mostly not chance within a run but the run itself
//! (where memory came to lie, what else the host did), so the interval comes from several runs of each arm. With one
//! pair the 95 % interval of the samples alone holds the truth in 64 % of all comparisons only.

use crate::sla::{Z_97_5, t_quantile};

/// Two-sided probability that an interval misses: 2.5 % on either side.
const PROBABILITY: f64 = 0.975;
/// More pairs than this are nothing that anybody would run.
const PAIRS_MAX: u32 = 200;

/// A value with its two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// The same, each number changed.
    pub fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            value: change(self.value),
            low: change(self.low),
            high: change(self.high),
        }
    }
}

/// Mean and variance of the mean of a sample; `None` with fewer than two values.
fn mean_and_variance(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, squares / (count - 1.0) / count))
}

/// Student's t interval of a mean: d̄ ± t(0.975, R − 1) · sd / √R. `None` with fewer than two values.
pub(super) fn of_mean(values: &[f64]) -> Option<Interval> {
    let (value, variance) = mean_and_variance(values)?;
    let half = t_quantile(PROBABILITY, values.len() as f64 - 1.0) * variance.sqrt();
    Some(Interval {
        value,
        low: value - half,
        high: value + half,
    })
}

/// The geometric mean of positive values with its interval: Student's t on their logarithms. Given the ratios of
/// pairs, this is the paired interval.
pub(super) fn of_geometric_mean(values: &[f64]) -> Option<Interval> {
    let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
    of_mean(&logarithms).map(|interval| interval.map(f64::exp))
}

/// The ratio of two independent samples of positive values: Welch's t on their logarithms, with Satterthwaite's degrees
/// of freedom. `None` when either has fewer than two values.
pub(super) fn unpaired(baseline: &[f64], candidate: &[f64]) -> Option<Interval> {
    let logarithms = |values: &[f64]| values.iter().map(|value| value.ln()).collect::<Vec<f64>>();
    let (before, before_variance) = mean_and_variance(&logarithms(baseline))?;
    let (after, after_variance) = mean_and_variance(&logarithms(candidate))?;
    let value = after - before;
    let variance = before_variance + after_variance;
    let half = if variance > 0.0 {
        let degrees = variance.powi(2)
            / (before_variance.powi(2) / (baseline.len() as f64 - 1.0)
                + after_variance.powi(2) / (candidate.len() as f64 - 1.0));
        t_quantile(PROBABILITY, degrees) * variance.sqrt()
    } else {
        0.0
    };
    let interval = Interval {
        value,
        low: value - half,
        high: value + half,
    };
    Some(interval.map(f64::exp))
}

/// The interval of one pair when it is known by how much runs differ: SE² = SE²(within) + 2 · sd²(run to run), on the
/// logarithms. `within` is the interval of the samples alone.
pub(super) fn of_single_pair(within: Interval, run_to_run: f64) -> Interval {
    let within_error = (within.high / within.low).ln() / (2.0 * Z_97_5);
    let half = Z_97_5 * (within_error.powi(2) + 2.0 * run_to_run.powi(2)).sqrt();
    Interval {
        value: within.value,
        low: within.value * (-half).exp(),
        high: within.value * half.exp(),
    }
}

/// How many pairs would decide whether ratios lie beyond `limit`, if they went on to differ as they do: the smallest
/// number whose half width is less than the distance. `None` when they lie on the limit, or when no sensible number
/// would do.
pub(super) fn pairs_needed(ratios: &[f64], limit: f64) -> Option<u32> {
    let logarithms: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let (mean, variance) = mean_and_variance(&logarithms)?;
    let deviation = (variance * ratios.len() as f64).sqrt();
    let distance = (mean - limit.ln()).abs();
    (2..=PAIRS_MAX).find(|pairs| {
        let half = t_quantile(PROBABILITY, f64::from(*pairs) - 1.0) * deviation / f64::from(*pairs).sqrt();
        half <= distance && distance > 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(left: f64, right: f64) {
        assert!((left / right - 1.0).abs() < 1e-9, "{left} is not {right}");
    }

    /// Expected numbers: SciPy 1.16, `ttest_1samp` and `ttest_ind(equal_var=False)` on the logarithms.
    #[test]
    fn intervals_agree_with_an_independent_program() {
        let baseline = [212.0, 198.0, 205.5, 221.3, 209.9];
        let candidate = [61.2, 58.9, 66.0, 60.4, 63.3];
        let ratios: Vec<f64> = baseline.iter().zip(candidate).map(|(b, c)| c / b).collect();
        let paired = of_geometric_mean(&ratios).unwrap();
        close(paired.value, 0.295_943_573_949_6);
        close(paired.low, 0.274_809_986_891_477_9);
        close(paired.high, 0.318_702_387_612_458_4);

        let baseline = [10.0, 12.5, 11.1, 9.7];
        let candidate = [20.1, 18.4, 26.3, 21.0, 23.9, 19.5];
        let welch = unpaired(&baseline, &candidate).unwrap();
        close(welch.value, 1.983_896_712_746_502_6);
        close(welch.low, 1.646_871_364_080_577);
        close(welch.high, 2.389_892_892_871_917_3);
    }

    #[test]
    fn a_single_pair_is_as_sure_as_runs_are_alike() {
        let within = Interval {
            value: 0.35,
            low: 0.35 * (-0.05 * Z_97_5).exp(),
            high: 0.35 * (0.05 * Z_97_5).exp(),
        };
        let known = of_single_pair(within, 0.08);
        close(known.low, 0.274_650_395_159_804_15);
        close(known.high, 0.446_021_568_360_474_63);
        let none = of_single_pair(within, 0.0);
        close(none.low, within.low);
    }

    #[test]
    fn fewer_than_two_runs_have_no_interval() {
        assert_eq!(of_mean(&[1.0]), None);
        assert_eq!(of_geometric_mean(&[]), None);
        assert_eq!(unpaired(&[1.0, 2.0], &[3.0]), None);
        assert_eq!(pairs_needed(&[2.0], 3.0), None);
    }

    #[test]
    fn the_pairs_that_would_decide_follow_from_spread_and_distance() {
        // Logarithms with a standard deviation of 0.12, 0.05 away from the limit: SciPy says 25.
        let spread = 0.12 / 2.0_f64.sqrt();
        let ratios = [(-spread).exp(), spread.exp()];
        assert_eq!(pairs_needed(&ratios, 0.05_f64.exp()), Some(25));
        assert_eq!(pairs_needed(&ratios, 1.0), None, "on the limit nothing decides");
    }

    proptest! {
        /// Exchanging the arms turns the ratio and its interval over.
        #[test]
        fn the_arms_can_be_exchanged(values in proptest::collection::vec((0.1_f64..1e4, 0.1_f64..1e4), 2..8)) {
            let (left, right): (Vec<f64>, Vec<f64>) = values.into_iter().unzip();
            let (there, back) = (unpaired(&left, &right).unwrap(), unpaired(&right, &left).unwrap());
            prop_assert!((there.low * back.high - 1.0).abs() < 1e-6);
            prop_assert!((there.value * back.value - 1.0).abs() < 1e-9);
            prop_assert!(there.low <= there.value && there.value <= there.high);
        }

        /// The unit of the figure does not matter.
        #[test]
        fn the_unit_does_not_matter(
            values in proptest::collection::vec((0.1_f64..1e4, 0.1_f64..1e4), 2..8), scale in 1e-3_f64..1e3,
        ) {
            let ratios = |scale: f64| values.iter().map(|(b, c)| (c * scale) / (b * scale)).collect::<Vec<f64>>();
            let (plain, scaled) = (of_geometric_mean(&ratios(1.0)).unwrap(), of_geometric_mean(&ratios(scale)).unwrap());
            prop_assert!((plain.low / scaled.low - 1.0).abs() < 1e-6);
        }
    }
}
