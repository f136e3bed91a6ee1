//! Joining, leaving and talking on channels.

use serde_json::{Value, json};

use super::{ALICE, BOB, SESSION, Server, join, session_bindings, session_update, token, user_token};

#[tokio::test]
async fn a_join_echoes_each_binding_and_adds_its_id() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    // Keys that the client did not send must not appear, not even with their default: it would disconnect.
    let bindings = json!([
        {"event": "*", "schema": "public"},
        {"event": "update", "schema": "public", "table": "practice_sessions", "filter": format!("id=eq.{SESSION}")},
        {"event": "INSERT", "schema": "*", "table": "*", "filter": null, "custom": {"kept": true}},
    ]);
    client
        .send(&join("realtime:room1", &bindings, Some(&user_token(ALICE))))
        .await;
    let reply = client.receive().await;
    assert_eq!(reply[0], "6");
    assert_eq!(reply[1], "6");
    assert_eq!(reply[2], "realtime:room1");
    assert_eq!(reply[3], "phx_reply");
    assert_eq!(reply[4]["status"], "ok");
    let echoes = reply[4]["response"]["postgres_changes"].as_array().unwrap();
    assert_eq!(echoes.len(), 3);
    for (echo, binding) in echoes.iter().zip(bindings.as_array().unwrap()) {
        let mut echo = echo.clone();
        let id = echo.as_object_mut().unwrap().remove("id").unwrap();
        assert_eq!(echo, *binding);
        assert!((1..1 << 27).contains(&id.as_u64().unwrap()), "{id}");
    }
    assert_eq!(
        client.receive().await,
        json!(["6", null, "realtime:room1", "system", {"extension": "postgres_changes", "status": "ok",
            "message": "Subscribed to PostgreSQL", "channel": "room1"}])
    );
}

#[tokio::test]
async fn the_first_serialisation_answers_a_join_in_objects() {
    let server = Server::start().await;
    let mut client = server.client("1.0.0").await;
    let join = json!({"event": "phx_join", "topic": "realtime:room1", "ref": "1", "join_ref": "1", "payload": {
        "config": {"broadcast": {"ack": false, "self": false}, "presence": {"key": "", "enabled": false},
            "private": false, "postgres_changes": session_bindings()},
        "access_token": user_token(ALICE)}});
    client.send(&join).await;
    let reply = client.receive().await;
    let echoes = &reply["payload"]["response"]["postgres_changes"];
    assert_eq!(echoes[1]["filter"], session_bindings()[1]["filter"]);
    assert_eq!(
        reply,
        json!({"topic": "realtime:room1", "event": "phx_reply", "ref": "1",
            "payload": {"status": "ok", "response": {"postgres_changes": echoes}}})
    );
    assert_eq!(
        client.receive().await,
        json!({"topic": "realtime:room1", "event": "system", "ref": null,
            "payload": {"extension": "postgres_changes", "status": "ok",
                "message": "Subscribed to PostgreSQL", "channel": "room1"}})
    );
}

#[tokio::test]
async fn equal_bindings_have_equal_ids_on_every_socket() {
    let server = Server::start().await;
    let mut ids = Vec::new();
    for (user, topic) in [(ALICE, "realtime:a"), (BOB, "realtime:b")] {
        let mut client = server.client("2.0.0").await;
        client
            .send(&join(topic, &session_bindings(), Some(&user_token(user))))
            .await;
        let reply = client.receive().await;
        let echoes = reply[4]["response"]["postgres_changes"]
            .as_array()
            .unwrap()
            .clone();
        ids.push(
            echoes
                .into_iter()
                .map(|echo| echo["id"].clone())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0][0], ids[0][1]);
}

#[tokio::test]
async fn a_join_without_bindings_is_answered_with_an_empty_list_and_no_system_message() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    client
        .send(&json!(["1", "2", "realtime:room1", "phx_join", {"config": {}}]))
        .await;
    assert_eq!(
        client.receive().await,
        json!(["1", "2", "realtime:room1", "phx_reply", {"status": "ok", "response": {"postgres_changes": []}}])
    );
    heartbeat_comes_next(&mut client).await;
}

