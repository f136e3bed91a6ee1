//! One whole iteration of a virtual user, in real time against a server in the same thread, over pipes in memory: what
//! the generator costs per user, server included. Nothing leaves the process and nothing waits on a timer.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use criterion::{Criterion, criterion_group, criterion_main};
use loadtest::chance::Chance;
use loadtest::clock::RunClock;
use loadtest::identity::Identities;
use loadtest::metrics::Recorder;
use loadtest::pacing::Pacer;
use loadtest::plan::{Connections, Plan, Traceparent};
use loadtest::protocol::Connector;
use loadtest::scenario::{LoadOptions, load};
use loadtest::step::{CommitClock, Context, Surroundings};
use loadtest::traces::Traces;
use loadtest::vu::{Iteration, VirtualUser};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::sync::{broadcast, mpsc};
use tokio::task::LocalSet;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

const SCENARIO: &str = r#"
name = "iteration"
[target]
base_url = "http://127.0.0.1:1"
[load]
executor = "constant-vus"
vus = 1
duration = "1s"
drain = "30s"
[[journey]]
name = "bench"
"#;

const ONE_REQUEST: &str = r#"
[[journey.steps]]
request = "GET /"
"#;

const SUBMIT_AND_AWAIT: &str = r#"
[[journey.steps]]
subscribe = "tasks_{{user_id}}"
changes = [ { table = "tasks", filter = "user_id=eq.{{user_id}}" } ]

[[journey.steps]]
request = "POST /tasks"
body = { user_id = "{{user_id}}", audio_url = "{{recording_url}}" }
expect = { status = 202 }
save = { task_id = "/id" }

[[journey.steps]]
await = { table = "tasks", where = { id = "{{task_id}}", status = "done" } }
"#;

fn plan(steps: &str) -> Plan {
    let text = format!("{SCENARIO}{steps}");
    let options = LoadOptions {
        sets: &[],
        seed: Some(7),
        cores: 1,
        environment: &|_| None,
        read: &|_| Ok(text.clone()),
    };
    match load(Path::new("iteration.toml"), &options) {
        Ok(loaded) => loaded.plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

struct MemoryListener(mpsc::Receiver<DuplexStream>);

impl axum::serve::Listener for MemoryListener {
    type Io = DuplexStream;
    type Addr = ();

    async fn accept(&mut self) -> (DuplexStream, ()) {
        match self.0.recv().await {
            Some(stream) => (stream, ()),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Finishes every task as it is handed in, and tells whoever is subscribed.
fn application() -> axum::Router {
    let (finished, _) = broadcast::channel(16);
    axum::Router::new()
        .route("/", get(StatusCode::OK))
        .route("/tasks", post(finish_task))
        .route("/realtime", get(open_socket))
        .with_state(finished)
}

async fn finish_task(
    State(finished): State<broadcast::Sender<Value>>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    // It is no error that nobody listens.
    let _ = finished.send(json!({ "id": "t1", "user_id": body["user_id"], "status": "done" }));
    (StatusCode::ACCEPTED, Json(json!({ "id": "t1" })))
}

async fn open_socket(
    State(finished): State<broadcast::Sender<Value>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade.on_upgrade(move |socket| serve_realtime(socket, finished.subscribe()))
}

async fn serve_realtime(mut socket: WebSocket, mut finished: broadcast::Receiver<Value>) {
    let mut topic = Value::Null;
    loop {
        let frames = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let Ok(join) = serde_json::from_str::<Value>(&text) else { return };
                    topic = join[2].clone();
                    let ok = json!({ "status": "ok", "response": {}, "message": "Subscribed to PostgreSQL" });
                    vec![
                        json!([join[0], join[1], topic, "phx_reply", ok]),
                        json!([join[0], null, topic, "system", ok]),
                    ]
                }
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            row = finished.recv() => match row {
                Ok(row) => {
                    let data = json!({ "schema": "public", "table": "tasks", "type": "UPDATE", "record": row });
                    vec![json!([null, null, topic, "postgres_changes", { "ids": [1], "data": data }])]
                }
                Err(_) => return,
            },
        };
        for frame in frames {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }
}

/// Starts the server on the current `LocalSet`, and gives the surroundings of its users.
fn context(plan: Plan) -> Rc<Context> {
    let (connections, listener) = mpsc::channel(16);
    tokio::task::spawn_local(async move { axum::serve(MemoryListener(listener), application()).await });
    let clock = RunClock::start();
    let chance = Chance::new(plan.seed);
    let surroundings = Surroundings {
        pacer: Pacer::of_runtime(clock),
        plan: Arc::new(plan),
        clock,
        epoch: clock.now(),
        identities: Identities::signed(chance, Some("key"), JWT_SECRET, 0),
        recorder: Recorder::default(),
        http: Connector::in_memory(connections.clone(), CONNECT_TIMEOUT),
        base_path: String::new(),
        realtime: Connector::in_memory(connections, CONNECT_TIMEOUT),
        realtime_path: "/realtime?vsn=2.0.0".to_owned(),
        standby: None,
        commit_clock: CommitClock::ThisHost,
        traces: Traces::of(Traceparent::default(), 1),
    };
    Rc::new(Context::new(surroundings).expect("headers that can be sent"))
}

fn iterate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("iteration");
    for (name, steps, connections) in [
        (
            "one_request_new_connection",
            ONE_REQUEST,
            Connections::PerIteration,
        ),
        (
            "one_request_kept_connection",
            ONE_REQUEST,
            Connections::PerVirtualUser,
        ),
        (
            "subscribe_submit_await",
            SUBMIT_AND_AWAIT,
            Connections::PerIteration,
        ),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let local = LocalSet::new();
        let mut plan = plan(steps);
        plan.load.connections = connections;
        let context = local.block_on(&runtime, async { context(plan) });
        let (mut user, mut ticket) = (VirtualUser::default(), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let iteration = Iteration::begin(Rc::clone(&context), ticket, context.clock.now());
                ticket += 1;
                local.block_on(&runtime, user.iterate(iteration));
                context.recorder.take().samples.len()
            });
        });
        // What went wrong would be fast.
        let iteration = Iteration::begin(Rc::clone(&context), ticket, context.clock.now());
        local.block_on(&runtime, user.iterate(iteration));
        assert_eq!(context.recorder.take().iterations.succeeded, 1, "{name}");
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = iterate
}
criterion_main!(benches);
