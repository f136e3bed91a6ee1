//! Webhooks as a receiver sees them, and as the ledger tells them.

use classconnect_api::WebhookEvent;
use classconnect_api::signature::VerifyError;
use serde_json::{Value, json};

use crate::mock::{EXTRACTIONS, IMPROVEMENTS, Mock, QUICK, RECORDINGS, recording, transcript};
use crate::receiver::{PATIENCE, Receiver};

#[tokio::test]
async fn a_result_is_delivered_signed_and_told_by_the_ledger_in_order() {
    let mut receiver = Receiver::start(&[204]).await;
    let mock = Mock::start(&format!("{{{QUICK}}}")).await;
    let accepted = mock
        .submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    let webhook = receiver.next().await;
    assert_eq!(mock.drain().await["drained"], true);

    assert_eq!(webhook.verify(), Ok(()));
    assert_eq!(webhook.headers["content-type"], "application/json");
    let envelope = webhook.envelope();
    assert_eq!(envelope.event.job_id(), accepted["job_id"].as_str().unwrap());
    assert_eq!(envelope.event.client_reference_id(), "ref of https://audio/1");

    let records = mock.ledger().await;
    let kinds: Vec<&str> = records
        .iter()
        .map(|record| record["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["accepted", "planned", "sent", "response"]);
    for (record, seq) in records.iter().zip(1..) {
        assert_eq!(record["seq"], seq);
        assert_eq!(record["job_id"], accepted["job_id"]);
        assert_eq!(record["webhook_id"], webhook.webhook_id());
        assert_eq!(record["client_reference_id"], "ref of https://audio/1");
        assert_eq!(record["submission"], "recording-analyses");
        assert_eq!(record["submission_key"], "https://audio/1");
    }
    let body: Value = serde_json::from_slice(&webhook.body).unwrap();
    assert_eq!(records[1]["result"], body["data"]);
    assert_eq!(records[1]["delay_us"], 1_000);
    assert_eq!(
        (&records[2]["attempt"], &records[2]["delivery"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        (&records[3]["attempt"], &records[3]["status"]),
        (&json!(1), &json!(204))
    );
    let ns = |index: usize| records[index]["monotonic_ns"].as_u64().unwrap();
    assert_eq!(ns(0), ns(1));
    assert!(ns(2) - ns(0) >= 1_000_000, "sent before it was due");
    assert!(ns(3) >= ns(2));
}

#[tokio::test]
async fn looking_the_job_up_shows_the_result_of_the_webhook() {
    let mut receiver = Receiver::start(&[200]).await;
    let mock = Mock::start(&format!("{{{QUICK}}}")).await;
    let accepted = mock
        .submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    let body: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();

    let job = mock
        .get_json(&format!("/v1/jobs/{}", accepted["job_id"].as_str().unwrap()))
        .await;
    assert_eq!(job["status"], "completed");
    assert_eq!(job["result"]["type"], body["type"]);
    assert_eq!(job["result"]["data"], body["data"]);
    let listed = mock
        .get_json("/v1/jobs?client_reference_id=ref%20of%20https://audio/1")
        .await;
    assert_eq!(listed["jobs"], json!([job]));
    let none = mock.get_json("/v1/jobs?client_reference_id=nobody").await;
    assert_eq!(none["jobs"], json!([]));
    mock.drain().await;
    let polled: Vec<Value> = mock
        .ledger()
        .await
        .into_iter()
        .filter(|record| record["kind"] == "polled")
        .collect();
    assert_eq!(polled.len(), 3);
    assert_eq!(polled[0]["job_id"], accepted["job_id"]);
    assert_eq!(
        (&polled[2]["job_id"], &polled[2]["client_reference_id"]),
        (&Value::Null, &json!("nobody"))
    );
}

#[tokio::test]
async fn text_is_improved_and_split() {
    let mut receiver = Receiver::start(&[200]).await;
    let mock = Mock::start(&format!("{{{QUICK}}}")).await;
    let body = transcript(&receiver.url, "we're gonna learn.  It works");
    mock.submit_accepted(IMPROVEMENTS, "k1", &body).await;
    let WebhookEvent::TranscriptImprovementCompleted(data) = receiver.next().await.envelope().event else {
        panic!("wrong event");
    };
    assert_eq!(data.improved_transcript, "We're going to learn. It works.");
    assert!(!data.changes.is_empty());

    mock.submit_accepted(
        EXTRACTIONS,
        "k2",
        &transcript(&receiver.url, &data.improved_transcript),
    )
    .await;
    let WebhookEvent::SentenceExtractionCompleted(data) = receiver.next().await.envelope().event else {
        panic!("wrong event");
    };
    let texts: Vec<&str> = data
        .sentences
        .iter()
        .map(|sentence| sentence.text.as_str())
        .collect();
    assert_eq!(texts, ["We're going to learn.", "It works."]);
}

#[tokio::test]
async fn a_failed_attempt_is_repeated_with_the_same_id_and_a_fresh_valid_signature() {
    let mut receiver = Receiver::start(&[500, 200]).await;
    // Longer than the resolution of the timestamp, so that a fresh one must differ.
    let plan = r#"{"analysis_delay":{"distribution":"fixed","value":"0s"},"retry_schedule":["1100ms"]}"#;
    let mock = Mock::start(plan).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!((first.verify(), second.verify()), (Ok(()), Ok(())));
    assert_eq!(first.webhook_id(), second.webhook_id());
    assert_eq!(first.body, second.body);
    assert!(second.unix_seconds() > first.unix_seconds());

    mock.drain().await;
    let attempts: Vec<_> = mock
        .ledger()
        .await
        .iter()
        .map(|record| {
            (
                record["kind"].clone(),
                record["attempt"].clone(),
                record["status"].clone(),
            )
        })
        .collect();
    let expected = json!([
        ["accepted", null, 202],
        ["planned", null, null],
        ["sent", 1, null],
        ["response", 1, 500],
        ["sent", 2, null],
        ["response", 2, 200]
    ]);
    assert_eq!(json!(attempts), expected);
}

#[tokio::test]
async fn a_dropped_webhook_never_arrives_but_its_result_can_be_looked_up() {
    let mut receiver = Receiver::start(&[200]).await;
    let mock = Mock::start(&format!(r#"{{{QUICK},"faults":{{"drop":1,"duplicate":1}}}}"#)).await;
    let accepted = mock
        .submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    assert_eq!(
        mock.drain().await,
        json!({ "drained": true, "pending_jobs": 0, "pending_deliveries": 0, "in_flight": 0 })
    );

    let job = mock
        .get_json(&format!("/v1/jobs/{}", accepted["job_id"].as_str().unwrap()))
        .await;
    assert_eq!(job["status"], "completed");
    let records = mock.ledger().await;
    assert_eq!(records[1]["faults"], json!(["drop"]));
    assert_eq!(records[2]["kind"], "dropped");
    assert!(
        mock.metrics()
            .await
            .contains("mock_classconnect_webhooks_dropped_total 1")
    );
    // Stopping waits for every sender, so nothing can be under way any more.
    mock.stop().await;
    assert!(receiver.rest().is_empty());
}

#[tokio::test]
async fn a_duplicate_arrives_twice_under_one_id() {
    let mut receiver = Receiver::start(&[200]).await;
    let mock = Mock::start(&format!(r#"{{{QUICK},"faults":{{"duplicate":1}}}}"#)).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    let (first, second) = (receiver.next().await, receiver.next().await);
    assert_eq!(first.webhook_id(), second.webhook_id());
    assert_eq!(first.body, second.body);
    mock.drain().await;
    let sent: Vec<Value> = mock
        .ledger()
        .await
        .into_iter()
        .filter(|record| record["kind"] == "sent")
        .collect();
    assert_eq!(
        sent.iter().map(|record| &record["delivery"]).collect::<Vec<_>>(),
        [&json!(1), &json!(2)]
    );
    mock.stop().await;
    assert!(receiver.rest().is_empty());
}

#[tokio::test]
async fn a_wrongly_signed_attempt_does_not_verify_and_is_told() {
    let mut receiver = Receiver::start(&[401, 401]).await;
    let mock = Mock::start(&format!(r#"{{{QUICK},"faults":{{"wrong_signature":1}}}}"#)).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
        .await;
    assert_eq!(receiver.next().await.verify(), Err(VerifyError::NoMatch));
    assert_eq!(receiver.next().await.verify(), Err(VerifyError::NoMatch));
    mock.drain().await;
    let records = mock.ledger().await;
    assert_eq!(records[2]["faults"], json!(["wrong_signature"]));
    assert_eq!(records.last().unwrap()["kind"], "exhausted");
}

#[tokio::test]
async fn delivery_ends_when_the_schedule_does_and_at_once_when_the_endpoint_is_gone() {
    let table: [(&[u16], &[&str]); 3] = [
        (
            &[500, 503],
            &["sent", "response", "sent", "response", "exhausted"],
        ),
        // A redirect is a failure and is not followed.
        (
            &[307, 302],
            &["sent", "response", "sent", "response", "exhausted"],
        ),
        (&[410], &["sent", "response", "exhausted"]),
    ];
    for (answers, expected) in table {
        let mut receiver = Receiver::start(answers).await;
        let mock = Mock::start(&format!("{{{QUICK}}}")).await;
        mock.submit_accepted(RECORDINGS, "k", &recording(&receiver.url, "https://audio/1"))
            .await;
        assert_eq!(mock.drain().await["drained"], true);
        assert_eq!(mock.ledger_kinds().await[2..], *expected, "{answers:?}");
        assert_eq!(receiver.rest().len(), answers.len());
        let last = mock.ledger().await.pop().unwrap();
        assert_eq!(last["status"], *answers.last().unwrap());
        assert!(
            mock.metrics()
                .await
                .contains("mock_classconnect_webhooks_exhausted_total 1")
        );
    }
}

#[tokio::test]
async fn an_unreachable_receiver_is_an_error_without_a_status() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    drop(listener);
    let mock = Mock::start(&format!("{{{QUICK}}}")).await;
    mock.submit_accepted(RECORDINGS, "k", &recording(&url, "https://audio/1"))
        .await;
    mock.drain().await;
    let records = mock.ledger().await;
    assert_eq!(
        (&records[3]["kind"], &records[3]["status"]),
        (&json!("response"), &Value::Null)
    );
    assert!(
        records[3]["error"].as_str().unwrap().contains("cannot connect"),
        "{}",
        records[3]
    );
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_times_out() {
    // Accepts connections into its backlog and never answers.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let mock = Mock::start(
        r#"{"analysis_delay":{"distribution":"fixed","value":"0s"},"retry_schedule":[],"delivery_timeout":"50ms"}"#,
    )
    .await;
    mock.submit_accepted(RECORDINGS, "k", &recording(&url, "https://audio/1"))
        .await;
    assert_eq!(mock.drain().await["drained"], true);
    let records = mock.ledger().await;
    assert_eq!(records[3]["error"], "timed out");
    assert_eq!(records[4]["kind"], "exhausted");
}

#[tokio::test]
async fn one_sender_delivers_everything() {
    let mut receiver = Receiver::start(&[200]).await;
    let plan = format!("{{{QUICK}}}");
    let mock = Mock::start_with(&["--plan", &plan, "--in-flight-max", "1"]).await;
    for n in 0..40 {
        let body = recording(&receiver.url, &format!("https://audio/{n}"));
        mock.submit_accepted(RECORDINGS, &format!("k{n}"), &body).await;
    }
    assert_eq!(mock.drain().await["drained"], true);
    assert_eq!(receiver.rest().len(), 40);
}

#[tokio::test]
async fn a_delivery_that_waits_for_a_sender_is_counted() {
    // Accepts connections into its backlog and never answers, so the only sender stays busy.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let plan = r#"{"analysis_delay":{"distribution":"fixed","value":"0s"},"delivery_timeout":"1h"}"#;
    let mock = Mock::start_with(&["--plan", plan, "--in-flight-max", "1"]).await;
    for n in 0..2 {
        let body = recording(&url, &format!("https://audio/{n}"));
        mock.submit_accepted(RECORDINGS, &format!("k{n}"), &body).await;
    }
    let line = r#"mock_classconnect_bounds_hit_total{bound="senders"} 1"#;
    let counted = async { while !mock.metrics().await.contains(line) {} };
    tokio::time::timeout(PATIENCE, counted)
        .await
        .expect("the waiting delivery was not counted");
    let drained = mock.post("/_mock/drain?timeout_ms=0").send().await.unwrap();
    let drained: Value = drained.json().await.unwrap();
    assert_eq!(
        (&drained["drained"], &drained["pending_deliveries"]),
        (&json!(false), &json!(2))
    );
}
