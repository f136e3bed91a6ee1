//! What is found, what is expected, and what must not arrive.

use serde_json::{Value, json};

use super::*;
use crate::plan::{EventMatch, StepId, Template};

const PURPOSE: ExpectationPurpose = ExpectationPurpose {
    step: StepId(3),
    feedback: true,
};

fn at(millis: u64) -> Moment {
    Moment::from_nanos(millis * 1_000_000)
}

/// A session of this user in this status, with what nobody looks at.
fn session(status: &str) -> Value {
    json!({ "id": "s1", "user_id": "me", "transcript": "A \"text\".", "status": status })
}

fn event(status: &str) -> EventMatch {
    let column = |name: &str, text: &str| (name.to_owned(), Template::literal(text));
    EventMatch {
        table: "sessions".into(),
        columns: vec![column("id", "s1"), column("status", status)],
    }
}

fn subscription(topic: &str, filters: Vec<Filter>) -> Subscription {
    let read = Read {
        path: "/sessions/s1".into(),
        table: "sessions".into(),
    };
    let join = Rc::new(Join::new(topic, [], None));
    Subscription::new(topic.into(), filters, join, Some(read))
}

struct User {
    inbox: Inbox,
    watched: WatchedColumns,
}

impl User {
    fn new() -> Self {
        let mut inbox = Inbox::new(Some("me".into()));
        let filter = Filter {
            table: "sessions".into(),
            equals: Some(("id".into(), "s1".into())),
        };
        inbox.join(subscription("realtime:room", vec![filter]));
        Self {
            inbox,
            watched: WatchedColumns::named_by([&event("any")]),
        }
    }

    fn receive_change(&mut self, change: ChangeEvent, row: &Value, fingerprint: u64, at: Moment) -> Delivery {
        let text = row.to_string();
        let frame = ChangeFrame {
            topic: "realtime:room".into(),
            table: "sessions".into(),
            event: change,
            row: RawRow::parse(&text).unwrap(),
            commit_timestamp: None,
            committed_monotonic_ns: None,
            commit_record_monotonic_ns: None,
            fingerprint,
        };
        self.inbox.receive(&frame, &self.watched, at)
    }

    fn receive(&mut self, row: &Value, fingerprint: u64, at: Moment) -> Delivery {
        self.receive_change(ChangeEvent::Update, row, fingerprint, at)
    }

    fn wanted(&self, status: &str) -> Wanted {
        self.watched.wanted(&event(status), &[])
    }

    fn find(&self, status: &str, since: Moment) -> Option<(ResultChannel, Moment)> {
        self.inbox.find(&self.wanted(status), since)
    }

    fn expect(&mut self, status: &str) -> u64 {
        let wanted = self.wanted(status);
        self.inbox.expect(wanted, PURPOSE, at(0))
    }
}

#[test]
fn an_event_that_came_before_its_await_is_found_but_not_one_from_before_the_trigger() {
    let mut user = User::new();
    user.receive(&session("ready"), 1, at(10));
    assert_eq!(user.find("ready", at(5)), Some((ResultChannel::Event, at(10))));
    assert_eq!(
        user.find("ready", at(11)),
        None,
        "states recur: an old event is another one"
    );
    assert_eq!(user.find("failed", at(5)), None);
}

#[test]
fn a_row_that_was_read_is_found_as_such_and_meets_no_expectation() {
    let mut user = User::new();
    let text = session("ready").to_string();
    let row = RawRow::parse(&text).unwrap();
    assert!(!user.inbox.receive_row("sessions", row, &user.watched, at(10)));
    assert_eq!(user.find("ready", at(5)), Some((ResultChannel::Read, at(10))));
    let id = user.expect("ready");
    assert!(user.inbox.commit(id, at(11)).is_empty());
}

