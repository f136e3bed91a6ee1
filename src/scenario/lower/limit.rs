//! The text of a limit: a comparison and a quantity, such as `<= 150ms`.

use crate::plan::{Comparator, Limit, Unit};
use crate::units::parse_duration;

/// The comparison that a text begins with, and what is left of it.
pub(super) fn split_comparator(text: &str) -> Option<(Comparator, &str)> {
    let trimmed = text.trim();
    // The longer signs first: `<` would match them too.
    let comparators = [
        ("<=", Comparator::LessOrEqual),
        (">=", Comparator::GreaterOrEqual),
        ("<", Comparator::Less),
        (">", Comparator::Greater),
    ];
    comparators
        .into_iter()
        .find_map(|(sign, comparator)| Some((comparator, trimmed.strip_prefix(sign)?)))
}

/// Parses a limit of a metric with this unit.
///
/// # Errors
/// A sentence when the comparison is missing or the quantity is not of that unit.
pub(super) fn parse_limit(text: &str, unit: Unit) -> Result<(Comparator, Limit), String> {
    let example = match unit {
        Unit::Time => "\"<= 150ms\"",
        Unit::Ratio => "\"< 1%\"",
        Unit::PerSecond => "\">= 100/s\"",
    };
    let trimmed = text.trim();
    let (comparator, quantity) = split_comparator(trimmed).ok_or_else(|| {
            format!("\"{trimmed}\" does not begin with a comparison (`<`, `<=`, `>` or `>=`); write for instance {example}")
        })?;
    let limit = match unit {
        Unit::Time => parse_duration(quantity).map(Limit::Time),
        Unit::Ratio => quantity.parse().map(Limit::Ratio),
        Unit::PerSecond => quantity.parse().map(Limit::PerSecond),
    };
    Ok((comparator, limit.map_err(|error| error.to_string())?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn limits_are_read_in_the_unit_of_their_metric() {
        let limit = Limit::Time(Duration::from_millis(150));
        assert_eq!(
            parse_limit("<= 150ms", Unit::Time),
            Ok((Comparator::LessOrEqual, limit))
        );
        let (comparator, limit) = parse_limit(">=99.5%", Unit::Ratio).unwrap();
        assert_eq!(
            (comparator, limit.as_number()),
            (Comparator::GreaterOrEqual, 0.995)
        );
        let (comparator, limit) = parse_limit("> 10/s", Unit::PerSecond).unwrap();
        assert_eq!((comparator, limit.as_number()), (Comparator::Greater, 10.0));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for (text, unit) in [
            ("150ms", Unit::Time),
            ("<= 150", Unit::Time),
            ("<= 1%", Unit::Time),
            ("== 1%", Unit::Ratio),
            ("< 0.01", Unit::Ratio),
            (">= 100", Unit::PerSecond),
            ("", Unit::Time),
        ] {
            assert!(parse_limit(text, unit).is_err(), "{text} must be refused");
        }
    }
}
