//! A client of the Supabase Realtime protocol, version 2.0.0 of its serializer: text frames
//! `[join_ref, ref, topic, event, payload]`.
//!
//! The socket is split: one side is always read by its user's reader task, so that nothing is missed between steps.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::connect::{ConnectError, Connector};
use super::stream::Stream;
use crate::metrics::Outcome;
use crate::plan::ChangeEvent;

/// Largest message that is accepted, the limit of the protocol's own servers for a row change.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// tungstenite's default read buffer of 128 KiB would be most of a virtual user's memory.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// An open socket in both directions.
#[derive(Debug)]
pub struct RealtimeSocket {
    pub writer: RealtimeWriter,
    pub reader: RealtimeReader,
}

/// The sending side.
#[derive(Debug)]
pub struct RealtimeWriter {
    sink: SplitSink<WebSocketStream<Stream>, Message>,
    next_ref: u64,
}

/// The receiving side.
#[derive(Debug)]
pub struct RealtimeReader {
    stream: SplitStream<WebSocketStream<Stream>>,
}

/// What the server sent.
#[derive(Debug)]
pub enum Frame {
    /// The answer to a join: `Err` holds the server's reason.
    Joined {
        topic: String,
        result: Result<(), String>,
    },
    /// The subscription is live (`Ok`), or could not be made.
    System {
        topic: String,
        result: Result<(), String>,
    },
    /// A row change.
    Change(Box<ChangeFrame>),
    /// The server closed the channel.
    Closed { topic: String },
    /// Heartbeat replies, presence and the like.
    Other,
    /// Text that is not a frame of the protocol.
    Malformed,
}

/// A row change as it was received.
#[derive(Debug, Clone)]
pub struct ChangeFrame {
    pub topic: String,
    pub table: String,
    pub event: ChangeEvent,
    /// The row after the change; the key columns of the old row for a delete.
    pub record: Map<String, Value>,
    /// When the change was committed, on the host's monotonic clock; only servers on this host say so.
    pub committed_monotonic_ns: Option<u64>,
    /// A hash of topic and change: two frames that share it are one event sent twice to one subscription.
    pub fingerprint: u64,
}

/// Why there is no socket, or no more.
#[derive(Debug, thiserror::Error)]
pub enum RealtimeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the realtime handshake failed: {0}")]
    Handshake(String),
    #[error("the realtime socket failed: {0}")]
    Socket(String),
    #[error("the server closed the realtime socket")]
    Closed,
}

impl RealtimeError {
    /// Whether it was the generator that had no socket to offer.
    pub fn is_generators_own(&self) -> bool {
        matches!(self, RealtimeError::Connect(error) if error.outcome() == Outcome::Generator)
    }
}

/// Opens a socket at `path_and_query` (which carries the API key and `vsn=2.0.0`).
///
/// # Errors
/// When there is no connection or the server refuses the handshake.
pub async fn connect_realtime(
    connector: &Connector,
    path_and_query: &str,
) -> Result<RealtimeSocket, RealtimeError> {
    let stream = connector.connect().await?;
    let request = format!("ws://{}{path_and_query}", connector.authority())
        .into_client_request()
        .map_err(|error| RealtimeError::Handshake(error.to_string()))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
        .await
        .map_err(|error| RealtimeError::Handshake(error.to_string()))?;
    let (sink, stream) = socket.split();
    Ok(RealtimeSocket {
        writer: RealtimeWriter { sink, next_ref: 1 },
        reader: RealtimeReader { stream },
    })
}

impl RealtimeWriter {
    /// Asks to join a topic (with its `realtime:` prefix) for the given bindings.
    ///
    /// # Errors
    /// When the socket is broken.
    pub async fn join(
        &mut self,
        topic: &str,
        changes: Value,
        token: Option<&str>,
    ) -> Result<(), RealtimeError> {
        let reference = self.take_ref();
        let mut payload = json!({
            "config": {
                "broadcast": { "ack": false, "self": false },
                "presence": { "key": "", "enabled": false },
                "postgres_changes": changes,
                "private": false,
            }
        });
        if let Some(token) = token {
            payload["access_token"] = Value::String(token.to_owned());
        }
        self.send(json!([reference, reference, topic, "phx_join", payload]))
            .await
    }

    /// Keeps the socket alive: servers close one that sent nothing for 60 s.
    ///
    /// # Errors
    /// When the socket is broken.
    pub async fn heartbeat(&mut self) -> Result<(), RealtimeError> {
        let reference = self.take_ref();
        self.send(json!([null, reference, "phoenix", "heartbeat", {}]))
            .await
    }

    /// Closes the socket politely.
    pub async fn close(&mut self) {
        // The other side may be gone already; there is nothing left to do about it.
        let _ = self.sink.close().await;
    }

    fn take_ref(&mut self) -> String {
        let reference = self.next_ref.to_string();
        self.next_ref += 1;
        reference
    }

    async fn send(&mut self, frame: Value) -> Result<(), RealtimeError> {
        let message = Message::text(frame.to_string());
        self.sink
            .send(message)
            .await
            .map_err(|error| RealtimeError::Socket(error.to_string()))
    }
}

