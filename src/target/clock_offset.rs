//! How far the clock of a target on another machine is from ours.
//!
//! Each answer says that the target's clock showed a certain time at some moment between the question and the answer.
//! That bounds the difference of the two clocks from both sides; the bounds of many answers are cut with each other. The
//! reference server dates its health check to the microsecond, so that one quick answer is enough. Everybody else has the
//! `Date` header, which shows whole seconds: an answer on each side of the moment at which it jumps is worth as much as
//! a finer clock, so questions are placed around where the jump must be, closer each time.
//!
//! A date that a proxy had kept from earlier contradicts the others: then the difference is unknown, and never a guess.

use std::time::Duration;

use http::HeaderMap;

use super::probe::TargetProbe;
use crate::clock::{Moment, RunClock};

/// The reference server's wall clock, microseconds since 1970.
const WALL_CLOCK_HEADER: &str = "x-server-time-us";
/// The reference server's monotonic clock, nanoseconds: the same as ours when it runs on this host.
const MONOTONIC_HEADER: &str = "x-server-monotonic-ns";

/// Questions before the first jump is looked for.
const FIRST_QUESTIONS: u32 = 5;
/// Jumps that are looked for; each costs up to a second.
const JUMPS_MAX: u32 = 4;
/// Questions around a jump, at most and about.
const QUESTIONS_PER_JUMP: u32 = 10;
/// Better than this is better than commits are dated.
const GOOD_ENOUGH: Duration = Duration::from_micros(1_000);
/// All of it must not take longer.
const LONGEST: Duration = Duration::from_secs(8);

const SECOND_NS: i64 = 1_000_000_000;

/// What the target's clock showed, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockReading {
    /// Nanoseconds since 1970: the clock showed this, or less than a `step` more.
    wall_ns: i64,
    step_ns: i64,
    /// The host's monotonic clock over there.
    monotonic_ns: Option<u64>,
    asked: Moment,
    answered: Moment,
}

/// What a comparison of the clocks has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockComparison {
    /// It is the same host: the monotonic clocks are one.
    SameHost,
    /// The target's wall clock is so many nanoseconds ahead of our monotonic one, give or take the uncertainty.
    Ahead { nanos: i64, uncertainty: Duration },
}

impl ClockReading {
    /// The reading in an answer's headers, when it has one.
    pub(super) fn of(headers: &HeaderMap, asked: Moment, answered: Moment) -> Option<Self> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let (wall_ns, step_ns) = match number(WALL_CLOCK_HEADER) {
            Some(micros) => (micros.checked_mul(1_000)?, 1_000),
            None => {
                let date = headers.get(http::header::DATE)?.to_str().ok()?;
                let date = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
                (date.as_second().checked_mul(SECOND_NS)?, SECOND_NS)
            }
        };
        Some(Self {
            wall_ns,
            step_ns,
            monotonic_ns: number(MONOTONIC_HEADER).and_then(|nanos| u64::try_from(nanos).ok()),
            asked,
            answered,
        })
    }

    /// Whether the target has the monotonic clock of this host: it showed a moment between question and answer.
    fn is_of_this_host(&self) -> bool {
        self.monotonic_ns
            .is_some_and(|nanos| (self.asked.as_nanos()..=self.answered.as_nanos()).contains(&nanos))
    }

    /// How long question and answer took together.
    fn way(&self) -> Duration {
        self.answered.since(self.asked)
    }

    /// The least and the most by which the target's wall clock may be ahead of our monotonic one.
    fn bounds(&self) -> Bounds {
        let ours = |moment: Moment| moment.as_nanos() as i64;
        Bounds {
            least: self.wall_ns.saturating_sub(ours(self.answered)),
            most: self
                .wall_ns
                .saturating_add(self.step_ns)
                .saturating_sub(ours(self.asked)),
        }
    }
}

/// The target's wall clock is ahead of our monotonic one by something between these, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bounds {
    least: i64,
    most: i64,
}

impl Bounds {
    const UNKNOWN: Self = Self {
        least: i64::MIN,
        most: i64::MAX,
    };

