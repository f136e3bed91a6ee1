//! The answers to submissions.

use reqwest::StatusCode;
use reqwest::header::{LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::{Value, json};

use crate::mock::{API_KEY, EXTRACTIONS, IMPROVEMENTS, Mock, RECORDINGS, recording, transcript};

const SLOW: &str = r#"{"analysis_delay":{"distribution":"fixed","value":"1h"}}"#;
const HOOK: &str = "http://127.0.0.1:9/hook";

#[tokio::test]
async fn the_same_key_and_body_get_the_same_answer_and_one_job() {
    let mock = Mock::start(SLOW).await;
    let body = recording(HOOK, "https://audio/1");
    let first = mock.submit(RECORDINGS, "k", &body).await;
    assert_eq!(first.status(), StatusCode::ACCEPTED);
    let location = first.headers()[LOCATION].to_str().unwrap().to_owned();
    let first: Value = first.json().await.unwrap();
    assert_eq!(
        location,
        format!("/v1/jobs/{}", first["job_id"].as_str().unwrap())
    );
    assert_eq!(
        (&first["status"], &first["estimated_completion_ms"]),
        (&json!("queued"), &json!(3_600_000))
    );

    assert_eq!(mock.submit_accepted(RECORDINGS, "k", &body).await, first);
    assert_eq!(mock.ledger_kinds().await, ["accepted", "planned"]);
    let job = mock.get_json(&location).await;
    assert_eq!((&job["status"], &job["result"]), (&json!("queued"), &Value::Null));
}

#[tokio::test]
async fn a_key_cannot_be_used_for_something_else() {
    let mock = Mock::start(SLOW).await;
    mock.submit_accepted(IMPROVEMENTS, "k", &transcript(HOOK, "Hi."))
        .await;
    let other_body = mock.submit(IMPROVEMENTS, "k", &transcript(HOOK, "Hello.")).await;
    let other_call = mock.submit(EXTRACTIONS, "k", &transcript(HOOK, "Hi.")).await;
    for response in [other_body, other_call] {
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["type"], "urn:classconnect:problem:idempotency-key-reused");
    }
    let rejected = &mock.ledger().await[2];
    assert_eq!(
        (&rejected["kind"], &rejected["status"]),
        (&json!("rejected"), &json!(422))
    );
    assert_eq!(rejected["error"], "idempotency-key-reused");
    assert_eq!(rejected["submission_key"], "Hello.");
}

