//! The program: its ready line, and how it ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::mock::{API_KEY, SECRET};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-classconnect"));
    command
        .env("CLASSCONNECT_API_KEY", API_KEY)
        .env("CLASSCONNECT_WEBHOOK_SECRET", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// Reads the ready line and asks the URL in it.
async fn ready(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&ready["ready"], &ready["service"]),
        (&Value::Bool(true), &"mock-classconnect".into())
    );
    let url = ready["url"].as_str().unwrap().to_owned();
    assert!(
        reqwest::get(format!("{url}/healthz"))
            .await
            .unwrap()
            .status()
            .is_success()
    );
    url
}

#[tokio::test]
async fn it_announces_itself_and_ends_with_its_standard_input() {
    let mut child = command().arg("--exit-with-stdin").spawn().unwrap();
    ready(&mut child).await;
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn it_ends_on_sigterm_and_does_not_watch_standard_input_unasked() {
    let mut child = command().spawn().unwrap();
    drop(child.stdin.take());
    ready(&mut child).await;
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn it_says_what_is_wrong_and_fails() {
    let output = command()
        .stderr(Stdio::piped())
        .args(["--plan", "{\"drop\":1}"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("--plan") && text.contains("unknown field"),
        "{text}"
    );
    assert!(!text.contains(API_KEY) && !text.contains(SECRET));
}
