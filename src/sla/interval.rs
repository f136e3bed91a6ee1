//! How sure a measured share is: one-sided Clopper–Pearson bounds with an effective sample size.
//!
//! Requests of one run are not independent: a stall makes many neighbours slow together. Plain binomial bounds would
//! pass a system that sits exactly on its limit in a third of all runs instead of one in twenty. The number of events
//! is therefore divided by a *design effect*, the variance of the share over batches of seconds relative to that of
//! independent events; batches are doubled in length and the largest effect counts. Formulas: Korn & Graubard 1998
//! for the bounds, batch means for the effect.

use super::distribution::{Z_95, beta_quantile, t_quantile};

/// One-sided error probability of every bound.
pub(super) const ALPHA: f64 = 0.05;
/// Fewer batches than this say nothing about the variance between them.
const BATCHES_MIN: usize = 20;
/// With bad events in fewer seconds than this the effect cannot be estimated, and the floor holds.
const EVENTFUL_SECONDS_MIN: usize = 10;
/// Design effect that is assumed when it cannot be estimated: so many events of a burst count as one.
pub const DESIGN_EFFECT_FLOOR: f64 = 20.0;

/// What one second (or a batch of seconds) adds to a ratio: its events and how many of them were bad. Also used for
/// means, with the sum of the values in `bad`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Second {
    pub(crate) events: f64,
    pub(crate) bad: f64,
}

/// Bounds of a share of bad events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ShareBounds {
    /// The share is at least this, with 95 % confidence.
    pub(super) lower: f64,
    /// The share is at most this, with 95 % confidence.
    pub(super) upper: f64,
    /// How many independent events the events are worth.
    pub(super) samples_effective: f64,
    pub(super) design_effect: f64,
    /// Whether the effect is the assumed one, because too few events were bad to estimate it.
    pub(super) effect_assumed: bool,
    /// Whether the effect still grew at the longest batches: the run may be too short for its own correlation.
    pub(super) effect_growing: bool,
}

/// Whether a design effect that cannot be estimated is assumed to be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caution {
    /// Assume [`DESIGN_EFFECT_FLOOR`] when bad events are in few seconds only.
    AssumeBursts,
    /// Take the seconds as they are; for series that are one event a second.
    None,
}

/// The variance of a ratio over batches of one length.
#[derive(Debug, Clone, Copy)]
struct BatchVariance {
    batches: usize,
    variance: f64,
}

/// Variances of the ratio estimator for batches of 1, 2, 4, … seconds while enough batches remain. The shortest
/// batches are always among them when there are two seconds at all.
fn variances(seconds: &[Second]) -> Vec<BatchVariance> {
    let events: f64 = seconds.iter().map(|second| second.events).sum();
    let bad: f64 = seconds.iter().map(|second| second.bad).sum();
    let mut found = Vec::new();
    if events <= 0.0 {
        return found;
    }
    let ratio = bad / events;
    let mut batches = seconds.to_vec();
    while batches.len() >= 2 && (found.is_empty() || batches.len() >= BATCHES_MIN) {
        let count = batches.len();
        let squares: f64 = batches
            .iter()
            .map(|batch| (batch.bad - ratio * batch.events).powi(2))
            .sum();
        found.push(BatchVariance {
            batches: count,
            variance: count as f64 / (count as f64 - 1.0) * squares / events.powi(2),
        });
        // An odd last batch is dropped: a shorter one would have another variance.
        batches = batches
            .chunks_exact(2)
            .map(|pair| Second {
                events: pair[0].events + pair[1].events,
                bad: pair[0].bad + pair[1].bad,
            })
            .collect();
    }
    found
}

