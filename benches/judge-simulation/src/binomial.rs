//! What a plain binomial interval would say: the one-sided Clopper–Pearson bounds of requests that are taken for
//! independent.
//!
//! The bounds themselves are not needed. The upper one is within a share exactly when so few bad requests have no
//! more than the bound's error probability at that share, and the lower one is beyond it when so many have less; both are
//! sums of binomial probabilities. So nothing here shares a line with the judge.

/// Terms smaller than this part of the largest do not change a sum.
const NEGLIGIBLE: f64 = 1e-18;

/// Where the interval of so many bad of so many requests lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The upper bound is at most the share.
    Within,
    /// The share lies between the bounds.
    Around,
    /// The lower bound is above the share.
    Beyond,
}

/// On which side of `share` the interval lies whose two bounds are each wrong with this probability.
pub(crate) fn side(bad: u64, requests: u64, share: f64, wrong: f64) -> Side {
    let (at_most, at_least) = tails(bad, requests, share);
    if at_most <= wrong {
        Side::Within
    } else if at_least < wrong {
        Side::Beyond
    } else {
        Side::Around
    }
}

/// The probabilities of at most and of at least `count` of `of` events, each with probability `share`, which lies
/// between 0 and 1.
pub(crate) fn tails(count: u64, of: u64, share: f64) -> (f64, f64) {
    let odds = share / (1.0 - share);
    let mode = (((of + 1) as f64) * share) as u64;
    let (mut at_most, mut at_least, mut all) = (0.0, 0.0, 0.0);
    let mut add = |events: u64, weight: f64| {
        all += weight;
        at_most += if events <= count { weight } else { 0.0 };
        at_least += if events >= count { weight } else { 0.0 };
    };
    // Relative to the most probable number, from there to both sides.
    let mut weight = 1.0;
    for events in mode..=of {
        add(events, weight);
        weight *= (of - events) as f64 / (events + 1) as f64 * odds;
        if weight < NEGLIGIBLE {
            break;
        }
    }
    let mut weight = 1.0;
    for events in (1..=mode).rev() {
        weight *= events as f64 / (of - events + 1) as f64 / odds;
        if weight < NEGLIGIBLE {
            break;
        }
        add(events - 1, weight);
    }
    (at_most / all, at_least / all)
}
