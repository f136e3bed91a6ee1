//! What the kernel says about the generator's machine while the load went on: who used the processor, who took it away,
//! and what the process itself holds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Contention;

/// The machine, second by second, as far as it says anything: every part is `None` where the kernel does not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostUse {
    /// Seconds that were looked at.
    pub seconds: u32,
    /// The share of all cores' time that was used, by whomever (`/proc/stat`).
    pub busy: Option<Level>,
    /// Seconds in which more than [`HostUse::BUSY_ABOVE`] of it was used.
    pub busy_seconds: u32,
    /// The share that a hypervisor gave to others while somebody here wanted to run (steal in `/proc/stat`).
    pub stolen: Option<Level>,
    /// The share of the time in which some task waited for a core (`/proc/pressure/cpu`).
    pub waiting: Option<Level>,
    /// The share of the time in which some task waited for a disk (`/proc/pressure/io`). A server that flushes what it
    /// accepts has some of it always; much more of it than in another run explains slower answers.
    pub waiting_for_disk: Option<Level>,
    /// The share of the time in which the control group of this process had used up its allowance (`cpu.stat`).
    pub throttled: Option<Level>,
    /// Resident memory of this process, bytes: when the load began, at most, and when it ended.
    pub memory: Option<MemoryUse>,
    /// TCP sockets of the machine, at most: in use, and resting in TIME_WAIT (`/proc/net/sockstat`).
    pub sockets_peak: Option<u64>,
    pub sockets_resting_peak: Option<u64>,
    /// What was stolen of each core's time in a second, when it was at least [`HostUse::KEPT_FROM`].
    pub stolen_by_second: BTreeMap<u32, Duration>,
    /// For how long of a second the control group had nothing left, when it was at least [`HostUse::KEPT_FROM`].
    pub throttled_by_second: BTreeMap<u32, Duration>,
    /// Seconds in which the run's threads waited for cores that other processes had, when that was at least
    /// [`HostUse::KEPT_FROM`].
    pub contended_by_second: BTreeMap<u32, Contention>,
}

/// A share of the time, 0 to 1: over all seconds in which it was known, and in the worst of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Level {
    pub seconds: u32,
    pub mean: f64,
    pub worst: f64,
}

/// Resident memory, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MemoryUse {
    pub first: u64,
    pub peak: u64,
    pub last: u64,
}

/// What happened in one second (or in what came closest to one), as shares of its time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HostSecond {
    pub busy: Option<f64>,
    pub stolen: Option<f64>,
    pub waiting: Option<f64>,
    pub waiting_for_disk: Option<f64>,
    pub throttled: Option<f64>,
    /// Resident memory of this process, bytes.
    pub memory: Option<u64>,
    pub sockets: Option<u64>,
    pub sockets_resting: Option<u64>,
    /// `None` where it is not known which processes are the run's, too.
    pub contention: Option<Contention>,
}

impl HostUse {
    /// A machine that is busier than this has no reserve for bursts.
    pub const BUSY_ABOVE: f64 = 0.85;
    /// Less is not kept by second.
    pub const KEPT_FROM: Duration = Duration::from_millis(50);

    /// Takes in what happened in `second`.
    pub fn note(&mut self, second: u32, seen: &HostSecond) {
        self.seconds += 1;
        let level = |level: &mut Option<Level>, share: Option<f64>| {
            let Some(share) = share.map(|share| share.clamp(0.0, 1.0)) else {
                return;
            };
            let so_far = level.get_or_insert_default();
            so_far.seconds += 1;
            so_far.mean += (share - so_far.mean) / f64::from(so_far.seconds);
            so_far.worst = so_far.worst.max(share);
        };
        level(&mut self.busy, seen.busy);
        level(&mut self.stolen, seen.stolen);
        level(&mut self.waiting, seen.waiting);
        level(&mut self.waiting_for_disk, seen.waiting_for_disk);
        level(&mut self.throttled, seen.throttled);
        self.busy_seconds += u32::from(seen.busy.is_some_and(|busy| busy > Self::BUSY_ABOVE));
        if let Some(bytes) = seen.memory {
            let memory = self.memory.get_or_insert(MemoryUse {
                first: bytes,
                ..MemoryUse::default()
            });
            memory.peak = memory.peak.max(bytes);
            memory.last = bytes;
        }
        self.sockets_peak = self.sockets_peak.max(seen.sockets);
        self.sockets_resting_peak = self.sockets_resting_peak.max(seen.sockets_resting);
        if let Some(contention) = seen
            .contention
            .filter(|found| found.by_others() >= Self::KEPT_FROM)
        {
            self.contended_by_second.insert(second, contention);
        }
        for (by_second, share) in [
            (&mut self.stolen_by_second, seen.stolen),
            (&mut self.throttled_by_second, seen.throttled),
        ] {
            let taken = Duration::from_secs_f64(share.unwrap_or_default().clamp(0.0, 1.0));
            if taken >= Self::KEPT_FROM {
                by_second.insert(second, taken);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_add_up_to_a_mean_and_a_worst_one() {
        let mut host = HostUse::default();
        for (second, (busy, stolen)) in [(0.5, 0.0), (1.0, 0.25), (0.9, 0.02)].into_iter().enumerate() {
            host.note(
                second as u32,
                &HostSecond {
                    busy: Some(busy),
                    stolen: Some(stolen),
                    memory: Some(100 - 10 * second as u64),
                    contention: Some(Contention {
                        others: busy,
                        waited: Duration::from_millis(60),
                        ..Contention::default()
                    }),
                    ..HostSecond::default()
                },
            );
        }
        let busy = host.busy.unwrap();
        assert!((busy.mean - 0.8).abs() < 1e-12 && busy.worst == 1.0, "{busy:?}");
        assert_eq!((host.seconds, host.busy_seconds), (3, 2));
        assert_eq!(
            host.stolen_by_second,
            BTreeMap::from([(1, Duration::from_millis(250))]),
            "20 ms are not kept"
        );
        assert_eq!(
            host.contended_by_second.keys().collect::<Vec<_>>(),
            [&1, &2],
            "30 ms that others have to answer for are not kept"
        );
        let memory = MemoryUse {
            first: 100,
            peak: 100,
            last: 80,
        };
        assert_eq!(host.memory, Some(memory));
        assert_eq!(
            (host.waiting, host.throttled),
            (None, None),
            "nobody said anything"
        );
    }
}
