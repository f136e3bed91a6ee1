//! The gate on the hot paths: how many instructions each of them takes, against the figures in `instructions.toml`.
//!
//! `cargo bench --bench instructions` runs this program once more for each path and number of rounds under callgrind,
//! which counts instructions and so gives the same figure on a busy machine. What two numbers of rounds differ by is
//! the path alone, without the start of the program. `LOADTEST_UPDATE_INSTRUCTIONS=1` writes the figures anew.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use loadtest::clock::{Moment, RunClock};
use loadtest::identity::Identities;
use loadtest::metrics::{Measurements, Outcome, Recorder, RequestSample, Sample, Thresholds};
use loadtest::pacing::Pacer;
use loadtest::plan::{Encoding, Piece, Plan, StepId, Template, Traceparent, Variables};
use loadtest::protocol::{Connector, Frame, decode};
use loadtest::scenario::{LoadOptions, load};
use loadtest::step::{CommitClock, Context, Surroundings, VariableValue, render};
use loadtest::traces::Traces;
use loadtest::vu::{Iteration, VirtualUser};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

/// Goes through a path so many times.
type HotPath = fn(u64);

/// Each path by its name.
const PATHS: [(&str, HotPath); 5] = [
    ("record_a_sample", record),
    ("take_in_a_sample", take_in),
    ("render_a_template", render_template),
    ("scan_a_frame", scan_frame),
    ("iterate_once", iterate),
];
const FEW_ROUNDS: u64 = 512;
const MANY_ROUNDS: u64 = 2048;
/// More than this above the committed figure fails; so does less, because the figure then no longer guards anything.
const TOLERANCE: f64 = 0.10;
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.toml");

type Failure = Box<dyn std::error::Error>;
/// Instructions per round of each path, for each kind of build.
type Figures = BTreeMap<String, BTreeMap<String, u64>>;

