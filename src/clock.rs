//! The run's clock: the only file that names the monotonic clock.
//!
//! All times of a run are nanoseconds of the host's raw `CLOCK_MONOTONIC`, so that the generator, the mock and the
//! reference server, which are processes on one host, can be compared without a clock offset. The runtime's clock is
//! read underneath, and tests can pause that one.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// A moment: nanoseconds of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// A moment from raw `CLOCK_MONOTONIC` nanoseconds, such as another process on this host reports.
    pub fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Raw `CLOCK_MONOTONIC` nanoseconds.
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time from `earlier` to this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Signed nanoseconds from `earlier` to this moment: negative when the clocks or the events crossed.
    pub fn signed_nanos_since(self, earlier: Moment) -> i64 {
        self.0 as i64 - earlier.0 as i64
    }

    /// This moment, later by `duration`.
    pub fn plus(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_add(duration.as_nanos() as u64))
    }
}

/// Reads the monotonic clock. It is `Copy`: every worker and task has its own.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    base: Instant,
    base_nanos: u64,
}

impl RunClock {
    /// Pairs the runtime's clock with the raw monotonic clock. The pairing is exact to the time between two reads of
    /// the clock (some tens of nanoseconds).
    pub fn start() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let base = Instant::now();
        Self {
            base,
            base_nanos: time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64,
        }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        Moment(self.base_nanos + self.base.elapsed().as_nanos() as u64)
    }

    /// Waits until `moment` has come; returns at once when it is past.
    pub async fn sleep_until(&self, moment: Moment) {
        self.sleep(moment).await;
    }

    /// A timer that ends as `moment` comes, for who waits for several things at once.
    pub fn sleep(&self, moment: Moment) -> Sleep {
        tokio::time::sleep_until(self.instant(moment))
    }

    /// Sets a timer to another moment.
    pub fn reset(&self, timer: Pin<&mut Sleep>, moment: Moment) {
        timer.reset(self.instant(moment));
    }

    fn instant(&self, moment: Moment) -> Instant {
        self.base + Duration::from_nanos(moment.0.saturating_sub(self.base_nanos))
    }
}

/// The wall clock, for the moments that people read: when the run started, what a report is named after.
pub fn wall_clock_now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

/// The day of a moment, UTC: what dates in a scenario are compared with.
pub fn day_of(moment: jiff::Timestamp) -> jiff::civil::Date {
    moment.to_zoned(jiff::tz::TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sleeping_follows_the_runtimes_clock() {
        let clock = RunClock::start();
        let start = clock.now();
        clock.sleep_until(start.plus(Duration::from_secs(3600))).await;
        assert_eq!(clock.now().since(start).as_secs(), 3600);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timer_is_set_to_another_moment() {
        let clock = RunClock::start();
        let start = clock.now();
        let mut timer = std::pin::pin!(clock.sleep(start.plus(Duration::from_secs(3600))));
        clock.reset(timer.as_mut(), start.plus(Duration::from_secs(5)));
        timer.await;
        assert_eq!(clock.now().since(start).as_secs(), 5);
    }

    #[test]
    fn moments_never_underflow() {
        let (early, late) = (Moment::from_nanos(5), Moment::from_nanos(9));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.signed_nanos_since(late), -4);
    }
}
