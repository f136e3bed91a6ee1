//! What a user has received over realtime, and what they still expect. Pure state: tasks put frames in, steps look.
//!
//! Events are kept by the user, not by the step that waits: one that arrives before its `await`, or before the answer
//! to the request that caused it, is found all the same.

mod expectation;
mod subscription;
mod watched;

use std::collections::VecDeque;
use std::rc::Rc;

use self::expectation::Expectations;
pub(super) use self::expectation::{ExpectationPurpose, Settled};
use self::subscription::misdelivery;
pub(super) use self::subscription::{Filter, Read, Subscription, SubscriptionState};
use self::watched::KeptRow;
pub(super) use self::watched::Wanted;
pub(super) use self::watched::WatchedColumns;
use crate::clock::Moment;
use crate::metrics::{ResultChannel, Sighting};
use crate::plan::ChangeEvent;
use crate::protocol::{ChangeFrame, Join, RawRow};

/// Events kept per user; the oldest makes room, and is counted.
const EVENTS_MAX: usize = 128;

/// A row change that was received.
#[derive(Debug)]
struct Received {
    row: KeptRow,
    at: Moment,
    /// `None` = it was read.
    fingerprint: Option<u64>,
}

/// The inbox of one user.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The user's identifier, when the run decided it: rows of others must not arrive.
    user_id: Option<String>,
    subscriptions: Vec<Subscription>,
    events: VecDeque<Received>,
    expectations: Expectations,
    /// When the next channel is to be joined again.
    next_rejoin: Option<Moment>,
    /// What is to be read because events may have been missed.
    reads_due: VecDeque<Read>,
    lost: bool,
}

/// What a frame turned out to be.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    pub(super) settled: Vec<Settled>,
    pub(super) sighting: Option<(Sighting, String)>,
    /// An older event had to make room.
    pub(super) discarded: bool,
}

impl Inbox {
    pub(super) fn new(user_id: Option<String>) -> Self {
        Self {
            user_id,
            ..Self::default()
        }
    }

    pub(super) fn join(&mut self, subscription: Subscription) {
        self.subscriptions.push(subscription);
    }

    /// The join of a topic has been sent.
    pub(super) fn sent(&mut self, topic: &str, reference: u64) {
        self.change(topic, |subscription| subscription.sent(reference));
    }

    /// A subscription is live, perhaps again.
    pub(super) fn live(&mut self, topic: &str) {
        let missed = self.change(topic, Subscription::live).flatten();
        self.reads_due.extend(missed);
    }

    /// A subscription could not be made, or the server has lost it.
    pub(super) fn lose(&mut self, topic: &str, reason: String, now: Moment) {
        self.change(topic, |subscription| subscription.lose(reason, now));
    }

    /// The server closed a channel for good.
    pub(super) fn close(&mut self, topic: &str, joined_by: Option<u64>) {
        self.change(topic, |subscription| subscription.close(joined_by));
    }

    /// When the next channel is to be joined again.
    pub(super) fn next_rejoin(&self) -> Option<Moment> {
        self.next_rejoin
    }

    /// A channel that is to be joined again now: its topic and its join.
    pub(super) fn take_due_rejoin(&mut self, now: Moment) -> Option<(String, Rc<Join>)> {
        self.next_rejoin.filter(|at| *at <= now)?;
        let due = self.subscriptions.iter_mut().find_map(|subscription| {
            let join = subscription.take_due_rejoin(now)?;
            Some((subscription.topic.clone(), join))
        });
        self.find_next_rejoin();
        due
    }

    /// Whether a row is to be read because its events may have been missed.
    pub(super) fn has_read_due(&self) -> bool {
        !self.reads_due.is_empty()
    }

    /// The next row to read.
    pub(super) fn take_due_read(&mut self) -> Option<Read> {
        self.reads_due.pop_front()
    }

    fn change<T>(&mut self, topic: &str, change: impl FnOnce(&mut Subscription) -> T) -> Option<T> {
        let subscription = self
            .subscriptions
            .iter_mut()
            .find(|subscription| subscription.topic == topic)?;
        let changed = change(subscription);
        self.find_next_rejoin();
        Some(changed)
    }

    fn find_next_rejoin(&mut self) {
        let times = self.subscriptions.iter();
        self.next_rejoin = times.filter_map(|subscription| subscription.rejoin_at).min();
    }

