//! The report of a large run: ten minutes, ten million samples. What rendering it takes, in time and in memory.
//!
//! The run is made up and written as a `run.json`; then this program renders it again as a child, so that only the memory
//! of rendering is counted. `--quick` makes a hundredth of the samples.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use loadtest::chance::{Chance, Purpose};
use loadtest::clock::{Moment, RunClock};
use loadtest::metrics::{
    EventSample, Evidence, Iterations, Measurements, Outcome, RequestSample, Sample, SeriesKind, Thresholds,
    Timeline,
};
use loadtest::plan::{Plan, StepId, StepKind};
use loadtest::report::model::{EnvironmentRecord, ScenarioRecord, TargetRecord};
use loadtest::report::{Format, RunFacts, RunRecord, render};
use loadtest::scenario::{LoadOptions, load};
use loadtest::sla::{Context, judge};

/// The argument that makes this program the one that renders.
const RENDER: &str = "render";
const SECONDS: u64 = 600;
const SAMPLES: u64 = 10_000_000;
/// Of each iteration: four requests, and an event of each kind.
const EVENTS: [(SeriesKind, f64, f64); 6] = [
    (SeriesKind::SchedulingLag, 0.2, 0.8),
    (SeriesKind::Realtime, 1.5, 0.6),
    (SeriesKind::Feedback, 12.0, 0.7),
    (SeriesKind::WebhookProcessing, 8.0, 0.7),
    (SeriesKind::Turnaround, 1_230.0, 0.3),
    (SeriesKind::ServerTime, 35.0, 0.6),
];
/// Median response times of the requests in milliseconds, and how far they spread (σ of the logarithm).
const REQUESTS: [(f64, f64); 4] = [(12.0, 0.7), (18.0, 0.6), (25.0, 0.8), (40.0, 0.5)];

const SCENARIO: &str = r#"
name = "large"
description = "Ten minutes, ten million samples"
[target]
base_url = "http://127.0.0.1:1"
[load]
executor = "constant-arrival-rate"
rate = "1700/s"
max_vus = 9000
duration = "600s"
warm_up = "10s"
drain = "30s"
[[journey]]
name = "bench"
[[journey.steps]]
request = "POST /sessions"
[[journey.steps]]
request = "PUT /sessions/1"
[[journey.steps]]
request = "POST /recordings"
[[journey.steps]]
request = "GET /sessions/1"
[sla]
response_time = { p95 = "<= 150ms" }
error_rate = "< 1%"
"#;

#[expect(clippy::print_stdout, reason = "it is what the bench is for")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [render_argument, path] = arguments.as_slice()
        && render_argument == RENDER
    {
        return render_stored(Path::new(path));
    }
    let samples = match arguments.iter().any(|argument| argument == "--quick") {
        true => SAMPLES / 100,
        false => SAMPLES,
    };
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("large-report-{samples}.json"));
    let text = render(Format::Json, &record(samples)).expect("a record that can be written");
    std::fs::write(&path, &text).expect("a file that can be written");
    println!("{samples} samples: run.json {:.1} MB", text.len() as f64 / 1e6);
    drop(text);
    // In a process of its own: memory that was given back would be used again.
    let program = std::env::current_exe().expect("this program");
    let ended = Command::new(program)
        .arg(RENDER)
        .arg(&path)
        .status()
        .expect("the renderer to start");
    assert!(ended.success(), "{ended}");
}

/// Renders the page as `loadtest report --format html` does, and says what it took.
#[expect(clippy::print_stdout, reason = "it is what the bench is for")]
fn render_stored(path: &Path) {
    let clock = RunClock::start();
    let began = clock.now();
    let text = std::fs::read_to_string(path).expect("the stored run");
    let record = RunRecord::from_json(&text).expect("a stored run");
    let read = clock.now().since(began);
    let page = render(Format::Html, &record).expect("a page");
    let rendered = clock.now().since(began);
    println!(
        "report.html {:.2} MB in {:.2} s ({:.2} s of them to read the file), at most {:.0} MB of memory",
        page.len() as f64 / 1e6,
        rendered.as_secs_f64(),
        read.as_secs_f64(),
        peak_bytes() / 1e6
    );
}

/// The most memory that this process had.
fn peak_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("the status of this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|text| text.trim().parse::<f64>().ok())
        .expect("the peak of this process")
        * 1024.0
}

