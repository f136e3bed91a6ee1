//! A newcomer's first quarter of an hour: a scenario from `init` for a small service of their own, its first verdict,
//! what can be watched while it runs, and the history that it begins.

use std::net::SocketAddr;
use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::host::{LONGEST_WAIT, LOOK_AGAIN, until, within};
use crate::program::{Run, Said, loadtest, output};

/// A service of two routes, as somebody might have written it this morning.
async fn service() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/api/items", get(|| async { "[]" }))
        .route("/broken", get(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn said_in(folder: &Path, arguments: &[&str]) -> Said {
    output(loadtest().current_dir(folder).args(arguments)).await
}

/// Writes a scenario for the service with `init`.
async fn init(folder: &Path, address: SocketAddr, name: &str, request: &str) {
    let url = format!("http://{address}");
    let arguments = [
        "init",
        "--yes",
        "--name",
        name,
        "--url",
        &url,
        "--request",
        request,
    ];
    let said = said_in(
        folder,
        &[&arguments[..], &["--rate", "20/s", "--duration", "3s"]].concat(),
    )
    .await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(
        said.stdout.contains(&format!("loadtest run {name}.toml")),
        "{}",
        said.stdout
    );
}

#[tokio::test]
async fn from_init_to_a_first_verdict_and_a_history() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let address = service().await;
    init(folder.path(), address, "items", "GET /api/items").await;
    let again = said_in(folder.path(), &["init", "--yes", "--name", "items"]).await;
    assert_eq!(again.code, Some(2));
    assert!(
        again.stderr.contains("items.toml is there already"),
        "{}",
        again.stderr
    );

    let checked = said_in(folder.path(), &["check", "items.toml"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    for place in [&[][..], &["--out", "reports/second"]] {
        let ran = said_in(folder.path(), &[&["run", "items.toml"], place].concat()).await;
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stderr, ran.stdout);
        let out = Path::new(ran.stdout.trim_end().lines().last().unwrap()).to_owned();
        for file in [
            "run.json",
            "report.html",
            "report.md",
            "junit.xml",
            "metrics.hlog",
        ] {
            assert!(out.join(file).is_file(), "{file}");
        }
    }
    let history = said_in(folder.path(), &["history", "--html", "history.html"]).await;
    assert_eq!(history.code, Some(0), "{}", history.stderr);
    assert!(history.stdout.contains("items: 2 runs"), "{}", history.stdout);
    assert!(folder.path().join("history.html").is_file());
    // A pipeline gives every run's folder the same name.
    let text = std::fs::read_to_string(folder.path().join("reports/second/run.json")).unwrap();
    let mut run: serde_json::Value = serde_json::from_str(&text).unwrap();
    run["run_id"] = "loadtest-report".into();
    for (build, started_at) in [
        ("build-1", "2026-01-01T00:00:00Z"),
        ("build-2", "2026-01-02T00:00:00Z"),
    ] {
        run["started_at"] = started_at.into();
        let place = folder.path().join("builds").join(build);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("run.json"), run.to_string()).unwrap();
    }
    let builds = said_in(folder.path(), &["history", "builds"]).await;
    assert!(builds.stdout.contains("items: 2 runs"), "{}", builds.stdout);
    let rendered = said_in(
        folder.path(),
        &["report", "reports/latest/run.json", "--format", "junit"],
    )
    .await;
    assert!(rendered.stdout.starts_with("<?xml"), "{}", rendered.stdout);
}

#[tokio::test]
async fn a_pipeline_is_written_where_its_system_reads_it() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for (system, file) in [
        ("github", ".github/workflows/loadtest.yml"),
        ("gitlab", ".gitlab/loadtest.yml"),
    ] {
        let said = said_in(folder.path(), &["init", "--ci", system, "scenarios/peak.toml"]).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(text.contains("loadtest run scenarios/peak.toml"), "{text}");
    }
    let nameless = said_in(folder.path(), &["init", "--ci", "github"]).await;
    assert_eq!(nameless.code, Some(2));
    let odd = said_in(folder.path(), &["init", "--ci", "github", "a b;c.toml"]).await;
    assert!(
        odd.code == Some(2) && odd.stderr.contains("letters, digits"),
        "{}",
        odd.stderr
    );
}