#[tokio::test]
async fn presence_is_empty_and_tracking_is_acknowledged() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    // Some clients write booleans as text.
    let config = json!({"config": {"presence": {"key": "k", "enabled": "true"}}});
    client
        .send(&json!(["6", "6", "realtime:room1", "phx_join", config]))
        .await;
    client.receive().await;
    assert_eq!(
        client.receive().await,
        json!(["6", null, "realtime:room1", "presence_state", {}])
    );
    let track = json!({"type": "presence", "event": "track", "payload": {"at": 1}});
    client
        .send(&json!(["6", "7", "realtime:room1", "presence", track]))
        .await;
    assert_eq!(client.receive().await, ok_reply("7"));
}

#[tokio::test]
async fn heartbeats_are_answered_with_or_without_a_ref() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    client.send(&json!([null, "9", "phoenix", "heartbeat", {}])).await;
    assert_eq!(
        client.receive().await,
        json!([null, "9", "phoenix", "phx_reply", {"status": "ok", "response": {}}])
    );
    client
        .send(&json!([null, null, "phoenix", "heartbeat", {}]))
        .await;
    assert_eq!(
        client.receive().await,
        json!([null, null, "phoenix", "phx_reply", {"status": "ok", "response": {}}])
    );
}

#[tokio::test]
async fn a_left_channel_is_closed_and_receives_nothing_more() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    assert_eq!(server.hub.metrics().subscriptions_live, 2);
    client
        .send(&json!(["6", "8", "realtime:room1", "phx_leave", {}]))
        .await;
    assert_eq!(client.receive().await, ok_reply("8"));
    assert_eq!(
        client.receive().await,
        json!(["6", "6", "realtime:room1", "phx_close", {}])
    );
    assert_eq!(server.hub.metrics().subscriptions_live, 0);
    server.hub.publish(&[session_update("ready")]);
    // Leaving once more is harmless.
    client
        .send(&json!(["6", "9", "realtime:room1", "phx_leave", {}]))
        .await;
    assert_eq!(client.receive().await, ok_reply("9"));
    assert_eq!(server.hub.metrics().events_sent, 0);
}

#[tokio::test]
async fn a_second_join_of_a_topic_replaces_the_first() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    let mut again = join("realtime:room1", &session_bindings(), Some(&user_token(ALICE)));
    again[0] = "7".into();
    again[1] = "7".into();
    client.send(&again).await;
    assert_eq!(
        client.receive().await,
        json!(["6", "6", "realtime:room1", "phx_close", {}])
    );
    assert_eq!(client.receive().await[1], "7");
    assert_eq!(client.receive().await[3], "system");
    // A leave that was meant for the first join must not end the second.
    client
        .send(&json!(["6", "8", "realtime:room1", "phx_leave", {}]))
        .await;
    server.hub.publish(&[session_update("ready")]);
    assert_eq!(client.receive().await[3], "postgres_changes");
    assert_eq!(server.hub.metrics().subscriptions_live, 2);
}

#[tokio::test]
async fn what_the_server_does_not_know_is_answered_with_an_error() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    client
        .send(&json!(["6", "7", "realtime:room1", "dance", {}]))
        .await;
    assert_eq!(
        client.receive().await,
        error_reply("6", "7", "realtime:room1", "unknown event dance")
    );
    client
        .send(&json!(["6", "8", "realtime:elsewhere", "broadcast", {}]))
        .await;
    assert_eq!(
        client.receive().await,
        error_reply("6", "8", "realtime:elsewhere", "unmatched topic")
    );
}

