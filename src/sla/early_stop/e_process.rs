//! A test that may be looked at every second: the mixture martingale for a share of bad events.
//!
//! Looking again and again at an ordinary 95 % interval fails more than a third of the systems that sit exactly on their
//! limit. The e-value is the likelihood of what was seen, averaged over all shares beyond the budget, relative to its
//! likelihood at the budget. While the true share is within the budget, the chance that it *ever* exceeds 1/α is at most
//! α (Ville's inequality; Robbins 1970, Howard and Ramdas 2022). That holds for independent events; bursts are taken into
//! account by tempering: bad and all events are divided by the design effect.

use super::super::distribution::{beta_cdf, ln_beta};

/// The logarithm of the e-value against "the share of bad events is at most `budget`", for `bad` of `events`; both may be
/// fractions. The prior of the share is Beta(1, b), cut off at the budget, with a mean of twice the budget: what is
/// clearly bad, and not yet dead, is found soonest. Minus infinity when nothing speaks against it.
pub(super) fn ln_e_value(bad: f64, events: f64, budget: f64) -> f64 {
    let (prior_bad, prior_good) = (1.0, (0.5 / budget - 1.0).max(1.0));
    let (bad, good) = (bad.max(0.0), (events - bad).max(0.0));
    let beyond = |a: f64, b: f64| (1.0 - beta_cdf(budget, a, b)).ln();
    ln_beta(prior_bad + bad, prior_good + good) + beyond(prior_bad + bad, prior_good + good)
        - ln_beta(prior_bad, prior_good)
        - beyond(prior_bad, prior_good)
        - bad * budget.ln()
        - good * (-budget).ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ln_choose(n: u32, k: u32) -> f64 {
        (1..=k).map(|i| (f64::from(n - k + i) / f64::from(i)).ln()).sum()
    }

    /// At the budget itself the e-value is a martingale that begins at 1: averaged over everything that can happen, it
    /// stays 1. Below the budget it is less.
    #[test]
    fn its_mean_is_one_at_the_budget_and_less_below() {
        for budget in [0.05, 0.01, 0.2] {
            let mean = |share: f64, n: u32| -> f64 {
                (0..=n)
                    .map(|bad| {
                        let (k, good) = (f64::from(bad), f64::from(n - bad));
                        let ln_probability = ln_choose(n, bad) + k * share.ln() + good * (-share).ln_1p();
                        (ln_probability + ln_e_value(k, f64::from(n), budget)).exp()
                    })
                    .sum()
            };
            for n in [1, 7, 60, 300] {
                let at = mean(budget, n);
                assert!((at - 1.0).abs() < 1e-6, "{at} after {n} at {budget}");
                assert!(mean(budget * 0.7, n) < 1.0);
                assert!(mean((budget * 2.0).min(0.9), n) > 1.0);
            }
        }
    }

    #[test]
    fn what_is_bad_is_found_and_what_is_good_is_not() {
        let alarm = 20_f64.ln();
        // All bad: ten events suffice at a budget of 5 %; a quarter bad, a few dozen.
        assert!(ln_e_value(10.0, 10.0, 0.05) > alarm);
        assert!(ln_e_value(2.0, 2.0, 0.05) < alarm);
        assert!(ln_e_value(10.0, 40.0, 0.05) > alarm);
        assert!(ln_e_value(25.0, 250.0, 0.05) > alarm);
        // At the budget, and below, nothing ever.
        for events in [10.0, 1e3, 1e5, 1e7] {
            assert!(ln_e_value(0.05 * events, events, 0.05) < alarm, "{events}");
            assert!(ln_e_value(0.0, events, 0.05) < 0.0);
        }
    }

    /// Looked at after every event, it raises an alarm on at most one in twenty systems that sit on their limit.
    #[test]
    fn looking_all_the_time_costs_no_more_than_one_in_twenty() {
        let alarm = 20_f64.ln();
        let mut state = 7_u64;
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut alarms = 0;
        for _ in 0..300 {
            let (mut bad, mut raised) = (0.0, false);
            for event in 1..=1_500_u32 {
                bad += f64::from(u8::from(next() < 0.05));
                // Only what is beyond the budget can raise it: that spares the arithmetic of all other looks.
                raised |= bad > 0.05 * f64::from(event)
                    && event.is_multiple_of(10)
                    && ln_e_value(bad, f64::from(event), 0.05) >= alarm;
            }
            alarms += u32::from(raised);
        }
        assert!((1..=15).contains(&alarms), "{alarms} of 300");
    }
}