#[expect(clippy::print_stdout, reason = "a bench tells its figures on stdout")]
fn say(line: &str) {
    println!("{line}");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.as_slice() {
        [path, rounds] if !path.starts_with('-') => run_path(path, rounds),
        _ => gate(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

fn run_path(name: &str, rounds: &str) -> Result<(), Failure> {
    let path = PATHS.iter().find(|(path, _)| *path == name);
    let (_, path) = path.ok_or_else(|| format!("there is no path {name}"))?;
    path(rounds.parse()?);
    Ok(())
}

/// Counts every path and compares.
fn gate() -> Result<(), Failure> {
    let build = if cfg!(debug_assertions) {
        "unoptimised"
    } else {
        "optimised"
    };
    let mut figures: Figures = toml::from_str(&std::fs::read_to_string(FIGURES)?)?;
    let committed = figures.entry(build.to_owned()).or_default();
    let mut counted = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, _) in PATHS {
        let count = (count(name, MANY_ROUNDS)? - count(name, FEW_ROUNDS)?) / (MANY_ROUNDS - FEW_ROUNDS);
        let before = committed.get(name).copied().unwrap_or_default();
        let ratio = count as f64 / before.max(1) as f64;
        say(&format!(
            "{name}: {count} instructions, {before} committed ({ratio:.3}), {build} build"
        ));
        if (ratio - 1.0).abs() > TOLERANCE {
            wrong.push(name);
        }
        counted.insert(name.to_owned(), count);
    }
    if std::env::var_os("LOADTEST_UPDATE_INSTRUCTIONS").is_some() {
        *committed = counted;
        std::fs::write(FIGURES, toml::to_string(&figures)?)?;
        return Ok(());
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let tolerance = TOLERANCE * 100.0;
    Err(format!(
        "more than {tolerance} % away from benches/instructions.toml: {}. When that is meant, write the figures anew with \
         LOADTEST_UPDATE_INSTRUCTIONS=1 and say why in the commit.",
        wrong.join(", ")
    )
    .into())
}

/// Instructions of a whole run of this program.
fn count(name: &str, rounds: u64) -> Result<u64, Failure> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args([name, &rounds.to_string()])
        .output()
        .map_err(|error| format!("cannot run valgrind, which counts the instructions: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let collected = text.lines().find_map(|line| line.split_once("Collected : "));
    match collected {
        Some((_, count)) if output.status.success() => Ok(count.trim().parse()?),
        _ => Err(format!("{name} did not run under valgrind: {text}").into()),
    }
}

fn sample(ticket: u64) -> Sample {
    let at = |nanos: u64| Moment::from_nanos(1_000_000_000 + ticket * 25_000 + nanos);
    Sample::Request(RequestSample {
        step: StepId(0),
        ticket,
        warm_up: false,
        intended: at(0),
        dispatched: at(20_000),
        sent: at(30_000),
        done: at(4_000_000 + (ticket % 64) * 10_000),
        outcome: Outcome::Ok,
    })
}

fn record(rounds: u64) {
    let recorder = Recorder::default();
    for ticket in 0..rounds {
        recorder.sample(black_box(sample(ticket)));
    }
    assert_eq!(recorder.take().samples.len() as u64, rounds);
}

fn take_in(rounds: u64) {
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::default());
    let samples: Vec<Sample> = (0..256).map(sample).collect();
    for _ in 0..rounds / 256 {
        measurements.record_all(black_box(&samples));
    }
}

fn render_template(rounds: u64) {
    let mut values = vec![VariableValue::default(); Variables::new().len()];
    values[Variables::RECORDING_URL.index()] = VariableValue::text("https://recordings.invalid/4711/2.webm");
    values[Variables::REPETITION.index()] = VariableValue::number(2);
    let variable = |id, encoding| Piece::Variable { id, encoding };
    let body = Template {
        pieces: vec![
            Piece::Literal(r#"{"attempt_type":"sentence","sentence_index":"#.into()),
            variable(Variables::REPETITION, Encoding::JsonValue),
            Piece::Literal(r#","audio_url":"#.into()),
            variable(Variables::RECORDING_URL, Encoding::JsonValue),
            Piece::Literal("}".into()),
        ],
    };
    for _ in 0..rounds {
        black_box(render(black_box(&body), black_box(&values)));
    }
}

fn scan_frame(rounds: u64) {
    let text = r#"[null,null,"realtime:practice_session_46","postgres_changes",{"ids":[104868189],"data":{"schema":"public","table":"practice_sessions","commit_timestamp":"2026-11-22T00:22:40.877Z","type":"UPDATE","columns":[{"name":"id","type":"uuid"},{"name":"status","type":"text"}],"record":{"id":"11111111-1111-4111-8111-111111111111","transcript":"I have a seat on train number 4711 to Lisbon. The market by the river opens before sunrise.","status":"analyzing","attempt_count":3},"old_record":{"id":"11111111-1111-4111-8111-111111111111"},"errors":null,"committed_monotonic_ns":1234567890}}]"#;
    for _ in 0..rounds {
        assert!(matches!(decode(black_box(text)), Frame::Change(_)));
    }
}

const SCENARIO: &str = r#"
name = "iteration"
[target]
base_url = "http://127.0.0.1:1"
[load]
executor = "constant-vus"
vus = 1
duration = "1s"
connections = "per-vu"
[[journey]]
name = "gate"
[[journey.steps]]
request = "POST /tasks/{{ticket}}"
body = { audio_url = "{{recording_url}}" }
expect = { status = 202, checks = { "/status" = "processing" } }
save = { task_id = "/id" }
"#;

/// Whole iterations of one virtual user who keeps their connection, against a server that only reads and answers.
fn iterate(rounds: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let local = LocalSet::new();
    let context = local.block_on(&runtime, async { context() });
    let mut user = VirtualUser::default();
    for ticket in 0..rounds {
        let iteration = Iteration::begin(Rc::clone(&context), ticket, context.clock.now());
        local.block_on(&runtime, user.iterate(iteration));
    }
    // What went wrong would be cheap.
    assert_eq!(context.recorder.take().iterations.succeeded, rounds);
}

fn plan() -> Plan {
    let options = LoadOptions {
        sets: &[],
        seed: Some(7),
        cores: 1,
        environment: &|_| None,
        read: &|_| Ok(SCENARIO.to_owned()),
    };
    match load(Path::new("iteration.toml"), &options) {
        Ok(loaded) => loaded.plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn context() -> Rc<Context> {
    let plan = plan();
    let (connections, mut listener) = mpsc::channel(1);
    tokio::task::spawn_local(async move {
        while let Some(connection) = listener.recv().await {
            tokio::task::spawn_local(answer(connection));
        }
    });
    let clock = RunClock::start();
    let connector = Connector::in_memory(connections, Duration::from_secs(1));
    let surroundings = Surroundings {
        clock,
        pacer: Pacer::of_runtime(clock),
        epoch: clock.now(),
        identities: Identities::anonymous(loadtest::chance::Chance::new(plan.seed), None),
        plan: Arc::new(plan),
        recorder: Recorder::default(),
        http: connector.clone(),
        base_path: String::new(),
        realtime: connector,
        realtime_path: String::new(),
        standby: None,
        commit_clock: CommitClock::ThisHost,
        traces: Traces::of(Traceparent::default(), 1),
    };
    Rc::new(Context::new(surroundings).expect("headers that can be sent"))
}

/// One request is one read here: it is written whole, and the next one waits for the answer.
async fn answer(mut connection: DuplexStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: 36\r\n\r\n\
        {\"id\":\"t4711\",\"status\":\"processing\"}";
    let mut request = [0; 4096];
    while connection.read(&mut request).await.is_ok_and(|count| count > 0) {
        if connection.write_all(ANSWER).await.is_err() {
            return;
        }
    }
}
