//! Watches what the host leaves to this process: a plain thread that only sleeps and, once a second, reads what the
//! kernel says about the machine; and the CPU time of all threads.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::hiccups::{BEAT, HiccupMeter};
use super::host_meter::HostMeter;
use crate::clock::{Moment, RunClock};
use crate::metrics::{HostStalls, HostUse, ProcessHealth};

/// A watch that goes on until it is stopped or dropped.
#[derive(Debug)]
pub(super) struct HostWatch {
    clock: RunClock,
    started: Moment,
    cpu_before: Duration,
    seen: Arc<Mutex<Seen>>,
    /// The thread ends when this is gone.
    running: Option<SyncSender<()>>,
    /// What the process had used when the watch was stopped.
    at_stop: Option<ProcessHealth>,
}

/// What the thread has seen so far.
#[derive(Debug)]
struct Seen {
    stalls: HostStalls,
    hiccups: HiccupMeter,
    host: HostUse,
}

impl HostWatch {
    /// Starts the thread. Seconds count from `epoch`; for `can_tell_others` see [`HostMeter::start`].
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(clock: RunClock, epoch: Moment, can_tell_others: bool) -> std::io::Result<Self> {
        let seen = Arc::new(Mutex::new(Seen {
            stalls: HostStalls::default(),
            hiccups: HiccupMeter::new(),
            host: HostUse::default(),
        }));
        let (running, ended) = sync_channel(0);
        let shared = Arc::clone(&seen);
        std::thread::Builder::new()
            .name("host-watch".to_owned())
            .spawn(move || {
                let meter = HostMeter::start(clock.now(), can_tell_others);
                keep_beating(clock, epoch, &ended, &shared, meter);
            })?;
        Ok(Self {
            clock,
            started: clock.now(),
            cpu_before: process_cpu_time(),
            seen,
            running: Some(running),
            at_stop: None,
        })
    }

    /// Stops the watch: what comes later is no part of the load.
    pub(super) fn stop(&mut self) {
        self.at_stop = Some(self.process());
        self.running = None;
    }

    /// How late the thread woke up so far.
    pub(super) fn stalls(&self) -> HostStalls {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        HostStalls {
            lateness: seen.hiccups.lateness(),
            ..seen.stalls.clone()
        }
    }

    /// What the kernel said about the machine so far.
    pub(super) fn host(&self) -> HostUse {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.host.clone()
    }

    /// What the process has used since the start of the watch.
    pub(super) fn process(&self) -> ProcessHealth {
        self.at_stop.unwrap_or_else(|| ProcessHealth {
            cpu: process_cpu_time().saturating_sub(self.cpu_before),
            wall: self.clock.now().since(self.started),
        })
    }
}

fn keep_beating(
    clock: RunClock,
    epoch: Moment,
    ended: &Receiver<()>,
    seen: &Mutex<Seen>,
    mut meter: HostMeter,
) {
    let second_of = |moment: Moment| u32::try_from(moment.since(epoch).as_secs()).unwrap_or(u32::MAX);
    let mut reading_second = second_of(clock.now());
    loop {
        let due = clock.now().plus(BEAT);
        // Nothing is ever sent: this is a sleep that ends early when the watch is gone.
        if ended.recv_timeout(BEAT) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let came = clock.now();
        let late = came.since(due);
        {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.stalls.note(second_of(due), second_of(came), late);
            seen.hiccups.note(late);
        }
        // After the beat was noted: what reading takes is no stall.
        let second = second_of(came);
        if second > reading_second {
            let passed = meter.read(came);
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.host.note(reading_second, &passed);
            reading_second = second;
        }
    }
}

/// CPU time that all threads of this process have used.
fn process_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_beats_until_the_watch_is_stopped() {
        let clock = RunClock::start();
        let mut watch = HostWatch::start(clock, clock.now(), true).unwrap();
        while watch.stalls().beats < 3 {
            std::thread::yield_now();
        }
        assert!(watch.stalls().lateness.is_some());
        watch.stop();
        let used = watch.process();
        assert!(used.wall >= 3 * BEAT, "{used:?}");
        assert!(used.cpu > Duration::ZERO, "waiting for the beats took CPU time");
        assert_eq!(watch.process(), used, "what comes after the stop does not count");
        // The thread's hold on the shared counts goes with it.
        while Arc::strong_count(&watch.seen) > 1 {
            std::thread::yield_now();
        }
    }
}
