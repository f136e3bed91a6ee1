//! `Idempotency-Key`: the same request twice is done once.

use practice_server::domain::{Language, Refusal, Transcript, UserId};
use practice_server::service::{ActionError, IdempotencyKey, IdempotentRequest};
use practice_server::store::Abort;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::databases::{Backend, on_every_backend};
use crate::fixture::{Answer, Server};

const USER: &str = "user-1";
const SESSIONS: &str = "/api/v1/practice/sessions";

on_every_backend!(
    the_same_request_is_answered_alike_and_done_once,
    another_request_under_the_same_key_is_refused,
    keys_belong_to_their_user,
    a_recording_sent_twice_counts_once,
    a_refusal_is_not_remembered,
    answers_are_remembered_across_a_restart,
    a_key_whose_request_is_under_way_is_a_conflict,
    a_malformed_or_doubled_key_is_refused,
);

async fn post(server: &Server, user: &str, path: &str, key: &str, body: &Value) -> Answer {
    let request = server
        .as_user(user, Method::POST, path)
        .header("idempotency-key", key)
        .json(body);
    Answer::of(request.send().await.unwrap()).await
}

fn transcript(text: &str) -> Value {
    json!({ "transcript": text, "language": "en-US" })
}

async fn the_same_request_is_answered_alike_and_done_once(on: Backend) {
    let server = Server::on(on).await;
    let first = post(&server, USER, SESSIONS, "\"key-1\"", &transcript("Hi.")).await;
    let second = post(&server, USER, SESSIONS, "key-1", &transcript("Hi.")).await;
    assert_eq!(
        (first.status, second.status),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    assert_eq!(first.body, second.body);
    assert_eq!(server.dispatch().await, 1);
}

async fn another_request_under_the_same_key_is_refused(on: Backend) {
    let server = Server::on(on).await;
    post(&server, USER, SESSIONS, "key-1", &transcript("Hi.")).await;
    let other_body = post(&server, USER, SESSIONS, "key-1", &transcript("Ho.")).await;
    other_body.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        other_body.body["type"],
        "urn:practice:problem:idempotency-key-reused"
    );
    let session = server.created(USER).await;
    let path = format!("{SESSIONS}/{session}/improve-transcript");
    let other_path = post(&server, USER, &path, "key-1", &transcript("Hi.")).await;
    assert_eq!(other_path.status, StatusCode::UNPROCESSABLE_ENTITY);
}

async fn keys_belong_to_their_user(on: Backend) {
    let server = Server::on(on).await;
    let mine = post(&server, USER, SESSIONS, "key-1", &transcript("Hi.")).await;
    let yours = post(&server, "user-2", SESSIONS, "key-1", &transcript("Hi.")).await;
    assert_eq!(yours.status, StatusCode::ACCEPTED);
    assert_ne!(mine.body["session_id"], yours.body["session_id"]);
}

async fn a_recording_sent_twice_counts_once(on: Backend) {
    let server = Server::on(on).await;
    let session = server.practicing(USER).await;
    let path = format!("{SESSIONS}/{session}/submit-recording");
    let body =
        json!({ "attempt_type": "sentence", "sentence_index": 0, "audio_url": "https://cdn.example/a.webm" });
    let first = post(&server, USER, &path, "rec-1", &body).await;
    let second = post(&server, USER, &path, "rec-1", &body).await;
    assert_eq!(first.body, second.body);
    assert_eq!(server.session(USER, &session).await["attempt_count"], 1);
}

async fn a_refusal_is_not_remembered(on: Backend) {
    let server = Server::on(on).await;
    let session = server.created(USER).await;
    let path = format!("{SESSIONS}/{session}/start-practice");
    assert_eq!(
        post(&server, USER, &path, "start-1", &json!({})).await.status,
        StatusCode::CONFLICT
    );
    server.dispatch().await;
    server
        .deliver(&crate::events::improved(&server.last_job().await, "Hi."))
        .await;
    assert_eq!(
        post(&server, USER, &path, "start-1", &json!({})).await.status,
        StatusCode::ACCEPTED
    );
}

async fn answers_are_remembered_across_a_restart(on: Backend) {
    let database = on.database().await;
    let server = Server::start_with(|config| config.database = database.url.clone()).await;
    let first = post(&server, USER, SESSIONS, "key-1", &transcript("Hi.")).await;
    let classconnect = server.stop().await;
    let server = Server::start_beside(classconnect, |config| config.database = database.url.clone()).await;
    let second = post(&server, USER, SESSIONS, "key-1", &transcript("Hi.")).await;
    assert_eq!((first.status, &first.body), (second.status, &second.body));
}

async fn a_key_whose_request_is_under_way_is_a_conflict(on: Backend) {
    let server = Server::on(on).await;
    let create = || {
        let key = IdempotencyKey::parse("key-1").unwrap();
        let request = IdempotentRequest::new(key, "POST", SESSIONS, b"body");
        server.app.service().create_practice_session(
            UserId::parse(USER).unwrap(),
            Transcript::parse("Hi.".to_owned()).unwrap(),
            Language::parse("en".to_owned()).unwrap(),
            Some(request),
        )
    };
    // The first is polled first, and has to wait for its commit.
    let (first, second) = tokio::join!(create(), create());
    let first = first.unwrap();
    assert!(
        matches!(
            second,
            Err(ActionError::NotWritten(Abort::Refused(Refusal::KeyInFlight)))
        ),
        "{second:?}"
    );
    assert_eq!(create().await.unwrap(), first);
}

async fn a_malformed_or_doubled_key_is_refused(on: Backend) {
    let server = Server::on(on).await;
    for key in ["", "\"open", "two words"] {
        let answer = post(&server, USER, SESSIONS, key, &transcript("Hi.")).await;
        answer.assert_problem(StatusCode::BAD_REQUEST);
    }
    let request = server
        .as_user(USER, Method::POST, SESSIONS)
        .header("idempotency-key", "a")
        .header("idempotency-key", "b")
        .json(&transcript("Hi."));
    Answer::of(request.send().await.unwrap())
        .await
        .assert_problem(StatusCode::BAD_REQUEST);
    assert_eq!(server.dispatch().await, 0);
}
