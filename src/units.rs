//! The words of the trade as types: rates, ratios, quantiles and durations that carry their unit.
//!
//! A bare number means milliseconds in one tool and seconds in another, so a quantity without a unit is refused.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a piece of text is not the quantity it should be: a sentence for the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(String);

impl QuantityError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Longest duration that is accepted anywhere: a week. It keeps every sum of durations far from overflow.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// Parses a duration such as `150ms`, `2.5s`, `1m30s` or `1h`. Units: `us`, `µs`, `ms`, `s`, `m`, `h`, `d`.
///
/// # Errors
/// When a number has no unit, a unit is unknown, or the sum is beyond a week.
pub fn parse_duration(text: &str) -> Result<Duration, QuantityError> {
    let trimmed = text.trim();
    let example = "write a number with its unit, such as \"150ms\", \"2s\" or \"1m30s\"";
    if trimmed.is_empty() {
        return Err(QuantityError::new(format!("the duration is empty; {example}")));
    }
    let mut rest = trimmed;
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let value: f64 = number
            .parse()
            .map_err(|_| QuantityError::new(format!("\"{trimmed}\" is not a duration; {example}")))?;
        let scale = match unit.trim() {
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "" => {
                return Err(QuantityError::new(format!(
                    "\"{trimmed}\" has no unit; {example}"
                )));
            }
            other => {
                return Err(QuantityError::new(format!(
                    "\"{other}\" is not a unit of time; {example}"
                )));
            }
        };
        seconds += value * scale;
        rest = tail;
    }
    if seconds > DURATION_MAX.as_secs_f64() {
        return Err(QuantityError::new(format!(
            "\"{trimmed}\" is longer than a week, the longest duration allowed"
        )));
    }
    // Whole nanoseconds: 0.15 s must be exactly 150 ms.
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

/// Writes a duration the way a person would: `150ms`, `2.5s`, `1m30s`.
pub fn format_duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    if micros == 0 {
        return "0s".to_owned();
    }
    if micros < 1_000 {
        return format!("{micros}µs");
    }
    if micros < 1_000_000 {
        return format!("{}ms", trim_number(micros as f64 / 1e3));
    }
    let seconds = duration.as_secs_f64();
    if seconds < 60.0 {
        return format!("{}s", trim_number(seconds));
    }
    let whole = duration.as_secs();
    let (hours, minutes, rest) = (whole / 3600, (whole % 3600) / 60, whole % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    if rest > 0 {
        text.push_str(&format!("{rest}s"));
    }
    text
}

fn trim_number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Events per second; never negative, always finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// Highest rate accepted: a million per second, beyond what one machine can send.
    const PER_SECOND_MAX: f64 = 1e6;

    /// A rate of `value` events per second.
    ///
    /// # Errors
    /// When the value is negative, not finite, or above a million.
    pub fn per_second(value: f64) -> Result<Self, QuantityError> {
        if !value.is_finite() || value < 0.0 {
            return Err(QuantityError::new(format!("a rate cannot be {value} per second")));
        }
        if value > Self::PER_SECOND_MAX {
            return Err(QuantityError::new(format!(
                "a rate of {value} per second is above the limit of 1000000/s"
            )));
        }
        Ok(Self(value))
    }

    /// The rate as events per second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    /// Parses `40/s`, `2400/m` or `100/h`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let example = "write events per unit of time, such as \"40/s\", \"90/m\" or \"500/h\"";
        let (number, unit) = text
            .trim()
            .split_once('/')
            .ok_or_else(|| QuantityError::new(format!("\"{text}\" is not a rate; {example}")))?;
        let value: f64 = number
            .trim()
            .parse()
            .map_err(|_| QuantityError::new(format!("\"{text}\" is not a rate; {example}")))?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            other => {
                return Err(QuantityError::new(format!(
                    "\"{other}\" is not a unit of a rate; {example}"
                )));
            }
        };
        Self::per_second(value / seconds)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", trim_number(self.0))
    }
}

