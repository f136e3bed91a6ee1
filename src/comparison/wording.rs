//! Numbers of a comparison as people read them.

use super::interval::Interval;

/// A ratio with three significant digits: `3.42×`.
pub fn times(ratio: f64) -> String {
    format!("{}×", plain(ratio))
}

/// A ratio's interval: `3.1 to 3.7`. An end that is not known is said so.
pub fn range(interval: &Interval) -> String {
    match (interval.low > 0.0, interval.high.is_finite()) {
        (true, true) => format!("{} to {}", plain(interval.low), plain(interval.high)),
        (true, false) => format!("at least {}", plain(interval.low)),
        (false, true) => format!("at most {}", plain(interval.high)),
        (false, false) => "unknown".to_owned(),
    }
}

/// Three significant digits, without trailing zeros.
fn plain(value: f64) -> String {
    if value.is_infinite() {
        return "∞".to_owned();
    }
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size if size >= 0.1 => 3,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_have_three_digits() {
        for (ratio, text) in [
            (3.0, "3×"),
            (3.4249, "3.42×"),
            (0.312_44, "0.312×"),
            (0.002_51, "0.0025×"),
            (142.3, "142×"),
            (f64::INFINITY, "∞×"),
        ] {
            assert_eq!(times(ratio), text);
        }
        let interval = |low, high| Interval {
            value: 1.0,
            low,
            high,
        };
        assert_eq!(range(&interval(0.5, 2.0)), "0.5 to 2");
        assert_eq!(range(&interval(0.5, f64::INFINITY)), "at least 0.5");
        assert_eq!(range(&interval(0.0, 2.0)), "at most 2");
    }
}
