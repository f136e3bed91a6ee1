//! The samples of one series in one second, in a form that can be merged and judged again.
//!
//! Values are kept as counts per HdrHistogram bucket (3 significant digits, 1 µs to 1 h), sparsely: a second rarely
//! fills more than a few hundred of the tens of thousands of buckets. Bad events and events beyond the scenario's own
//! thresholds are counted exactly, because a histogram cannot split a bucket.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// Mergeable counts of a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// All events, good and bad.
    pub total: u64,
    /// Events without a value: failed, lost, never sent. They stand above every value.
    pub bad: u64,
    /// Per threshold of the series (see [`super::Thresholds`]): events with a value above it. Without the bad ones.
    pub above: Vec<u64>,
    /// Count per bucket; the key is the bucket's lowest value in microseconds.
    pub values: BTreeMap<u32, u64>,
    /// Sum of the values in microseconds, for the mean; [`Slice::SUM_UNKNOWN`] when nobody knows it.
    pub sum_us: u64,
    /// Largest value in microseconds, exact; 0 without values.
    pub max_us: u32,
    /// Smallest value in microseconds, exact; 0 without values.
    pub min_us: u32,
}

impl Slice {
    /// Stands for a sum that is not known: a foreign histogram may come without one. Whatever is added to it, it stays
    /// unknown, so that no mean is made of a part of the values.
    pub const SUM_UNKNOWN: u64 = u64::MAX;

    /// Adds `count` events of `value_us`, whose bucket begins at `bucket_us`.
    pub fn add_value(&mut self, value_us: u32, bucket_us: u32, count: u64, thresholds_us: &[u32]) {
        self.reserve(thresholds_us.len());
        for (above, threshold) in self.above.iter_mut().zip(thresholds_us) {
            if value_us > *threshold {
                *above += count;
            }
        }
        self.min_us = if self.good() == 0 {
            value_us
        } else {
            self.min_us.min(value_us)
        };
        self.max_us = self.max_us.max(value_us);
        self.total += count;
        self.sum_us = self.sum_us.saturating_add(u64::from(value_us) * count);
        *self.values.entry(bucket_us).or_default() += count;
    }

    /// Adds values in ascending order, each of them exactly as [`Slice::add_value`] does.
    pub fn add_ascending(
        &mut self,
        values_us: impl Iterator<Item = u32>,
        buckets: &Histogram<u64>,
        thresholds_us: &[u32],
    ) {
        self.reserve(thresholds_us.len());
        // The bucket that values fall into now, the last value that does, and how many have.
        let (mut bucket_us, mut last_us, mut in_bucket) = (0, None, 0);
        for value_us in values_us {
            if last_us.is_none_or(|last_us| value_us > last_us) {
                self.add_to_bucket(bucket_us, in_bucket);
                bucket_us = buckets.lowest_equivalent(u64::from(value_us)) as u32;
                let last = buckets.highest_equivalent(u64::from(value_us));
                last_us = Some(u32::try_from(last).unwrap_or(u32::MAX));
                in_bucket = 0;
            }
            if self.good() == 0 {
                self.min_us = value_us;
            }
            self.min_us = self.min_us.min(value_us);
            self.max_us = self.max_us.max(value_us);
            self.sum_us = self.sum_us.saturating_add(u64::from(value_us));
            self.total += 1;
            in_bucket += 1;
            for (above, threshold) in self.above.iter_mut().zip(thresholds_us) {
                *above += u64::from(value_us > *threshold);
            }
        }
        self.add_to_bucket(bucket_us, in_bucket);
    }

    fn add_to_bucket(&mut self, bucket_us: u32, count: u64) {
        if count > 0 {
            *self.values.entry(bucket_us).or_default() += count;
        }
    }

    /// Adds `count` events without a value.
    pub fn add_bad(&mut self, count: u64) {
        self.total += count;
        self.bad += count;
    }