#[tokio::test]
async fn github_is_told_what_failed_and_where() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let address = service().await;
    init(folder.path(), address, "broken", "GET /broken").await;
    let (summary, outputs) = (folder.path().join("summary.md"), folder.path().join("outputs"));
    let said = output(
        loadtest()
            .current_dir(folder.path())
            .args(["run", "broken.toml", "--out", "out"])
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_OUTPUT", &outputs),
    )
    .await;
    assert!([Some(10), Some(13)].contains(&said.code), "{}", said.stdout);
    let line = said
        .stdout
        .lines()
        .find(|line| line.starts_with("::error title=error_rate"));
    assert!(
        line.is_some_and(|line| line.contains("file=broken.toml,line=")),
        "{}",
        said.stdout
    );
    assert!(std::fs::read_to_string(summary).unwrap().contains("#### Targets"));
    let outputs = std::fs::read_to_string(outputs).unwrap();
    assert!(
        outputs.contains("verdict=") && outputs.contains("report_path="),
        "{outputs}"
    );
    // Whatever is printed, the path stays the last line.
    assert!(said.stdout.trim_end().ends_with("/out"), "{}", said.stdout);
}

/// The address that a run names after `label`.
pub(crate) fn address_after(stderr: &str, label: &str) -> Option<String> {
    let line = stderr.lines().find(|line| line.contains(label))?;
    line.split_whitespace()
        .find(|word| word.starts_with("http://"))
        .map(str::to_owned)
}

/// What is served at `url` once it is as `wanted`.
pub(crate) async fn once(url: &str, wanted: impl Fn(&str) -> bool) -> String {
    within(url, LONGEST_WAIT, async {
        loop {
            let text = reqwest::get(url).await.unwrap().text().await.unwrap();
            if wanted(&text) {
                return text;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_run_can_be_scraped_and_watched_while_it_goes_on() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let address = service().await;
    init(folder.path(), address, "watched", "GET /api/items").await;
    let scenario = folder.path().join("watched.toml");
    let arguments = [
        "--metrics",
        "127.0.0.1:0",
        "--dashboard",
        "127.0.0.1:0",
        "--set",
        "load.duration=14s",
    ];
    let mut run = Run::start(&scenario, &arguments).await;
    run.says("dashboard at ").await;
    run.says("metrics at ").await;
    let (metrics, dashboard) = {
        let said = run.said();
        (
            address_after(&said, "metrics at").unwrap(),
            address_after(&said, "dashboard at").unwrap(),
        )
    };
    // The first users come within a second, the first page after the first checkpoint.
    let good = "loadtest_requests_total{scenario=\"watched\",step=\"first_request\",outcome=\"good\"}";
    let text = once(&metrics, |text| text.contains(good)).await;
    assert!(
        text.ends_with("# EOF\n") && text.contains("loadtest_virtual_users"),
        "{text}"
    );
    let page = once(&dashboard, |page| !page.contains("has just begun")).await;
    assert!(
        page.contains("The run is going on") && !page.contains("INTERRUPTED"),
        "the page of a run"
    );
    let ended = run.end().await;
    ended.record(0, "GO");
    assert!(!ended.file("report.html").contains("The run is going on"));
    until("the dashboard is gone with its process", || {
        std::net::TcpStream::connect(dashboard.trim_start_matches("http://").trim_end_matches('/'))
            .is_err()
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn completions_and_manual_pages_are_those_of_the_program() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for shell in ["bash", "zsh", "fish"] {
        let said = said_in(folder.path(), &["completions", shell]).await;
        assert!(
            said.code == Some(0) && said.stdout.contains("capacity"),
            "{shell}: {}",
            said.stderr
        );
    }
    let said = said_in(folder.path(), &["man", "--out", "man1"]).await;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let page = std::fs::read_to_string(folder.path().join("man1/loadtest-run.1")).unwrap();
    assert!(page.contains(".TH") && page.contains("expect"), "{page}");
}
