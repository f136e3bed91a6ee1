//! The server against which load tools are measured side by side: it answers at once, and it counts.
//!
//! One thread, so that one core is all it can take. It prints a ready line (`{"ready":true,"url":…}`) on standard output
//! and ends with its standard input, so that it never outlives the script that started it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /fast` | 19 bytes of JSON, at once |
//! | `POST /echo` | the body that came |
//! | `GET /delay?ms=20` | as `/fast`, after that time |
//! | `GET /count` | requests of the three kinds so far, and when the first and the last came |
//! | `POST /reset` | sets the count to zero |

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpSocket;
use tokio::time::Instant;

/// 19 bytes: the answer of `/fast` and `/delay`.
const ANSWER: &str = r#"{"status":"active"}"#;
/// Connections that wait to be accepted while the server stands still: more than one stall of a second brings.
const BACKLOG: u32 = 4096;
/// The longest time that `/delay` waits, in milliseconds.
const DELAY_MS_MAX: u64 = 60_000;

/// How many requests came, and when. The times are nanoseconds since the start; only differences mean anything.
#[derive(Debug)]
struct Tally {
    started: Instant,
    requests: AtomicU64,
    first_ns: AtomicU64,
    last_ns: AtomicU64,
}

impl Tally {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            requests: AtomicU64::new(0),
            first_ns: AtomicU64::new(0),
            last_ns: AtomicU64::new(0),
        }
    }

    fn count(&self) {
        let now_ns = self.started.elapsed().as_nanos() as u64;
        if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first_ns.store(now_ns, Ordering::Relaxed);
        }
        self.last_ns.store(now_ns, Ordering::Relaxed);
    }

    fn reset(&self) {
        self.requests.store(0, Ordering::Relaxed);
        self.first_ns.store(0, Ordering::Relaxed);
        self.last_ns.store(0, Ordering::Relaxed);
    }

    fn to_json(&self) -> String {
        serde_json::json!({
            "requests": self.requests.load(Ordering::Relaxed),
            "first_ns": self.first_ns.load(Ordering::Relaxed),
            "last_ns": self.last_ns.load(Ordering::Relaxed),
            "now_ns": self.started.elapsed().as_nanos() as u64,
        })
        .to_string()
    }
}

type Json = ([(HeaderName, &'static str); 1], String);

fn json(body: String) -> Json {
    ([(header::CONTENT_TYPE, "application/json")], body)
}

async fn fast(State(tally): State<Arc<Tally>>) -> ([(HeaderName, &'static str); 1], &'static str) {
    tally.count();
    ([(header::CONTENT_TYPE, "application/json")], ANSWER)
}

async fn echo(State(tally): State<Arc<Tally>>, body: Bytes) -> ([(HeaderName, &'static str); 1], Bytes) {
    tally.count();
    ([(header::CONTENT_TYPE, "application/json")], body)
}

async fn delay(
    State(tally): State<Arc<Tally>>,
    Query(query): Query<Vec<(String, u64)>>,
) -> ([(HeaderName, &'static str); 1], &'static str) {
    tally.count();
    let ms = query.iter().find(|(key, _)| key == "ms").map_or(0, |(_, ms)| *ms);
    tokio::time::sleep(Duration::from_millis(ms.min(DELAY_MS_MAX))).await;
    ([(header::CONTENT_TYPE, "application/json")], ANSWER)
}

async fn count(State(tally): State<Arc<Tally>>) -> Json {
    json(tally.to_json())
}

async fn reset(State(tally): State<Arc<Tally>>) -> Json {
    tally.reset();
    json(tally.to_json())
}

/// Ends the process when standard input ends.
fn end_with_stdin() {
    std::thread::spawn(|| {
        let mut ignored = [0_u8; 256];
        while matches!(std::io::stdin().read(&mut ignored), Ok(read) if read > 0) {}
        std::process::exit(0);
    });
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(BACKLOG)?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = Router::new()
        .route("/fast", get(fast))
        .route("/echo", post(echo))
        .route("/delay", get(delay))
        .route("/count", get(count))
        .route("/reset", post(reset))
        .with_state(Arc::new(Tally::start()));
    end_with_stdin();
    let ready = serde_json::json!({ "ready": true, "service": "peer-server", "url": url });
    writeln!(std::io::stdout(), "{ready}")?;
    // A socket that cannot be set so serves all the same, only later.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await
}
