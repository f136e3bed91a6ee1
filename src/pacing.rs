//! Waiting for a moment, to within tens of microseconds: what arrivals and think times are paced by.
//!
//! The runtime's own timer is a wheel of milliseconds, and late by up to two of them; a load of 10,000 arrivals per
//! second would go out in lumps of ten. Here one timer descriptor per worker stands for all who wait: it is set for
//! the first of them, and whoever is due when it fires is woken together. Between wake-ups the processor is free.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::clock::{Moment, RunClock};

/// How much later than the first who waits the timer is set, so that those who are due within it share one wake-up.
/// Waking a sleeping thread costs tens of microseconds of processor time, more than a request does.
const COALESCED: Duration = Duration::from_micros(20);

/// Lets tasks of one worker wait for moments. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Pacer {
    clock: RunClock,
    /// `None`: the runtime's timer is used.
    timer: Option<Rc<FineTimer>>,
}

/// Who waits, and the descriptor that fires for the first of them.
struct FineTimer {
    descriptor: OwnedFd,
    waiting: RefCell<BTreeMap<Place, Waker>>,
    /// For whom the descriptor is set.
    armed: Cell<Option<Moment>>,
    next_number: Cell<u64>,
}

/// A place in the queue: by moment, then by number.
type Place = (Moment, u64);

impl fmt::Debug for FineTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FineTimer")
            .field("armed", &self.armed)
            .finish_non_exhaustive()
    }
}

impl Pacer {
    /// A pacer with a timer descriptor of its own. Must be called on a `LocalSet`, which then serves it.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn fine(clock: RunClock) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // The runtime has no type for timers. Like a pipe, one is read when it is ready, and nothing else is asked of it.
        let expirations = pipe::Receiver::from_owned_fd_unchecked(descriptor.try_clone()?)?;
        let timer = Rc::new(FineTimer {
            descriptor,
            waiting: RefCell::default(),
            armed: Cell::new(None),
            next_number: Cell::new(0),
        });
        tokio::task::spawn_local(Rc::clone(&timer).serve(expirations, clock));
        Ok(Self {
            clock,
            timer: Some(timer),
        })
    }

    /// A pacer that follows the runtime's clock and timer, which tests can pause.
    pub fn of_runtime(clock: RunClock) -> Self {
        Self { clock, timer: None }
    }

    /// Waits until `moment` has come, never less; returns at once when it is past.
    pub async fn sleep_until(&self, moment: Moment) {
        let Some(timer) = &self.timer else {
            return self.clock.sleep_until(moment).await;
        };
        let mut seat = Seat { timer, place: None };
        poll_fn(|context| seat.poll(moment, self.clock.now(), context)).await;
    }
}

/// One who waits; leaves the queue when it is dropped.
struct Seat<'a> {
    timer: &'a FineTimer,
    place: Option<Place>,
}

impl Seat<'_> {
    fn poll(&mut self, moment: Moment, now: Moment, context: &Context<'_>) -> Poll<()> {
        if now >= moment {
            return Poll::Ready(());
        }
        let timer = self.timer;
        let place = *self.place.get_or_insert_with(|| {
            let number = timer.next_number.get();
            timer.next_number.set(number + 1);
            (moment, number)
        });
        timer
            .waiting
            .borrow_mut()
            .entry(place)
            .and_modify(|waker| waker.clone_from(context.waker()))
            .or_insert_with(|| context.waker().clone());
        timer.arm(moment);
        Poll::Pending
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.timer.waiting.borrow_mut().remove(&place);
        }
    }
}

impl FineTimer {
    /// Sets the descriptor for `moment`, unless it fires before that anyway.
    fn arm(&self, moment: Moment) {
        if self.armed.get().is_some_and(|armed| armed <= moment) {
            return;
        }
        let at = moment.plus(COALESCED).as_nanos();
        let at = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: Timespec {
                tv_sec: (at / 1_000_000_000) as i64,
                tv_nsec: (at % 1_000_000_000) as i64,
            },
        };
        match timerfd_settime(&self.descriptor, TimerfdTimerFlags::ABSTIME, &at) {
            Ok(_) => self.armed.set(Some(moment)),
            // A moment that the system cannot hold is centuries away; a valid one cannot fail.
            Err(error) => tracing::error!(%error, "the timer could not be set"),
        }
    }

    /// Wakes whoever is due whenever the descriptor fires, for as long as the worker lives.
    async fn serve(self: Rc<Self>, mut expirations: pipe::Receiver, clock: RunClock) {
        // Eight bytes that count the expirations. With room for more, the runtime knows that there is nothing left.
        let mut count = [0; 16];
        while expirations.read(&mut count).await.is_ok() {
            self.armed.set(None);
            self.wake_due(clock.now());
        }
    }

    fn wake_due(&self, now: Moment) {
        loop {
            let mut waiting = self.waiting.borrow_mut();
            let Some(first) = waiting.first_entry() else {
                return;
            };
            let (moment, _) = *first.key();
            if moment > now {
                drop(waiting);
                return self.arm(moment);
            }
            let waker = first.remove();
            drop(waiting);
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_worker(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, test);
    }

    #[test]
    fn nobody_is_woken_early_and_everybody_in_order() {
        on_a_worker(async {
            let clock = RunClock::start();
            let pacer = Pacer::fine(clock).unwrap();
            let start = clock.now();
            let woken = Rc::new(RefCell::new(Vec::new()));
            let mut tasks = tokio::task::JoinSet::new();
            for micros in [3_000_u64, 500, 2_000, 501, 0, 2_000] {
                let (pacer, woken) = (pacer.clone(), Rc::clone(&woken));
                let moment = start.plus(Duration::from_micros(micros));
                tasks.spawn_local(async move {
                    pacer.sleep_until(moment).await;
                    assert!(clock.now() >= moment);
                    woken.borrow_mut().push(micros);
                });
            }
            while let Some(done) = tasks.join_next().await {
                done.unwrap();
            }
            assert_eq!(*woken.borrow(), [0, 500, 501, 2_000, 2_000, 3_000]);
        });
    }

    #[test]
    fn who_gives_up_leaves_the_queue_and_holds_up_nobody() {
        on_a_worker(async {
            let clock = RunClock::start();
            let pacer = Pacer::fine(clock).unwrap();
            let start = clock.now();
            let sooner = pacer.sleep_until(start.plus(Duration::from_millis(1)));
            let later = pacer.sleep_until(start.plus(Duration::from_millis(5)));
            {
                tokio::pin!(sooner);
                let waits = poll_fn(|context| Poll::Ready(sooner.as_mut().poll(context).is_pending())).await;
                assert!(waits);
            }
            later.await;
            assert!(clock.now().since(start) >= Duration::from_millis(5));
            assert!(pacer.timer.unwrap().waiting.borrow().is_empty());
        });
    }

    #[tokio::test(start_paused = true)]
    async fn virtual_time_is_followed() {
        let clock = RunClock::start();
        let start = clock.now();
        let hour = start.plus(Duration::from_secs(3600));
        Pacer::of_runtime(clock).sleep_until(hour).await;
        assert_eq!(clock.now(), hour);
    }
}
