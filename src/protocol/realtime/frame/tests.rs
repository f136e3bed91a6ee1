//! Frames as servers send them, and as none should.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

/// A change frame with these members of `data` before all others.
fn change_text(topic: &str, members: &str) -> String {
    format!(r#"[null,null,"realtime:{topic}","postgres_changes",{{"ids":[1],"data":{{{members}}}}}]"#)
}

fn change(text: &str) -> ChangeFrame<'_> {
    match decode(text) {
        Frame::Change(change) => change,
        other => panic!("not a change: {other:?}"),
    }
}

#[test]
fn a_row_change_is_read() {
    let text = r#"[null,null,"realtime:room1","postgres_changes",{"ids":[81],"data":{"schema":"public","table":"orders","commit_timestamp":"2026-11-22T00:22:41.002Z","committed_monotonic_ns":77,"type":"UPDATE","columns":[],"record":{"id":46,"v":"y"},"old_record":{"id":46},"errors":null}}]"#;
    let change = change(text);
    assert_eq!(
        (change.topic.as_ref(), change.table.as_ref()),
        ("realtime:room1", "orders")
    );
    assert_eq!(change.event, ChangeEvent::Update);
    assert_eq!(change.row.column("v").unwrap().text(), "y");
    assert_eq!(change.committed_monotonic_ns, Some(77));
}

#[test]
fn a_deleted_row_is_its_old_key() {
    let text = change_text("r", r#""type":"DELETE","table":"t","old_record":{"id":7}"#);
    assert_eq!(change(&text).row.column("id").unwrap().text(), "7");
}

#[test]
fn order_white_space_escapes_and_unknown_keys_do_not_matter() {
    let plain = r#"[null,null,"realtime:r","postgres_changes",{"ids":[1],"data":{"table":"t","type":"INSERT","commit_timestamp":"x","record":{"id":1}}}]"#;
    let strange = " [ null ,\"6\", \"realtime:\\u0072\" , \"postgres\\u005fchanges\" ,\n{ \"data\" : { \"errors\":null, \
        \"record\":{\"id\":1},\t\"seq\" : [ {\"a\":[]} ], \"t\\u0079pe\" : \"INSERT\", \"commit_timestamp\" :\"x\", \
        \"columns\" : [ { \"name\" : \"id\" } ],\"table\":\"t\" } , \"ids\":[2,3] } ] ";
    assert_eq!(change(plain), change(strange));
}

#[test]
fn one_change_on_one_topic_has_one_fingerprint() {
    let fingerprint = |topic: &str, members: &str| change(&change_text(topic, members)).fingerprint;
    let members =
        r#""table":"t","type":"UPDATE","commit_timestamp":"1","record":{"id":"a"},"old_record":{"id":"a"}"#;
    let first = fingerprint("r", members);
    assert_eq!(first, fingerprint("r", members));
    assert_eq!(first, fingerprint("r", &format!(r#"{members},"errors":null"#)));
    // Two subscriptions to one table are told of the same change once each.
    assert_ne!(first, fingerprint("s", members));
    for (from, to) in [
        (r#""table":"t""#, r#""table":"u""#),
        ("UPDATE", "INSERT"),
        (r#"timestamp":"1""#, r#"timestamp":"2""#),
        (r#""record":{"id":"a"}"#, r#""record":{"id":"b"}"#),
        (r#""old_record":{"id":"a"}"#, r#""old_record":{"id":"b"}"#),
        (r#""type""#, r#""committed_monotonic_ns":8,"type""#),
    ] {
        assert_ne!(first, fingerprint("r", &members.replacen(from, to, 1)), "{to}");
    }
}

#[test]
fn replies_and_system_messages_say_whether_it_worked() {
    let joined =
        decode(r#"["1","1","realtime:r","phx_reply",{"status":"error","response":{"reason":"no"}}]"#);
    assert!(matches!(joined, Frame::Joined { result: Err(reason), .. } if reason == "no"));
    let live = decode(
        r#"["1",null,"realtime:r","system",{"extension":"postgres_changes","status":"ok","message":"Subscribed to PostgreSQL","channel":"r"}]"#,
    );
    assert!(matches!(live, Frame::System { result: Ok(()), .. }));
    let closed = decode(r#"["1","1","realtime:r","phx_close",{}]"#);
    assert!(matches!(closed, Frame::Closed { topic, joined_by: Some(1) } if topic == "realtime:r"));
    let closed = decode(r#"[null,null,"realtime:r","phx_close",{}]"#);
    assert!(matches!(closed, Frame::Closed { joined_by: None, .. }));
    let crashed = decode(r#"["1","1","realtime:r","phx_error",{}]"#);
    assert!(matches!(crashed, Frame::Crashed { topic } if topic == "realtime:r"));
    let heartbeat = decode(r#"[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]"#);
    assert!(matches!(heartbeat, Frame::Other));
}

#[test]
fn anything_else_is_malformed_and_nothing_panics() {
    let frame = |payload: &str| format!(r#"[null,null,"t","postgres_changes",{payload}]"#);
    for text in [
        String::new(),
        "{}".to_owned(),
        "[1,2,3]".to_owned(),
        r#"[1,2,"t","presence_state",{}]"#.to_owned(),
        r#"[null,null,"t","presence_state",{}] x"#.to_owned(),
        r#"[null,null,"t","presence_state",{},1]"#.to_owned(),
        frame("null"),
        frame("{}"),
        frame(r#"{"data":[]}"#),
        frame(r#"{"data":{"type":"?","table":"t","record":{}}}"#),
        frame(r#"{"data":{"type":"INSERT","record":{}}}"#),
        frame(r#"{"data":{"type":"INSERT","table":7,"record":{}}}"#),
        frame(r#"{"data":{"type":"INSERT","table":"t","record":null}}"#),
        frame(r#"{"data":{"type":"INSERT","table":"t","record":[]}}"#),
        frame(r#"{"data":{"type":"DELETE","table":"t","record":{}}}"#),
        frame(r#"{"data":{"type":"INSERT","table":"t","record":{}}"#),
    ] {
        assert!(matches!(decode(&text), Frame::Malformed), "{text}");
    }
}

proptest! {
    /// What a server encodes comes back, and a frame that is cut off anywhere is malformed.
    #[test]
    fn a_change_comes_back_as_it_was_encoded(
        topic in any::<String>(),
        table in any::<String>(),
        texts in proptest::collection::btree_map("[a-z]{1,3}", any::<String>(), 0..6),
        committed in any::<Option<u64>>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let record: Map<String, Value> = texts.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
        let mut data = json!({ "table": table, "type": "UPDATE", "record": record, "errors": null });
        if let Some(committed) = committed {
            data["committed_monotonic_ns"] = json!(committed);
        }
        let text = json!([null, null, topic, "postgres_changes", { "ids": [1], "data": data }]).to_string();
        let change = change(&text);
        prop_assert_eq!(&change.topic, &topic);
        prop_assert_eq!(&change.table, &table);
        prop_assert_eq!(change.committed_monotonic_ns, committed);
        for (column, content) in &texts {
            prop_assert_eq!(&change.row.column(column).unwrap().text(), content);
        }
        let mut cut = cut.index(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        prop_assert_eq!(decode(&text[..cut]), Frame::Malformed);
    }
}
