//! Rows as the log has them, and the changes that subscribers get.

use serde_json::json;

use super::*;
use crate::realtime::feed::pgoutput::RelationColumn;

const BEGIN: Begin = Begin {
    xid: 7,
    committed_unix_us: 1_795_306_960_877_654,
};

fn relation<'a>(schema: &'a str, name: &'a str) -> Message<'a> {
    let column = |name, type_oid| RelationColumn { name, type_oid };
    Message::Relation(Relation {
        id: 5,
        schema,
        name,
        columns: vec![
            column("id", 2_950),
            column("architecture", 25),
            column("transcript", 25),
            column("attempt_count", 23),
        ],
    })
}

fn tuple<'a>(values: [Datum<'a>; 4]) -> Tuple<'a> {
    Tuple {
        values: values.to_vec(),
        key_only: false,
    }
}

fn key<'a>(id: &'a str) -> Tuple<'a> {
    Tuple {
        key_only: true,
        ..tuple([Datum::Text(id), Datum::Null, Datum::Null, Datum::Null])
    }
}

fn following() -> Follower {
    let mut follower = Follower::default();
    follower.follow(Message::Begin(BEGIN)).unwrap();
    let announced = follower.follow(relation("public", "practice_sessions"));
    assert!(matches!(announced, Ok(Event::Announced)));
    follower
}

#[track_caller]
fn check(message: Message<'_>, operation: Operation, record: Value, old_record: Value) {
    let row = |value: Value| match value {
        Value::Object(row) => Some(row),
        _ => None,
    };
    let expected = Row {
        table: Table::PracticeSessions,
        operation,
        record: row(record),
        old_record: row(old_record),
    };
    match following().follow(message) {
        Ok(Event::Changed(changed)) => assert_eq!(*changed, expected),
        other => panic!("expected a change, got {other:?}"),
    }
}

const NEW: [Datum<'static>; 4] = [
    Datum::Text("s"),
    Datum::Text("direct"),
    Datum::Null,
    Datum::Text("3"),
];

#[test]
fn an_insert_has_the_published_columns() {
    let record = json!({"id": "s", "transcript": null, "attempt_count": 3});
    let new = tuple(NEW);
    check(
        Message::Insert { relation: 5, new },
        Operation::Insert,
        record,
        Value::Null,
    );
}

#[test]
fn an_update_tells_the_key_even_if_it_did_not_change() {
    let record = json!({"id": "s", "transcript": null, "attempt_count": 3});
    for (old, old_record) in [
        (None, json!({"id": "s"})),
        (Some(key("before")), json!({"id": "before"})),
        (
            Some(tuple([
                Datum::Text("s"),
                Datum::Text("direct"),
                Datum::Text("x"),
                Datum::Null,
            ])),
            json!({"id": "s", "transcript": "x", "attempt_count": null}),
        ),
    ] {
        let update = Message::Update {
            relation: 5,
            old,
            new: tuple(NEW),
        };
        check(update, Operation::Update, record.clone(), old_record);
    }
}

#[test]
fn an_unchanged_large_value_comes_from_the_old_row_or_not_at_all() {
    let new = [
        Datum::Text("s"),
        Datum::Text("direct"),
        Datum::Unchanged,
        Datum::Text("3"),
    ];
    let old = tuple([
        Datum::Text("s"),
        Datum::Null,
        Datum::Text("large"),
        Datum::Text("2"),
    ]);
    let update = |old| Message::Update {
        relation: 5,
        old,
        new: tuple(new),
    };
    check(
        update(None),
        Operation::Update,
        json!({"id": "s", "attempt_count": 3}),
        json!({"id": "s"}),
    );
    check(
        update(Some(old)),
        Operation::Update,
        json!({"id": "s", "transcript": "large", "attempt_count": 3}),
        json!({"id": "s", "transcript": "large", "attempt_count": 2}),
    );
}

#[test]
fn a_delete_tells_the_key() {
    let delete = Message::Delete {
        relation: 5,
        old: key("s"),
    };
    check(delete, Operation::Delete, Value::Null, json!({"id": "s"}));
}

#[test]
fn other_tables_are_passed_over() {
    for (schema, name) in [("public", "lessons"), ("auth", "practice_sessions")] {
        let mut follower = Follower::default();
        follower.follow(Message::Begin(BEGIN)).unwrap();
        assert!(matches!(
            follower.follow(relation(schema, name)),
            Ok(Event::Nothing)
        ));
        let insert = Message::Insert {
            relation: 5,
            new: tuple(NEW),
        };
        assert!(matches!(follower.follow(insert), Ok(Event::Nothing)));
    }
}

#[test]
fn a_table_may_change_on_the_way() {
    let mut follower = following();
    let narrower = Relation {
        id: 5,
        schema: "public",
        name: "practice_sessions",
        columns: vec![RelationColumn {
            name: "id",
            type_oid: 2_950,
        }],
    };
    follower.follow(Message::Relation(narrower)).unwrap();
    let one = Tuple {
        values: vec![Datum::Text("s")],
        key_only: false,
    };
    let insert = |new| Message::Insert { relation: 5, new };
    assert!(matches!(follower.follow(insert(one)), Ok(Event::Changed(_))));
    let wrong = OutOfOrder::WrongWidth {
        expected: 1,
        found: 4,
    };
    assert_eq!(follower.follow(insert(tuple(NEW))).unwrap_err(), wrong);
}

#[test]
fn what_cannot_follow_is_refused() {
    let insert = || Message::Insert {
        relation: 6,
        new: tuple(NEW),
    };
    assert_eq!(
        following().follow(insert()).unwrap_err(),
        OutOfOrder::UnknownRelation(6)
    );
    let mut follower = following();
    assert_eq!(follower.transaction(), Some(BEGIN));
    follower.follow(Message::Commit).unwrap();
    assert_eq!(follower.transaction(), None);
    assert_eq!(
        follower.follow(insert()).unwrap_err(),
        OutOfOrder::OutsideTransaction
    );
}

#[test]
fn a_change_carries_the_time_of_its_commit() {
    let row = Row {
        table: Table::PracticeSessions,
        operation: Operation::Insert,
        record: None,
        old_record: None,
    };
    let moments = Moments {
        returned_ns: Some(42),
        recorded_ns: 41,
    };
    let change = row.into_change(BEGIN, moments);
    assert_eq!(change.committed_unix_us, BEGIN.committed_unix_us);
    assert_eq!(change.committed_monotonic_ns, Some(42));
    assert_eq!(change.commit_record_monotonic_ns, Some(41));
}
