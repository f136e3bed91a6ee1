//! The memory of virtual users that wait: connections, subscription, journey and what they have received. It bounds how
//! many users one machine can play.
//!
//! The server is this program again, as a child, so that only the client's side is counted.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::routing::{get, post};
use loadtest::chance::Chance;
use loadtest::clock::RunClock;
use loadtest::identity::Identities;
use loadtest::metrics::{Recorder, Sample, SeriesKind};
use loadtest::pacing::Pacer;
use loadtest::plan::{HttpVersion, Traceparent};
use loadtest::protocol::{Connector, Dialing, Origin};
use loadtest::scenario::{LoadOptions, load};
use loadtest::step::{CommitClock, Context, Surroundings};
use loadtest::traces::Traces;
use loadtest::vu::{Iteration, VirtualUser};
use serde_json::{Value, json};
use tokio::task::LocalSet;

/// The argument that makes this program the server.
const SERVE: &str = "serve-idle-users";
const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The slope between the two is what one more user costs.
const USERS_FEW: u64 = 500;
const USERS_MANY: u64 = 2_500;
/// As many changes as a learner's journey brings, of the size of an analysis.
const EVENTS: u64 = 20;
const EVENT_TEXT_BYTES: usize = 6_000;

const SCENARIO: &str = r#"
name = "idle"
[target]
base_url = "http://127.0.0.1:1"
[load]
executor = "constant-vus"
vus = 1
duration = "1s"
drain = "2h"
[[journey]]
name = "bench"

[[journey.steps]]
subscribe = "tasks_{{user_id}}"
changes = [ { table = "tasks", filter = "user_id=eq.{{user_id}}" } ]
timeout = "60s"
"#;

const SUBSCRIBED: &str = r#"
[[journey.steps]]
think = "1h"

[[journey.steps]]
request = "POST /tasks"
"#;

const AWAITING: &str = r#"
[[journey.steps]]
request = "POST /tasks"
body = { user_id = "{{user_id}}", audio_url = "{{recording_url}}" }
expect = { status = 202 }
save = { task_id = "/id" }
timeout = "60s"

[[journey.steps]]
await = { table = "tasks", where = { id = "{{task_id}}", status = "done" } }
timeout = "1h"
"#;

/// What users wait for, the samples that say that they do, and the changes that they are told of before.
const CASES: [(&str, &str, SeriesKind, u64); 3] = [
    ("subscribed", SUBSCRIBED, SeriesKind::Subscribe, 0),
    ("awaiting", AWAITING, SeriesKind::Response, 0),
    ("awaiting_after_events", AWAITING, SeriesKind::Realtime, EVENTS),
];

#[expect(clippy::print_stdout, reason = "the figures are this program's result")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [serve_argument, events] = arguments.as_slice()
        && serve_argument == SERVE
    {
        return block_on(serve(events.parse().expect("how many events to send")));
    }
    let Some((name, steps, samples, events)) = CASES.into_iter().find(|(name, ..)| arguments == [*name])
    else {
        // Each in a process of its own: memory that one case has given back would be used again by the next.
        for (name, ..) in CASES {
            let program = std::env::current_exe().expect("this program");
            let ended = Command::new(program)
                .arg(name)
                .status()
                .expect("the case to start");
            assert!(ended.success(), "{name}: {ended}");
        }
        return;
    };
    let server = Server::start(events);
    let bytes = block_on(bytes_per_user(&server.authority, steps, samples, events.max(1)));
    println!("{name}: {:.1} KB per user", bytes / 1024.0);
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    LocalSet::new().block_on(&runtime, work)
}

