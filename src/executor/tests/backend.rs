//! A backend in memory for the asynchronous half: it takes tasks over HTTP, and tells what becomes of them over
//! realtime and to whoever reads the row. What happens, and when, is the test's script.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::clock::{Moment, RunClock};

/// Frames that may wait for one socket.
const FRAMES_WAITING_MAX: usize = 64;

/// How the backend behaves.
#[derive(Debug, Clone)]
pub(super) struct Script {
    /// The answer to a task handed in: when, and with which status.
    pub(super) answer_after: Duration,
    pub(super) status: StatusCode,
    pub(super) subscription: Subscription,
    /// What happens to a task, counted from the moment its request is there.
    pub(super) timeline: Vec<(Duration, Happening)>,
    /// How long reading a row takes.
    pub(super) read_after: Duration,
}

/// What becomes of a subscription; its join is acknowledged in any case.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subscription {
    LiveAfter(Duration),
    Refused,
    /// There is no realtime endpoint at all.
    NoSocket,
}

/// Something that happens to a task.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    /// The row takes a status, and its user hears of it.
    Change(&'static str),
    /// The same, without the moment of the commit.
    UndatedChange(&'static str),
    /// The row takes a status, and nobody hears of it.
    SilentChange(&'static str),
    /// The last change is told once more.
    SameEventAgain,
    /// The user hears of a row that belongs to somebody else.
    ForeignEvent,
    /// Every socket breaks, without a closing handshake.
    CutSockets,
    /// The server loses every channel, and says so; the sockets stay.
    LoseChannels,
}

impl Script {
    /// Answers after 10 ms, subscriptions live after 20 ms, and the given timeline in milliseconds.
    pub(super) fn new(timeline: &[(u64, Happening)]) -> Self {
        Self {
            answer_after: Duration::from_millis(10),
            status: StatusCode::ACCEPTED,
            subscription: Subscription::LiveAfter(Duration::from_millis(20)),
            timeline: timeline
                .iter()
                .map(|(millis, happening)| (Duration::from_millis(*millis), *happening))
                .collect(),
            read_after: Duration::ZERO,
        }
    }
}

/// A task as it was handed in.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) body: Value,
    pub(super) idempotency_key: String,
}

/// The backend; clones are one and the same.
#[derive(Debug, Clone)]
pub(super) struct Backend {
    script: Arc<Script>,
    state: Arc<Mutex<Rows>>,
}

#[derive(Debug, Default)]
struct Rows {
    received: Vec<Received>,
    rows: BTreeMap<String, Value>,
    /// The `data` of the last change told.
    last_change: Value,
    sockets: Vec<Subscriber>,
    /// The path of every request, handshakes included, and its `traceparent` headers.
    traces: Vec<(String, Vec<String>)>,
}

#[derive(Debug)]
struct Subscriber {
    topic: String,
    push: mpsc::Sender<Push>,
}

#[derive(Debug)]
enum Push {
    Frame(Value),
    Cut,
}

#[derive(Debug, Clone)]
struct App {
    backend: Backend,
    clock: RunClock,
}

impl Backend {
    pub(super) fn new(script: Script) -> Self {
        Self {
            script: Arc::new(script),
            state: Arc::default(),
        }
    }

    pub(super) fn router(&self, clock: RunClock) -> Router {
        Router::new()
            .route("/tasks", post(hand_in))
            .route("/tasks/{id}", get(read))
            .route("/realtime/v1/websocket", get(open_socket))
            .layer(middleware::from_fn_with_state(self.clone(), note_trace))
            .with_state(App {
                backend: self.clone(),
                clock,
            })
    }

    /// What was handed in, in order.
    pub(super) fn received(&self) -> Vec<Received> {
        self.rows().received.clone()
    }

    /// The path of every request that came, in order, and its `traceparent` headers.
    pub(super) fn traces(&self) -> Vec<(String, Vec<String>)> {
        self.rows().traces.clone()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.state.lock().unwrap()
    }
}

async fn note_trace(State(backend): State<Backend>, request: Request, next: Next) -> Response {
    let values = request.headers().get_all("traceparent").iter();
    let headers = values.map(|value| value.to_str().unwrap().to_owned()).collect();
    let path = request.uri().path().to_owned();
    backend.rows().traces.push((path, headers));
    next.run(request).await
}

async fn hand_in(
    State(app): State<App>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let id = {
        let mut rows = app.backend.rows();
        let id = format!("t{}", rows.received.len());
        let row = json!({ "id": id, "user_id": body["user_id"], "status": "new" });
        rows.rows.insert(id.clone(), row);
        let key = headers
            .get("idempotency-key")
            .and_then(|value| value.to_str().ok());
        rows.received.push(Received {
            body,
            idempotency_key: key.unwrap_or_default().to_owned(),
        });
        id
    };
    let begin = app.clock.now();
    for (after, happening) in app.backend.script.timeline.clone() {
        let (app, id) = (app.clone(), id.clone());
        tokio::spawn(async move {
            app.clock.sleep_until(begin.plus(after)).await;
            app.happen(&id, happening);
        });
    }
    app.clock
        .sleep_until(begin.plus(app.backend.script.answer_after))
        .await;
    (app.backend.script.status, Json(json!({ "id": id })))
}

async fn read(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    app.clock
        .sleep_until(app.clock.now().plus(app.backend.script.read_after))
        .await;
    let rows = app.backend.rows();
    rows.rows.get(&id).cloned().map(Json).ok_or(StatusCode::NOT_FOUND)
}

async fn open_socket(State(app): State<App>, upgrade: WebSocketUpgrade) -> Response {
    if let Subscription::NoSocket = app.backend.script.subscription {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    upgrade.on_upgrade(|socket| app.serve(socket))
}

impl App {
    fn happen(&self, id: &str, happening: Happening) {
        let mut rows = self.backend.rows();
        match happening {
            Happening::SilentChange(status) => rows.set_status(id, status),
            Happening::Change(status) => {
                rows.set_status(id, status);
                let row = rows.rows[id].clone();
                rows.last_change = change(&row, self.clock.now());
                rows.tell(&row["user_id"]);
            }
            Happening::UndatedChange(status) => {
                rows.set_status(id, status);
                let row = rows.rows[id].clone();
                rows.last_change = undated(change(&row, self.clock.now()));
                rows.tell(&row["user_id"]);
            }
            Happening::SameEventAgain => {
                let user_id = rows.rows[id]["user_id"].clone();
                rows.tell(&user_id);
            }
            Happening::ForeignEvent => {
                let user_id = rows.rows[id]["user_id"].clone();
                let mut row = rows.rows[id].clone();
                row["user_id"] = json!("somebody else");
                rows.last_change = change(&row, self.clock.now());
                rows.tell(&user_id);
            }
            Happening::LoseChannels => {
                for Subscriber { topic, push } in rows.sockets.drain(..) {
                    let lost = json!(["1", "1", topic, "phx_error", {}]);
                    push.try_send(Push::Frame(lost)).unwrap();
                }
            }
            Happening::CutSockets => {
                for subscriber in rows.sockets.drain(..) {
                    subscriber.push.try_send(Push::Cut).unwrap();
                }
            }
        }
    }

    async fn serve(self, mut socket: WebSocket) {
        let (push, mut pushed) = mpsc::channel(FRAMES_WAITING_MAX);
        loop {
            tokio::select! {
                pushed = pushed.recv() => match pushed {
                    Some(Push::Frame(frame)) => {
                        if socket.send(Message::text(frame.to_string())).await.is_err() {
                            return;
                        }
                    }
                    // Dropping the socket closes the pipe beneath it.
                    Some(Push::Cut) | None => return,
                },
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(text))) => {
                        let frame: Value = serde_json::from_str(text.as_str()).unwrap();
                        if frame[3] == "phx_join" {
                            let reply = json!([frame[0], frame[1], frame[2], "phx_reply",
                                { "status": "ok", "response": { "postgres_changes": [{ "id": 1 }] } }]);
                            if socket.send(Message::text(reply.to_string())).await.is_err() {
                                return;
                            }
                            self.settle_join(&frame, push.clone());
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    /// A join that was acknowledged is live, or refused, only some time later.
    fn settle_join(&self, join: &Value, push: mpsc::Sender<Push>) {
        let topic = join[2].as_str().unwrap().to_owned();
        let system = |status: &str, message: &str| {
            json!([join[0], null, topic, "system",
                { "extension": "postgres_changes", "status": status, "message": message, "channel": topic }])
        };
        match self.backend.script.subscription {
            Subscription::NoSocket => unreachable!("no socket was opened"),
            Subscription::Refused => push
                .try_send(Push::Frame(system("error", "no such table")))
                .unwrap(),
            Subscription::LiveAfter(after) => {
                let (app, at) = (self.clone(), self.clock.now().plus(after));
                let live = system("ok", "Subscribed to PostgreSQL");
                tokio::spawn(async move {
                    app.clock.sleep_until(at).await;
                    if push.send(Push::Frame(live)).await.is_ok() {
                        app.backend.rows().sockets.push(Subscriber { topic, push });
                    }
                });
            }
        }
    }
}

impl Rows {
    fn set_status(&mut self, id: &str, status: &str) {
        if let Some(row) = self.rows.get_mut(id) {
            row["status"] = json!(status);
        }
    }

    /// Tells the last change on every channel of a user: their topics end with their identifier.
    fn tell(&mut self, user_id: &Value) {
        let user_id = user_id.as_str().unwrap();
        for Subscriber { topic, push } in &self.sockets {
            if topic.ends_with(user_id) {
                let payload = json!({ "ids": [1], "data": self.last_change });
                // The user may have left already.
                let _ = push.try_send(Push::Frame(json!([
                    null,
                    null,
                    topic,
                    "postgres_changes",
                    payload
                ])));
            }
        }
    }
}

/// Without the moment of its commit, as another program's change comes from the database's log.
fn undated(mut change: Value) -> Value {
    if let Some(change) = change.as_object_mut() {
        change.remove("committed_monotonic_ns");
    }
    change
}

fn change(row: &Value, committed: Moment) -> Value {
    json!({
        "schema": "public",
        "table": "tasks",
        "commit_timestamp": "2026-11-22T00:22:41.002Z",
        "committed_monotonic_ns": committed.as_nanos(),
        "type": "UPDATE",
        "columns": [],
        "record": row,
        "old_record": { "id": row["id"] },
        "errors": null,
    })
}
