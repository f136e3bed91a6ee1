//! A wake-up from one task to another on the same thread.

use std::cell::Cell;
use std::fmt;
use std::task::{Context, Poll, Waker};

/// Says that something has changed. One task waits, any may raise; raised several times, it wakes once.
#[derive(Default)]
pub(super) struct Signal {
    raised: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Signal {
    /// Wakes who waits, or lets the next who would wait go on at once.
    pub(super) fn raise(&self) {
        self.raised.set(true);
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Ready once for all that was raised since the last time.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.raised.replace(false) {
            return Poll::Ready(());
        }
        let waker = match self.waiting.take() {
            Some(waker) if waker.will_wake(context.waker()) => waker,
            _ => context.waker().clone(),
        };
        self.waiting.set(Some(waker));
        Poll::Pending
    }

    /// Nobody waits any more.
    pub(super) fn forget(&self) {
        self.waiting.take();
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("raised", &self.raised)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn what_is_raised_before_waiting_is_not_missed_and_wakes_once() {
        let wakes = Arc::new(Wakes::default());
        let waker = Arc::clone(&wakes).into();
        let mut context = Context::from_waker(&waker);
        let signal = Signal::default();
        signal.raise();
        assert!(signal.poll(&mut context).is_ready());
        assert!(signal.poll(&mut context).is_pending());
        signal.raise();
        signal.raise();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert!(signal.poll(&mut context).is_ready());
        assert!(signal.poll(&mut context).is_pending());
        signal.forget();
        signal.raise();
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }
}
