//! Quantities on the command line. Each carries its unit; a bare number is an error.

use std::time::Duration;

/// Reads a duration such as `300ms`, `1.5s`, `15m` or `24h`.
///
/// # Errors
/// A text without one of these units, or whose number is negative or not a number.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("\"{text}\" is no duration; write a number with its unit, such as 300ms, 1.5s, 15m or 24h")
    };
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| wrong())
}

/// Reads a share such as `10%` or `0.5%` as a ratio from 0 to 1.
///
/// # Errors
/// A text without the percent sign, or a number outside 0–100.
pub(crate) fn parse_share(text: &str) -> Result<f64, String> {
    let percent = text
        .strip_suffix('%')
        .and_then(|number| number.parse::<f64>().ok());
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err(format!(
            "\"{text}\" is no share; write a percentage from 0% to 100%, such as 10%"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, ms) in [
            ("300ms", 300),
            ("1.5s", 1_500),
            ("15m", 900_000),
            ("24h", 86_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for wrong in ["", "300", "s", "-1s", "1 s", "1d", "1.2.3s", "1e3s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn shares_need_a_percent_sign() {
        assert_eq!(parse_share("10%"), Ok(0.1));
        assert_eq!(parse_share("0%"), Ok(0.0));
        for wrong in ["", "10", "101%", "-1%", "%", "NaN%", "ten%"] {
            assert!(parse_share(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