impl RealtimeReader {
    /// The next frame. Pings are answered underneath.
    ///
    /// # Errors
    /// When the socket is closed or broken: there will be no more frames.
    pub async fn next(&mut self) -> Result<Frame, RealtimeError> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(decode(text.as_str())),
                Some(Ok(Message::Close(_))) | None => return Err(RealtimeError::Closed),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(RealtimeError::Socket(error.to_string())),
            }
        }
    }
}

/// A frame whose payload is not parsed yet: most are only looked at by their event name.
type RawFrame<'a> = (
    Option<&'a str>,
    Option<&'a str>,
    std::borrow::Cow<'a, str>,
    &'a str,
    &'a RawValue,
);

/// Decodes one text frame.
pub fn decode(text: &str) -> Frame {
    let Ok((_, _, topic, event, payload)) = serde_json::from_str::<RawFrame<'_>>(text) else {
        return Frame::Malformed;
    };
    match event {
        "postgres_changes" => decode_change(topic.into_owned(), payload.get()).unwrap_or(Frame::Malformed),
        "phx_reply" if topic != "phoenix" => match serde_json::from_str::<Value>(payload.get()) {
            Ok(reply) => Frame::Joined {
                topic: topic.into_owned(),
                result: status_of(&reply, "/response/reason"),
            },
            Err(_) => Frame::Malformed,
        },
        "system" => match serde_json::from_str::<Value>(payload.get()) {
            Ok(system) => Frame::System {
                topic: topic.into_owned(),
                result: status_of(&system, "/message"),
            },
            Err(_) => Frame::Malformed,
        },
        "phx_close" | "phx_error" => Frame::Closed {
            topic: topic.into_owned(),
        },
        _ => Frame::Other,
    }
}

fn status_of(payload: &Value, reason: &str) -> Result<(), String> {
    if payload.get("status").and_then(Value::as_str) == Some("ok") {
        return Ok(());
    }
    Err(payload
        .pointer(reason)
        .and_then(Value::as_str)
        .unwrap_or("no reason given")
        .to_owned())
}

fn decode_change(topic: String, payload: &str) -> Option<Frame> {
    let mut payload: Map<String, Value> = serde_json::from_str(payload).ok()?;
    let Value::Object(mut data) = payload.remove("data")? else {
        return None;
    };
    let fingerprint = xxh3_64_with_seed(
        serde_json::to_string(&data).ok()?.as_bytes(),
        xxh3_64(topic.as_bytes()),
    );
    let event = match data.get("type").and_then(Value::as_str)? {
        "INSERT" => ChangeEvent::Insert,
        "UPDATE" => ChangeEvent::Update,
        "DELETE" => ChangeEvent::Delete,
        _ => return None,
    };
    let table = data.get("table").and_then(Value::as_str)?.to_owned();
    let row = if event == ChangeEvent::Delete {
        "old_record"
    } else {
        "record"
    };
    let Some(Value::Object(record)) = data.remove(row) else {
        return None;
    };
    let committed_monotonic_ns = data.get("committed_monotonic_ns").and_then(Value::as_u64);
    Some(Frame::Change(Box::new(ChangeFrame {
        topic,
        table,
        event,
        record,
        committed_monotonic_ns,
        fingerprint,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_change_is_read() {
        let frame = decode(
            r#"[null,null,"realtime:room1","postgres_changes",{"ids":[81],"data":{"schema":"public","table":"orders","commit_timestamp":"2026-11-22T00:22:41.002Z","committed_monotonic_ns":77,"type":"UPDATE","columns":[],"record":{"id":46,"v":"y"},"old_record":{"id":46},"errors":null}}]"#,
        );
        let Frame::Change(change) = frame else {
            panic!("not a change: {frame:?}")
        };
        assert_eq!(
            (change.table.as_str(), change.event),
            ("orders", ChangeEvent::Update)
        );
        assert_eq!(change.record["v"], "y");
        assert_eq!(change.committed_monotonic_ns, Some(77));
    }

    #[test]
    fn equal_changes_on_one_topic_have_equal_fingerprints() {
        let fingerprint = |topic: &str, value: &str| {
            let text = format!(
                r#"[null,null,"realtime:{topic}","postgres_changes",{{"ids":[1],"data":{{"table":"t","type":"DELETE","old_record":{{"id":"{value}"}}}}}}]"#
            );
            match decode(&text) {
                Frame::Change(change) => change.fingerprint,
                other => panic!("not a change: {other:?}"),
            }
        };
        assert_eq!(fingerprint("r", "a"), fingerprint("r", "a"));
        assert_ne!(fingerprint("r", "a"), fingerprint("r", "b"));
        // Two subscriptions to one table are told of the same change once each.
        assert_ne!(fingerprint("r", "a"), fingerprint("s", "a"));
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
        let heartbeat = decode(r#"[null,"9","phoenix","phx_reply",{"status":"ok","response":{}}]"#);
        assert!(matches!(heartbeat, Frame::Other));
    }

    #[test]
    fn anything_else_is_malformed_and_nothing_panics() {
        for text in [
            "",
            "{}",
            "[1,2,3]",
            r#"[null,null,"t","postgres_changes",{"data":{"type":"?"}}]"#,
        ] {
            assert!(matches!(decode(text), Frame::Malformed), "{text}");
        }
    }
}
