//! What a run writes and sends, read by programs that others have written: metrics.hlog, junit.xml, `--metrics`, `--otlp`
//! and the traces that requests name.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::{get, post};
use serde_json::Value;
use tokio::process::Command;

use crate::first_run::{address_after, once};
use crate::program::{Ended, Run, loadtest, output, repository, scenario};

/// A service, and a collector of OpenTelemetry's, in one.
#[derive(Debug, Clone, Default)]
struct Witness {
    /// The `traceparent` of each request that failed.
    failed: Arc<Mutex<Vec<String>>>,
    asked: Arc<Mutex<u64>>,
    /// The bodies of the exports, in order.
    exports: Arc<Mutex<Vec<Bytes>>>,
}

/// Serves at an address of its own.
async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

impl Witness {
    async fn start() -> (Self, SocketAddr) {
        let witness = Self::default();
        let router = Router::new()
            .route("/items", get(|| async { "[]" }))
            .route("/unsteady", get(unsteady))
            .route("/v1/metrics", post(collect))
            .with_state(witness.clone());
        (witness, serve(router).await)
    }
}

/// Every fifth request fails.
async fn unsteady(State(witness): State<Witness>, headers: HeaderMap) -> StatusCode {
    let mut asked = witness.asked.lock().unwrap();
    *asked += 1;
    if !asked.is_multiple_of(5) {
        return StatusCode::OK;
    }
    let trace = headers["traceparent"].to_str().unwrap().to_owned();
    witness.failed.lock().unwrap().push(trace);
    StatusCode::INTERNAL_SERVER_ERROR
}

async fn collect(State(witness): State<Witness>, headers: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    assert_eq!(headers["x-token"], "from the environment");
    witness.exports.lock().unwrap().push(body);
    StatusCode::OK
}

fn python() -> PathBuf {
    let interpreter = repository("tests/readers-py/.venv/bin/python");
    assert!(
        interpreter.is_file(),
        "the packages of tests/readers-py are not installed; run scripts/test, or `python3 -m venv .venv && .venv/bin/pip \
         install -r requirements.txt` there (Python 3.11 or later)"
    );
    interpreter
}

/// Starts the scenario against a service at `address`.
async fn start(address: SocketAddr, arguments: &[&str]) -> Run {
    start_with(loadtest(), address, arguments).await
}

async fn start_with(mut command: Command, address: SocketAddr, arguments: &[&str]) -> Run {
    command
        .env("TARGET_URL", format!("http://{address}"))
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-token=from the environment");
    Run::start_with(command, &scenario("readers"), arguments).await
}

/// Reads a run's folder with the Python packages. Returns what they say of it.
async fn read(folder: &Path) -> String {
    let mut command = Command::new(python());
    command.arg(repository("tests/readers-py/read.py")).arg(folder);
    let said = output(command.stdout(std::process::Stdio::piped())).await;
    assert_eq!(said.code, Some(0), "{}\n{}", said.stdout, said.stderr);
    said.stdout
}

#[tokio::test]
async fn other_readers_find_in_a_run_s_files_and_exports_what_run_json_says() {
    python();
    let (witness, address) = Witness::start().await;
    let collector = format!("http://{address}");
    let mut run = start(address, &["--metrics", "127.0.0.1:0", "--otlp", &collector]).await;
    run.says("metrics at ").await;
    let metrics = address_after(&run.said(), "metrics at").unwrap();
    let failed = "step=\"unsteady\",outcome=\"failed\"";
    let scrape = once(&metrics, |text| text.contains(failed)).await;
    let ended = run.end().await;
    let record = ended.record(10, "NO-GO");

    std::fs::write(ended.out().join("scrape.txt"), scrape).unwrap();
    let exports = witness.exports.lock().unwrap().clone();
    assert!(exports.len() >= 2, "one during the run and one at its end");
    std::fs::create_dir(ended.out().join("otlp")).unwrap();
    for (number, body) in exports.iter().enumerate() {
        std::fs::write(ended.out().join(format!("otlp/{number:03}.bin")), body).unwrap();
    }
    let said = read(&ended.out()).await;
    for part in ["metrics.hlog:", "junit.xml:", "scrape.txt:", "otlp:"] {
        assert!(said.contains(part), "{said}");
    }
    the_failures_name_traces_that_arrived(&ended, &record, &witness);
}

/// The traces of the list of failures are those that the service has seen fail, in every format.
fn the_failures_name_traces_that_arrived(ended: &Ended, record: &Value, witness: &Witness) {
    let headers = witness.failed.lock().unwrap();
    let arrived: BTreeSet<&str> = headers.iter().map(|header| &header[3..35]).collect();
    assert!(
        headers.iter().all(|header| header.ends_with("-01")),
        "{headers:?}"
    );
    let failure = &record["failures"][0];
    assert_eq!(failure["step_name"], "unsteady");
    let traces = failure["example_traces"].as_array().unwrap();
    assert_eq!(traces.len(), failure["example_tickets"].as_array().unwrap().len());
    let (page, text) = (ended.file("report.html"), ended.file("report.md"));
    for trace in traces {
        let trace = trace.as_str().unwrap();
        assert!(arrived.contains(trace), "{trace} is not among {arrived:?}");
        assert!(
            trace.starts_with(record["traces"]["run"].as_str().unwrap()),
            "{trace}"
        );
        assert!(page.contains(trace) && text.contains(trace), "{trace}");
    }
    let first = traces[0].as_str().unwrap();
    assert!(ended.said.stdout.contains(first), "{}", ended.said.stdout);
}

#[tokio::test]
async fn a_collector_that_is_away_changes_nothing_but_is_told_of() {
    let (_, address) = Witness::start().await;
    // Nobody listens there any more.
    let closed = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let collector = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let run = start(address, &["--otlp", &collector]).await;
    let ended = run.end().await;
    // As with a collector that is there.
    ended.record(10, "NO-GO");
    let said = &ended.said.stderr;
    assert_eq!(
        said.matches("WARNING: figures do not arrive").count(),
        1,
        "{said}"
    );
    assert!(said.contains("exports of figures did not arrive"), "{said}");
}

#[tokio::test]
async fn figures_go_to_no_other_address_than_the_one_that_was_given() {
    let (_, address) = Witness::start().await;
    let (elsewhere, other) = Witness::start().await;
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let send_on = move || async move {
        counter.fetch_add(1, Ordering::Relaxed);
        Redirect::temporary(&format!("http://{other}/v1/metrics"))
    };
    let given = serve(Router::new().route("/v1/metrics", post(send_on))).await;
    let mut command = loadtest();
    command.env("HTTP_PROXY", format!("http://{other}"));
    let run = start_with(command, address, &["--otlp", &format!("http://{given}")]).await;
    let ended = run.end().await;
    ended.record(10, "NO-GO");
    assert!(asked.load(Ordering::Relaxed) > 0, "the collector was not asked");
    assert_eq!(elsewhere.exports.lock().unwrap().len(), 0);
    let said = &ended.said.stderr;
    assert!(said.contains("exports of figures did not arrive"), "{said}");
}

#[tokio::test]
async fn an_address_with_a_secret_is_not_taken() {
    let said = output(loadtest().args(["run", "x.toml", "--otlp", "http://me:word@collector:4318"])).await;
    assert_eq!(said.code, Some(2));
    assert!(
        said.stderr.contains("OTEL_EXPORTER_OTLP_HEADERS"),
        "{}",
        said.stderr
    );
}