/// Bounds of the share of bad events over `seconds`; `None` without events.
pub(super) fn share_bounds(seconds: &[Second], caution: Caution) -> Option<ShareBounds> {
    let events: f64 = seconds.iter().map(|second| second.events).sum();
    let bad: f64 = seconds.iter().map(|second| second.bad).sum();
    if events <= 0.0 {
        return None;
    }
    let share = (bad / events).clamp(0.0, 1.0);
    let independent = share * (1.0 - share) / events;
    let effects: Vec<(usize, f64)> = if independent > 0.0 {
        variances(seconds)
            .into_iter()
            .map(|batch| (batch.batches, batch.variance / independent))
            .collect()
    } else {
        Vec::new()
    };
    let largest = effects
        .iter()
        .copied()
        .max_by(|left, right| left.1.total_cmp(&right.1));
    // With batches of one length only, nobody has seen the growth end either.
    let effect_growing = effects
        .split_last()
        .is_some_and(|((_, last), shorter)| shorter.iter().all(|(_, effect)| effect < last));
    let (batches, estimated) = largest.unwrap_or((seconds.len(), 1.0));
    let eventful = seconds.iter().filter(|second| second.bad > 0.0).count();
    let uncertain = eventful < EVENTFUL_SECONDS_MIN || seconds.len() < BATCHES_MIN || independent <= 0.0;
    let floor = if uncertain && caution == Caution::AssumeBursts {
        DESIGN_EFFECT_FLOOR
    } else {
        1.0
    };
    let design_effect = estimated.max(floor);
    // An effect estimated from few batches is itself uncertain; the assumed floor is not an estimate.
    let correction = if batches >= 2 && estimated >= floor && !effects.is_empty() {
        (Z_95 / t_quantile(1.0 - ALPHA, batches as f64 - 1.0)).powi(2)
    } else {
        1.0
    };
    let samples_effective = events / design_effect * correction;
    let (lower, upper) = clopper_pearson(share * samples_effective, samples_effective);
    Some(ShareBounds {
        lower,
        upper,
        samples_effective,
        design_effect,
        effect_assumed: floor > 1.0 && estimated <= floor,
        effect_growing,
    })
}

/// For how many consecutive seconds what is bad of them goes on to be alike: the length of the batches with the largest
/// design effect; 1 when nothing can be told.
pub(crate) fn correlation_length(seconds: &[Second]) -> usize {
    let lengths = (0..).map(|doublings| 1_usize << doublings);
    variances(seconds)
        .into_iter()
        .zip(lengths)
        .filter(|(batch, _)| batch.variance > 0.0)
        .max_by(|(left, _), (right, _)| left.variance.total_cmp(&right.variance))
        .map_or(1, |(_, length)| length)
}

/// One-sided 95 % bounds of the share of bad events, bursts taken into account; `None` without events.
pub(crate) fn share_range(seconds: &[Second]) -> Option<(f64, f64)> {
    share_bounds(seconds, Caution::AssumeBursts).map(|bounds| (bounds.lower, bounds.upper))
}

/// One-sided 95 % Clopper–Pearson bounds for `bad` of `events`; both may be fractions.
pub(super) fn clopper_pearson(bad: f64, events: f64) -> (f64, f64) {
    // A share that is exactly 0 or 1 must stay so through the rounding of the effective counts.
    let none_bad = bad <= 0.0;
    let all_bad = events - bad <= events * 1e-12;
    let lower = if none_bad {
        0.0
    } else {
        beta_quantile(ALPHA, bad, events - bad + 1.0)
    };
    let upper = if all_bad {
        1.0
    } else {
        beta_quantile(1.0 - ALPHA, bad + 1.0, events - bad)
    };
    (lower, upper)
}

/// How many more events, at the same share of bad ones, would bring the upper bound within `budget`; `None` when no
/// number would.
pub(super) fn events_missing(bounds: &ShareBounds, share: f64, budget: f64) -> Option<f64> {
    let passes = |events: f64| clopper_pearson(share * events, events).1 <= budget;
    let needed = fewest(bounds.samples_effective, share < budget, passes)?;
    Some((needed - bounds.samples_effective) * bounds.design_effect)
}

/// How many more events, at the same share of bad ones, would bring the lower bound beyond `budget`: they would prove
/// that the target is missed. `None` when no number would.
pub(super) fn events_missing_to_fail(bounds: &ShareBounds, share: f64, budget: f64) -> Option<f64> {
    let fails = |events: f64| clopper_pearson(share * events, events).0 > budget;
    let needed = fewest(bounds.samples_effective, share > budget, fails)?;
    Some((needed - bounds.samples_effective) * bounds.design_effect)
}

