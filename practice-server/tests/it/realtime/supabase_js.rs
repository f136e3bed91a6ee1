//! The real supabase-js client against the realtime socket.

use std::path::Path;
use std::process::Stdio;

use practice_server::realtime::{Operation, Table};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::{ALICE, API_KEY, ATTEMPT, SESSION, Server, change, session_update, user_token};

#[tokio::test]
async fn supabase_js_subscribes_and_receives_the_dual_update() {
    let server = Server::start().await;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/supabase-js");
    assert!(
        directory.join("node_modules").is_dir(),
        "the packages of tests/supabase-js are not installed; run `npm ci` there (Node.js 20 or later)"
    );
    let mut node = Command::new("node")
        .current_dir(directory)
        .arg("client.mjs")
        .args([
            format!("http://{}", server.address),
            API_KEY.to_owned(),
            user_token(ALICE),
            SESSION.to_owned(),
        ])
        .args(["--expect", "session:analyzing", "--expect", "attempt:processing"])
        .args(["--expect", "attempt:completed", "--expect", "session:completed"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("Node.js runs");
    let mut lines = BufReader::new(node.stdout.take().unwrap()).lines();
    let mut events = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["kind"] == "live" {
            let attempt = |status: &str| json!({"id": ATTEMPT, "session_id": SESSION, "user_id": ALICE, "status": status});
            server.hub.publish(&[
                session_update("analyzing"),
                change(Operation::Insert, Table::PracticeAttempts, attempt("processing")),
            ]);
            server.hub.publish(&[
                change(Operation::Update, Table::PracticeAttempts, attempt("completed")),
                session_update("completed"),
            ]);
        }
        events.push(line);
    }
    let status = node.wait().await.unwrap();
    assert!(status.success(), "the client ended with {status}: {events:#?}");
    let seen: Vec<_> = events
        .iter()
        .filter(|line| line["kind"] == "event")
        .map(|line| {
            (
                line["eventType"].as_str().unwrap(),
                line["new"]["status"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("UPDATE", "analyzing"),
            ("INSERT", "processing"),
            ("UPDATE", "completed"),
            ("UPDATE", "completed")
        ]
    );
}