#[tokio::test]
async fn a_refused_join_says_why() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    let private = json!({"config": {"private": true}, "access_token": user_token(ALICE)});
    let no_list = json!({"config": {"postgres_changes": "all"}});
    let many = json!({"config": {"postgres_changes": vec![json!({"schema": "public"}); 101]}});
    let cases: [(&str, Value, &str); 5] = [
        (
            "realtime:room1",
            private,
            "Unauthorized: You do not have permissions to read from this Channel topic: room1",
        ),
        (
            "realtime:room1",
            no_list,
            "InvalidJoinPayload: `postgres_changes` must be a list of objects",
        ),
        (
            "realtime:room1",
            many,
            "InvalidJoinPayload: a channel takes at most 100 `postgres_changes`, not 101",
        ),
        (
            "realtime:",
            json!({}),
            "TopicNameRequired: You must provide a topic name",
        ),
        ("room1", json!({}), "unmatched topic"),
    ];
    for (topic, payload, reason) in cases {
        client.send(&json!(["6", "6", topic, "phx_join", payload])).await;
        assert_eq!(client.receive().await, error_reply("6", "6", topic, reason));
    }
    assert_eq!(server.hub.metrics().joins_refused, 5);
    let service = token(&json!({"role": "service_role", "exp": 4_102_444_800_u64}));
    let private = json!({"config": {"private": true}, "access_token": service});
    client
        .send(&json!(["6", "6", "realtime:room1", "phx_join", private]))
        .await;
    assert_eq!(client.receive().await[4]["status"], "ok");
}

#[tokio::test]
async fn a_wrong_binding_is_reported_and_the_channel_stays_open() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    let cases = [
        (
            json!({"schema": "public", "table": "practice_sessions", "filter": "foo=hey"}),
            r#"Error parsing `filter` params: ["foo","hey"]: practice_sessions has no column `foo`"#,
        ),
        (
            json!({"schema": "public", "table": "practice_sessions", "filter": "status"}),
            r#"Error parsing `filter` params: ["status"]: a filter has the form column=operator.value"#,
        ),
        (
            json!({"schema": "public", "table": "orders"}),
            r#"Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: {"schema":"public","table":"orders"}"#,
        ),
        (
            json!({"event": "*"}),
            r#"No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: {"event":"*"}"#,
        ),
    ];
    for (number, (binding, text)) in cases.into_iter().enumerate() {
        let topic = format!("realtime:room{number}");
        client
            .send(&join(&topic, &json!([binding]), Some(&user_token(ALICE))))
            .await;
        assert_eq!(client.receive().await[4]["status"], "ok");
        assert_eq!(
            client.receive().await,
            json!(["6", null, topic, "system", {"extension": "postgres_changes", "status": "error",
                "message": text, "channel": format!("room{number}")}])
        );
        client.send(&json!(["6", "8", topic, "phx_leave", {}])).await;
        client.receive().await;
        assert_eq!(client.receive().await[3], "phx_close");
    }
}

#[tokio::test]
async fn broadcasts_reach_the_other_members_and_are_acknowledged_when_asked() {
    let server = Server::start().await;
    let mut sender = server.client("2.0.0").await;
    let config = json!({"config": {"broadcast": {"ack": true, "self": false}}});
    sender
        .send(&json!(["6", "6", "realtime:room1", "phx_join", config]))
        .await;
    sender.receive().await;
    let mut other = server.client("1.0.0").await;
    let join =
        json!({"topic": "realtime:room1", "event": "phx_join", "payload": {}, "ref": "1", "join_ref": "1"});
    other.send(&join).await;
    other.receive().await;

    let payload = json!({"type": "broadcast", "event": "e", "payload": {"n": 1}});
    sender
        .send(&json!(["6", "10", "realtime:room1", "broadcast", payload]))
        .await;
    assert_eq!(sender.receive().await, ok_reply("10"));
    let relayed = json!({"topic": "realtime:room1", "event": "broadcast", "payload": payload, "ref": null});
    assert_eq!(other.receive().await, relayed);

    let mut binary = vec![3, 1, 2, 14, 1, 0, 1];
    binary.extend_from_slice(br#"611realtime:room1e{"n":1}"#);
    sender.send_binary(binary).await;
    assert_eq!(sender.receive().await, ok_reply("11"));
    assert_eq!(other.receive().await, relayed);
}

async fn heartbeat_comes_next(client: &mut super::Client) {
    client
        .send(&json!([null, "99", "phoenix", "heartbeat", {}]))
        .await;
    assert_eq!(client.receive().await[1], "99");
}

fn ok_reply(reference: &str) -> Value {
    json!(["6", reference, "realtime:room1", "phx_reply", {"status": "ok", "response": {}}])
}

fn error_reply(join_ref: &str, reference: &str, topic: &str, reason: &str) -> Value {
    json!([join_ref, reference, topic, "phx_reply", {"status": "error", "response": {"reason": reason}}])
}