/// The fewest effective events from `low` on for which `decided` holds, by bisection on a logarithmic scale; `None` when
/// that is beyond all measure or not `possible`.
fn fewest(low: f64, possible: bool, decided: impl Fn(f64) -> bool) -> Option<f64> {
    const EFFECTIVE_MAX: f64 = 1e9;
    if !possible || !decided(EFFECTIVE_MAX) {
        return None;
    }
    let (mut low, mut high) = (low, EFFECTIVE_MAX);
    if decided(low) {
        return Some(low);
    }
    for _ in 0..80 {
        let middle = (low * high).sqrt();
        if decided(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}

/// One-sided 95 % bounds of a mean (`bad` holds sums of values), by batch means; `None` with fewer than two seconds.
pub(super) fn mean_bounds(seconds: &[Second]) -> Option<(f64, f64)> {
    let events: f64 = seconds.iter().map(|second| second.events).sum();
    let sum: f64 = seconds.iter().map(|second| second.bad).sum();
    let largest = variances(seconds)
        .into_iter()
        .max_by(|left, right| left.variance.total_cmp(&right.variance))?;
    let half = t_quantile(1.0 - ALPHA, largest.batches as f64 - 1.0) * largest.variance.sqrt();
    let mean = sum / events;
    Some((mean - half, mean + half))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn even(seconds: usize, events: f64, bad: f64) -> Vec<Second> {
        vec![Second { events, bad }; seconds]
    }

    #[test]
    fn bounds_agree_with_published_values() {
        let (_, upper) = clopper_pearson(50.0, 10_000.0);
        assert!((upper - 0.006_324_5).abs() < 5e-8, "{upper}");
        let (_, upper) = clopper_pearson(450.0, 10_000.0);
        assert!((upper - 0.048_559_4).abs() < 5e-8, "{upper}");
    }

    #[test]
    fn the_smallest_samples_that_pass_agree_with_the_tables() {
        // (budget, bad events allowed, events needed) at 95 % confidence.
        for (budget, bad, needed) in [
            (0.05, 0.0, 59.0),
            (0.01, 0.0, 299.0),
            (0.005, 0.0, 598.0),
            (0.001, 0.0, 2_995.0),
            (0.05, 10.0, 336.0),
            (0.01, 10.0, 1_693.0),
            (0.005, 10.0, 3_389.0),
            (0.001, 10.0, 16_959.0),
        ] {
            assert!(clopper_pearson(bad, needed).1 <= budget, "{needed} must pass");
            assert!(
                clopper_pearson(bad, needed - 1.0).1 > budget,
                "{needed} must be the first"
            );
        }
    }

    #[test]
    fn no_events_and_extremes_give_no_nonsense() {
        assert_eq!(share_bounds(&[], Caution::AssumeBursts), None);
        assert_eq!(share_bounds(&even(5, 0.0, 0.0), Caution::AssumeBursts), None);
        let clean = share_bounds(&even(60, 100.0, 0.0), Caution::AssumeBursts).unwrap();
        assert_eq!(clean.lower, 0.0);
        // The rule of three on 6000/20 effective events.
        assert!((clean.upper - (1.0 - 0.05_f64.powf(1.0 / 300.0))).abs() < 1e-9);
        let dead = share_bounds(&even(60, 100.0, 100.0), Caution::AssumeBursts).unwrap();
        assert_eq!(dead.upper, 1.0);
        assert!(dead.lower > 0.98);
        let one = share_bounds(&even(1, 10.0, 3.0), Caution::AssumeBursts).unwrap();
        assert!(one.lower > 0.0 && one.lower < 0.3 && one.upper > 0.3);
    }

    #[test]
    fn bursts_are_worth_fewer_events_than_scattered_failures() {
        let scattered = even(200, 100.0, 2.0);
        let bursts: Vec<Second> = (0..200)
            .map(|second| Second {
                events: 100.0,
                bad: if second % 10 == 0 { 20.0 } else { 0.0 },
            })
            .collect();
        let scattered = share_bounds(&scattered, Caution::AssumeBursts).unwrap();
        let bursts = share_bounds(&bursts, Caution::AssumeBursts).unwrap();
        assert_eq!(scattered.design_effect, 1.0);
        assert!(bursts.design_effect > 10.0, "{}", bursts.design_effect);
        assert!(bursts.upper > scattered.upper && bursts.lower < scattered.lower);
    }

    #[test]
    fn what_stays_bad_for_long_is_alike_for_long() {
        let alternating = |period: usize| -> Vec<Second> {
            (0..256)
                .map(|second| Second {
                    events: 100.0,
                    bad: if second % (2 * period) < period { 20.0 } else { 0.0 },
                })
                .collect()
        };
        assert_eq!(correlation_length(&alternating(8)), 8);
        assert_eq!(correlation_length(&alternating(1)), 1);
        assert_eq!(correlation_length(&even(50, 10.0, 0.0)), 1);
        assert_eq!(correlation_length(&[]), 1);
    }

    #[test]
    fn a_run_that_is_too_short_for_its_own_correlation_is_recognised() {
        let blocks = |seconds: usize, period: usize| -> Vec<Second> {
            (0..seconds)
                .map(|second| Second {
                    events: 100.0,
                    bad: if second % (2 * period) < period { 6.0 } else { 2.0 },
                })
                .collect()
        };
        let growing = |seconds: &[Second]| {
            let bounds = share_bounds(seconds, Caution::AssumeBursts).unwrap();
            bounds.effect_growing
        };
        // 300 s have batches of up to 8 s with 37 of them; 16 s would leave 18.
        assert!(
            growing(&blocks(300, 32)),
            "alike for longer than the longest batch"
        );
        assert!(!growing(&blocks(300, 2)), "the effect was largest at 2 s");
        // 35 s have one length of batches: nothing shows that the effect has stopped growing.
        assert!(growing(&blocks(35, 2)));
        // No second differs from another, so nothing depends on anything.
        assert!(!growing(&even(300, 100.0, 4.0)));
        assert!(!growing(&even(300, 100.0, 0.0)) && !growing(&even(300, 100.0, 100.0)));
    }

    #[test]
    fn all_bad_is_certain_and_still_assumes_bursts() {
        let dead = share_bounds(&even(300, 10.0, 10.0), Caution::AssumeBursts).unwrap();
        assert_eq!((dead.design_effect, dead.samples_effective), (20.0, 150.0));
        assert!(dead.effect_assumed);
        // n of n: the lower bound is alpha^(1/n).
        assert!(
            (dead.lower - 0.05_f64.powf(1.0 / 150.0)).abs() < 1e-9,
            "{}",
            dead.lower
        );
        assert_eq!(dead.upper, 1.0);
    }

    #[test]
    fn few_events_assume_bursts() {
        let mut seconds = even(100, 100.0, 0.0);
        seconds[7].bad = 1.0;
        let bounds = share_bounds(&seconds, Caution::AssumeBursts).unwrap();
        assert_eq!(bounds.design_effect, DESIGN_EFFECT_FLOOR);
        assert!(share_bounds(&seconds, Caution::None).unwrap().design_effect < 2.0);
    }

    #[test]
    fn missing_events_settle_the_question() {
        let bounds = share_bounds(&even(60, 10.0, 0.0), Caution::AssumeBursts).unwrap();
        let missing = events_missing(&bounds, 0.0, 0.05).unwrap();
        // 59 effective events are needed, 30 are there, each costs 20.
        assert!((missing - 29.0 * 20.0).abs() < 20.0, "{missing}");
        assert_eq!(events_missing(&bounds, 0.06, 0.05), None);
        // 8 % measured where 5 % may: more of the same would prove the miss, and no number would if it were 5 %.
        let missed = events_missing_to_fail(&bounds, 0.08, 0.05).unwrap();
        let effective = bounds.samples_effective + missed / bounds.design_effect;
        assert!(clopper_pearson(0.08 * effective, effective).0 >= 0.05 - 1e-6);
        assert!(clopper_pearson(0.08 * effective * 0.99, effective * 0.99).0 < 0.05);
        assert_eq!(events_missing_to_fail(&bounds, 0.05, 0.05), None);
    }

    #[test]
    fn a_mean_lies_within_its_bounds() {
        let seconds: Vec<Second> = (0..40)
            .map(|second| Second {
                events: 10.0,
                bad: 100.0 + f64::from(second % 3),
            })
            .collect();
        let (lower, upper) = mean_bounds(&seconds).unwrap();
        assert!(lower < 10.1 && upper > 10.1 && upper - lower < 0.1);
        assert_eq!(mean_bounds(&seconds[..1]), None);
    }

    proptest! {
        /// The bounds enclose the measured share and stay within 0 and 1, whatever the seconds hold.
        #[test]
        fn bounds_enclose_the_share(counts in proptest::collection::vec((0_u32..200, 0_u32..200), 1..120)) {
            let seconds: Vec<Second> = counts
                .iter()
                .map(|(events, bad)| Second { events: f64::from(*events), bad: f64::from(*bad.min(events)) })
                .collect();
            let events: f64 = seconds.iter().map(|second| second.events).sum();
            if let Some(bounds) = share_bounds(&seconds, Caution::AssumeBursts) {
                let share = seconds.iter().map(|second| second.bad).sum::<f64>() / events;
                prop_assert!(bounds.lower >= 0.0 && bounds.upper <= 1.0);
                prop_assert!(bounds.lower <= share + 1e-9 && share <= bounds.upper + 1e-9);
                prop_assert!(bounds.samples_effective <= events + 1e-6);
            }
        }
    }
}
