//! Change events: their exact form, who receives them and who does not.

use practice_server::realtime::{Operation, Table};
use serde_json::{Value, json};

use super::{
    ALICE, ATTEMPT, BOB, Client, SESSION, Server, change, join, row, session_bindings, session_update, token,
    user_token,
};

fn attempt_record() -> Value {
    json!({"id": ATTEMPT, "session_id": SESSION, "user_id": ALICE, "sentence_index": 0,
        "status": "completed", "pronunciation_score": 87.5, "is_passed": true,
        "word_level_scores": [{"word": "hello", "score": 90}], "error_message": null,
        "updated_at": "2026-11-22T00:22:40.877654+00:00"})
}

fn attempt_columns() -> Value {
    json!([{"name": "id", "type": "uuid"}, {"name": "session_id", "type": "uuid"},
        {"name": "user_id", "type": "text"}, {"name": "sentence_index", "type": "int4"},
        {"name": "status", "type": "text"}, {"name": "pronunciation_score", "type": "float8"},
        {"name": "is_passed", "type": "bool"}, {"name": "word_level_scores", "type": "jsonb"},
        {"name": "error_message", "type": "text"}, {"name": "updated_at", "type": "timestamptz"}])
}

/// The whole `data` of a change. Comparing it whole proves the absence of keys as well: clients drop a
/// message whose `old_record` is null, and one without `errors`, `columns` or `commit_timestamp`.
fn data(change_type: &str, columns: Value) -> Value {
    json!({"schema": "public", "table": "practice_attempts", "commit_timestamp": "2026-11-22T00:22:40.877Z",
        "type": change_type, "columns": columns, "errors": null,
        "commit_timestamp_us": 1_795_306_960_877_654_i64, "committed_monotonic_ns": 42})
}

#[tokio::test]
async fn changes_have_the_form_that_clients_validate() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    let bindings = json!([{"event": "*", "schema": "public", "table": "practice_attempts"}]);
    client
        .send(&join("realtime:room1", &bindings, Some(&user_token(ALICE))))
        .await;
    let id = client.receive().await[4]["response"]["postgres_changes"][0]["id"].clone();
    client.receive().await;

    let mut insert = data("INSERT", attempt_columns());
    insert["record"] = attempt_record();
    let mut update = data("UPDATE", attempt_columns());
    update["record"] = attempt_record();
    update["old_record"] = json!({"id": ATTEMPT});
    let mut delete = data("DELETE", json!([{"name": "id", "type": "uuid"}]));
    delete["old_record"] = json!({"id": ATTEMPT});
    for (operation, data) in [
        (Operation::Insert, insert),
        (Operation::Update, update),
        (Operation::Delete, delete),
    ] {
        server
            .hub
            .publish(&[change(operation, Table::PracticeAttempts, attempt_record())]);
        let event = json!([null, null, "realtime:room1", "postgres_changes", {"ids": [id], "data": data}]);
        assert_eq!(client.receive().await, event);
    }
    assert_eq!(server.hub.metrics().events_sent, 3);
}

#[tokio::test]
async fn in_the_first_serialisation_a_change_has_a_null_ref() {
    let server = Server::start().await;
    let mut client = server.client("1.0.0").await;
    let payload =
        json!({"config": {"postgres_changes": session_bindings()}, "access_token": user_token(ALICE)});
    let join = json!({"topic": "realtime:room1", "event": "phx_join", "payload": payload, "ref": "1", "join_ref": "1"});
    client.send(&join).await;
    let id = client.receive().await["payload"]["response"]["postgres_changes"][1]["id"].clone();
    client.receive().await;
    server.hub.publish(&[change(
        Operation::Insert,
        Table::PracticeAttempts,
        attempt_record(),
    )]);
    let mut insert = data("INSERT", attempt_columns());
    insert["record"] = attempt_record();
    assert_eq!(
        client.receive().await,
        json!({"topic": "realtime:room1", "event": "postgres_changes", "ref": null,
            "payload": {"ids": [id], "data": insert}})
    );
}

