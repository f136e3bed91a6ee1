//! Bisection over whole numbers: where something that changes once, changes.

use std::ops::Range;

/// The first number of `range` for which `holds`, or its end when it holds for none. What holds for a number has to hold
/// for every greater one.
pub(super) fn first_where(range: Range<u64>, holds: impl Fn(u64) -> bool) -> u64 {
    let Range {
        start: mut low,
        end: mut high,
    } = range;
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_what_looking_at_each_number_finds(start in 0_u64..50, length in 0_u64..50, change in 0_u64..120) {
            let range = start..start + length;
            let expected = range.clone().find(|number| *number >= change).unwrap_or(range.end);
            prop_assert_eq!(first_where(range, |number| number >= change), expected);
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        assert_eq!(first_where(0..u64::MAX, |number| number == u64::MAX), u64::MAX);
        assert_eq!(first_where(u64::MAX - 2..u64::MAX, |_| true), u64::MAX - 2);
    }
}