#[tokio::test]
async fn bad_requests_are_told_apart() {
    let mock = Mock::start_with(&["--plan", SLOW, "--body-bytes-max", "2000"]).await;
    let good = recording(HOOK, "https://audio/1").to_string();
    let with = |key: &str, value: Value| {
        let mut body = recording(HOOK, "https://audio/1");
        body[key] = value;
        body.to_string()
    };
    let quoted = Some("\"k\"");
    let table = [
        (Some("Bearer wrong"), quoted, good.clone(), 401),
        (Some("Basic dGVzdC1rZXk="), quoted, good.clone(), 401),
        (None, quoted, good.clone(), 401),
        (Some("Bearer test-key"), None, good.clone(), 400),
        (Some("Bearer test-key"), Some("k"), good.clone(), 400),
        (Some("Bearer test-key"), quoted, "{".to_owned(), 400),
        (Some("Bearer test-key"), quoted, "{}".to_owned(), 422),
        (
            Some("Bearer test-key"),
            quoted,
            with("attempt_type", json!("song")),
            422,
        ),
        (
            Some("Bearer test-key"),
            quoted,
            with("expected_text", json!(" ... ")),
            422,
        ),
        (Some("Bearer test-key"), quoted, with("audio_url", json!("")), 422),
        (
            Some("Bearer test-key"),
            quoted,
            with("client_reference_id", json!("")),
            422,
        ),
        (
            Some("Bearer test-key"),
            quoted,
            with("expected_text", json!("a ".repeat(2_000))),
            413,
        ),
        (Some("bearer test-key"), quoted, good, 202),
    ];
    for (authorization, key, body, expected) in table {
        let mut request = mock.post(RECORDINGS).body(body.clone());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.unwrap();
        assert_eq!(
            response.status().as_u16(),
            expected,
            "{authorization:?} {key:?} {body}"
        );
        if expected != 202 {
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
        assert_eq!(response.headers().contains_key(WWW_AUTHENTICATE), expected == 401);
    }
    let long = transcript(HOOK, &"a ".repeat(1_001));
    let roomy = Mock::start(SLOW).await;
    assert_eq!(
        roomy.submit(IMPROVEMENTS, "k", &long).await.status(),
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn webhooks_go_to_loopback_only_unless_a_host_was_allowed() {
    let mock = Mock::start(SLOW).await;
    let refused = mock
        .submit(
            RECORDINGS,
            "k",
            &recording("http://192.0.2.1/hook", "https://audio/1"),
        )
        .await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = refused.json().await.unwrap();
    assert_eq!(problem["type"], "urn:classconnect:problem:webhook-url");
    assert_eq!(mock.ledger_kinds().await, ["rejected"]);

    let allowing = Mock::start_with(&["--plan", SLOW, "--allow-webhook-host", "192.0.2.1"]).await;
    allowing
        .submit_accepted(
            RECORDINGS,
            "k",
            &recording("http://192.0.2.1/hook", "https://audio/1"),
        )
        .await;
}

#[tokio::test]
async fn a_planned_outage_refuses_without_using_up_the_key() {
    let mock = Mock::start(r#"{"faults":{"reject_submit":1}}"#).await;
    let body = recording(HOOK, "https://audio/1");
    for _ in 0..2 {
        let refused = mock.submit(RECORDINGS, "k", &body).await;
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()[RETRY_AFTER], "1");
    }
    assert_eq!(
        mock.put("/_mock/plan").body(SLOW).send().await.unwrap().status(),
        StatusCode::OK
    );
    mock.submit_accepted(RECORDINGS, "k", &body).await;
    assert_eq!(
        mock.ledger_kinds().await,
        ["rejected", "rejected", "accepted", "planned"]
    );
}

#[tokio::test]
async fn a_share_of_submissions_is_refused_and_a_retry_is_decided_anew() {
    let mock = Mock::start(
        r#"{"analysis_delay":{"distribution":"fixed","value":"1h"},"faults":{"reject_submit":0.5}}"#,
    )
    .await;
    let mut tries = Vec::new();
    for n in 0..40 {
        let body = recording(HOOK, &format!("https://audio/{n}"));
        let mut count = 1;
        while mock.submit(RECORDINGS, &format!("k{n}"), &body).await.status() != StatusCode::ACCEPTED {
            count += 1;
            assert!(
                count < 64,
                "with probability 1/2 each, 64 refusals in a row do not happen"
            );
        }
        tries.push(count);
    }
    assert!(tries.contains(&1) && tries.contains(&2), "{tries:?}");
}

#[tokio::test]
async fn more_pending_jobs_than_allowed_are_refused_and_counted() {
    let mock = Mock::start_with(&["--plan", SLOW, "--pending-jobs-max", "1"]).await;
    mock.submit_accepted(RECORDINGS, "k1", &recording(HOOK, "https://audio/1"))
        .await;
    let refused = mock
        .submit(RECORDINGS, "k2", &recording(HOOK, "https://audio/2"))
        .await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    let metrics = mock.metrics().await;
    assert!(
        metrics.contains(r#"mock_classconnect_bounds_hit_total{bound="pending_jobs"} 1"#),
        "{metrics}"
    );
    assert!(
        metrics.contains(r#"mock_classconnect_rejected_total{reason="overloaded"} 1"#),
        "{metrics}"
    );
    assert!(metrics.contains("mock_classconnect_pending_jobs 1"), "{metrics}");
}

#[tokio::test]
async fn looking_up_needs_the_key_and_a_known_job() {
    let mock = Mock::start(SLOW).await;
    let missing = mock.get("/v1/jobs/job_unknown").send().await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        mock.get("/v1/jobs").send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        mock.get("/v2/nothing").send().await.unwrap().status(),
        StatusCode::NOT_FOUND
    );
    let url = format!("{}/v1/jobs?client_reference_id=x", mock.url);
    assert_eq!(
        reqwest::get(url).await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        API_KEY, "test-key",
        "the table of bad requests spells the key out"
    );
}