#[tokio::test]
async fn one_change_that_matches_two_bindings_is_one_event_with_both_ids() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    let bindings = json!([
        {"event": "*", "schema": "public"},
        {"event": "INSERT", "schema": "public", "table": "practice_sessions"},
        {"event": "UPDATE", "schema": "public", "table": "practice_sessions", "filter": format!("id=eq.{SESSION}")},
    ]);
    client
        .send(&join("realtime:room1", &bindings, Some(&user_token(ALICE))))
        .await;
    let reply = client.receive().await;
    let echoes = &reply[4]["response"]["postgres_changes"];
    client.receive().await;
    server
        .hub
        .publish(&[session_update("ready"), session_update("completed")]);
    for status in ["ready", "completed"] {
        let event = client.receive().await;
        assert_eq!(event[4]["ids"], json!([echoes[0]["id"], echoes[2]["id"]]));
        assert_eq!(
            event[4]["data"]["record"]["status"], status,
            "events come in commit order"
        );
    }
}

#[tokio::test]
async fn users_see_their_own_rows_only() {
    let server = Server::start().await;
    let service = token(&json!({"role": "service_role", "exp": 4_102_444_800_u64}));
    let stranger = token(&json!({"role": "stranger", "sub": ALICE, "exp": 4_102_444_800_u64}));
    // Every role is tried with and without a filter, because the two are found by different ways.
    for bindings in [session_bindings(), json!([{"event": "*", "schema": "public"}])] {
        let mut sees = Vec::new();
        for access_token in [
            Some(user_token(ALICE)),
            Some(user_token(BOB)),
            Some(service.clone()),
            Some(stranger.clone()),
            None,
        ] {
            let mut client = server.client("2.0.0").await;
            client
                .send(&join("realtime:room1", &bindings, access_token.as_deref()))
                .await;
            assert_eq!(client.receive().await[4]["status"], "ok");
            assert_eq!(client.receive().await[4]["message"], "Subscribed to PostgreSQL");
            server.hub.publish(&[session_update("ready")]);
            sees.push(receives_an_event(&mut client).await);
        }
        assert_eq!(sees, [true, false, true, false, false], "{bindings}");
    }
}

#[tokio::test]
async fn only_the_rows_that_pass_the_filter_arrive() {
    let server = Server::start().await;
    let filter = "status=in.(ready,completed),attempt_count=gte.1,error_message=is.null";
    let bindings =
        json!([{"event": "UPDATE", "schema": "public", "table": "practice_sessions", "filter": filter}]);
    let mut client = server.subscribed("realtime:room1", ALICE, bindings).await;
    let update = |fields: Value| {
        let mut change = session_update("ready");
        let record = change.record.as_mut().unwrap();
        record.extend(row(json!({"error_message": null})).unwrap());
        record.extend(row(fields).unwrap());
        change
    };
    server.hub.publish(&[
        update(json!({"status": "processing"})),
        update(json!({"attempt_count": 0})),
        update(json!({"attempt_count": null})),
        update(json!({"error_message": "no speech"})),
        session_update("ready"), // Without the column `error_message`, which is unknown, not NULL.
        update(json!({"status": "completed"})),
    ]);
    assert_eq!(client.receive().await[4]["data"]["record"]["status"], "completed");
}

#[tokio::test]
async fn a_change_too_large_for_clients_keeps_its_small_values() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    let mut large = session_update("completed");
    large
        .record
        .as_mut()
        .unwrap()
        .insert("transcript".to_owned(), "x".repeat(2 * 1024 * 1024).into());
    server.hub.publish(&[large]);
    let event = client.receive().await;
    let data = &event[4]["data"];
    assert_eq!(data["errors"], json!(["Error 413: Payload Too Large"]));
    assert_eq!(data["record"]["status"], "completed");
    assert_eq!(data["record"].get("transcript"), None);
}

/// What was queued before a message came is written before its reply.
async fn receives_an_event(client: &mut Client) -> bool {
    client
        .send(&json!([null, "99", "phoenix", "heartbeat", {}]))
        .await;
    let first = client.receive().await;
    first[3] == "postgres_changes"
}
