//! The subscribers, and the meter that all of them report to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::database::id_of;
use crate::monotonic_ns;
use crate::server::{API_KEY, Server, token};

/// Handshakes and joins under way at once.
const JOINING_MAX: usize = 100;

/// The server closes a socket that said nothing for a minute.
const HEARTBEAT: Duration = Duration::from_secs(25);

/// Finds the number of a change in its frame without reading the whole of it.
const MARK: &str = "\"attempt_count\":";

/// When changes were committed and received.
#[derive(Default)]
pub(crate) struct Meter {
    committed: Mutex<HashMap<u64, u64>>,
    /// The number of a change, and when it came.
    received: Mutex<Vec<(u64, u64)>>,
    count: AtomicUsize,
}

impl Meter {
    pub(crate) fn committed(&self, change: u64, at_ns: u64) {
        let mut committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        committed.insert(change, at_ns);
    }

    fn take(&self, change: u64, at_ns: u64) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        received.push((change, at_ns));
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn received(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The latencies in nanoseconds, and the number of events that no change explains. An event may overtake the answer
    /// to COMMIT; its latency is then counted as nothing.
    pub(crate) fn result(&self) -> Result<(Histogram<u64>, usize)> {
        let committed = self.committed.lock().unwrap_or_else(PoisonError::into_inner);
        let received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let mut latencies = Histogram::new(3)?;
        let mut unexpected = 0;
        for (change, at_ns) in received.iter() {
            match committed.get(change) {
                Some(committed_ns) => latencies.record(at_ns.saturating_sub(*committed_ns))?,
                None => unexpected += 1,
            }
        }
        Ok((latencies, unexpected))
    }
}

/// Open sockets, each read by a task of its own.
pub(crate) struct Crowd(#[expect(dead_code, reason = "it is held, not looked at")] JoinSet<()>);

impl Crowd {
    /// Subscribes everybody: to all rows as the service, or each to the row of their own.
    pub(crate) async fn subscribe(
        server: &Server,
        to_everything: bool,
        count: usize,
        meter: &Arc<Meter>,
    ) -> Result<Self> {
        let mut readers = JoinSet::new();
        let mut joining = FuturesUnordered::new();
        let mut next = 0;
        loop {
            while next < count && joining.len() < JOINING_MAX {
                joining.push(subscribe(&server.address, to_everything, next));
                next += 1;
            }
            let Some(socket) = joining.next().await else {
                return Ok(Self(readers));
            };
            readers.spawn(read(socket?, Arc::clone(meter)));
        }
    }
}

async fn subscribe(address: &str, to_everything: bool, number: usize) -> Result<WebSocketStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/realtime/v1/websocket?apikey={API_KEY}&vsn=2.0.0");
    let (mut socket, _) = client_async(url, stream).await?;
    let id = id_of(number);
    let mut binding = json!({"event": "UPDATE", "schema": "public", "table": "practice_sessions"});
    let (topic, role) = if to_everything {
        ("realtime:everything".to_owned(), "service_role")
    } else {
        binding["filter"] = format!("id=eq.{id}").into();
        (format!("realtime:practice_session_{id}"), "authenticated")
    };
    let payload = json!({"config": {"postgres_changes": [binding]}, "access_token": token(role, &id)?});
    let join = json!(["1", "1", topic, "phx_join", payload]);
    socket.send(Message::text(join.to_string())).await?;
    loop {
        let message = socket.next().await.context("the server closed a socket")??;
        let message: Value = serde_json::from_str(message.to_text()?)?;
        match (message[3].as_str(), message[4]["status"].as_str()) {
            (Some("system"), Some("ok")) => return Ok(socket),
            (_, Some("error")) => bail!("a subscription was refused: {message}"),
            _ => {}
        }
    }
}

async fn read(mut socket: WebSocketStream<TcpStream>, meter: Arc<Meter>) {
    let mut heartbeats = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    loop {
        let message = tokio::select! {
            received = socket.next() => match received {
                Some(Ok(message)) => message,
                // Its events are counted as lost.
                _ => return,
            },
            _ = heartbeats.tick() => {
                let heartbeat = Message::text(r#"[null,"9","phoenix","heartbeat",{}]"#);
                if socket.send(heartbeat).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let at_ns = monotonic_ns();
        if let Ok(text) = message.to_text()
            && let Some((_, rest)) = text.split_once(MARK)
        {
            let digits = rest.split(|character: char| !character.is_ascii_digit()).next();
            if let Some(change) = digits.and_then(|digits| digits.parse().ok()) {
                meter.take(change, at_ns);
            }
        }
    }
}
