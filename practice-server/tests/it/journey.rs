//! The whole way of a learner, and what each of the two updates may write.

use std::collections::BTreeSet;

use practice_server::domain::{ColumnOwner, attempt_column_owner, session_column_owner};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::databases::{Backend, on_every_backend};
use crate::events::{analysed, extracted, failure, improved};
use crate::fixture::{SENTENCES, Server};

const USER: &str = "user-1";

on_every_backend!(
    a_learner_comes_from_a_transcript_to_a_score,
    every_202_has_the_same_shape,
    classconnect_is_asked_for_what_the_learner_did,
    a_failed_recording_fails_its_attempt_and_not_the_session,
    a_failed_improvement_fails_the_session,
    a_soft_error_is_a_failure_and_not_a_score_of_zero,
    each_update_writes_its_own_columns_only,
);

async fn a_learner_comes_from_a_transcript_to_a_score(on: Backend) {
    let server = Server::on(on).await;
    let session = server.created(USER).await;
    let row = server.session(USER, &session).await;
    assert_eq!(row["status"], "processing");
    assert_eq!(row["user_id"], USER);

    assert_eq!(server.dispatch().await, 1);
    let job = server.last_job().await;
    assert_eq!(job.client_reference_id, session);
    server.deliver(&improved(&job, &SENTENCES.join(" "))).await;
    let row = server.session(USER, &session).await;
    assert_eq!(row["status"], "ready");
    assert_eq!(row["improved_transcript"], SENTENCES.join(" "));

    let path = format!("/api/v1/practice/sessions/{session}/start-practice");
    assert_eq!(
        server.post(USER, &path, &json!({})).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(server.session(USER, &session).await["status"], "processing");
    server.dispatch().await;
    server
        .deliver(&extracted(&server.last_job().await, &SENTENCES))
        .await;
    let row = server.session(USER, &session).await;
    assert_eq!(row["status"], "practicing");
    assert_eq!(row["sentences"][2]["text"], SENTENCES[2]);

    for (index, score) in [(0, 90.0), (1, 70.0), (2, 85.0)] {
        let attempt = server.submit(USER, &session, index).await;
        assert_eq!(server.session(USER, &session).await["status"], "analyzing");
        assert_eq!(server.attempt(USER, &attempt).await["status"], "processing");
        assert_eq!(server.dispatch().await, 1);
        assert_eq!(server.attempt(USER, &attempt).await["status"], "analyzing");
        server.deliver(&analysed(&server.last_job().await, score)).await;
        let row = server.attempt(USER, &attempt).await;
        assert_eq!(row["status"], "completed");
        assert_eq!(row["pronunciation_score"], score);
        assert_eq!(row["is_passed"], score >= 80.0);
        let status = if index == 2 { "completed" } else { "practicing" };
        assert_eq!(server.session(USER, &session).await["status"], status);
    }

    let row = server.session(USER, &session).await;
    assert_eq!(row["pronunciation_score"], 81.67);
    assert_eq!(row["pronunciation_analysis"]["is_passed"], false);
    assert_eq!(row["attempt_count"], 3);
    assert_eq!(row["current_sentence_index"], 2);
    assert_eq!(
        server.session(USER, &session).await,
        row,
        "nothing changes any more"
    );
}

async fn every_202_has_the_same_shape(on: Backend) {
    let server = Server::on(on).await;
    let body = json!({ "transcript": "Hello there.", "language": "en-US" });
    let answer = server.post(USER, "/api/v1/practice/sessions", &body).await;
    let expected = json!({
        "status": "processing",
        "session_id": answer.body["session_id"],
        "message": "Analysis started",
        "estimated_completion": "2-5 seconds",
    });
    assert_eq!(answer.body, expected);

    server.dispatch().await;
    let session = server.practicing(USER).await;
    let body = json!({ "attempt_type": "full_transcript", "audio_url": "https://cdn.example/a.webm" });
    let path = format!("/api/v1/practice/sessions/{session}/submit-recording");
    let answer = server.post(USER, &path, &body).await;
    let expected = json!({
        "status": "processing",
        "session_id": session,
        "attempt_id": answer.body["attempt_id"],
        "message": "Analysis started",
        "estimated_completion": "2-5 seconds",
    });
    assert_eq!(answer.body, expected);
}

async fn classconnect_is_asked_for_what_the_learner_did(on: Backend) {
    let server = Server::on(on).await;
    let session = server.practicing(USER).await;
    let body = json!({
        "attempt_type": "word", "sentence_index": 1, "word_index": 2, "audio_url": "https://cdn.example/w.webm",
    });
    let path = format!("/api/v1/practice/sessions/{session}/submit-recording");
    let attempt = server.post(USER, &path, &body).await.text("attempt_id");
    server.dispatch().await;
    let calls = server.calls().await;
    let call = calls.last().unwrap();
    assert_eq!(call.url.path(), "/v1/recording-analyses");
    assert_eq!(call.headers["authorization"], "Bearer classconnect-key");
    let sent: Value = serde_json::from_slice(&call.body).unwrap();
    let expected = json!({
        "client_reference_id": attempt,
        "webhook_url": format!("{}/api/v1/webhooks/classconnect", server.url),
        "attempt_type": "word",
        "expected_text": "six",
        "sentence_index": 1,
        "word_context": { "word": "six", "word_index": 2 },
        "audio_url": "https://cdn.example/w.webm",
        "language": "en-US",
    });
    assert_eq!(sent, expected);
    let row = server.session(USER, &session).await;
    assert_eq!(
        (&row["current_sentence_index"], &row["current_word_index"]),
        (&json!(1), &json!(2))
    );
}

async fn a_failed_recording_fails_its_attempt_and_not_the_session(on: Backend) {
    let server = Server::on(on).await;
    let session = server.practicing(USER).await;
    let attempt = server.submit(USER, &session, 0).await;
    server.dispatch().await;
    let job = server.last_job().await;
    let event = classconnect_api::WebhookEvent::RecordingAnalysisFailed(failure(&job, "no words"));
    server.deliver(&event).await;
    let row = server.attempt(USER, &attempt).await;
    assert_eq!(row["status"], "failed");
    assert!(row["error_message"].as_str().unwrap().contains("no words"));
    assert_eq!(server.session(USER, &session).await["status"], "practicing");
}

async fn a_failed_improvement_fails_the_session(on: Backend) {
    let server = Server::on(on).await;
    let session = server.created(USER).await;
    server.dispatch().await;
    let job = server.last_job().await;
    let event = classconnect_api::WebhookEvent::TranscriptImprovementFailed(failure(&job, "too odd"));
    server.deliver(&event).await;
    let row = server.session(USER, &session).await;
    assert_eq!(row["status"], "failed");
    assert!(row["error_message"].as_str().unwrap().contains("too odd"));
    let path = format!("/api/v1/practice/sessions/{session}/start-practice");
    server
        .post(USER, &path, &json!({}))
        .await
        .assert_problem(StatusCode::CONFLICT);
}

async fn a_soft_error_is_a_failure_and_not_a_score_of_zero(on: Backend) {
    let server = Server::on(on).await;
    let session = server.practicing(USER).await;
    let attempt = server.submit(USER, &session, 0).await;
    server.dispatch().await;
    let mut analysis = crate::events::analysis(&server.last_job().await, 0.0);
    analysis.status = classconnect_api::recording_analysis::AnalysisStatus::Error;
    let event = classconnect_api::WebhookEvent::RecordingAnalysisCompleted(Box::new(analysis));
    server.deliver(&event).await;
    let row = server.attempt(USER, &attempt).await;
    assert_eq!(
        (&row["status"], &row["pronunciation_score"]),
        (&json!("failed"), &Value::Null)
    );
}

async fn each_update_writes_its_own_columns_only(on: Backend) {
    let server = Server::on(on).await;
    let session = server.ready(USER).await;
    let path = format!("/api/v1/practice/sessions/{session}/start-practice");

    let before = server.session(USER, &session).await;
    server.post(USER, &path, &json!({})).await;
    server.dispatch().await;
    let after = server.session(USER, &session).await;
    assert_owners(&before, &after, session_column_owner, ColumnOwner::Backend);

    server
        .deliver(&extracted(&server.last_job().await, &SENTENCES))
        .await;
    let extracted = server.session(USER, &session).await;
    assert_owners(&after, &extracted, session_column_owner, ColumnOwner::Webhook);

    for index in 0..3 {
        let before = server.session(USER, &session).await;
        let attempt = server.submit(USER, &session, index).await;
        let submitted = server.session(USER, &session).await;
        assert_owners(&before, &submitted, session_column_owner, ColumnOwner::Backend);

        let inserted = server.attempt(USER, &attempt).await;
        server.dispatch().await;
        let sent = server.attempt(USER, &attempt).await;
        assert_owners(&inserted, &sent, attempt_column_owner, ColumnOwner::Backend);

        server.deliver(&analysed(&server.last_job().await, 80.0)).await;
        let completed = server.attempt(USER, &attempt).await;
        assert_owners(&sent, &completed, attempt_column_owner, ColumnOwner::Webhook);
        let settled = server.session(USER, &session).await;
        assert_owners(&submitted, &settled, session_column_owner, ColumnOwner::Webhook);
    }
}

/// Asserts that only columns of `owner`, or of both, differ between two readings of a row, that something does
/// differ, and that every column has an owner.
#[track_caller]
fn assert_owners(
    before: &Value,
    after: &Value,
    owner_of: impl Fn(&str) -> Option<ColumnOwner>,
    owner: ColumnOwner,
) {
    let after = after.as_object().unwrap();
    let changed: BTreeSet<&str> = after
        .iter()
        .filter(|(column, value)| before[column.as_str()] != **value)
        .map(|(column, _)| column.as_str())
        .collect();
    assert!(
        changed.contains("status") || changed.contains("sentences"),
        "nothing happened: {changed:?}"
    );
    for column in after.keys() {
        assert!(owner_of(column).is_some(), "{column} has no owner");
    }
    for column in changed {
        let actual = owner_of(column);
        assert!(
            actual == Some(owner) || actual == Some(ColumnOwner::Both),
            "{column} is written by {owner:?}, but its owner is {actual:?}"
        );
    }
}
