//! What a number of samples can prove at best: worked out before a run, and while it goes on.

use super::bisection::first_where;
use super::interval::{ALPHA, DESIGN_EFFECT_FLOOR, clopper_pearson};

/// How many of `samples` may be bad so that their share is still certified to be within `budget`, when bad samples come
/// in bursts and so many of them count as one as the judge assumes while too few are bad to tell. `None` when not even
/// a run without any bad sample would be enough.
pub fn certifiable_bad(samples: u64, budget: f64) -> Option<u64> {
    bad_at_most(samples as f64, budget, DESIGN_EFFECT_FLOOR)
}

/// The fewest samples, none of them bad, that certify a share within `budget`; `None` when no number does.
pub fn certifiable_samples(budget: f64) -> Option<u64> {
    // 1 − α^(1/n) ≤ b, the exact form of the rule of three.
    (budget > 0.0 && budget < 1.0).then(|| {
        let independent = (ALPHA.ln() / (-budget).ln_1p()).ceil();
        (independent * DESIGN_EFFECT_FLOOR) as u64
    })
}

/// The largest number of bad ones among `samples`, of which `design_effect` count as one, whose upper bound is within
/// `budget`.
pub(super) fn bad_at_most(samples: f64, budget: f64, design_effect: f64) -> Option<u64> {
    let independent = samples / design_effect;
    let passes = |bad: f64| clopper_pearson(bad / design_effect, independent).1 <= budget;
    if samples <= 0.0 || !passes(0.0) {
        return None;
    }
    // The bound grows with the number of bad ones.
    let too_many = first_where(1..samples as u64 + 1, |bad| !passes(bad as f64));
    Some(too_many - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn independent_samples_agree_with_the_tables() {
        for (samples, budget, bad) in [
            (59.0, 0.05, Some(0)),
            (58.0, 0.05, None),
            (93.0, 0.05, Some(1)),
            (1_693.0, 0.01, Some(10)),
            (1_692.0, 0.01, Some(9)),
            (2_994.0, 0.001, None),
            (169_619.0, 0.000_1, Some(10)),
            (0.0, 0.05, None),
        ] {
            assert_eq!(bad_at_most(samples, budget, 1.0), bad, "{samples} at {budget}");
        }
    }

    #[test]
    fn in_bursts_twenty_samples_count_as_one() {
        assert_eq!(certifiable_samples(0.001), Some(2_995 * 20));
        assert_eq!(certifiable_samples(0.05), Some(59 * 20));
        assert_eq!((certifiable_samples(0.0), certifiable_samples(1.0)), (None, None));
        assert_eq!(certifiable_bad(59_900, 0.001), Some(0));
        assert_eq!(certifiable_bad(59_880, 0.001), None);
        // 33 860 samples are worth 1 693, of which ten may be bad.
        let bad = certifiable_bad(33_860, 0.01).unwrap();
        assert!((200..220).contains(&bad), "{bad}");
        assert_eq!(certifiable_bad(1_000_000, 0.0), None);
    }

    proptest! {
        /// What is certifiable is the border: one more bad sample is too many.
        #[test]
        fn one_more_is_too_many(samples in 1_u64..200_000, budget in 0.001_f64..0.2) {
            match certifiable_bad(samples, budget) {
                None => prop_assert!(samples < certifiable_samples(budget).unwrap()),
                Some(bad) => {
                    let bound = |bad: u64| clopper_pearson(bad as f64 / 20.0, samples as f64 / 20.0).1;
                    prop_assert!(bound(bad) <= budget);
                    prop_assert!(bad == samples || bound(bad + 1) > budget);
                }
            }
        }
    }
}