    /// What both say; `None` when they contradict each other.
    fn and(self, other: Bounds) -> Option<Bounds> {
        let both = Bounds {
            least: self.least.max(other.least),
            most: self.most.min(other.most),
        };
        (both.least <= both.most).then_some(both)
    }

    fn uncertainty(self) -> Duration {
        Duration::from_nanos(self.most.saturating_sub(self.least).unsigned_abs() / 2)
    }

    fn middle(self) -> i64 {
        self.least
            .saturating_add(self.most.saturating_sub(self.least) / 2)
    }

    /// The moments between which the target's clock will next jump to a whole second, when the earlier one lies at `now`
    /// or after it.
    fn next_jump(self, now: Moment) -> (Moment, Moment) {
        let now = now.as_nanos() as i64;
        // At the earliest when it is the most ahead.
        let whole = now.saturating_add(self.most).div_euclid(SECOND_NS) + 1;
        let at = |ahead: i64| {
            let nanos = whole.saturating_mul(SECOND_NS).saturating_sub(ahead);
            Moment::from_nanos(nanos.max(0) as u64)
        };
        (at(self.most), at(self.least))
    }
}

/// Compares the clocks by asking at `path`; `None` when the target does not say, or contradicts itself.
pub async fn compare_clocks(probe: &TargetProbe, path: &str, clock: RunClock) -> Option<ClockComparison> {
    let comparing = compare(clock, async || probe.read_clock(path, clock).await);
    tokio::time::timeout(LONGEST, comparing).await.ok()?
}