/// Lets users arrive until so many of them wait, and again; nobody leaves. What they record is counted and dropped.
async fn bytes_per_user(authority: &str, steps: &str, kind: SeriesKind, samples_each: u64) -> f64 {
    let context = context(authority, steps).await;
    let (mut arrived, mut waiting, mut resident) = (0, 0, Vec::new());
    for users in [USERS_FEW, USERS_MANY] {
        while waiting < users * samples_each {
            // Not all at once: a queue of connections to be accepted is bounded.
            for _ in 0..20_u64.min(users - arrived) {
                let iteration = Iteration::begin(Rc::clone(&context), arrived, context.clock.now());
                tokio::task::spawn_local(async move { VirtualUser::default().iterate(iteration).await });
                arrived += 1;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            let batch = context.recorder.take();
            assert_eq!(batch.iterations.failed, 0, "nobody's journey ends");
            waiting += batch.samples.iter().filter(|sample| is_of(sample, kind)).count() as u64;
        }
        resident.push(resident_bytes());
    }
    (resident[1] - resident[0]) / (USERS_MANY - USERS_FEW) as f64
}

fn is_of(sample: &Sample, kind: SeriesKind) -> bool {
    match sample {
        Sample::Request(_) => kind == SeriesKind::Response,
        Sample::Event(event) => event.kind == kind,
    }
}

/// The memory of this process that is in use (`statm`: total, resident, … in pages).
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux's statm");
    let pages = statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u32>().ok());
    f64::from(pages.expect("pages in use")) * 4096.0
}

async fn context(authority: &str, steps: &str) -> Rc<Context> {
    let text = format!("{SCENARIO}{steps}");
    let options = LoadOptions {
        sets: &[],
        seed: Some(7),
        cores: 1,
        environment: &|_| None,
        read: &|_| Ok(text.clone()),
    };
    let plan = match load(Path::new("idle.toml"), &options) {
        Ok(loaded) => loaded.plan,
        Err(mistakes) => panic!("{mistakes}"),
    };
    let dialing = Dialing {
        origin: Origin::parse(&format!("http://{authority}")).expect("an address"),
        timeout: CONNECT_TIMEOUT,
        http_version: HttpVersion::Http1,
        tls: None,
        source_addresses: Vec::new(),
    };
    let connector = Connector::resolve(&dialing).await.expect("an address");
    let clock = RunClock::start();
    let chance = Chance::new(plan.seed);
    let surroundings = Surroundings {
        pacer: Pacer::of_runtime(clock),
        plan: Arc::new(plan),
        clock,
        epoch: clock.now(),
        identities: Identities::signed(chance, Some("key"), JWT_SECRET, 0),
        recorder: Recorder::default(),
        http: connector.clone(),
        base_path: String::new(),
        realtime: connector,
        realtime_path: "/realtime?vsn=2.0.0".to_owned(),
        standby: None,
        commit_clock: CommitClock::ThisHost,
        traces: Traces::of(Traceparent::default(), 1),
    };
    Rc::new(Context::new(surroundings).expect("headers that can be sent"))
}

/// The server, in a process of its own.
struct Server {
    process: Child,
    authority: String,
}

impl Server {
    fn start(events: u64) -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args([SERVE, &events.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server to start");
        let mut authority = String::new();
        let stdout = process.stdout.as_mut().expect("the server's output");
        BufReader::new(stdout)
            .read_line(&mut authority)
            .expect("the server's address");
        Self {
            process,
            authority: authority.trim().to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[expect(clippy::print_stdout, reason = "so the parent learns of the address")]
async fn serve(events: u64) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let accepted = || async { (StatusCode::ACCEPTED, r#"{"id":"t1"}"#) };
    let open = move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| serve_realtime(socket, events))
    };
    let app = Router::new()
        .route("/tasks", post(accepted))
        .route("/realtime", get(open));
    axum::serve(listener, app).await.expect("the server to run");
}

/// Accepts each join and then tells of changes that nobody waits for.
async fn serve_realtime(mut socket: WebSocket, events: u64) {
    while let Some(Ok(message)) = socket.recv().await {
        let Ok(join) = serde_json::from_str::<Value>(message.to_text().unwrap_or_default()) else {
            continue;
        };
        let ok = json!({ "status": "ok", "response": {}, "message": "Subscribed to PostgreSQL" });
        let mut frames = vec![
            json!([join[0], join[1], join[2], "phx_reply", ok]),
            json!([join[0], null, join[2], "system", ok]),
        ];
        let user_id = join[2].as_str().and_then(|topic| topic.rsplit('_').next());
        frames.extend((0..events).map(|n| {
            let record = json!({ "id": "t1", "user_id": user_id, "analysis": "x".repeat(EVENT_TEXT_BYTES), "status": n });
            let data = json!({ "table": "tasks", "type": "UPDATE", "committed_monotonic_ns": n, "record": record });
            json!([null, null, join[2], "postgres_changes", { "ids": [1], "data": data }])
        }));
        for frame in frames {
            if socket.send(Message::text(frame.to_string())).await.is_err() {
                return;
            }
        }
    }
}
