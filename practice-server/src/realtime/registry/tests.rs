//! The index finds exactly what a scan would find.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::realtime::access::{Claimed, TableAccess};
use crate::realtime::filter::Filter;

const ALL: &[Operation] = &[Operation::Insert, Operation::Update, Operation::Delete];

fn channel(key: u64, role: Role, subject: Option<&str>) -> Arc<Channel> {
    let (outbox, _) = Outbox::new(NonZeroUsize::MIN);
    let identity = Identity {
        role,
        claims: Arc::new(
            subject
                .map(|subject| ("sub".to_owned(), subject.into()))
                .into_iter()
                .collect(),
        ),
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

/// A change of a row that is this user's.
fn change(operation: Operation, owner: &str, mut row: Value) -> Change {
    row["user_id"] = owner.into();
    let row = row.as_object().unwrap().clone();
    let (record, old_record) = match operation {
        Operation::Insert => (Some(row), None),
        Operation::Update => (Some(row.clone()), Some(row)),
        Operation::Delete => (None, Some(row)),
    };
    Change {
        table: Table::PracticeSessions,
        operation,
        record,
        old_record,
        committed_monotonic_ns: None,
        commit_record_monotonic_ns: None,
        committed_unix_us: 0,
    }
}

/// By the rules that are built in.
fn recipients(registry: &Registry, change: &Change) -> Vec<Recipient> {
    registry.select(change, &AccessRules::built_in()).visible
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
    let recipients = recipients(
        &registry,
        &change(Operation::Update, "alice", json!({"status": "ready"})),
    );
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
            recipients(&registry, &change(operation, "alice", json!({"id": "s"}))).len(),
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
    let recipients = recipients(&registry, &change(Operation::Delete, "alice", json!({"id": id})));
    assert_eq!(
        keys(&recipients),
        [1, 2],
        "everybody learns the key, and other columns decide nothing"
    );
    for recipient in recipients {
        assert_eq!(recipient.columns, Table::PracticeSessions.key_column());
    }
}

#[test]
fn a_filter_on_a_column_that_the_role_may_not_read_finds_nothing() {
    let table = Table::PracticeSessions;
    let mut registry = Registry::default();
    for (key, filter) in [(1, "status=eq.ready"), (2, "attempt_count=gt.0"), (3, "")] {
        let subscriptions = [subscription(0, table, ALL, filter)];
        registry.insert(&channel(key, Role::Anon, None), &subscriptions);
    }
    let mut rules = AccessRules::default();
    let columns = ColumnSet::of(["id", "status"].iter().filter_map(|name| table.position(name)));
    let access = TableAccess {
        columns,
        row_security: false,
        rows: Rule::Everybody,
    };
    rules.allow(table, Role::Anon, access);
    let row = json!({"id": "s", "status": "ready", "attempt_count": 1});
    let selection = registry.select(&change(Operation::Insert, "alice", row), &rules);
    let mut found = keys(&selection.visible);
    found.sort_unstable();
    assert_eq!(found, [1, 3]);
    assert_eq!(selection.visible[0].columns, columns);
}

#[test]
fn whom_only_the_database_can_decide_about_is_set_apart() {
    let table = Table::PracticeSessions;
    let mut registry = Registry::default();
    for (key, role) in [(1, Role::Authenticated), (2, Role::Service)] {
        registry.insert(
            &channel(key, role, Some("alice")),
            &[subscription(0, table, ALL, "")],
        );
    }
    let mut rules = AccessRules::built_in();
    let access = TableAccess {
        columns: table.every_column(),
        row_security: true,
        rows: Rule::Database,
    };
    rules.allow(table, Role::Authenticated, access);
    let selection = registry.select(&change(Operation::Insert, "bob", json!({})), &rules);
    assert_eq!(keys(&selection.undecided), [1]);
    assert_eq!(keys(&selection.visible), [2]);
}

#[test]
fn a_user_is_found_however_the_token_spells_the_id() {
    let mut registry = Registry::default();
    let table = Table::PracticeSessions;
    let id = "0A0A0A0A-0000-4000-8000-00000000000A";
    registry.insert(
        &channel(1, Role::Authenticated, Some(id)),
        &[subscription(0, table, ALL, "")],
    );
    let mut rules = AccessRules::default();
    let access = TableAccess {
        columns: table.every_column(),
        row_security: true,
        rows: by_owner(Claimed::UserId),
    };
    rules.allow(table, Role::Authenticated, access);
    let change = change(Operation::Insert, &id.to_lowercase(), json!({"id": "s"}));
    assert_eq!(keys(&registry.select(&change, &rules).visible), [1]);
}

fn by_owner(claimed: Claimed) -> Rule {
    let column = Table::PracticeSessions.column(Table::OWNER).unwrap();
    Rule::Equals { column, claimed }
}

/// What the authenticated may see, in the property tests.
fn arbitrary_rule() -> impl Strategy<Value = Rule> {
    let own = || by_owner(Claimed::Claim("sub".to_owned()));
    prop_oneof![
        Just(Rule::Everybody),
        Just(Rule::Nobody),
        Just(Rule::Database),
        Just(own()),
        Just(by_owner(Claimed::UserId)),
        Just(Rule::Any(vec![own(), Rule::Database])),
        Just(Rule::All(vec![Rule::Everybody, own()])),
    ]
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
        rule in arbitrary_rule(),
        owner in prop_oneof![Just("alice"), Just("bob")],
        status in prop_oneof![Just(json!("ready")), Just(json!("failed")), Just(Value::Null)],
        attempt_count in 0..4,
        score in prop_oneof![Just(json!(50)), Just(json!(50.5)), Just(Value::Null)],
    ) {
        let row = json!({"status": status, "attempt_count": attempt_count, "pronunciation_score": score});
        let change = change(Operation::Update, owner, row);
        let row = change.row().unwrap();
        let mut rules = AccessRules::built_in();
        let table = Table::PracticeSessions;
        let columns = table.every_column();
        let access = TableAccess { columns, row_security: true, rows: rule.clone() };
        rules.allow(table, Role::Authenticated, access);
        let mut registry = Registry::default();
        let mut scanned = BTreeMap::new();
        let mut members = Vec::new();
        for (key, (role, subject, filter)) in channels.into_iter().enumerate() {
            let channel = channel(key as u64, role, subject);
            let subscriptions = [subscription(0, table, ALL, filter)];
            registry.insert(&channel, &subscriptions);
            let verdict = match role {
                Role::Anon => Verdict::Hidden,
                Role::Authenticated => rule.verdict(&channel.identity, row),
                Role::Service => Verdict::Visible,
            };
            if verdict != Verdict::Hidden && subscriptions[0].filter.matches(row) {
                scanned.insert(key as u64, verdict);
            }
            members.push((channel, subscriptions));
        }
        let Selection { visible, undecided } = registry.select(&change, &rules);
        let found = keys(&visible).into_iter().map(|key| (key, Verdict::Visible));
        let found = found.chain(keys(&undecided).into_iter().map(|key| (key, Verdict::AskDatabase)));
        prop_assert_eq!(found.collect::<BTreeMap<_, _>>(), scanned);
        for (channel, subscriptions) in &members {
            registry.remove(channel, subscriptions);
        }
        prop_assert!(registry.is_empty(), "{:?}", registry);
    }
}
