//! The realtime socket as its clients see it. Every message example and every requirement of the real
//! client libraries is a test here.

#![allow(clippy::unwrap_used, reason = "a failed step of a test ends the test")]

mod changes;
mod channels;
mod clients;
mod handshake;
mod limits;
mod postgres;
mod supabase_js;
mod tokens;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header};
use practice_server::realtime::{Change, Hub, HubConfig, HubMetrics, Operation, Table, router};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

const SECRET: &str = "a secret of at least thirty-two characters";
const API_KEY: &str = "sb_publishable_test";
const ALICE: &str = "0a0a0a0a-0000-4000-8000-00000000000a";
const BOB: &str = "0b0b0b0b-0000-4000-8000-00000000000b";
const SESSION: &str = "11111111-1111-4111-8111-111111111111";
const ATTEMPT: &str = "22222222-2222-4222-8222-222222222222";

/// A stuck test says where it is stuck; a healthy one never gets near this.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running realtime server.
struct Server {
    hub: Hub,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut HubConfig)) -> Self {
        let mut config = HubConfig::new(SECRET, API_KEY);
        adjust(&mut config);
        let hub = Hub::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app: Router = router(hub.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { hub, address }
    }

    /// Opens a socket; fails with the HTTP answer if the handshake is refused.
    async fn connect(&self, path_and_query: &str) -> Result<Client, tungstenite::Error> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}{path_and_query}", self.address);
        let (socket, _) = client_async(url, stream).await?;
        Ok(Client { socket })
    }

    async fn client(&self, vsn: &str) -> Client {
        let path = format!("/realtime/v1/websocket?apikey={API_KEY}&vsn={vsn}");
        self.connect(&path).await.unwrap()
    }

    /// Lets the server work until its metrics satisfy the condition.
    async fn until(&self, condition: impl Fn(HubMetrics) -> bool) {
        let reached = async {
            while !condition(self.hub.metrics()) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("the metrics within the test's patience");
    }

    /// A vsn 2.0.0 socket with one channel of this user and the given bindings, live.
    async fn subscribed(&self, topic: &str, user: &str, bindings: Value) -> Client {
        let mut client = self.client("2.0.0").await;
        client
            .send(&join(topic, &bindings, Some(&user_token(user))))
            .await;
        assert_eq!(client.receive().await[4]["status"], "ok");
        assert_eq!(client.receive().await[4]["message"], "Subscribed to PostgreSQL");
        client
    }
}

struct Client {
    socket: WebSocketStream<TcpStream>,
}

impl Client {
    async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::binary(bytes)).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        match self.receive_frame().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("expected a text frame, got {other:?}"),
        }
    }

    /// Reads on until the connection ends; the close frame, if there was one.
    async fn closed(&mut self) -> Option<CloseFrame> {
        let mut close = None;
        while let Some(Ok(message)) = self.receive_frame().await {
            if let Message::Close(frame) = message {
                close = frame;
            }
        }
        close
    }

    async fn receive_frame(&mut self) -> Option<Result<Message, tungstenite::Error>> {
        tokio::time::timeout(PATIENCE, self.socket.next())
            .await
            .expect("a frame within the test's patience")
    }
}

fn join(topic: &str, bindings: &Value, access_token: Option<&str>) -> Value {
    let mut payload = json!({"config": {
        "broadcast": {"ack": false, "self": false},
        "presence": {"key": "", "enabled": false},
        "postgres_changes": bindings,
        "private": false,
    }});
    if let Some(token) = access_token {
        payload["access_token"] = token.into();
    }
    json!(["6", "6", topic, "phx_join", payload])
}

/// The two bindings of the product's client.
fn session_bindings() -> Value {
    json!([
        {"event": "UPDATE", "schema": "public", "table": "practice_sessions", "filter": format!("id=eq.{SESSION}")},
        {"event": "*", "schema": "public", "table": "practice_attempts", "filter": format!("session_id=eq.{SESSION}")},
    ])
}

fn token(claims: &Value) -> String {
    jsonwebtoken::encode(
        &Header::default(),
        claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .unwrap()
}

/// A user's token that outlives the test.
fn user_token(user: &str) -> String {
    token(&json!({"role": "authenticated", "sub": user, "aud": "authenticated", "exp": 4_102_444_800_u64}))
}

fn row(value: Value) -> Option<Map<String, Value>> {
    Some(value.as_object().unwrap().clone())
}

/// 2026-11-22T00:22:40.877654Z.
const COMMITTED_UNIX_US: i64 = 1_795_306_960_877_654;

fn change(operation: Operation, table: Table, record: Value) -> Change {
    let key = row(json!({"id": record["id"]}));
    Change {
        table,
        operation,
        record: if operation == Operation::Delete {
            None
        } else {
            row(record)
        },
        old_record: if operation == Operation::Insert { None } else { key },
        committed_monotonic_ns: Some(42),
        commit_record_monotonic_ns: None,
        committed_unix_us: COMMITTED_UNIX_US,
    }
}

/// Alice's session got this status.
fn session_update(status: &str) -> Change {
    let record = json!({"id": SESSION, "user_id": ALICE, "status": status, "attempt_count": 1});
    change(Operation::Update, Table::PracticeSessions, record)
}
