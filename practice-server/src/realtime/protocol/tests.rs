//! Frames of both versions of the serializer, word by word.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn message(join_ref: Option<&str>, reference: Option<&str>, topic: &str, event: &str) -> ClientMessage {
    ClientMessage {
        join_ref: join_ref.map(str::to_owned),
        reference: reference.map(str::to_owned),
        topic: topic.to_owned(),
        event: event.to_owned(),
        payload: json!({}),
    }
}

#[test]
fn a_missing_vsn_means_the_first_one() {
    assert_eq!(Vsn::parse(None), Some(Vsn::V1));
    assert_eq!(Vsn::parse(Some("1.0.0")), Some(Vsn::V1));
    assert_eq!(Vsn::parse(Some("2.0.0")), Some(Vsn::V2));
    assert_eq!(Vsn::parse(Some("3.0.0")), None);
}

#[test]
fn both_serialisations_decode_to_the_same_message() {
    let expected = message(Some("6"), Some("8"), "realtime:room1", "phx_leave");
    let object = r#"{"topic":"realtime:room1","event":"phx_leave","payload":{},"ref":"8","join_ref":"6"}"#;
    let array = r#"["6","8","realtime:room1","phx_leave",{}]"#;
    assert_eq!(ClientMessage::decode_text(Vsn::V1, object).unwrap(), expected);
    assert_eq!(ClientMessage::decode_text(Vsn::V2, array).unwrap(), expected);
}

#[test]
fn pythons_heartbeat_has_null_references() {
    let frame = r#"{"event":"heartbeat","payload":{},"topic":"phoenix","ref":null,"join_ref":null}"#;
    let decoded = ClientMessage::decode_text(Vsn::V1, frame).unwrap();
    assert_eq!(decoded, message(None, None, "phoenix", "heartbeat"));
}

#[test]
fn frames_without_a_ref_a_topic_or_an_event_are_malformed() {
    for frame in [
        r#"{"topic":"phoenix","event":"heartbeat","payload":{}}"#,
        r#"{"event":"heartbeat","payload":{},"ref":"1"}"#,
        r#"{"topic":"phoenix","payload":{},"ref":"1"}"#,
        r#"["6","8","realtime:room1","phx_leave",{}]"#,
        "not JSON",
        "",
    ] {
        assert!(ClientMessage::decode_text(Vsn::V1, frame).is_err(), "{frame}");
    }
    for frame in [
        r#"["6","8","realtime:room1","phx_leave"]"#,
        r#"["6","8",null,"phx_leave",{}]"#,
        r#"["6","8","realtime:room1",null,{}]"#,
        r#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}"#,
        "[",
    ] {
        assert!(ClientMessage::decode_text(Vsn::V2, frame).is_err(), "{frame}");
    }
}

#[test]
fn a_push_in_the_first_serialisation_has_a_null_ref_and_no_join_ref() {
    let push = ServerMessage {
        join_ref: Some("6"),
        reference: None,
        topic: "realtime:room1",
        event: "system",
        payload: json!({"status": "ok"}),
    };
    assert_eq!(
        push.encode(Vsn::V1).as_str(),
        r#"{"topic":"realtime:room1","event":"system","payload":{"status":"ok"},"ref":null}"#
    );
    assert_eq!(
        push.encode(Vsn::V2).as_str(),
        r#"["6",null,"realtime:room1","system",{"status":"ok"}]"#
    );
}

fn binary_push(encoding: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![3, 1, 2, 14, 1, 0, encoding];
    frame.extend_from_slice(b"610realtime:room1e");
    frame.extend_from_slice(payload);
    frame
}

#[test]
fn a_binary_broadcast_becomes_the_text_form() {
    let decoded = ClientMessage::decode_binary(Vsn::V2, &binary_push(1, br#"{"n":1}"#)).unwrap();
    let text =
        r#"["6","10","realtime:room1","broadcast",{"type":"broadcast","event":"e","payload":{"n":1}}]"#;
    assert_eq!(decoded, ClientMessage::decode_text(Vsn::V2, text).unwrap());
}

#[test]
fn binary_frames_that_are_no_json_broadcast_are_malformed() {
    let good = binary_push(1, b"{}");
    assert!(ClientMessage::decode_binary(Vsn::V1, &good).is_err());
    assert!(ClientMessage::decode_binary(Vsn::V2, &binary_push(0, b"\xff")).is_err());
    assert!(ClientMessage::decode_binary(Vsn::V2, &[4, 0, 0, 0, 0, 0, 1]).is_err());
    for length in 0..good.len() {
        assert!(
            ClientMessage::decode_binary(Vsn::V2, &good[..length]).is_err(),
            "cut to {length} bytes"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_input_is_refused_without_a_panic(text in ".{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = ClientMessage::decode_text(Vsn::V1, &text);
        let _ = ClientMessage::decode_text(Vsn::V2, &text);
        let _ = ClientMessage::decode_binary(Vsn::V2, &bytes);
    }

    #[test]
    fn what_the_server_encodes_reads_back(topic in ".{0,20}", reference in prop::option::of("[0-9]{1,5}")) {
        let sent = ServerMessage {
            join_ref: None,
            reference: reference.as_deref(),
            topic: &topic,
            event: "phx_reply",
            payload: json!({"status": "ok", "response": {}}),
        };
        for vsn in [Vsn::V1, Vsn::V2] {
            let read = ClientMessage::decode_text(vsn, sent.encode(vsn).as_str()).unwrap();
            prop_assert_eq!(&read.topic, &topic);
            prop_assert_eq!(&read.reference, &reference);
            prop_assert_eq!(&read.payload, &sent.payload);
        }
    }
}
