//! The program: its ready line, its ends, and that `kill -9` loses nothing it has answered 202 to.

use std::process::Stdio;

use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer};

use crate::fixture::{API_KEY, JWT_SECRET, accept, job_of, token};

const WEBHOOK_SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_practice-server"));
    command
        .args(["--listen=127.0.0.1:0", "--exit-with-stdin", "--version-name=v7"])
        .args(flags)
        .env_clear()
        .env("PRACTICE_JWT_SECRET", JWT_SECRET)
        .env("PRACTICE_API_KEY", API_KEY)
        .env("CLASSCONNECT_API_KEY", "key")
        .env("CLASSCONNECT_WEBHOOK_SECRET", WEBHOOK_SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Starts the program and waits for its ready line; answers its base URL.
async fn start(flags: &[&str]) -> (Child, String) {
    let mut child = command(flags).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let url = line["url"].as_str().unwrap().to_owned();
    let expected = json!({ "ready": true, "service": "practice-server", "url": url, "version": "v7" });
    assert_eq!(line, expected);
    (child, url)
}

fn http() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn it_ends_with_its_standard_input() {
    let (mut child, url) = start(&[]).await;
    assert_eq!(
        http().get(format!("{url}/readyz")).send().await.unwrap().status(),
        StatusCode::OK
    );
    drop(child.stdin.take());
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn it_ends_on_sigterm() {
    let (mut child, _) = start(&[]).await;
    let pid = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test]
async fn mistakes_in_the_configuration_are_told_in_sentences() {
    let output = command(&["--database=mysql://x"])
        .env_remove("PRACTICE_API_KEY")
        .output()
        .await
        .unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "no ready line");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("--database") && error.contains("PRACTICE_API_KEY is not set"),
        "{error}"
    );
}

#[tokio::test]
async fn what_was_accepted_survives_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!(
        "--database=sqlite:{}",
        directory.path().join("practice.sqlite").display()
    );
    // Nobody listens where ClassConnect should be.
    let unreachable = "--classconnect-url=http://127.0.0.1:9";
    let (mut child, url) = start(&[
        &database,
        unreachable,
        "--retry-schedule=0s,100ms,100ms,100ms,100ms,100ms,100ms,100ms",
    ])
    .await;
    let created = http()
        .post(format!("{url}/api/v1/practice/sessions"))
        .header("apikey", API_KEY)
        .bearer_auth(token("user-1"))
        .json(&json!({ "transcript": "Hello there.", "language": "en-US" }))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::ACCEPTED);
    let session: Value = created.json().await.unwrap();
    child.kill().await.unwrap();

    let (sent, mut seen) = tokio::sync::mpsc::channel(8);
    let classconnect = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(move |request: &wiremock::Request| {
            sent.try_send(job_of(request)).unwrap();
            accept(request)
        })
        .mount(&classconnect)
        .await;
    let reachable = format!("--classconnect-url={}", classconnect.uri());
    // Whatever the first process had begun is taken up again once its lease is over.
    let (child, _) = start(&[&database, &reachable, "--lease=1ms", "--sweep-interval=20ms"]).await;
    assert_eq!(
        seen.recv().await.unwrap().client_reference_id,
        session["session_id"]
    );
    drop(child);
}
