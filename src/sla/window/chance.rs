//! Whether a window holds more bad events than chance puts there: one unlucky request must not roll a release back.

use super::super::bisection::first_where;
use super::super::distribution::beta_cdf;

/// How rarely a system that is exactly at the level may look as bad as a window does that raises a breach.
const CHANCE: f64 = 0.001;

/// Whether `bad` of `total` events are more than a true share of `level` gives by chance: the one-sided 99.9 %
/// Clopper–Pearson bound of their share lies above the level.
pub(super) fn is_beyond_chance(bad: u64, total: u64, level: f64) -> bool {
    // The bound is the quantile of Beta(k, n − k + 1) at the error probability: it is above the level exactly when the
    // distribution function at the level is below that probability.
    bad > 0 && bad <= total && beta_cdf(level, bad as f64, (total - bad) as f64 + 1.0) < CHANCE
}

/// The fewest bad events of `total` that raise a breach of `level`; `None` when not even all of them would.
pub(crate) fn bad_events_needed(total: u64, level: f64) -> Option<u64> {
    if !is_beyond_chance(total, total, level) {
        return None;
    }
    Some(first_where(1..total, |bad| is_beyond_chance(bad, total, level)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_bad_events_that_are_needed() {
        // Computed with another implementation of the binomial distribution.
        for (level, total, needed) in [
            (0.05, 20, 6),
            (0.05, 60, 10),
            (0.05, 100, 14),
            (0.05, 300, 29),
            (0.05, 1_000, 74),
            (0.05, 10_000, 570),
            (0.02, 60, 7),
            (0.02, 100, 8),
            (0.02, 300, 16),
            (0.02, 1_000, 36),
        ] {
            assert_eq!(
                bad_events_needed(total, level),
                Some(needed),
                "{total} at {level}"
            );
        }
    }

    #[test]
    fn the_edges() {
        assert!(!is_beyond_chance(0, 100, 0.0));
        // Nothing is allowed: one is too many.
        assert!(is_beyond_chance(1, 100, 0.0));
        assert_eq!(bad_events_needed(2, 0.05), None);
        assert_eq!(bad_events_needed(100, 1.0), None);
        assert_eq!(bad_events_needed(0, 0.05), None);
    }
}
