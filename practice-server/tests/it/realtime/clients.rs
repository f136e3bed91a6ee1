//! The real client libraries, unchanged, against the whole server on PostgreSQL: both see a recording analysed.

use std::path::PathBuf;
use std::process::Stdio;

use practice_server::realtime::FeedMode;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::ALICE;
use super::postgres::Following;
use crate::events::analysed;
use crate::fixture;

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../tests", name].iter().collect()
}

/// Starts the client, submits a recording once it is live, and returns what it printed.
async fn sees_a_recording_analysed(mut client: Command) {
    let following = Following::start(FeedMode::Wal).await;
    let server = &following.server;
    let session = server.practicing(ALICE).await;
    let mut client = client
        .args([&server.url, fixture::API_KEY, &fixture::token(ALICE), &session])
        .args(["--expect", "session:analyzing", "--expect", "attempt:processing"])
        .args(["--expect", "attempt:completed", "--expect", "session:practicing"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the client's interpreter runs");
    let mut lines = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let line: Value = serde_json::from_str(&line).unwrap();
        let is_live = line["kind"] == "live";
        printed.push(line);
        if is_live {
            server.submit(ALICE, &session, 0).await;
            assert_eq!(server.dispatch().await, 1);
            let job = server.last_job().await;
            server.deliver(&analysed(&job, 87.5)).await;
        }
    }
    let status = client.wait().await.unwrap();
    assert!(status.success(), "the client ended with {status}: {printed:#?}");
    let attempts: Vec<_> = printed
        .iter()
        .filter(|line| line["table"] == "practice_attempts")
        .collect();
    let statuses: Vec<_> = attempts
        .iter()
        .map(|line| line["new"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["processing", "analyzing", "completed"]);
    // A number stays a number, and nested JSON stays nested.
    let result = &attempts[2]["new"];
    assert_eq!(result["pronunciation_score"], 87.5);
    assert!(result["word_level_scores"].is_array(), "{result}");
    assert_eq!(attempts[2]["errors"], Value::Null);
    following.stop().await;
}

#[tokio::test]
async fn supabase_js_sees_a_recording_analysed() {
    let folder = folder("supabase-js");
    assert!(
        folder.join("node_modules").is_dir(),
        "the packages of tests/supabase-js are not installed; run `npm ci` there (Node.js 20 or later)"
    );
    let mut node = Command::new("node");
    node.current_dir(folder).arg("client.mjs");
    sees_a_recording_analysed(node).await;
}

#[tokio::test]
async fn realtime_py_sees_a_recording_analysed() {
    let folder = folder("realtime-py");
    let interpreter = folder.join(".venv/bin/python");
    assert!(
        interpreter.is_file(),
        "the packages of tests/realtime-py are not installed; run `python3 -m venv .venv && .venv/bin/pip install -r \
         requirements.txt` there (Python 3.11 or later)"
    );
    let mut python = Command::new(interpreter);
    python.current_dir(folder).arg("client.py");
    sees_a_recording_analysed(python).await;
}
