//! What the handshake accepts and how it refuses.

use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{ALICE, API_KEY, Server, token, user_token};

async fn refusal(server: &Server, query: &str) -> (u16, Value) {
    match server.connect(&format!("/realtime/v1/websocket{query}")).await {
        Err(Error::Http(response)) => {
            assert_eq!(response.headers()["content-type"], "application/json");
            let body = response.body().as_deref().unwrap_or_default();
            (response.status().as_u16(), serde_json::from_slice(body).unwrap())
        }
        Err(error) => panic!("expected an HTTP answer, got {error}"),
        Ok(_) => panic!("the handshake was accepted"),
    }
}

#[tokio::test]
async fn a_refused_handshake_is_an_http_error_that_says_why() {
    let server = Server::start().await;
    let expired = token(&json!({"role": "authenticated", "sub": ALICE, "exp": 1_000}));
    let without_role = token(&json!({"sub": ALICE, "exp": 4_102_444_800_u64}));
    let without_expiry = token(&json!({"sub": ALICE, "role": "authenticated"}));
    let tampered = format!("{}x", user_token(ALICE));
    let cases = [
        (String::new(), "API key is missing"),
        ("?apikey=".to_owned(), "API key is missing"),
        (format!("?apikey={expired}"), "Token has expired"),
        (
            format!("?apikey={without_role}"),
            "Fields `role` and `exp` are required in JWT",
        ),
        (
            format!("?apikey={without_expiry}"),
            "Fields `role` and `exp` are required in JWT",
        ),
        (format!("?apikey={tampered}"), "Failed to validate JWT signature"),
        (
            "?apikey=sb_publishable_other".to_owned(),
            "The token provided is not a valid JWT",
        ),
    ];
    for (query, error) in &cases {
        assert_eq!(
            refusal(&server, query).await,
            (401, json!({"error": error})),
            "{query}"
        );
    }
    assert_eq!(server.hub.metrics().handshakes_refused, cases.len() as u64);
    assert_eq!(server.hub.metrics().sockets_open, 0);
}

#[tokio::test]
async fn an_unknown_serializer_is_refused() {
    let server = Server::start().await;
    let (status, body) = refusal(&server, &format!("?apikey={API_KEY}&vsn=3.0.0")).await;
    assert_eq!(status, 400);
    assert_eq!(
        body["error"],
        "The serializer version 3.0.0 is not supported: use 1.0.0 or 2.0.0"
    );
}

#[tokio::test]
async fn the_socket_beyond_the_limit_is_refused_until_a_place_is_free() {
    let server = Server::with(|config| config.sockets_max = 1).await;
    let mut first = server.client("2.0.0").await;
    let query = format!("?apikey={API_KEY}");
    assert_eq!(
        refusal(&server, &query).await,
        (429, json!({"error": "Too many connected users"}))
    );
    first.socket.send(Message::Close(None)).await.unwrap();
    first.closed().await;
    // The server has let the place go once it has ended the connection, which the client has just seen.
    while server.hub.metrics().sockets_open > 0 {
        tokio::task::yield_now().await;
    }
    server.client("2.0.0").await;
}

#[tokio::test]
async fn both_paths_and_the_header_are_accepted() {
    let server = Server::start().await;
    for path in ["/realtime/v1/websocket", "/socket/websocket"] {
        // A parameter that the server does not know is none of its business.
        let query = format!("?log_level=info&apikey={}&vsn=2.0.0", user_token(ALICE));
        let mut client = server.connect(&format!("{path}{query}")).await.unwrap();
        client.send(&json!([null, "9", "phoenix", "heartbeat", {}])).await;
        assert_eq!(client.receive().await[3], "phx_reply");
    }
    let url = format!("ws://{}/realtime/v1/websocket?apikey=ignored", server.address);
    let mut request = url.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("x-api-key", API_KEY.parse().unwrap());
    let stream = TcpStream::connect(server.address).await.unwrap();
    assert!(client_async(request, stream).await.is_ok());
}

#[tokio::test]
async fn a_missing_vsn_means_objects() {
    let server = Server::start().await;
    let mut client = server
        .connect(&format!("/realtime/v1/websocket?apikey={API_KEY}"))
        .await
        .unwrap();
    client
        .send_text(r#"{"event":"heartbeat","payload":{},"topic":"phoenix","ref":null,"join_ref":null}"#)
        .await;
    let reply = json!({"topic": "phoenix", "event": "phx_reply",
        "payload": {"status": "ok", "response": {}}, "ref": null});
    assert_eq!(client.receive().await, reply);
}

#[tokio::test]
async fn a_request_that_is_no_websocket_is_answered_over_http() {
    let server = Server::start().await;
    let url = format!("http://{}/realtime/v1/websocket?apikey={API_KEY}", server.address);
    let answer = reqwest::get(url).await.unwrap();
    assert!(answer.status().is_client_error(), "{}", answer.status());
    assert_eq!(server.hub.metrics().sockets_open, 0);
}
