//! Tokens of channels: fallback, refresh, refusal and expiry.

use serde_json::{Value, json};

use super::{ALICE, API_KEY, Client, Server, join, session_bindings, session_update, token, user_token};

fn refresh(token: Value) -> Value {
    json!(["6", "7", "realtime:room1", "access_token", {"access_token": token}])
}

async fn event_status(client: &mut Client) -> Value {
    let event = client.receive().await;
    assert_eq!(event[3], "postgres_changes", "{event}");
    event[4]["data"]["record"]["status"].clone()
}

#[tokio::test]
async fn a_join_without_a_token_falls_back_to_the_api_key() {
    let server = Server::start().await;
    let path = format!("/realtime/v1/websocket?vsn=2.0.0&apikey={}", user_token(ALICE));
    for access_token in [None, Some("sb_publishable_of_the_platform")] {
        let mut client = server.connect(&path).await.unwrap();
        client
            .send(&join("realtime:room1", &session_bindings(), access_token))
            .await;
        client.receive().await;
        client.receive().await;
        server.hub.publish(&[session_update("ready")]);
        assert_eq!(event_status(&mut client).await, "ready");
    }
}

#[tokio::test]
async fn a_token_that_follows_the_join_makes_the_rows_visible() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    // What supabase-js does: it joins before its token callback has resolved.
    client
        .send(&join("realtime:room1", &session_bindings(), Some(API_KEY)))
        .await;
    client.receive().await;
    client.receive().await;
    server.hub.publish(&[session_update("unseen")]);
    client.send(&refresh(user_token(ALICE).into())).await;
    let live = client.receive().await;
    assert_eq!(live[3], "system");
    assert_eq!(live[4]["message"], "Subscribed to PostgreSQL");
    server.hub.publish(&[session_update("ready")]);
    assert_eq!(event_status(&mut client).await, "ready");
    assert_eq!(server.hub.metrics().subscriptions_live, 2);
}

#[tokio::test]
async fn a_refreshed_token_of_the_same_user_loses_no_event() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    let newer = token(&json!({"role": "authenticated", "sub": ALICE, "exp": 4_102_444_801_u64}));
    server.hub.publish(&[session_update("before")]);
    client.send(&refresh(newer.into())).await;
    assert_eq!(event_status(&mut client).await, "before");
    assert_eq!(client.receive().await[4]["message"], "Subscribed to PostgreSQL");
    server.hub.publish(&[session_update("after")]);
    assert_eq!(event_status(&mut client).await, "after");
}

#[tokio::test]
async fn the_same_token_null_and_platform_keys_are_ignored() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    for ignored in [json!(user_token(ALICE)), Value::Null, json!("sb_secret_x")] {
        client.send(&refresh(ignored)).await;
    }
    server.hub.publish(&[session_update("ready")]);
    assert_eq!(event_status(&mut client).await, "ready");
}

#[tokio::test]
async fn a_bad_token_closes_the_channel_and_leaves_the_socket_open() {
    let server = Server::start().await;
    let mut client = server
        .subscribed("realtime:room1", ALICE, session_bindings())
        .await;
    client.send(&refresh("no token".into())).await;
    assert_eq!(
        client.receive().await,
        json!(["6", null, "realtime:room1", "system", {"extension": "system", "status": "error",
            "message": "The token provided is not a valid JWT", "channel": "room1"}])
    );
    assert_eq!(
        client.receive().await,
        json!(["6", "6", "realtime:room1", "phx_close", {}])
    );
    assert_eq!(server.hub.metrics().subscriptions_live, 0);
    client
        .send(&join(
            "realtime:room1",
            &session_bindings(),
            Some(&user_token(ALICE)),
        ))
        .await;
    assert_eq!(client.receive().await[4]["status"], "ok");
}

#[tokio::test]
async fn a_join_with_a_bad_token_is_refused_with_its_code() {
    let server = Server::start().await;
    let mut client = server.client("2.0.0").await;
    let expired = token(&json!({"role": "authenticated", "sub": ALICE, "exp": 1_000}));
    let without_role = token(&json!({"sub": ALICE, "exp": 4_102_444_800_u64}));
    let tampered = format!("{}x", user_token(ALICE));
    let cases = [
        (expired.as_str(), "InvalidJWTToken: Token has expired"),
        (
            &without_role,
            "InvalidJWTToken: Fields `role` and `exp` are required in JWT",
        ),
        (&tampered, "JwtSignatureError: Failed to validate JWT signature"),
        ("no token", "MalformedJWT: The token provided is not a valid JWT"),
    ];
    for (access_token, reason) in cases {
        client
            .send(&join("realtime:room1", &session_bindings(), Some(access_token)))
            .await;
        let response = json!({"status": "error", "response": {"reason": reason}});
        assert_eq!(
            client.receive().await,
            json!(["6", "6", "realtime:room1", "phx_reply", response])
        );
    }
}

#[tokio::test]
async fn a_channel_is_closed_when_its_token_expires() {
    // The server's wall clock stands 50 ms before the expiry.
    const EXPIRES_AT_S: u64 = 1_800_000_000;
    let server = Server::with(|config| config.unix_us = || EXPIRES_AT_S as i64 * 1_000_000 - 50_000).await;
    let expiring = token(&json!({"role": "authenticated", "sub": ALICE, "exp": EXPIRES_AT_S}));
    let mut client = server.client("2.0.0").await;
    client
        .send(&join("realtime:room1", &session_bindings(), Some(&expiring)))
        .await;
    assert_eq!(client.receive().await[4]["status"], "ok");
    assert_eq!(client.receive().await[4]["message"], "Subscribed to PostgreSQL");
    assert_eq!(
        client.receive().await,
        json!(["6", null, "realtime:room1", "system", {"extension": "system", "status": "error",
            "message": "Token has expired", "channel": "room1"}])
    );
    assert_eq!(
        client.receive().await,
        json!(["6", "6", "realtime:room1", "phx_close", {}])
    );
    assert_eq!(server.hub.metrics().subscriptions_live, 0);
    client.send(&json!([null, "9", "phoenix", "heartbeat", {}])).await;
    assert_eq!(client.receive().await[1], "9", "the socket itself stays open");
}
