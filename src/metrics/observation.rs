//! A sample as the aggregator sorts it: where it belongs, then its value, in one number.

use super::measurements::{SeriesKey, SeriesKind};
use crate::plan::StepId;

/// One value, or bad event, of one series in one second.
///
/// From the top: kind (8 bits), step + 1 or 0 for none (17), warm-up (1), second (32), value in µs (32). Sorting such
/// numbers brings the samples of each second together, their values in ascending order and the bad ones last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Observation(u128);

const VALUE_BITS: u32 = 32;
const SECOND_BITS: u32 = 32;
const WARM_UP_BITS: u32 = 1;
const STEP_BITS: u32 = 17;
/// Stands for "no value": longer than any value that is kept.
const BAD: u32 = u32::MAX;

impl Observation {
    /// An observation; `None` is a bad event.
    pub(super) fn new(key: SeriesKey, warm_up: bool, second: u32, value_us: Option<u32>) -> Self {
        let kind = u128::from(key.kind as u8);
        let step = key.step.map_or(0, |step| u128::from(step.0) + 1);
        let mut bits = kind << STEP_BITS | step;
        bits = bits << WARM_UP_BITS | u128::from(warm_up);
        bits = bits << SECOND_BITS | u128::from(second);
        Self(bits << VALUE_BITS | u128::from(value_us.unwrap_or(BAD)))
    }

    /// What tells seconds and series apart.
    pub(super) fn place(self) -> u128 {
        self.0 >> VALUE_BITS
    }

    /// The value in microseconds; `None` for a bad event.
    pub(super) fn value_us(self) -> Option<u32> {
        let value = self.0 as u32;
        (value != BAD).then_some(value)
    }

    /// The series, whether it is of the warm-up, and the second.
    pub(super) fn parts(self) -> (SeriesKey, bool, u32) {
        let place = self.place();
        let second = place as u32;
        let warm_up = (place >> SECOND_BITS) & 1 == 1;
        let step = (place >> (SECOND_BITS + WARM_UP_BITS)) as u32 & ((1 << STEP_BITS) - 1);
        let kind = (place >> (SECOND_BITS + WARM_UP_BITS + STEP_BITS)) as usize;
        let key = SeriesKey {
            kind: SeriesKind::ALL[kind],
            step: step.checked_sub(1).map(|step| StepId(step as u16)),
        };
        (key, warm_up, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn kinds_are_numbered_as_they_are_listed() {
        for (index, kind) in SeriesKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }

    proptest! {
        #[test]
        fn all_parts_come_back(
            kind in prop::sample::select(SeriesKind::ALL.to_vec()),
            step in prop::option::of(any::<u16>()),
            warm_up in any::<bool>(),
            second in any::<u32>(),
            value in prop::option::of(0_u32..BAD),
        ) {
            let key = SeriesKey { kind, step: step.map(StepId) };
            let observation = Observation::new(key, warm_up, second, value);
            prop_assert_eq!(observation.parts(), (key, warm_up, second));
            prop_assert_eq!(observation.value_us(), value);
        }
    }
}
