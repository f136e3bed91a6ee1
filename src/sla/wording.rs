//! Quantities as people read them in sentences, tables and charts: four significant digits and a unit.

use crate::plan::Unit;

/// A value with its unit: `152.4 ms`, `1.3 s`, `0.42 %`, `40 /s`. Infinity is `∞`.
pub fn quantity(value: f64, unit: Unit) -> String {
    if value.is_infinite() {
        return "∞".to_owned();
    }
    match unit {
        Unit::Time if value.abs() >= 1e3 => format!("{} s", significant(value / 1e3)),
        Unit::Time => format!("{} ms", significant(value)),
        Unit::Ratio => format!("{} %", percent(value)),
        Unit::PerSecond => format!("{} /s", significant(value)),
    }
}

/// How one clock stands beside ours, by how many milliseconds it is ahead: `12.5 ms behind ours`.
pub fn beside_ours(ahead_ms: f64) -> String {
    let side = if ahead_ms < 0.0 { "behind" } else { "ahead of" };
    format!("{} {side} ours", quantity(ahead_ms.abs(), Unit::Time))
}

/// A ratio as a percentage without its sign. Near 100 % the distance from it counts: 99.98, not 100.
fn percent(ratio: f64) -> String {
    let percentage = ratio * 100.0;
    if percentage >= 99.0 {
        trim(&format!("{percentage:.3}"))
    } else {
        significant(percentage)
    }
}

/// Four significant digits, without trailing zeros.
fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let digits = if magnitude >= 1e3 {
        0
    } else if magnitude >= 100.0 {
        1
    } else if magnitude >= 10.0 {
        2
    } else {
        3
    };
    trim(&format!("{value:.digits$}"))
}

fn trim(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text.to_owned()
    }
}

/// A count with thin groups of three: `98 212`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 request`, `2 requests`.
pub fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value))
}

/// A time as people plan with it, rounded up: `40 s`, `5 min 10 s`, `25 min`, `3.5 h`.
pub fn span(seconds: f64) -> String {
    if seconds <= 120.0 {
        format!("{:.0} s", seconds.ceil())
    } else if seconds <= 1_200.0 {
        let tens = (seconds / 10.0).ceil() as u64;
        match tens % 6 {
            0 => format!("{} min", tens / 6),
            rest => format!("{} min {rest}0 s", tens / 6),
        }
    } else if seconds <= 7_200.0 {
        format!("{:.0} min", (seconds / 60.0).ceil())
    } else if seconds <= 2.0 * 86_400.0 {
        format!("{:.1} h", (seconds / 360.0).ceil() / 10.0)
    } else {
        format!("{:.0} days", (seconds / 86_400.0).ceil())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_keep_four_digits_and_their_unit() {
        for (value, unit, text) in [
            (150.42, Unit::Time, "150.4 ms"),
            (0.5, Unit::Time, "0.5 ms"),
            (1_250.0, Unit::Time, "1.25 s"),
            (f64::INFINITY, Unit::Time, "∞"),
            (0.0042, Unit::Ratio, "0.42 %"),
            (0.999_8, Unit::Ratio, "99.98 %"),
            (1.0, Unit::Ratio, "100 %"),
            (0.0, Unit::Ratio, "0 %"),
            (40.0, Unit::PerSecond, "40 /s"),
        ] {
            assert_eq!(quantity(value, unit), text);
        }
        assert_eq!(counted(1_234_567, "request"), "1\u{202f}234\u{202f}567 requests");
        assert_eq!(counted(1, "request"), "1 request");
    }

    #[test]
    fn spans_are_what_people_plan_with() {
        for (seconds, text) in [
            (40.2, "41 s"),
            (120.0, "120 s"),
            (300.0, "5 min"),
            (305.0, "5 min 10 s"),
            (355.1, "6 min"),
            (3_301.0, "56 min"),
            (12_500.0, "3.5 h"),
            (400_000.0, "5 days"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
