//! Both updates reach the learner's socket, in commit order, and nobody else's.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::events::analysed;
use crate::fixture::{API_KEY, Server, token};

const USER: &str = "user-1";
/// A stuck test fails here; a healthy one never waits that long.
const PATIENCE: Duration = Duration::from_secs(20);

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens a socket as `user` and subscribes to a session as the product's client does.
    async fn subscribed(server: &Server, user: &str, session: &str) -> Self {
        let address = server.url.trim_start_matches("http://");
        let url = format!("ws://{address}/realtime/v1/websocket?apikey={API_KEY}&vsn=2.0.0");
        let (socket, _) = client_async(url, TcpStream::connect(address).await.unwrap())
            .await
            .unwrap();
        let mut socket = Self(socket);
        let bindings = json!([
            { "event": "UPDATE", "schema": "public", "table": "practice_sessions", "filter": format!("id=eq.{session}") },
            { "event": "*", "schema": "public", "table": "practice_attempts", "filter": format!("session_id=eq.{session}") },
        ]);
        let payload = json!({
            "config": {
                "broadcast": { "ack": false, "self": false },
                "presence": { "key": "", "enabled": false },
                "postgres_changes": bindings,
                "private": false,
            },
            "access_token": token(user),
        });
        let topic = format!("realtime:practice_session_{session}");
        let join = json!(["1", "1", topic, "phx_join", payload]);
        socket.0.send(Message::text(join.to_string())).await.unwrap();
        while socket.receive().await.unwrap()[3] != "system" {}
        socket
    }

    /// The next message; `None` at the end of the connection.
    async fn receive(&mut self) -> Option<Value> {
        let frame = tokio::time::timeout(PATIENCE, self.0.next())
            .await
            .expect("a frame in time");
        match frame {
            Some(Ok(Message::Text(text))) => Some(serde_json::from_str(&text).unwrap()),
            _ => None,
        }
    }

    /// The next change: table, operation, status, and the moment of its commit.
    async fn change(&mut self) -> (String, String, String, u64) {
        loop {
            let message = self.receive().await.expect("a change");
            if message[3] == "postgres_changes" {
                let data = &message[4]["data"];
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let moment = data["committed_monotonic_ns"].as_u64().unwrap();
                return (
                    text(&data["table"]),
                    text(&data["type"]),
                    text(&data["record"]["status"]),
                    moment,
                );
            }
        }
    }
}

#[tokio::test]
async fn status_and_result_arrive_in_commit_order() {
    let server = Server::start().await;
    let session = server.practicing(USER).await;
    let mut socket = Socket::subscribed(&server, USER, &session).await;
    let mut stranger = Socket::subscribed(&server, "user-2", &session).await;
    server.submit(USER, &session, 0).await;
    server.dispatch().await;
    server.deliver(&analysed(&server.last_job().await, 90.0)).await;
    let expected = [
        ("practice_sessions", "UPDATE", "analyzing"),
        ("practice_attempts", "INSERT", "processing"),
        ("practice_attempts", "UPDATE", "analyzing"),
        ("practice_attempts", "UPDATE", "completed"),
        ("practice_sessions", "UPDATE", "practicing"),
    ];
    let mut last = 0;
    for (table, operation, status) in expected {
        let change = socket.change().await;
        assert_eq!(
            (change.0.as_str(), change.1.as_str(), change.2.as_str()),
            (table, operation, status)
        );
        assert!(change.3 >= last, "commits go forward");
        last = change.3;
    }
    assert_eq!(server.metric("realtime_events_sent_total").await, 5.0);
    server.app.hub().close_all().await;
    assert_eq!(
        stranger.receive().await,
        None,
        "a stranger's socket saw nothing but its end"
    );
}