    /// Turns one event of the bucket at `bucket_us` into a bad one; nothing happens when it is empty. Only for series
    /// whose values are all alike: the extremes stay.
    pub fn turn_bad(&mut self, bucket_us: u32) {
        let Some(count) = self.values.get_mut(&bucket_us) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            self.values.remove(&bucket_us);
        }
        self.sum_us = self.sum_us.saturating_sub(u64::from(bucket_us));
        self.bad += 1;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Slice) {
        self.reserve(other.above.len());
        for (mine, theirs) in self.above.iter_mut().zip(&other.above) {
            *mine += theirs;
        }
        if other.good() > 0 {
            self.min_us = if self.good() == 0 {
                other.min_us
            } else {
                self.min_us.min(other.min_us)
            };
            self.max_us = self.max_us.max(other.max_us);
        }
        self.total += other.total;
        self.bad += other.bad;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        for (bucket, count) in &other.values {
            *self.values.entry(*bucket).or_default() += count;
        }
    }

    /// The same events without `count` of the bad ones.
    pub fn without_bad(mut self, count: u64) -> Self {
        let left_out = count.min(self.bad);
        self.bad -= left_out;
        self.total -= left_out;
        self
    }

    /// The same events, each `by_us` microseconds shorter and none shorter than nothing. What stood exactly above a
    /// threshold is not known any more: it is read from the buckets.
    #[must_use]
    pub fn earlier(&self, by_us: u32) -> Self {
        let mut values: BTreeMap<u32, u64> = BTreeMap::new();
        for (bucket, count) in &self.values {
            *values.entry(bucket.saturating_sub(by_us)).or_default() += count;
        }
        let sum_us = match self.sum_us {
            Self::SUM_UNKNOWN => Self::SUM_UNKNOWN,
            _ => values
                .iter()
                .map(|(bucket, count)| u64::from(*bucket) * count)
                .sum(),
        };
        Self {
            total: self.total,
            bad: self.bad,
            above: Vec::new(),
            values,
            sum_us,
            max_us: self.max_us.saturating_sub(by_us),
            min_us: self.min_us.saturating_sub(by_us),
        }
    }

    /// Events with a value.
    pub fn good(&self) -> u64 {
        self.total - self.bad
    }

    /// The score of Apdex, of a series of rated steps: satisfied and half of the tolerating over all; `None` without
    /// events.
    pub fn apdex(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.total as f64 - self.points_lost()) / self.total as f64)
    }

    /// What a series of rated steps lost of the score of Apdex: one point for each that frustrates, half for each that is
    /// tolerated.
    pub fn points_lost(&self) -> f64 {
        self.bad as f64 + self.sum_us as f64 / 2.0
    }

    /// Share of bad events; `None` without events.
    pub fn bad_share(&self) -> Option<f64> {
        (self.total > 0).then(|| self.bad as f64 / self.total as f64)
    }

    /// Events that are bad or above `threshold_us`, by the exact counter when the threshold has one, else by buckets
    /// (3 significant digits).
    pub fn bad_or_above(&self, threshold_us: u32, thresholds_us: &[u32]) -> u64 {
        let exact = thresholds_us
            .iter()
            .position(|threshold| *threshold == threshold_us);
        let above = match exact.and_then(|index| self.above.get(index)) {
            Some(count) => *count,
            None => self
                .values
                .range(threshold_us.saturating_add(1)..)
                .map(|(_, count)| count)
                .sum(),
        };
        self.bad + above
    }

    /// The value at `quantile` in milliseconds over all events, bad ones standing at infinity; `None` without events.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let rank = ((quantile * self.total as f64).ceil() as u64).clamp(1, self.total);
        let mut seen = 0;
        for (bucket, count) in &self.values {
            seen += count;
            if seen >= rank {
                return Some(f64::from((*bucket).max(self.min_us).min(self.max_us)) / 1e3);
            }
        }
        Some(f64::INFINITY)
    }

    /// Mean of the values in milliseconds; `None` without values, and when their sum is not known.
    pub fn mean_ms(&self) -> Option<f64> {
        (self.good() > 0 && self.sum_us != Self::SUM_UNKNOWN)
            .then(|| self.sum_us as f64 / self.good() as f64 / 1e3)
    }

    /// Largest value in milliseconds; infinity when an event was bad, `None` without events.
    pub fn max_ms(&self) -> Option<f64> {
        match (self.total, self.bad) {
            (0, _) => None,
            (_, 0) => Some(f64::from(self.max_us) / 1e3),
            _ => Some(f64::INFINITY),
        }
    }

    /// Smallest value in milliseconds; `None` without values.
    pub fn min_ms(&self) -> Option<f64> {
        (self.good() > 0).then(|| f64::from(self.min_us) / 1e3)
    }

    fn reserve(&mut self, thresholds: usize) {
        if self.above.len() < thresholds {
            self.above.resize(thresholds, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slice_of(values: &[u32], bad: u64) -> Slice {
        let mut slice = Slice::default();
        for value in values {
            slice.add_value(*value, *value, 1, &[150_000]);
        }
        slice.add_bad(bad);
        slice
    }

    #[test]
    fn bad_events_stand_above_every_value() {
        let slice = slice_of(&[10_000; 94], 6);
        assert_eq!(slice.quantile_ms(0.94), Some(10.0));
        assert_eq!(slice.quantile_ms(0.95), Some(f64::INFINITY));
        assert_eq!(slice.max_ms(), Some(f64::INFINITY));
        assert_eq!(slice.mean_ms(), Some(10.0));
        assert_eq!(slice.bad_or_above(150_000, &[150_000]), 6);
    }

    #[test]
    fn no_events_give_no_value() {
        let slice = Slice::default();
        assert_eq!(
            (slice.quantile_ms(0.5), slice.mean_ms(), slice.bad_share()),
            (None, None, None)
        );
    }

    #[test]
    fn a_threshold_without_a_counter_is_read_from_the_buckets() {
        let slice = slice_of(&[100, 200, 300], 0);
        assert_eq!(slice.bad_or_above(150, &[150_000]), 2);
        assert_eq!(slice.bad_or_above(200, &[150_000]), 1);
    }

    #[test]
    fn earlier_events_are_shorter_and_none_is_shorter_than_nothing() {
        let slice = slice_of(&[10_000, 160_000, 200_000], 1).earlier(20_000);
        assert_eq!(
            (slice.total, slice.bad),
            (4, 1),
            "what failed has failed all the same"
        );
        assert_eq!(
            (slice.min_ms(), slice.quantile_ms(0.75)),
            (Some(0.0), Some(180.0))
        );
        assert_eq!(slice.bad_or_above(150_000, &[150_000]), 2);
        assert_eq!(slice.mean_ms().map(f64::round), Some(107.0));
    }

    #[test]
    fn a_good_event_can_turn_out_to_be_bad() {
        let mut slice = slice_of(&[0, 0], 1);
        slice.turn_bad(0);
        assert_eq!((slice.total, slice.bad, slice.good()), (3, 2, 1));
        slice.turn_bad(0);
        slice.turn_bad(0);
        assert_eq!((slice.total, slice.bad), (3, 3), "no more than there are");
        assert!(slice.values.is_empty());
    }

    #[test]
    fn apdex_counts_those_who_tolerate_half() {
        // 60 satisfied, 30 tolerating, 10 frustrated.
        let slice = slice_of(&[vec![0; 60], vec![1; 30]].concat(), 10);
        assert_eq!(slice.apdex(), Some(0.75));
        assert_eq!(slice.points_lost(), 25.0);
        assert_eq!(Slice::default().apdex(), None);
    }

    proptest! {
        /// A batch is taken in as its values one by one are.
        #[test]
        fn ascending_values_add_up_to_the_same(
            before in proptest::collection::vec(1_u32..400_000, 0..5),
            mut values in proptest::collection::vec(0_u32..400_000, 0..200),
        ) {
            let buckets = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
            let bucket = |value: u32| buckets.lowest_equivalent(u64::from(value)) as u32;
            let mut singly = Slice::default();
            for value in before.iter().chain(&values) {
                singly.add_value(*value, bucket(*value), 1, &[150_000, 10]);
            }
            let mut together = Slice::default();
            for value in &before {
                together.add_value(*value, bucket(*value), 1, &[150_000, 10]);
            }
            values.sort_unstable();
            together.add_ascending(values.into_iter(), &buckets, &[150_000, 10]);
            // Whether counters of thresholds were made before there was anything to count makes no difference.
            together.above.resize(2, 0);
            singly.above.resize(2, 0);
            prop_assert_eq!(together, singly);
        }

        /// Splitting samples over recorders and merging gives the same as one recorder, in any order.
        #[test]
        fn merging_equals_recording_together(
            left in proptest::collection::vec(1_u32..400_000, 0..50),
            right in proptest::collection::vec(1_u32..400_000, 0..50),
            bad in 0_u64..5,
        ) {
            let together = slice_of(&[left.clone(), right.clone()].concat(), bad);
            let mut merged = slice_of(&left, bad);
            merged.merge(&slice_of(&right, 0));
            prop_assert_eq!(&merged, &together);
            let mut reversed = slice_of(&right, 0);
            reversed.merge(&slice_of(&left, bad));
            prop_assert_eq!(&reversed, &together);
        }
    }
}