async fn compare(
    clock: RunClock,
    mut ask: impl AsyncFnMut() -> Option<ClockReading>,
) -> Option<ClockComparison> {
    // The first opens a connection, and takes longer than all others.
    let first = ask().await?;
    let mut bounds = Bounds::UNKNOWN.and(first.bounds())?;
    let mut way = first.way();
    for _ in 1..FIRST_QUESTIONS {
        let reading = ask().await?;
        way = way.min(reading.way());
        if reading.is_of_this_host() {
            return Some(ClockComparison::SameHost);
        }
        bounds = bounds.and(reading.bounds())?;
    }
    for jump in 1..=JUMPS_MAX {
        if bounds.uncertainty() <= GOOD_ENOUGH || first.step_ns < SECOND_NS {
            break;
        }
        let (earliest, latest) = bounds.next_jump(clock.now());
        // Questions that wait for each other cannot be closer than an answer takes. They begin a little later with every
        // jump, so that those of all jumps together lie closer than those of one.
        let between = (latest.since(earliest) / QUESTIONS_PER_JUMP).max(way);
        let mut at = earliest.plus(between * jump / (JUMPS_MAX + 1));
        while at < latest {
            clock.sleep_until(at).await;
            let reading = ask().await?;
            way = way.min(reading.way());
            bounds = bounds.and(reading.bounds())?;
            at = at.plus(between).max(clock.now());
        }
    }
    Some(ClockComparison::Ahead {
        nanos: bounds.middle(),
        uncertainty: bounds.uncertainty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target whose clock is ahead of ours by this much, that answers after a way there and a way back.
    struct Target {
        clock: RunClock,
        ahead_ns: i64,
        there: Duration,
        back: Duration,
        step_ns: i64,
        has_our_monotonic_clock: bool,
        asked: u32,
    }

    impl Target {
        fn dating_by_seconds(clock: RunClock, ahead_ns: i64) -> Self {
            Self {
                clock,
                ahead_ns,
                there: Duration::from_millis(3),
                back: Duration::from_millis(1),
                step_ns: SECOND_NS,
                has_our_monotonic_clock: false,
                asked: 0,
            }
        }

        async fn answer(&mut self) -> Option<ClockReading> {
            self.asked += 1;
            let asked = self.clock.now();
            self.clock.sleep_until(asked.plus(self.there)).await;
            let here = self.clock.now();
            let shown = here.as_nanos() as i64 + self.ahead_ns;
            self.clock.sleep_until(here.plus(self.back)).await;
            Some(ClockReading {
                wall_ns: shown.div_euclid(self.step_ns) * self.step_ns,
                step_ns: self.step_ns,
                monotonic_ns: self.has_our_monotonic_clock.then_some(here.as_nanos()),
                asked,
                answered: self.clock.now(),
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whole_seconds_are_enough_to_know_the_offset_to_some_milliseconds() {
        for ahead_ns in [1_767_323_045_123_456_789, -400_000_000, 0, 999_999_999] {
            let clock = RunClock::start();
            let mut target = Target::dating_by_seconds(clock, ahead_ns);
            let begun = clock.now();
            let found = compare(clock, async || target.answer().await).await;
            let Some(ClockComparison::Ahead { nanos, uncertainty }) = found else {
                panic!("{found:?}");
            };
            assert!(uncertainty <= Duration::from_millis(5), "{uncertainty:?}");
            assert!(
                (nanos - ahead_ns).unsigned_abs() <= uncertainty.as_nanos() as u64,
                "{nanos} is not {ahead_ns} within {uncertainty:?}"
            );
            assert!(clock.now().since(begun) < LONGEST);
            assert!(target.asked <= FIRST_QUESTIONS + JUMPS_MAX * (QUESTIONS_PER_JUMP + 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fine_clock_takes_a_few_answers() {
        let clock = RunClock::start();
        let mut target = Target {
            step_ns: 1_000,
            ..Target::dating_by_seconds(clock, 5_000_000_000)
        };
        let found = compare(clock, async || target.answer().await).await;
        let Some(ClockComparison::Ahead { nanos, uncertainty }) = found else {
            panic!("{found:?}");
        };
        assert_eq!(target.asked, FIRST_QUESTIONS);
        assert!(
            uncertainty >= Duration::from_micros(2_000) && uncertainty <= Duration::from_millis(4),
            "half of the way there and back: {uncertainty:?}"
        );
        assert!((nanos - 5_000_000_000).unsigned_abs() <= uncertainty.as_nanos() as u64);
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_on_this_host_is_recognised_by_its_monotonic_clock() {
        let clock = RunClock::start();
        let mut target = Target {
            has_our_monotonic_clock: true,
            ..Target::dating_by_seconds(clock, 0)
        };
        let found = compare(clock, async || target.answer().await).await;
        assert_eq!(found, Some(ClockComparison::SameHost));
    }

    #[tokio::test(start_paused = true)]
    async fn a_date_that_was_kept_from_earlier_is_no_clock() {
        let clock = RunClock::start();
        let mut target = Target::dating_by_seconds(clock, 0);
        let mut kept = None;
        let found = compare(clock, async || {
            let mut reading = target.answer().await?;
            reading.wall_ns = *kept.get_or_insert(reading.wall_ns);
            Some(reading)
        });
        assert_eq!(found.await, None);
        let silent = compare(clock, async || None);
        assert_eq!(silent.await, None);
    }

    #[test]
    fn readings_are_taken_from_headers() {
        let (asked, answered) = (Moment::from_nanos(1), Moment::from_nanos(9));
        let mut headers = HeaderMap::new();
        assert_eq!(ClockReading::of(&headers, asked, answered), None);
        headers.insert("date", "Fri, 02 Jan 2026 03:04:05 GMT".parse().unwrap());
        let reading = ClockReading::of(&headers, asked, answered).unwrap();
        assert_eq!(
            (reading.wall_ns, reading.step_ns),
            (1_767_323_045_000_000_000, SECOND_NS)
        );
        assert!(!reading.is_of_this_host());
        headers.insert(WALL_CLOCK_HEADER, "1767323045123456".parse().unwrap());
        headers.insert(MONOTONIC_HEADER, "5".parse().unwrap());
        let reading = ClockReading::of(&headers, asked, answered).unwrap();
        assert_eq!(
            (reading.wall_ns, reading.step_ns),
            (1_767_323_045_123_456_000, 1_000)
        );
        assert!(reading.is_of_this_host());
        headers.insert(MONOTONIC_HEADER, "10".parse().unwrap());
        assert!(
            !ClockReading::of(&headers, asked, answered)
                .unwrap()
                .is_of_this_host()
        );
    }
}
