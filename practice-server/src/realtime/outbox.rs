//! The bounded queue between the hub and one socket.
//!
//! The hub offers frames and never waits: a socket whose queue is full is a slow consumer and is
//! disconnected, because a client that missed an event must know it and read the rows again.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Notify, mpsc};

/// Identifies one membership of a socket in a channel; a rejoin gets a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ChannelKey(pub(crate) u64);

/// A frame for a channel. The socket drops it if the channel was left meanwhile.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) channel: ChannelKey,
    pub(crate) frame: Utf8Bytes,
}

/// What became of an offered frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    Queued,
    /// The queue was full; the socket is being disconnected. Reported once per socket.
    Overflowed,
    /// The socket is gone or going.
    Gone,
}

/// The hub's end of the queue.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<Delivery>,
    overflowed: AtomicBool,
    overflow: Notify,
}

impl Outbox {
    pub(crate) fn new(capacity: NonZeroUsize) -> (Self, mpsc::Receiver<Delivery>) {
        let (queue, deliveries) = mpsc::channel(capacity.get());
        (
            Self {
                queue,
                overflowed: AtomicBool::new(false),
                overflow: Notify::new(),
            },
            deliveries,
        )
    }

    pub(crate) fn offer(&self, delivery: Delivery) -> Offer {
        if self.overflowed.load(Ordering::Relaxed) {
            return Offer::Gone;
        }
        match self.queue.try_send(delivery) {
            Ok(()) => Offer::Queued,
            Err(mpsc::error::TrySendError::Closed(_)) => Offer::Gone,
            Err(mpsc::error::TrySendError::Full(_)) => {
                if self.overflowed.swap(true, Ordering::Relaxed) {
                    return Offer::Gone;
                }
                self.overflow.notify_one();
                Offer::Overflowed
            }
        }
    }

    /// Completes once the queue has overflowed. The one task that waits is the socket's.
    pub(crate) async fn overflowed(&self) {
        self.overflow.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery() -> Delivery {
        Delivery {
            channel: ChannelKey(1),
            frame: Utf8Bytes::from_static("frame"),
        }
    }

    #[tokio::test]
    async fn a_full_queue_overflows_once_and_takes_nothing_more() {
        let (outbox, mut deliveries) = Outbox::new(NonZeroUsize::MIN);
        assert_eq!(outbox.offer(delivery()), Offer::Queued);
        assert_eq!(outbox.offer(delivery()), Offer::Overflowed);
        outbox.overflowed().await;
        assert!(deliveries.try_recv().is_ok());
        assert_eq!(
            outbox.offer(delivery()),
            Offer::Gone,
            "a gap must not be followed by newer events"
        );
    }

    #[test]
    fn a_closed_socket_is_gone() {
        let (outbox, deliveries) = Outbox::new(NonZeroUsize::MIN);
        drop(deliveries);
        assert_eq!(outbox.offer(delivery()), Offer::Gone);
    }
}