/// A share of a whole, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// No part of the whole.
    pub const ZERO: Ratio = Ratio(0.0);

    /// A share given as a number from 0 to 1.
    ///
    /// # Errors
    /// When the value lies outside 0 to 1.
    pub fn new(value: f64) -> Result<Self, QuantityError> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(QuantityError::new(format!(
                "a share of {}% is outside 0% to 100%",
                trim_number(value * 100.0)
            )))
        }
    }

    /// The share as a number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Ratio {
    type Err = QuantityError;

    /// Parses `1%` or `99.5%`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let number = text
            .trim()
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .ok_or_else(|| {
                QuantityError::new(format!(
                    "\"{text}\" is not a share; write a percentage, such as \"1%\""
                ))
            })?;
        Self::new(number / 100.0)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", trim_number(self.0 * 100.0))
    }
}

/// A quantile strictly between 0 and 1: 0.95 is the 95th percentile.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Quantile(f64);

impl Quantile {
    /// A quantile given as a number between 0 and 1.
    ///
    /// # Errors
    /// When the value is not strictly between 0 and 1.
    pub fn new(value: f64) -> Result<Self, QuantityError> {
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            Err(QuantityError::new(format!(
                "{value} is not a quantile: it must lie between 0 and 1"
            )))
        }
    }

    /// The quantile as a number between 0 and 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Quantile {
    type Err = QuantityError;

    /// Parses `p50`, `p95`, `p99.9` or, as run files write it, `p999`.
    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let bad = || {
            QuantityError::new(format!(
                "\"{text}\" is not a percentile; write \"p50\", \"p95\" or \"p99.9\""
            ))
        };
        let digits = text.strip_prefix('p').ok_or_else(bad)?;
        let value: f64 = if digits.contains('.') || digits.len() <= 2 {
            digits.parse::<f64>().map_err(|_| bad())? / 100.0
        } else if !digits.starts_with('9') {
            return Err(bad());
        } else {
            // p999 is the field's shorthand for p99.9.
            digits.parse::<f64>().map_err(|_| bad())? / 10_f64.powi(digits.len() as i32)
        };
        Self::new(value).map_err(|_| bad())
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", trim_number(self.0 * 100.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("150ms"), Ok(Duration::from_millis(150)));
        assert_eq!(parse_duration("0.15s"), Ok(Duration::from_millis(150)));
        assert_eq!(parse_duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250us"), Ok(Duration::from_micros(250)));
        for wrong in ["", "150", "ms", "5 parsecs", "1..5s", "-3s", "9d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong} must be refused");
        }
    }

    #[test]
    fn durations_print_as_they_are_written() {
        for text in ["150ms", "2.5s", "1m30s", "1h", "250µs", "0s"] {
            let duration = if text == "0s" {
                Duration::ZERO
            } else {
                parse_duration(text).unwrap()
            };
            assert_eq!(format_duration(duration), text);
        }
    }

    #[test]
    fn rates_ratios_and_quantiles() {
        assert_eq!("40/s".parse::<Rate>().unwrap().as_per_second(), 40.0);
        assert_eq!("90/m".parse::<Rate>().unwrap().as_per_second(), 1.5);
        assert!("40".parse::<Rate>().is_err());
        assert!("-1/s".parse::<Rate>().is_err());
        assert_eq!("99.5%".parse::<Ratio>().unwrap().get(), 0.995);
        assert!("0.5".parse::<Ratio>().is_err());
        assert!("101%".parse::<Ratio>().is_err());
        assert_eq!("p95".parse::<Quantile>().unwrap().get(), 0.95);
        assert_eq!("p99.9".parse::<Quantile>().unwrap().to_string(), "p99.9");
        assert_eq!("p999".parse::<Quantile>().unwrap().to_string(), "p99.9");
        assert!("p0".parse::<Quantile>().is_err());
        assert!("p100".parse::<Quantile>().is_err());
    }
}
