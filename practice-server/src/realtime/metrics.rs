//! Gauges and counters of the realtime server.

use std::sync::atomic::{AtomicU64, Ordering};

use super::hub::HubState;

/// A snapshot of the realtime server's gauges and counters. Counters never decrease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubMetrics {
    /// Gauge: sockets open now.
    pub sockets_open: u64,
    /// Gauge: live subscriptions (table bindings) of all sockets.
    pub subscriptions_live: u64,
    /// Change events and relayed broadcasts written to sockets.
    pub events_sent: u64,
    /// Payload bytes of all frames written to sockets.
    pub bytes_sent: u64,
    /// Sockets disconnected because their queue was full or a write took too long.
    pub slow_consumers_dropped: u64,
    /// Frames that were no message of the protocol; they were dropped and the socket stayed open.
    pub malformed_frames: u64,
    /// Handshakes refused: no or bad credentials, too many sockets, shutting down.
    pub handshakes_refused: u64,
    /// Joins refused: bad credentials or payload, too many channels.
    pub joins_refused: u64,
    /// Sockets closed because they sent nothing for the idle timeout.
    pub idle_closed: u64,
    /// Sockets that ended without a closing handshake: the connection was lost, a message was too large, or
    /// the client broke the WebSocket protocol.
    pub sockets_broken: u64,
    /// Gauge: 1 while committed changes come in, 0 while the database's log cannot be followed.
    pub feed_live: u64,
    /// Times that the feed broke off; whoever was subscribed was told to subscribe again.
    pub feed_interruptions: u64,
    /// Row changes of published tables that the feed has read.
    pub changes_read: u64,
    /// Clients, by role and claims, whose view of a row the database was asked about.
    pub policy_questions: u64,
    /// Of those, the ones for whom a policy failed; they did not see the row.
    pub policy_failures: u64,
}

/// A number that many threads change.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn increment(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, amount: usize) {
        self.0.fetch_add(amount as u64, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, amount: usize) {
        self.0.fetch_sub(amount as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) subscriptions_live: Counter,
    pub(crate) events_sent: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) slow_consumers_dropped: Counter,
    pub(crate) malformed_frames: Counter,
    pub(crate) handshakes_refused: Counter,
    pub(crate) joins_refused: Counter,
    pub(crate) idle_closed: Counter,
    pub(crate) sockets_broken: Counter,
    pub(crate) changes_read: Counter,
    pub(crate) policy_questions: Counter,
    pub(crate) policy_failures: Counter,
}

impl Counters {
    pub(crate) fn snapshot(&self, sockets_open: usize, state: HubState) -> HubMetrics {
        HubMetrics {
            sockets_open: sockets_open as u64,
            subscriptions_live: self.subscriptions_live.get(),
            events_sent: self.events_sent.get(),
            bytes_sent: self.bytes_sent.get(),
            slow_consumers_dropped: self.slow_consumers_dropped.get(),
            malformed_frames: self.malformed_frames.get(),
            handshakes_refused: self.handshakes_refused.get(),
            joins_refused: self.joins_refused.get(),
            idle_closed: self.idle_closed.get(),
            sockets_broken: self.sockets_broken.get(),
            feed_live: state.live.into(),
            feed_interruptions: state.interruptions,
            changes_read: self.changes_read.get(),
            policy_questions: self.policy_questions.get(),
            policy_failures: self.policy_failures.get(),
        }
    }
}
