//! Row changes as clients expect them, key by key.

use serde_json::json;

use super::*;

fn encode_whole(change: &Change) -> Box<RawValue> {
    encode_change(change, change.table.every_column())
}

fn change(operation: Operation, record: Option<Value>, old_record: Option<Value>) -> Change {
    let row = |value: Value| value.as_object().unwrap().clone();
    Change {
        table: Table::PracticeSessions,
        operation,
        record: record.map(row),
        old_record: old_record.map(row),
        committed_monotonic_ns: Some(7),
        commit_record_monotonic_ns: None,
        committed_unix_us: 1_795_306_960_999_999,
    }
}

#[test]
fn the_encoded_change_is_word_by_word() {
    let record =
        json!({"status": "ready", "id": "s", "secret": "not a published column", "error_message": null});
    let encoded = encode_whole(&change(Operation::Update, Some(record), Some(json!({"id": "s"}))));
    assert_eq!(
        encoded.get(),
        concat!(
            r#"{"schema":"public","table":"practice_sessions","commit_timestamp":"2026-11-22T00:22:40.999Z","#,
            r#""type":"UPDATE","columns":[{"name":"id","type":"uuid"},{"name":"status","type":"text"},"#,
            r#"{"name":"error_message","type":"text"}],"#,
            r#""record":{"id":"s","status":"ready","error_message":null},"old_record":{"id":"s"},"errors":null,"#,
            r#""commit_timestamp_us":1795306960999999,"committed_monotonic_ns":7}"#,
        )
    );
}

#[test]
fn keys_that_do_not_apply_are_left_out() {
    let both = (Some(json!({"id": "s"})), Some(json!({"id": "s"})));
    for (operation, absent) in [(Operation::Insert, "old_record"), (Operation::Delete, "record")] {
        let encoded = encode_whole(&change(operation, both.0.clone(), both.1.clone()));
        let data: Value = serde_json::from_str(encoded.get()).unwrap();
        assert_eq!(data.get(absent), None, "{operation:?}");
        assert_eq!(data["columns"], json!([{"name": "id", "type": "uuid"}]));
    }
}

#[test]
fn a_change_above_the_limit_keeps_values_of_64_bytes() {
    let record = json!({
        "id": "s",
        "status": "x".repeat(64),
        "language": "x".repeat(65),
        "transcript": "x".repeat(CHANGE_BYTES_MAX),
    });
    let encoded = encode_whole(&change(Operation::Insert, Some(record), None));
    let data: Value = serde_json::from_str(encoded.get()).unwrap();
    assert_eq!(data["record"], json!({"id": "s", "status": "x".repeat(64)}));
    assert_eq!(data["errors"], json!(["Error 413: Payload Too Large"]));
    assert_eq!(data["columns"].as_array().unwrap().len(), 4);
}

#[test]
fn the_timestamp_is_cut_not_rounded() {
    assert_eq!(commit_timestamp(0), "1970-01-01T00:00:00.000Z");
    assert_eq!(
        commit_timestamp(1_795_306_960_877_999),
        "2026-11-22T00:22:40.877Z"
    );
    assert_eq!(
        commit_timestamp(1_795_306_960_000_000),
        "2026-11-22T00:22:40.000Z"
    );
}

#[test]
fn a_role_is_told_the_columns_it_may_see() {
    let record = json!({"id": "s", "user_id": "u", "status": "ready"});
    let change = change(Operation::Update, Some(record.clone()), Some(record));
    let columns = ColumnSet::of(
        ["id", "status"]
            .iter()
            .filter_map(|name| change.table.position(name)),
    );
    let data: Value = serde_json::from_str(encode_change(&change, columns).get()).unwrap();
    let visible = json!({"id": "s", "status": "ready"});
    assert_eq!((&data["record"], &data["old_record"]), (&visible, &visible));
    let columns = json!([{"name": "id", "type": "uuid"}, {"name": "status", "type": "text"}]);
    assert_eq!(data["columns"], columns);
}
