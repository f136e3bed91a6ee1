//! Who had the cores while the run's threads waited for one: what tells a slow target from a crowded host.

use std::time::Duration;

/// One second in which the run's threads waited for a core.
///
/// The run is this process and all that it has started: its servers and the mock. What their threads waited is known
/// from the kernel's account of each thread (`schedstat`: the time in which it could have run and did not).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Contention {
    /// Share of the CPU time used in this second that went to processes that are no part of the run, 0 to 1.
    pub others: f64,
    /// How long the thread that waited longest did so, in all.
    pub waited: Duration,
    /// The mean wait of a wake-up, of the worker that waited longest.
    pub worker_wait: Duration,
    /// The same of the thread of a server, or of the mock, that waited longest.
    pub server_wait: Duration,
}

impl Contention {
    /// The part of the waiting that others have to answer for: as much of it as they had of the cores. Whoever shares
    /// the cores with a busy target waits for that, too, and it is not theirs.
    pub fn by_others(&self) -> Duration {
        self.waited.mul_f64(self.others.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_answer_for_their_part_of_the_cores() {
        let contention = |others| Contention {
            others,
            waited: Duration::from_millis(400),
            ..Contention::default()
        };
        assert_eq!(contention(0.25).by_others(), Duration::from_millis(100));
        assert_eq!(contention(0.0).by_others(), Duration::ZERO);
        assert_eq!(
            contention(7.0).by_others(),
            Duration::from_millis(400),
            "and for no more"
        );
    }
}