#[test]
fn every_column_must_have_its_value_and_one_that_is_missing_has_none() {
    let mut user = User::new();
    user.receive(&json!({ "status": "ready" }), 1, at(1));
    user.receive(&json!({ "id": "s1", "status": null }), 2, at(2));
    user.receive(&json!({ "id": "s2", "status": "ready" }), 3, at(3));
    assert_eq!(user.find("ready", at(0)), None);
    assert_eq!(user.find("null", at(0)), Some((ResultChannel::Event, at(2))));
}

#[test]
fn values_that_are_no_text_are_compared_as_saved_values_read() {
    let column = ("score".to_owned(), Template::literal("87.5"));
    let event = EventMatch {
        table: "t".into(),
        columns: vec![column],
    };
    let watched = WatchedColumns::named_by([&event]);
    let wanted = watched.wanted(&event, &[]);
    let row = |text| watched.keep("t", RawRow::parse(text).unwrap());
    assert!(wanted.matches(&row(r#"{"score":87.50}"#)));
    assert!(wanted.matches(&row(r#"{"score":"87.5"}"#)));
    assert!(!wanted.matches(&row(r#"{"score":87}"#)));
}

#[test]
fn a_table_that_nothing_looks_at_matches_nothing() {
    let watched = WatchedColumns::named_by([&event("any")]);
    let mut elsewhere = event("ready");
    elsewhere.table = "attempts".into();
    let text = session("ready").to_string();
    let row = watched.keep("attempts", RawRow::parse(&text).unwrap());
    assert!(!watched.wanted(&elsewhere, &[]).matches(&row));
    assert!(!watched.wanted(&event("ready"), &[]).matches(&row));
}

#[test]
fn an_event_may_precede_the_answer() {
    let mut user = User::new();
    let id = user.expect("processing");
    assert!(
        user.receive(&session("processing"), 1, at(3)).settled.is_empty(),
        "its cause is not committed yet"
    );
    assert_eq!(
        user.inbox.commit(id, at(7)),
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
    let mut user = User::new();
    let id = user.expect("processing");
    assert!(user.inbox.commit(id, at(0)).is_empty());
    assert_eq!(user.inbox.next_deadline(), Some(at(5_000)));
    assert!(user.inbox.settle(at(4_999)).is_empty());
    let late = user.receive(&session("processing"), 1, at(5_001)).settled;
    assert_eq!(late[0].received, None);
    assert_eq!(user.inbox.next_deadline(), None);
}

#[test]
fn a_cancelled_expectation_expects_nothing() {
    let mut user = User::new();
    let id = user.expect("processing");
    user.inbox.cancel(id);
    assert!(user.inbox.commit(id, at(1)).is_empty());
    assert!(user.inbox.settle(at(60_000)).is_empty());
}

#[test]
fn events_of_others_and_events_twice_are_sighted() {
    let mut user = User::new();
    let mut sighted = |row: Value, fingerprint| {
        let sighting = user.receive(&row, fingerprint, at(1)).sighting;
        sighting.map(|(sighting, _)| sighting)
    };
    assert_eq!(sighted(session("ready"), 1), None);
    assert_eq!(sighted(session("ready"), 1), Some(Sighting::Duplicated));
    let mut foreign = session("ready");
    foreign["user_id"] = json!("somebody else");
    assert_eq!(sighted(foreign, 2), Some(Sighting::Misdelivered));
    let mut unasked = session("ready");
    unasked["id"] = json!("s2");
    assert_eq!(sighted(unasked, 3), Some(Sighting::Misdelivered));
    assert_eq!(
        sighted(json!({ "status": "ready" }), 4),
        Some(Sighting::Misdelivered)
    );
}

#[test]
fn a_deleted_row_is_checked_by_what_it_shows_and_found_by_nobody() {
    let mut user = User::new();
    let mut delete = |row: Value| user.receive_change(ChangeEvent::Delete, &row, 1, at(1)).sighting;
    assert_eq!(delete(json!({ "key": "not the filter's column" })), None);
    assert!(delete(json!({ "id": "s2" })).is_some());
    assert_eq!(delete(session("ready")), None);
    assert_eq!(user.find("ready", at(0)), None);
}

#[test]
fn a_full_inbox_discards_its_oldest_event_and_says_so() {
    let mut user = User::new();
    for n in 0..EVENTS_MAX as u64 {
        assert!(!user.receive(&session("ready"), n, at(n)).discarded);
    }
    assert!(user.receive(&session("ready"), 9_999, at(500)).discarded);
    assert_eq!(user.find("ready", at(0)), Some((ResultChannel::Event, at(1))));
    // What was discarded is forgotten: it is no duplicate any more.
    assert!(user.receive(&session("ready"), 0, at(501)).sighting.is_none());
    assert!(user.receive(&session("ready"), 9_999, at(502)).sighting.is_some());
}

#[test]
fn an_event_is_small_whatever_its_row_holds() {
    assert!(size_of::<Received>() <= 48, "{}", size_of::<Received>());
}

#[test]
fn a_channel_that_the_server_lost_is_joined_again_and_its_row_is_read_once_it_is_live() {
    let mut user = User::new();
    let room = "realtime:room";
    user.inbox.sent(room, 1);
    user.inbox.live(room);
    assert!(!user.inbox.has_read_due(), "the first read is the step's own");
    user.inbox.lose(room, "the feed broke off".into(), at(100));
    // Said twice, it is one loss.
    user.inbox.lose(room, "again".into(), at(200));
    assert!(!user.inbox.is_live());
    assert_eq!(user.inbox.next_rejoin(), Some(at(1_100)));
    assert!(user.inbox.take_due_rejoin(at(1_099)).is_none());
    let (topic, _) = user.inbox.take_due_rejoin(at(1_100)).unwrap();
    user.inbox.sent(&topic, 2);
    assert_eq!((topic.as_str(), user.inbox.next_rejoin()), (room, None));
    // The server makes room for the new channel: that is not the end of the new one.
    user.inbox.close(room, Some(1));
    assert_eq!(user.inbox.state(room), SubscriptionState::Joining);
    user.inbox.live(room);
    assert!(user.inbox.is_live());
    let read = user.inbox.take_due_read().unwrap();
    assert_eq!(
        (read.path.as_str(), read.table.as_str()),
        ("/sessions/s1", "sessions")
    );
    assert!(user.inbox.take_due_read().is_none());
}

#[test]
fn rejoins_are_further_and_further_apart_until_one_succeeds() {
    let mut user = User::new();
    let room = "realtime:room";
    user.inbox.live(room);
    let mut now_ms = 0;
    let mut waits = Vec::new();
    for _ in 0..5 {
        user.inbox.lose(room, "no".into(), at(now_ms));
        let due = user.inbox.next_rejoin().unwrap();
        waits.push(due.since(at(now_ms)).as_secs());
        now_ms += waits[waits.len() - 1] * 1_000;
        assert!(user.inbox.take_due_rejoin(due).is_some());
    }
    assert_eq!(waits, [1, 2, 5, 10, 10]);
    user.inbox.live(room);
    user.inbox.lose(room, "no".into(), at(now_ms));
    assert_eq!(user.inbox.next_rejoin(), Some(at(now_ms + 1_000)));
}

#[test]
fn a_channel_that_was_closed_or_never_live_is_not_joined_again() {
    let mut user = User::new();
    let room = "realtime:room";
    user.inbox.lose(room, "no such column".into(), at(0));
    assert_eq!(user.inbox.next_rejoin(), None);
    user.inbox.sent(room, 1);
    user.inbox.live(room);
    user.inbox.lose(room, "the token has expired".into(), at(1));
    user.inbox.close(room, Some(1));
    assert_eq!(user.inbox.next_rejoin(), None);
    assert!(matches!(user.inbox.state(room), SubscriptionState::Failed(_)));
}