fn record(samples: u64) -> RunRecord {
    let plan = plan();
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&plan.criteria));
    let requests: Vec<StepId> = (0_u16..)
        .zip(&plan.steps)
        .filter(|(_, step)| step.kind == StepKind::Request)
        .map(|(index, _)| StepId(index))
        .collect();
    let of_one = (REQUESTS.len() + EVENTS.len()) as u64;
    let iterations = samples / of_one;
    let chance = Chance::new(7);
    for second in 0..SECONDS {
        let first = second * iterations / SECONDS;
        let last = (second + 1) * iterations / SECONDS;
        let batch: Vec<Sample> = (first..last)
            .flat_map(|ticket| iteration(chance, ticket, second, &requests))
            .collect();
        measurements.record_all(&batch);
    }
    let timeline = Timeline {
        measured_from_s: 10.0,
        load_ended_s: SECONDS as f64,
        load_planned_s: SECONDS as f64,
        drained_s: SECONDS as f64 + 5.0,
    };
    let counts = Iterations {
        due: iterations,
        started: iterations,
        succeeded: iterations,
        ..Iterations::default()
    };
    let evidence = Evidence::of_measurements(measurements, timeline, counts);
    let context = Context::of(&plan, Some(iterations));
    let judgement = judge(&plan.criteria, &evidence, &context);
    RunRecord::new(facts(&plan), &plan.criteria, &context, &evidence, &judgement).expect("a record")
}

/// The samples of one user: every request in turn, one in a thousand failed, and the events.
fn iteration(chance: Chance, ticket: u64, second: u64, requests: &[StepId]) -> Vec<Sample> {
    let at =
        Moment::from_nanos(second * 1_000_000_000 + chance.bits(ticket, Purpose::Think, 99) % 1_000_000_000);
    let mut draw = 0;
    let mut nanos = |median_ms: f64, spread: f64| {
        draw += 2;
        let [first, second] =
            [draw, draw + 1].map(|number| chance.uniform(ticket, Purpose::Think, number).max(1e-12));
        let normal = (-2.0 * first.ln()).sqrt() * (std::f64::consts::TAU * second).cos();
        (median_ms * 1e6 * (spread * normal).exp()) as u64
    };
    let warm_up = second < 10;
    let mut samples = Vec::with_capacity(REQUESTS.len() + EVENTS.len());
    for (number, (step, (median_ms, spread))) in requests.iter().zip(REQUESTS).enumerate() {
        let is_bad = (ticket + number as u64).is_multiple_of(1_000);
        let sent = at.plus(Duration::from_nanos(nanos(0.1, 0.5)));
        samples.push(Sample::Request(RequestSample {
            step: *step,
            ticket,
            warm_up,
            intended: at,
            dispatched: at,
            sent,
            done: sent.plus(Duration::from_nanos(nanos(median_ms, spread))),
            outcome: if is_bad { Outcome::Status(500) } else { Outcome::Ok },
        }));
    }
    samples.extend(EVENTS.map(|(kind, median_ms, spread)| {
        Sample::Event(EventSample {
            kind,
            step: None,
            warm_up,
            at,
            value_ns: Some(nanos(median_ms, spread) as i64),
        })
    }));
    samples
}

fn plan() -> Plan {
    let options = LoadOptions {
        sets: &[],
        seed: Some(7),
        cores: 1,
        environment: &|_| None,
        read: &|_| Ok(SCENARIO.to_owned()),
    };
    match load(Path::new("large.toml"), &options) {
        Ok(loaded) => loaded.plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn facts(plan: &Plan) -> RunFacts {
    RunFacts {
        run_id: "large".to_owned(),
        started_at: "2026-01-02T03:04:05Z".parse().expect("a timestamp"),
        seed: plan.seed,
        scenario: ScenarioRecord {
            name: plan.name.clone(),
            description: plan.description.clone(),
            path: "large.toml".to_owned(),
            text: SCENARIO.to_owned(),
            files: Vec::new(),
        },
        target: TargetRecord {
            description: "made up".to_owned(),
            version: "none".to_owned(),
            notes: Vec::new(),
            built_in: false,
        },
        environment: EnvironmentRecord {
            host_cores: 1,
            os: "none".to_owned(),
            kernel: "none".to_owned(),
            tool_version: "none".to_owned(),
            command_line: Vec::new(),
        },
        traces: None,
        baseline: None,
    }
}
