//! What a user has received over realtime, and what they still expect. Pure state: tasks put frames in, steps look.
//!
//! Events are kept by the user, not by the step that waits: one that arrives before its `await`, or before the answer
//! to the request that caused it, is found all the same.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::clock::Moment;
use crate::metrics::{ResultChannel, Sighting};
use crate::plan::{ChangeEvent, StepId};
use crate::protocol::ChangeFrame;

/// Events kept per user; the oldest makes room, and is counted.
const EVENTS_MAX: usize = 128;
/// How long after its cause was committed an event may take: later is a realtime failure.
pub(super) const DELIVERY_DEADLINE: Duration = Duration::from_secs(5);

/// A row change that was received.
#[derive(Debug, Clone)]
struct Received {
    table: String,
    record: Map<String, Value>,
    at: Moment,
    fingerprint: Option<u64>,
}

/// A row change that is looked for, with its columns rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) table: String,
    pub(super) columns: Vec<(String, String)>,
}

impl Wanted {
    fn matches(&self, table: &str, record: &Map<String, Value>) -> bool {
        self.table == table
            && self
                .columns
                .iter()
                .all(|(column, text)| record.get(column).is_some_and(|value| is_text(value, text)))
    }
}

/// Whether a JSON value reads as `text`: strings by content, all else by its JSON.
pub(super) fn is_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(content) => content == text,
        Value::Null => text == "null",
        Value::Bool(value) => text == if *value { "true" } else { "false" },
        other => serde_json::to_string(other).is_ok_and(|json| json == text),
    }
}

/// An event that must come because its cause was committed.
#[derive(Debug, Clone)]
struct Expectation {
    id: u64,
    wanted: Wanted,
    purpose: ExpectationPurpose,
    /// Events received before this are others.
    since: Moment,
    /// When the cause was known to be committed; before that nothing is expected yet.
    committed: Option<Moment>,
    received: Option<Moment>,
}

/// What an expectation measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ExpectationPurpose {
    pub(super) step: StepId,
    /// Whether the time from `since` to the event is a feedback latency, besides the event being due.
    pub(super) feedback: bool,
}

/// How an expectation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) purpose: ExpectationPurpose,
    pub(super) since: Moment,
    pub(super) committed: Moment,
    /// `None` = it did not come in time.
    pub(super) received: Option<Moment>,
}

/// One subscription and the state it is in.
#[derive(Debug, Clone)]
struct Subscription {
    topic: String,
    state: SubscriptionState,
    filters: Vec<Filter>,
}

/// The state of a subscription: joining → live, or failed from either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubscriptionState {
    Joining,
    Live,
    Failed(String),
}

/// What a subscription asked for: rows of a table, and the column an `eq` filter names with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) table: String,
    pub(super) equals: Option<(String, String)>,
}

