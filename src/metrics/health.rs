//! How the load generator did: was it punctual, was it kept from running, and what never began.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

/// An arrival that is dispatched within this time of its due moment went out timely. A shared machine wakes sleepers
/// some milliseconds late even when it is healthy.
pub const TIMELY_WITHIN: Duration = Duration::from_millis(10);

/// How punctually one worker dispatched its arrivals, after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Punctuality {
    /// Arrivals that were dispatched; those that found no free user were not.
    pub dispatched: u64,
    /// Those of them that went out within [`TIMELY_WITHIN`].
    pub timely: u64,
    /// Scheduling lag, milliseconds.
    pub lag_p50_ms: f64,
    pub lag_p99_ms: f64,
    pub lag_max_ms: f64,
}

impl Punctuality {
    /// The share of timely arrivals over several workers; `None` when nothing was scheduled.
    pub fn timely_share<'a>(all: impl Iterator<Item = &'a Punctuality>) -> Option<f64> {
        let (timely, dispatched) = all.fold((0, 0), |(timely, dispatched), one| {
            (timely + one.timely, dispatched + one.dispatched)
        });
        (dispatched > 0).then(|| timely as f64 / dispatched as f64)
    }
}

/// What the generator's process used from the start of the load to the end of the drain.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessHealth {
    /// CPU time of all its threads, workers included.
    pub cpu: Duration,
    pub wall: Duration,
}

/// How late something came that was due at regular times, beats of a watch for instance. A stall hides the beats that
/// were due within it; they count as well, each with what was left of the stall when it was due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    pub p50: Duration,
    pub p99: Duration,
    pub p999: Duration,
}

/// How late a plain thread woke up that does nothing but sleep: so long the host let nothing of this process run. An
/// event loop that is blocked while this thread is punctual was blocked by its own work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostStalls {
    pub beats: u64,
    /// Beats that came later than [`TIMELY_WITHIN`].
    pub late: u64,
    pub longest: Duration,
    /// `None` in files of versions that kept the longest only.
    pub lateness: Option<Lateness>,
    /// The longest stall that touched each second of the run, when it was at least [`HostStalls::KEPT_FROM`].
    pub by_second: BTreeMap<u32, Duration>,
}

impl HostStalls {
    /// Shorter stalls are not kept by second.
    pub const KEPT_FROM: Duration = Duration::from_millis(50);

    /// Takes in a beat that was due in one second and came in another (or the same), `late`.
    pub fn note(&mut self, due_second: u32, came_second: u32, late: Duration) {
        self.beats += 1;
        self.late += u64::from(late > TIMELY_WITHIN);
        self.longest = self.longest.max(late);
        if late >= Self::KEPT_FROM {
            for second in due_second..=came_second {
                let longest = self.by_second.entry(second).or_default();
                *longest = late.max(*longest);
            }
        }
    }
}

/// How much of the schedule each second brought: of its planned arrivals, those that began, whenever that was. An
/// arrival that began late is late; one that never began is not delivered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Whole seconds after the warm-up for which arrivals were planned.
    pub seconds: u32,
    /// Those of them that brought less than [`Delivery::SHORT_BELOW`].
    pub short: u32,
    /// The second that fell short the most, its planned arrivals, and those that began.
    pub worst: Option<(u32, u64, u64)>,
}

impl Delivery {
    /// A second that brings less than this of its arrivals fell short.
    pub const SHORT_BELOW: f64 = 0.95;

    /// Compares the seconds of `judged`: what was `planned` for each, and how many of them `began`.
    pub fn of(judged: Range<u32>, planned: &[u32], began: impl Fn(u32) -> u64) -> Self {
        let mut delivery = Self::default();
        let mut worst_share = 1.0;
        for second in judged {
            let planned = planned.get(second as usize).copied().unwrap_or(0);
            if planned == 0 {
                continue;
            }
            let began = began(second);
            let share = began as f64 / f64::from(planned);
            delivery.seconds += 1;
            delivery.short += u32::from(share < Self::SHORT_BELOW);
            if share < worst_share {
                worst_share = share;
                delivery.worst = Some((second, u64::from(planned), began));
            }
        }
        delivery
    }
}

/// Iterations of the plan that never began, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NeverBegun {
    /// Dropped: all virtual users were busy when they were due.
    pub no_free_user: u64,
    /// Dropped: they had not begun when `max_duration` was over.
    pub max_duration: u64,
    /// Neither due nor dropped: the load was stopped before, by a rollback or by the user.
    pub called_off: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_stall_touches_every_second_from_when_the_beat_was_due() {
        let mut stalls = HostStalls::default();
        stalls.note(0, 0, Duration::from_millis(10));
        stalls.note(1, 1, Duration::from_millis(49));
        stalls.note(2, 4, Duration::from_millis(1_900));
        stalls.note(4, 4, Duration::from_millis(60));
        assert_eq!((stalls.beats, stalls.late), (4, 3));
        assert_eq!(stalls.longest, Duration::from_millis(1_900));
        let long = Duration::from_millis(1_900);
        assert_eq!(
            stalls.by_second,
            BTreeMap::from([(2, long), (3, long), (4, long)])
        );
    }

    #[test]
    fn a_second_falls_short_by_what_never_began() {
        let began = |second: u32| [0, 20, 18, 10, 0, 30][second as usize];
        let delivery = Delivery::of(1..6, &[20, 20, 20, 11, 0, 30], began);
        assert_eq!(
            (delivery.seconds, delivery.short),
            (4, 2),
            "nothing was planned for one"
        );
        assert_eq!(delivery.worst, Some((2, 20, 18)));
        assert_eq!(Delivery::of(0..3, &[], began), Delivery::default());
    }

    #[test]
    fn the_share_of_timely_arrivals_is_over_all_workers() {
        let worker = |timely, dispatched| Punctuality {
            timely,
            dispatched,
            ..Punctuality::default()
        };
        let all = [worker(90, 100), worker(300, 300)];
        assert_eq!(Punctuality::timely_share(all.iter()), Some(0.975));
        assert_eq!(Punctuality::timely_share([worker(0, 0)].iter()), None);
    }
}
