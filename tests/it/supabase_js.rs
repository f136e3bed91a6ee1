//! The real supabase-js client against the whole server: it subscribes to a session and sees the dual update.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::host::{LONGEST_WAIT, within};
use crate::program::repository;
use crate::servers::{API_KEY, Deployment, token};

const USER: &str = "5b0c2f60-6f0e-4d6c-8a3e-0c9d8f3f5d11";

#[tokio::test]
async fn supabase_js_sees_a_recording_analysed() {
    let directory = repository("tests/supabase-js");
    assert!(
        directory.join("node_modules").is_dir(),
        "the packages of tests/supabase-js are not installed; run `npm ci` there (Node.js 20 or later)"
    );
    let deployment = Deployment::start().await;
    let token = token(USER);
    let transcript =
        json!({ "transcript": "We walk to the station. It is late. The train waits.", "language": "en-US" });
    let created = deployment.post(&token, "sessions", &transcript).await;
    let session_id = created["session_id"].as_str().unwrap();
    let mut node = Command::new("node")
        .current_dir(directory)
        .arg("client.mjs")
        .args([deployment.url(), API_KEY, &token, session_id])
        .args(["--expect", "session:practicing", "--expect", "session:analyzing"])
        .args(["--expect", "attempt:processing", "--expect", "attempt:completed"])
        .args(["--deadline-ms", "30000"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node.js can be started");
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let mut seen = Vec::new();
    while let Some(line) = within("a line of the client", LONGEST_WAIT, lines.next_line())
        .await
        .unwrap()
    {
        let line: Value = serde_json::from_str(&line).unwrap();
        let is_live = line["kind"] == "live";
        let is_practicing = line["new"]["status"] == "practicing";
        seen.push(line);
        if is_live {
            let start = format!("sessions/{session_id}/start-practice");
            deployment.until_session_is(&token, session_id, "ready").await;
            deployment.post(&token, &start, &json!({})).await;
        }
        if is_practicing && !seen.iter().any(|line| line["table"] == "practice_attempts") {
            let submit = format!("sessions/{session_id}/submit-recording");
            let recording = json!({
                "attempt_type": "sentence", "sentence_index": 0, "audio_url": "https://recordings.example/1.webm",
            });
            deployment.post(&token, &submit, &recording).await;
        }
    }
    let status = node.wait().await.unwrap();
    deployment.stop().await;
    assert!(status.success(), "the client ended with {status}: {seen:#?}");
    let attempts: Vec<_> = seen
        .iter()
        .filter(|line| line["table"] == "practice_attempts")
        .map(|line| {
            (
                line["eventType"].as_str().unwrap(),
                line["new"]["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(attempts.first(), Some(&("INSERT", "processing")));
    assert_eq!(attempts.last(), Some(&("UPDATE", "completed")));
    let result = seen
        .iter()
        .rfind(|line| line["table"] == "practice_attempts")
        .unwrap();
    assert_eq!(result["new"]["session_id"], session_id);
    assert!(result["new"]["pronunciation_score"].is_number(), "{result}");
}
