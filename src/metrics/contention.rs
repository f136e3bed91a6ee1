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
    /// Of the generator's workers.
    pub worker: CoreWait,
    /// Of the servers and the mock.
    pub server: CoreWait,
}

/// How long the one thread waited for a core that did so longest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CoreWait {
    /// In all.
    pub total: Duration,
    /// On average, each time that it was to run.
    pub mean: Duration,
}

impl Contention {
    /// A thread that waits for longer of a second gets less than half of what it could use: what it has to do piles up.
    const STARVED_FROM: Duration = Duration::from_millis(500);

    /// The part of the longest waiting that others have to answer for: as much of it as they had of the cores. Whoever
    /// shares the cores with a busy target waits for that, too, and it is not theirs.
    pub fn by_others(&self) -> Duration {
        self.part_of_others(self.worker.total.max(self.server.total))
    }

    /// Whether others kept a server, or the mock, from running for most of the second. Requests queue up behind each
    /// other then, and how much later that makes them has no bound.
    pub fn starved_server(&self) -> bool {
        self.part_of_others(self.server.total) >= Self::STARVED_FROM
    }

    fn part_of_others(&self, waited: Duration) -> Duration {
        waited.mul_f64(self.others.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_answer_for_their_part_of_the_cores() {
        let contention = |others| Contention {
            others,
            worker: CoreWait {
                total: Duration::from_millis(400),
                ..CoreWait::default()
            },
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

    #[test]
    fn a_server_is_starved_when_others_keep_it_from_running_for_most_of_a_second() {
        let waited = |others, server_ms, worker_ms| {
            let wait = |ms| CoreWait {
                total: Duration::from_millis(ms),
                ..CoreWait::default()
            };
            let (worker, server) = (wait(worker_ms), wait(server_ms));
            let contention = Contention {
                others,
                worker,
                server,
            };
            contention.starved_server()
        };
        assert!(waited(0.9, 900, 0));
        assert!(!waited(0.9, 500, 0), "most of it, and by others");
        assert!(!waited(0.5, 900, 0), "the target had the other half of the cores");
        assert!(!waited(0.9, 0, 900), "a worker's waiting is known well enough");
    }
}