    /// The state of a subscription; failed when the socket is gone.
    pub(super) fn state(&self, topic: &str) -> SubscriptionState {
        if self.lost {
            return SubscriptionState::Failed("the realtime socket was closed".to_owned());
        }
        self.subscriptions
            .iter()
            .find(|subscription| subscription.topic == topic)
            .map_or(SubscriptionState::Joining, |subscription| {
                subscription.state.clone()
            })
    }

    /// The socket is gone; what was received stays.
    pub(super) fn lose_socket(&mut self) {
        self.lost = true;
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Whether events can still come: the socket is there, and a subscription on it is live.
    pub(super) fn is_live(&self) -> bool {
        !self.lost
            && self
                .subscriptions
                .iter()
                .any(|subscription| subscription.state == SubscriptionState::Live)
    }

    /// Takes in a row change.
    pub(super) fn receive(
        &mut self,
        frame: &ChangeFrame<'_>,
        watched: &WatchedColumns,
        at: Moment,
    ) -> Delivery {
        let mut delivery = Delivery {
            sighting: self.sighting(frame),
            ..Delivery::default()
        };
        if frame.event == ChangeEvent::Delete {
            return delivery;
        }
        let row = watched.keep(&frame.table, frame.row);
        self.expectations.meet(&row, at);
        delivery.settled = self.settle(at);
        delivery.discarded = self.keep(Received {
            row,
            at,
            fingerprint: Some(frame.fingerprint),
        });
        delivery
    }

    /// Takes in a row that was read, as if its change had been received now. Says whether an older event had to make
    /// room.
    pub(super) fn receive_row(
        &mut self,
        table: &str,
        row: RawRow<'_>,
        watched: &WatchedColumns,
        at: Moment,
    ) -> bool {
        self.keep(Received {
            row: watched.keep(table, row),
            at,
            fingerprint: None,
        })
    }

    fn keep(&mut self, event: Received) -> bool {
        let full = self.events.len() >= EVENTS_MAX;
        if full {
            self.events.pop_front();
        }
        self.events.push_back(event);
        full
    }

    /// An event twice to one subscription, or one that is none of this user's business.
    fn sighting(&self, frame: &ChangeFrame<'_>) -> Option<(Sighting, String)> {
        if self
            .events
            .iter()
            .any(|event| event.fingerprint == Some(frame.fingerprint))
        {
            return Some((
                Sighting::Duplicated,
                format!("the same change of {} came twice on {}", frame.table, frame.topic),
            ));
        }
        misdelivery(self.user_id.as_deref(), &self.subscriptions, frame)
    }

    /// When the wanted state was first seen since `since`, and how: by an event, or by the read after subscribing.
    pub(super) fn find(&self, wanted: &Wanted, since: Moment) -> Option<(ResultChannel, Moment)> {
        let event = self
            .events
            .iter()
            .find(|event| event.at >= since && wanted.matches(&event.row))?;
        let channel = if event.fingerprint.is_some() {
            ResultChannel::Event
        } else {
            ResultChannel::Read
        };
        Some((channel, event.at))
    }

    /// Begins to look for an event. It counts once [`Inbox::commit`] says that its cause was committed.
    pub(super) fn expect(&mut self, wanted: Wanted, purpose: ExpectationPurpose, since: Moment) -> u64 {
        let received = self
            .find(&wanted, since)
            .filter(|(channel, _)| *channel == ResultChannel::Event)
            .map(|(_, at)| at);
        self.expectations.add(wanted, purpose, since, received)
    }

    /// The cause of an expected event is known to be committed.
    pub(super) fn commit(&mut self, id: u64, at: Moment) -> Vec<Settled> {
        self.expectations.commit(id, at);
        self.settle(at)
    }

    /// The cause did not happen: nothing is expected.
    pub(super) fn cancel(&mut self, id: u64) {
        self.expectations.cancel(id);
    }

    /// Ends every committed expectation that was met, or whose deadline is over at `now`.
    pub(super) fn settle(&mut self, now: Moment) -> Vec<Settled> {
        self.expectations.settle(now)
    }

    /// The next deadline of a committed expectation.
    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.expectations.next_deadline()
    }
}

#[cfg(test)]
mod tests;
