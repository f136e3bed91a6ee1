//! The mock's own calls.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::mock::{Mock, QUICK, RECORDINGS, recording};
use crate::receiver::{PATIENCE, Receiver};

const SLOW: &str = r#"{"analysis_delay":{"distribution":"fixed","value":"1h"}}"#;
const HOOK: &str = "http://127.0.0.1:9/hook";

#[tokio::test]
async fn a_plan_is_replaced_for_later_submissions_only() {
    let mock = Mock::start(SLOW).await;
    mock.submit_accepted(RECORDINGS, "k1", &recording(HOOK, "https://audio/1"))
        .await;
    let plan = r#"{"analysis_delay":{"distribution":"fixed","value":"2h"},"pass_threshold":70}"#;
    let shown: Value = mock
        .put("/_mock/plan")
        .body(plan)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        shown["analysis_delay"],
        json!({ "distribution": "fixed", "value": "7200s" })
    );
    assert_eq!(shown["retry_schedule"], json!(["1s", "5s", "15s", "60s"]));
    assert_eq!(mock.get_json("/_mock/plan").await, shown);

    let refused = mock
        .put("/_mock/plan")
        .body(r#"{"faults":{"drop":2}}"#)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        mock.get_json("/_mock/plan").await,
        shown,
        "a refused plan changes nothing"
    );

    mock.submit_accepted(RECORDINGS, "k2", &recording(HOOK, "https://audio/2"))
        .await;
    let delays: Vec<Value> = mock
        .ledger()
        .await
        .into_iter()
        .filter(|record| record["kind"] == "planned")
        .map(|record| record["delay_us"].clone())
        .collect();
    assert_eq!(delays, [json!(3_600_000_000_u64), json!(7_200_000_000_u64)]);
}

#[tokio::test]
async fn draining_answers_in_time_when_something_stays_pending() {
    let mock = Mock::start(SLOW).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(HOOK, "https://audio/1"))
        .await;
    let answer = mock.post("/_mock/drain?timeout_ms=1").send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(
        answer,
        json!({ "drained": false, "pending_jobs": 1, "pending_deliveries": 1, "in_flight": 0 })
    );
    let typo = mock.post("/_mock/drain?timeout=1").send().await.unwrap();
    assert_eq!(typo.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_ledger_is_read_in_pages_and_its_file_says_the_same_but_for_long_results() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    let mock = Mock::start_with(&["--plan", SLOW, "--ledger", path.to_str().unwrap()]).await;
    for n in 0..3 {
        let body = recording(HOOK, &format!("https://audio/{n}"));
        mock.submit_accepted(RECORDINGS, &format!("k{n}"), &body).await;
    }
    let mut paged = Vec::new();
    let mut after = 0;
    loop {
        let page = mock
            .get_json(&format!("/_mock/ledger?after={after}&limit=4"))
            .await;
        let records = page["records"].as_array().unwrap();
        if records.is_empty() {
            break;
        }
        assert_eq!(page["newest_seq"], 6);
        paged.extend(records.clone());
        after = page["last_seq"].as_u64().unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = file
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(paged.len(), 6);
    // Of a result the file has the single values.
    for record in &mut paged {
        if let Some(result) = record.get_mut("result").and_then(Value::as_object_mut) {
            assert!(result["word_level_scores"].is_array());
            result.retain(|_, value| !value.is_array() && !value.is_object());
            assert!(result.contains_key("pronunciation_score"), "{result:?}");
        }
    }
    assert_eq!(paged, lines);
}

#[tokio::test]
async fn the_file_says_why_an_analysis_failed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.jsonl");
    let plan = r#"{"faults": {"fail_analysis": 1.0}}"#;
    let mock = Mock::start_with(&["--plan", plan, "--ledger", path.to_str().unwrap()]).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(HOOK, "https://audio/1"))
        .await;
    let file = std::fs::read_to_string(&path).unwrap();
    let planned: Value = serde_json::from_str(file.lines().nth(1).unwrap()).unwrap();
    assert!(planned["result"]["error"]["code"].is_string(), "{planned}");
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let receiver = Receiver::start(&[500, 200]).await;
    let mock = Mock::start(&format!("{{{QUICK}}}")).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    mock.drain().await;
    let metrics = mock.metrics().await;
    for line in [
        r#"mock_classconnect_jobs_total{submission="recording-analyses"} 1"#,
        r#"mock_classconnect_delivery_attempts_total{outcome="acknowledged"} 1"#,
        r#"mock_classconnect_delivery_attempts_total{outcome="refused"} 1"#,
        "mock_classconnect_retries_total 1",
        "mock_classconnect_webhooks_acknowledged_total 1",
        "mock_classconnect_delivery_lateness_seconds_count 2",
        "mock_classconnect_pending_jobs 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert_eq!(
        mock.get("/healthz").send().await.unwrap().text().await.unwrap(),
        "ok"
    );
}

/// What was planned, by submission, without the ids that each mock invents.
async fn plans(order: impl Iterator<Item = u32>) -> BTreeMap<String, Value> {
    let plan = r#"{"analysis_delay":{"distribution":"lognormal","median":"1h","p99":"2h","max":"5h"},
                   "faults":{"drop":0.3,"duplicate":0.3,"fail_analysis":0.2,"soft_error":0.2}}"#;
    let mock = Mock::start_with(&["--plan", plan, "--seed", "42"]).await;
    for n in order {
        mock.submit_accepted(
            RECORDINGS,
            &format!("k{n}"),
            &recording(HOOK, &format!("https://audio/{n}")),
        )
        .await;
    }
    let planned = mock
        .ledger()
        .await
        .into_iter()
        .filter(|record| record["kind"] == "planned");
    planned
        .map(|mut record| {
            record["result"]["job_id"] = Value::Null;
            let fate = json!([record["delay_us"], record["faults"], record["result"]]);
            (record["submission_key"].as_str().unwrap().to_owned(), fate)
        })
        .collect()
}

#[tokio::test]
async fn the_order_of_submissions_does_not_change_their_fate() {
    let forwards = plans(0..50).await;
    assert_eq!(forwards, plans((0..50).rev()).await);
    let faults: Vec<String> = forwards.values().map(|fate| fate[1].to_string()).collect();
    for fault in ["drop", "duplicate", "fail_analysis", "soft_error"] {
        assert!(
            faults.iter().any(|planned| planned.contains(fault)),
            "{fault} is planned for none of 50"
        );
    }
}

/// Asks for the metrics on a connection that stays open.
async fn metrics_over(connection: &mut TcpStream) -> String {
    connection
        .write_all(b"GET /_mock/metrics HTTP/1.1\r\nhost: mock\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"# EOF\n") {
        assert_ne!(
            connection.read_buf(&mut answer).await.unwrap(),
            0,
            "the connection was closed"
        );
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_connection_beyond_the_bound_waits_for_a_place() {
    let mock = Mock::start_with(&["--connections-max", "1"]).await;
    let address = mock.url.trim_start_matches("http://");
    let mut served = TcpStream::connect(address).await.unwrap();
    let line = r#"mock_classconnect_bounds_hit_total{bound="connections"} 1"#;
    assert!(!metrics_over(&mut served).await.contains(line));

    let mut waiting = TcpStream::connect(address).await.unwrap();
    let counted = async { while !metrics_over(&mut served).await.contains(line) {} };
    tokio::time::timeout(PATIENCE, counted)
        .await
        .expect("the waiting connection was not counted");
    drop(served);
    assert!(metrics_over(&mut waiting).await.contains(line));
}
