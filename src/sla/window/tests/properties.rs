//! What holds whatever the traffic is.

use proptest::prelude::*;

use super::*;
use crate::sla::detection_time_s;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the shares, between two incidents lie a whole window's length of looks, so there are never more of them
    /// than the hysteresis allows; and what ends one is clear of the level.
    #[test]
    fn incidents_are_never_more_than_the_hysteresis_allows(
        failed in prop::collection::vec(0_u64..40, 1..120), window_s in 1_u64..12,
    ) {
        let policy = WindowPolicy {
            window: Duration::from_secs(window_s),
            ..policy(errors_above(5.0))
        };
        let traffic: Vec<Traffic> = failed.iter().map(|failed| with_failed(*failed)).collect();
        let (changes, incidents) = play_policy(&policy, &traffic);
        prop_assert!(incidents.len() <= failed.len() / (window_s as usize + 1) + 1);
        for pair in changes.windows(2) {
            prop_assert!(pair[0].1 != pair[1].1, "{:?}", changes);
            if pair[0].1 {
                prop_assert!(pair[1].0 - pair[0].0 >= window_s as u32, "{:?}", changes);
            }
        }
        for incident in incidents.iter().filter_map(|incident| incident.cleared_at_s) {
            // The look after second `end` had ended judged the window that ends one second before it.
            let end = incident as usize - 1;
            let window = &failed[end.saturating_sub(window_s as usize)..end];
            prop_assert!(window.iter().sum::<u64>() * 25 <= window.len() as u64 * 200, "{:?}", window);
        }
    }

    /// A step of the share of failed requests is found when the formula says, and one look later at most.
    #[test]
    fn a_breach_is_found_within_a_second_of_the_formula(
        window_s in 2_u32..60, level in 1_u32..20, before in 0_u64..2, during in 1_u64..200, sustained in 0_u64..6,
    ) {
        let policy = WindowPolicy {
            window: Duration::from_secs(u64::from(window_s)),
            sustained: Duration::from_secs(sustained),
            ..policy(errors_above(f64::from(level)))
        };
        let events = u64::from(window_s) * 200;
        let level = f64::from(level) / 100.0;
        let needed = bad_events_needed(events, level).unwrap() as f64 / events as f64;
        let share = |failed: u64| failed as f64 / 200.0;
        let bad_s = window_s as usize + sustained as usize + 5;
        let (_, incidents) = play_policy(
            &policy,
            &of(&[(window_s as usize, with_failed(before)), (bad_s, with_failed(during))]),
        );
        // A share between the level and what chance explains is never raised.
        let Some(expected) = detection_time_s(f64::from(window_s), needed, share(before), share(during)) else {
            prop_assert!(incidents.is_empty() || share(during) >= needed);
            return Ok(());
        };
        let took = incidents[0].detected_at_s - f64::from(window_s);
        let expected = expected + (sustained.max(1) - 1) as f64;
        prop_assert!(took >= expected - 1e-9 && took <= expected + 1.0 + 1e-9, "{} for {}", took, expected);
    }
}
