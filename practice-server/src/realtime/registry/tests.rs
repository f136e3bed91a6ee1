//! The index finds exactly what a scan would find.

use std::num::NonZeroUsize;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::realtime::filter::Filter;

const ALL: &[Operation] = &[Operation::Insert, Operation::Update, Operation::Delete];

fn channel(key: u64, role: Role, subject: Option<&str>) -> Arc<Channel> {
    let (outbox, _) = Outbox::new(NonZeroUsize::MIN);
    let identity = Identity {
        role,
        subject: subject.map(Arc::from),
        expires_at_unix_s: None,
    };
    Arc::new(Channel {
        key: ChannelKey(key),
        topic: Arc::from("realtime:room"),
        vsn: Vsn::V2,
        identity,
        outbox: Arc::new(outbox),
    })
}

/// Real ids come from a join's bindings; here any distinct ones will do.
fn binding_id(number: usize) -> BindingId {
    let bindings: Vec<Value> = (0..=number)
        .map(|n| json!({"schema": "public", "number": n}))
        .collect();
    let config = json!({"config": {"postgres_changes": bindings}});
    crate::realtime::binding::JoinConfig::parse(config)
        .unwrap()
        .bindings[number]
        .id
}

fn subscription(
    number: usize,
    table: Table,
    operations: &'static [Operation],
    filter: &str,
) -> Arc<Subscription> {
    let filter = Filter::parse(filter, table).unwrap();
    Arc::new(Subscription {
        binding: binding_id(number),
        table,
        operations,
        filter,
    })
}

fn change(operation: Operation, owner: &str, row: Value) -> Change {
    let row = row.as_object().unwrap().clone();
    let (record, old_record) = match operation {
        Operation::Insert => (Some(row), None),
        Operation::Update => (Some(row.clone()), Some(row)),
        Operation::Delete => (None, Some(row)),
    };
    Change {
        table: Table::PracticeSessions,
        operation,
        owner: Arc::from(owner),
        record,
        old_record,
        committed_monotonic_ns: None,
        committed_unix_us: 0,
    }
}

fn keys(recipients: &[Recipient]) -> Vec<u64> {
    recipients
        .iter()
        .map(|recipient| recipient.channel.key.0)
        .collect()
}

#[test]
fn a_channel_is_named_once_with_its_bindings_in_order() {
    let mut registry = Registry::default();
    let alice = channel(1, Role::Authenticated, Some("alice"));
    let subscriptions = [
        subscription(0, Table::PracticeSessions, ALL, "status=neq.failed"),
        subscription(1, Table::PracticeAttempts, ALL, ""),
        subscription(2, Table::PracticeSessions, ALL, "status=eq.ready"),
        subscription(2, Table::PracticeSessions, ALL, "status=eq.ready"),
    ];
    registry.insert(&alice, &subscriptions);
    let recipients = registry.recipients(&change(Operation::Update, "alice", json!({"status": "ready"})));
    assert_eq!(keys(&recipients), [1]);
    assert_eq!(recipients[0].bindings, [binding_id(0), binding_id(2)]);
}

#[test]
fn operations_are_kept_apart() {
    let mut registry = Registry::default();
    let service = channel(1, Role::Service, None);
    registry.insert(
        &service,
        &[subscription(0, Table::PracticeSessions, &[Operation::Update], "")],
    );
    for (operation, found) in [
        (Operation::Insert, 0),
        (Operation::Update, 1),
        (Operation::Delete, 0),
    ] {
        assert_eq!(
            registry
                .recipients(&change(operation, "alice", json!({"id": "s"})))
                .len(),
            found
        );
    }
}

#[test]
fn a_delete_is_matched_against_the_old_columns() {
    let mut registry = Registry::default();
    let id = "11111111-1111-4111-8111-111111111111";
    let alice = channel(1, Role::Authenticated, Some("alice"));
    registry.insert(
        &alice,
        &[subscription(
            0,
            Table::PracticeSessions,
            ALL,
            &format!("id=eq.{id}"),
        )],
    );
    let bob = channel(2, Role::Authenticated, Some("bob"));
    registry.insert(&bob, &[subscription(0, Table::PracticeSessions, ALL, "")]);
    let by_status = channel(3, Role::Authenticated, Some("alice"));
    registry.insert(
        &by_status,
        &[subscription(0, Table::PracticeSessions, ALL, "status=eq.ready")],
    );
    let recipients = registry.recipients(&change(Operation::Delete, "alice", json!({"id": id})));
    assert_eq!(
        keys(&recipients),
        [1],
        "others' deletes and columns outside the key stay unseen"
    );
}

/// How a channel of the property tests subscribes.
fn arbitrary_channel() -> impl Strategy<Value = (Role, Option<&'static str>, &'static str)> {
    (
        prop_oneof![Just(Role::Anon), Just(Role::Authenticated), Just(Role::Service)],
        prop_oneof![Just(None), Just(Some("alice")), Just(Some("bob"))],
        prop_oneof![
            Just(""),
            Just("status=eq.ready"),
            Just("status=in.(ready,failed)"),
            Just("attempt_count=eq.2"),
            Just("attempt_count=gt.1,status=eq.failed"),
            Just("pronunciation_score=eq.50.0"),
        ],
    )
}

proptest! {
    /// The index is only a shortcut: it finds what visiting every subscription would find.
    #[test]
    fn a_lookup_finds_what_a_scan_finds(
        channels in prop::collection::vec(arbitrary_channel(), 0..20),
        owner in prop_oneof![Just("alice"), Just("bob")],
        status in prop_oneof![Just(json!("ready")), Just(json!("failed")), Just(Value::Null)],
        attempt_count in 0..4,
        score in prop_oneof![Just(json!(50)), Just(json!(50.5)), Just(Value::Null)],
    ) {
        let row = json!({"status": status, "attempt_count": attempt_count, "pronunciation_score": score});
        let mut registry = Registry::default();
        let mut scanned = Vec::new();
        let mut members = Vec::new();
        for (key, (role, subject, filter)) in channels.into_iter().enumerate() {
            let channel = channel(key as u64, role, subject);
            let subscriptions = [subscription(0, Table::PracticeSessions, ALL, filter)];
            registry.insert(&channel, &subscriptions);
            let visible = channel.identity.may_see_rows_of(owner);
            if visible && subscriptions[0].filter.matches(row.as_object().unwrap()) {
                scanned.push(key as u64);
            }
            members.push((channel, subscriptions));
        }
        let recipients = registry.recipients(&change(Operation::Update, owner, row));
        prop_assert_eq!(keys(&recipients), scanned);
        for (channel, subscriptions) in &members {
            registry.remove(channel, subscriptions);
        }
        prop_assert!(registry.is_empty(), "{:?}", registry);
    }
}
