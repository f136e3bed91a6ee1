//! Moments on the wall clock, as rows keep them.

use std::fmt;
use std::time::Duration;

/// Microseconds since the Unix epoch, UTC. Printed as PostgreSQL's JSON prints a `timestamptz`:
/// `2026-11-22T01:02:03.456789+00:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_unix_us(unix_us: i64) -> Self {
        Self(unix_us)
    }

    pub const fn unix_us(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, as signatures and tokens count.
    pub const fn unix_s(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment `delay` later; a moment beyond the end of time is the end of time.
    pub fn plus(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(micros(delay)))
    }

    /// The moment `delay` earlier.
    pub fn minus(self, delay: Duration) -> Self {
        Self(self.0.saturating_sub(micros(delay)))
    }

    /// The time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(moment) => write!(f, "{}", moment.strftime("%Y-%m-%dT%H:%M:%S%.f+00:00")),
            Err(_) => write!(f, "{} us since 1970", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_six_decimals_and_the_offset() {
        assert_eq!(
            Timestamp::from_unix_us(0).to_string(),
            "1970-01-01T00:00:00+00:00"
        );
        assert_eq!(
            Timestamp::from_unix_us(1_000_000_000_000_042).to_string(),
            "2001-09-09T01:46:40.000042+00:00"
        );
    }

    #[test]
    fn arithmetic_stops_at_the_edges() {
        let t = Timestamp::from_unix_us(5);
        assert_eq!(t.plus(Duration::MAX).unix_us(), i64::MAX);
        assert_eq!(t.minus(Duration::from_micros(2)).unix_us(), 3);
        assert_eq!(Timestamp::from_unix_us(3).since(t), Duration::ZERO);
        assert_eq!(Timestamp::from_unix_us(-1).unix_s(), -1);
    }
}