/// The inbox of one user.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The user's identifier, when the run decided it: rows of others must not arrive.
    user_id: Option<String>,
    subscriptions: Vec<Subscription>,
    events: VecDeque<Received>,
    expectations: Vec<Expectation>,
    next_expectation: u64,
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

    pub(super) fn join(&mut self, topic: String, filters: Vec<Filter>) {
        self.subscriptions.push(Subscription {
            topic,
            state: SubscriptionState::Joining,
            filters,
        });
    }

    pub(super) fn set_state(&mut self, topic: &str, state: SubscriptionState) {
        if let Some(subscription) = self
            .subscriptions
            .iter_mut()
            .find(|subscription| subscription.topic == topic)
        {
            subscription.state = state;
        }
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
    pub(super) fn receive(&mut self, frame: ChangeFrame, at: Moment) -> Delivery {
        let mut delivery = Delivery {
            sighting: self.sighting(&frame),
            ..Delivery::default()
        };
        if frame.event == ChangeEvent::Delete {
            return delivery;
        }
        for expectation in &mut self.expectations {
            if expectation.received.is_none()
                && at >= expectation.since
                && expectation.wanted.matches(&frame.table, &frame.record)
            {
                expectation.received = Some(at);
            }
        }
        delivery.settled = self.settle(at);
        delivery.discarded = self.keep(Received {
            table: frame.table,
            record: frame.record,
            at,
            fingerprint: Some(frame.fingerprint),
        });
        delivery
    }

    /// Takes in a row that was read, as if its change had been received now.
    pub(super) fn receive_row(&mut self, table: String, record: Map<String, Value>, at: Moment) -> bool {
        self.keep(Received {
            table,
            record,
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
    fn sighting(&self, frame: &ChangeFrame) -> Option<(Sighting, String)> {
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
        let foreign_user = match (&self.user_id, frame.record.get("user_id")) {
            (Some(mine), Some(theirs)) => !is_text(theirs, mine),
            _ => false,
        };
        if foreign_user {
            return Some((
                Sighting::Misdelivered,
                format!("a row of {} that belongs to another user", frame.table),
            ));
        }
        let subscription = self
            .subscriptions
            .iter()
            .find(|subscription| subscription.topic == frame.topic)?;
        let asked_for = subscription.filters.iter().any(|filter| {
            filter.table == frame.table
                && filter.equals.as_ref().is_none_or(|(column, text)| {
                    // A deleted row shows only its key: a filter on another column cannot be checked.
                    frame
                        .record
                        .get(column)
                        .map_or(frame.event == ChangeEvent::Delete, |value| is_text(value, text))
                })
        });
        (!asked_for).then(|| {
            (
                Sighting::Misdelivered,
                format!(
                    "a change of {} that no filter on {} asks for",
                    frame.table, frame.topic
                ),
            )
        })
    }

    /// When the wanted state was first seen since `since`, and how: by an event, or by the read after subscribing.
    pub(super) fn find(&self, wanted: &Wanted, since: Moment) -> Option<(ResultChannel, Moment)> {
        let event = self
            .events
            .iter()
            .find(|event| event.at >= since && wanted.matches(&event.table, &event.record))?;
        let channel = if event.fingerprint.is_some() {
            ResultChannel::Event
        } else {
            ResultChannel::Read
        };
        Some((channel, event.at))
    }

    /// Begins to look for an event. It counts once [`Inbox::commit`] says that its cause was committed.
    pub(super) fn expect(&mut self, wanted: Wanted, purpose: ExpectationPurpose, since: Moment) -> u64 {
        let id = self.next_expectation;
        self.next_expectation += 1;
        let received = self
            .find(&wanted, since)
            .filter(|(channel, _)| *channel == ResultChannel::Event)
            .map(|(_, at)| at);
        self.expectations.push(Expectation {
            id,
            wanted,
            purpose,
            since,
            committed: None,
            received,
        });
        id
    }

    /// The cause of an expected event is known to be committed.
    pub(super) fn commit(&mut self, id: u64, at: Moment) -> Vec<Settled> {
        if let Some(expectation) = self
            .expectations
            .iter_mut()
            .find(|expectation| expectation.id == id)
        {
            expectation.committed = Some(at);
        }
        self.settle(at)
    }

    /// The cause did not happen: nothing is expected.
    pub(super) fn cancel(&mut self, id: u64) {
        self.expectations.retain(|expectation| expectation.id != id);
    }

    /// Ends every committed expectation that was met, or whose deadline is over at `now`.
    pub(super) fn settle(&mut self, now: Moment) -> Vec<Settled> {
        let mut settled = Vec::new();
        self.expectations.retain(|expectation| {
            let Some(committed) = expectation.committed else {
                return true;
            };
            let deadline = committed.plus(DELIVERY_DEADLINE);
            let in_time = expectation.received.filter(|received| *received <= deadline);
            if in_time.is_none() && now < deadline {
                return true;
            }
            let Expectation { purpose, since, .. } = *expectation;
            settled.push(Settled {
                purpose,
                since,
                committed,
                received: in_time,
            });
            false
        });
        settled
    }

    /// The next deadline of a committed expectation.
    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.expectations
            .iter()
            .filter_map(|expectation| expectation.committed)
            .min()
            .map(|committed| committed.plus(DELIVERY_DEADLINE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PURPOSE: ExpectationPurpose = ExpectationPurpose {
        step: StepId(1),
        feedback: true,
    };

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    fn change(status: &str, fingerprint: u64) -> ChangeFrame {
        let Value::Object(record) = json!({ "id": "s1", "user_id": "me", "status": status }) else {
            unreachable!()
        };
        ChangeFrame {
            topic: "realtime:room".into(),
            table: "sessions".into(),
            event: ChangeEvent::Update,
            record,
            committed_monotonic_ns: None,
            fingerprint,
        }
    }

    fn wanted(status: &str) -> Wanted {
        Wanted {
            table: "sessions".into(),
            columns: vec![("id".into(), "s1".into()), ("status".into(), status.into())],
        }
    }

    fn inbox() -> Inbox {
        let mut inbox = Inbox::new(Some("me".into()));
        let filter = Filter {
            table: "sessions".into(),
            equals: Some(("id".into(), "s1".into())),
        };
        inbox.join("realtime:room".into(), vec![filter]);
        inbox
    }

    #[test]
    fn an_event_that_came_before_its_await_is_found_but_not_one_from_before_the_trigger() {
        let mut inbox = inbox();
        inbox.receive(change("ready", 1), at(10));
        assert_eq!(
            inbox.find(&wanted("ready"), at(5)),
            Some((ResultChannel::Event, at(10)))
        );
        assert_eq!(
            inbox.find(&wanted("ready"), at(11)),
            None,
            "states recur: an old event is another one"
        );
        assert_eq!(inbox.find(&wanted("failed"), at(5)), None);
    }

    #[test]
    fn an_event_may_precede_the_answer() {
        let mut inbox = inbox();
        let id = inbox.expect(wanted("processing"), PURPOSE, at(0));
        assert!(
            inbox.receive(change("processing", 1), at(3)).settled.is_empty(),
            "its cause is not committed yet"
        );
        let settled = inbox.commit(id, at(7));
        assert_eq!(
            settled,
            [Settled {
                purpose: PURPOSE,
                since: at(0),
                committed: at(7),
                received: Some(at(3))
            }]
        );
    }

    #[test]
    fn an_event_that_does_not_come_in_time_is_a_failure_and_a_late_one_does_not_help() {
        let mut inbox = inbox();
        let id = inbox.expect(wanted("processing"), PURPOSE, at(0));
        assert!(inbox.commit(id, at(0)).is_empty());
        assert_eq!(inbox.next_deadline(), Some(at(5_000)));
        assert!(inbox.settle(at(4_999)).is_empty());
        let late = inbox.receive(change("processing", 1), at(5_001)).settled;
        assert_eq!(late[0].received, None);
        assert_eq!(inbox.next_deadline(), None);
    }

    #[test]
    fn a_cancelled_expectation_expects_nothing() {
        let mut inbox = inbox();
        let id = inbox.expect(wanted("processing"), PURPOSE, at(0));
        inbox.cancel(id);
        assert!(inbox.commit(id, at(1)).is_empty());
        assert!(inbox.settle(at(60_000)).is_empty());
    }

    #[test]
    fn events_of_others_and_events_twice_are_sighted() {
        let mut inbox = inbox();
        assert!(inbox.receive(change("ready", 1), at(1)).sighting.is_none());
        let twice = inbox.receive(change("ready", 1), at(2)).sighting.unwrap();
        assert_eq!(twice.0, Sighting::Duplicated);
        let mut foreign = change("ready", 2);
        foreign.record.insert("user_id".into(), json!("somebody else"));
        assert_eq!(
            inbox.receive(foreign, at(3)).sighting.unwrap().0,
            Sighting::Misdelivered
        );
        let mut unasked = change("ready", 3);
        unasked.record.insert("id".into(), json!("s2"));
        assert_eq!(
            inbox.receive(unasked, at(4)).sighting.unwrap().0,
            Sighting::Misdelivered
        );
    }

    #[test]
    fn a_full_inbox_discards_its_oldest_event_and_says_so() {
        let mut inbox = inbox();
        for n in 0..EVENTS_MAX {
            assert!(!inbox.receive(change("ready", n as u64), at(n as u64)).discarded);
        }
        assert!(inbox.receive(change("ready", 9_999), at(500)).discarded);
        assert_eq!(
            inbox.find(&wanted("ready"), at(0)),
            Some((ResultChannel::Event, at(1)))
        );
    }
}
