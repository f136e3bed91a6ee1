//! How the load generator did: was it punctual, was it kept from running, and what never began.

use std::collections::BTreeMap;
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

/// How late a plain thread woke up that does nothing but sleep: so long the host let nothing of this process run. An
/// event loop that is blocked while this thread is punctual was blocked by its own work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostStalls {
    pub beats: u64,
    /// Beats that came later than [`TIMELY_WITHIN`].
    pub late: u64,
    pub longest: Duration,
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
