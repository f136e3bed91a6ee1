//! A duration written with its unit, such as `"1200ms"`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const MAX: Duration = Duration::from_secs(24 * 60 * 60);
const UNITS: [(&str, f64); 5] = [("us", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 60e6), ("h", 3_600e6)];

/// A duration of whole microseconds up to 24 hours, written as a number and one of `us`, `ms`, `s`, `m`, `h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlanDuration(Duration);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    #[error("{0:?} is not a duration: write a number with a unit, such as \"1200ms\" or \"5s\"")]
    Form(String),
    #[error("{0:?} is longer than 24 hours")]
    TooLong(String),
}

impl PlanDuration {
    pub const fn get(self) -> Duration {
        self.0
    }

    pub(crate) const fn from_seconds(seconds: u32) -> Self {
        let duration = Duration::from_secs(seconds as u64);
        Self(if duration.as_secs() > MAX.as_secs() {
            MAX
        } else {
            duration
        })
    }
}

impl FromStr for PlanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let form = || DurationError::Form(text.to_owned());
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(form)?;
        let (number, unit) = text.split_at(digits);
        let (_, microseconds_per_unit) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(form)?;
        let number: f64 = number.parse().map_err(|_| form())?;
        let microseconds = (number * microseconds_per_unit).round();
        if microseconds > MAX.as_micros() as f64 {
            return Err(DurationError::TooLong(text.to_owned()));
        }
        Ok(Self(Duration::from_micros(microseconds as u64)))
    }
}

impl TryFrom<String> for PlanDuration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        text.parse()
    }
}

impl From<PlanDuration> for String {
    fn from(duration: PlanDuration) -> Self {
        duration.to_string()
    }
}

/// In the largest of seconds, milliseconds and microseconds that needs no fraction.
impl fmt::Display for PlanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let microseconds = self.0.as_micros();
        if microseconds.is_multiple_of(1_000_000) {
            write!(f, "{}s", microseconds / 1_000_000)
        } else if microseconds.is_multiple_of(1_000) {
            write!(f, "{}ms", microseconds / 1_000)
        } else {
            write!(f, "{microseconds}us")
        }
    }
}
