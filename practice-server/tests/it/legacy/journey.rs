//! The whole way of a learner whose work is started by triggers.

use practice_server::legacy::QueueProfile;
use practice_server::rollout::DirectPercent;
use reqwest::{Method, StatusCode};
use serde_json::json;

use super::{Running, SESSIONS};
use crate::databases::postgres_database;
use crate::fixture::{Answer, token};

const USER: &str = "user-1";

#[tokio::test]
async fn a_learner_comes_from_a_transcript_to_a_score() {
    let mut server = Running::with_triggers().await;
    let answer = server.create(USER).await;
    let session = answer.text("session_id");
    let expected = json!({
        "status": "processing",
        "session_id": session,
        "message": "Analysis started",
        "estimated_completion": "2-5 seconds",
    });
    assert_eq!((answer.status, &answer.body), (StatusCode::ACCEPTED, &expected));
    // The answer waited for the triggered function, so the status is set by now.
    let path = format!("{SESSIONS}/{session}");
    assert_eq!(server.get(USER, &path).await["status"], "processing");
    assert_eq!(server.architecture_of(&session).await, "trigger");

    let job = server.next_job("/v1/transcript-improvements").await;
    server
        .deliver(&crate::events::improved(
            &job,
            "One two three. Four five six. Seven eight nine.",
        ))
        .await;
    assert_eq!(server.start_practice(USER, &session).await.body, expected);
    assert_eq!(server.get(USER, &path).await["status"], "processing");
    let job = server.next_job("/v1/sentence-extractions").await;
    server
        .deliver(&crate::events::extracted(&job, &crate::fixture::SENTENCES))
        .await;
    server.complete(USER, &session).await;

    let row = server.get(USER, &path).await;
    assert_eq!(
        (&row["status"], &row["attempt_count"]),
        (&json!("completed"), &json!(3))
    );
    assert_eq!(row["pronunciation_score"], 88.5);
    assert!(row.get("architecture").is_none(), "internal columns are not told");
    // One request each for the session, the start and three recordings, all of them answered.
    let hooks: i64 = server
        .value("SELECT count(*) FROM supabase_functions.hooks")
        .await;
    assert_eq!(hooks, 5);
    let attempts: i64 = server
        .value(
            "SELECT count(*) FROM practice_attempts WHERE architecture = 'trigger' AND status = 'completed'",
        )
        .await;
    assert_eq!(attempts, 3);
    assert_eq!(
        server
            .metric("practice_actions_total{architecture=\"trigger\"}")
            .await,
        5.0
    );
    assert_eq!(
        server
            .metric("practice_actions_total{architecture=\"direct\"}")
            .await,
        0.0
    );
    server.stop().await;
}

#[tokio::test]
async fn the_older_worker_serves_too() {
    let mut server = Running::start(postgres_database().await, |config| {
        config.legacy.direct_percent = Some(DirectPercent::NOBODY);
        config.legacy.queue = QueueProfile::PgNet014;
    })
    .await;
    let session = server.practicing(USER).await;
    assert_eq!(server.architecture_of(&session).await, "trigger");
    server.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_refused_as_in_direct_calls() {
    let mut server = Running::with_triggers().await;
    let created = server.created(USER).await;
    server
        .start_practice(USER, &created)
        .await
        .assert_problem(StatusCode::CONFLICT);
    server
        .submit(USER, &created, 0)
        .await
        .assert_problem(StatusCode::CONFLICT);
    server.next_job("/v1/transcript-improvements").await;

    let session = server.practicing(USER).await;
    for (user, path, body, status) in [
        (
            USER,
            "submit-recording",
            json!({ "attempt_type": "sentence", "sentence_index": 9, "audio_url": "https://cdn.example/a.webm" }),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "somebody-else",
            "submit-recording",
            json!({ "attempt_type": "sentence", "sentence_index": 0, "audio_url": "https://cdn.example/a.webm" }),
            StatusCode::NOT_FOUND,
        ),
        (
            "somebody-else",
            "start-practice",
            json!({}),
            StatusCode::NOT_FOUND,
        ),
        (USER, "start-practice", json!({}), StatusCode::CONFLICT),
    ] {
        let path = format!("{SESSIONS}/{session}/{path}");
        server.post(user, &path, &body).await.assert_problem(status);
    }
    let empty = server
        .post(USER, SESSIONS, &json!({ "transcript": "", "language": "en-US" }))
        .await;
    empty.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
    let attempts: i64 = server.value("SELECT count(*) FROM practice_attempts").await;
    assert_eq!(attempts, 0, "a refused recording leaves nothing behind");
    server.stop().await;
}

#[tokio::test]
async fn an_idempotency_key_is_honoured_across_the_trigger() {
    let server = Running::with_triggers().await;
    let create = async || {
        let request = server
            .http
            .request(Method::POST, format!("{}{SESSIONS}", server.url))
            .header("apikey", crate::fixture::API_KEY)
            .header("idempotency-key", "key-1")
            .bearer_auth(token(USER))
            .json(&json!({ "transcript": "Hi.", "language": "en-US" }));
        Answer::of(request.send().await.unwrap()).await
    };
    let (first, second) = (create().await, create().await);
    assert_eq!((first.status, &first.body), (StatusCode::ACCEPTED, &second.body));
    assert_eq!(second.status, StatusCode::ACCEPTED);
    let sessions: i64 = server.value("SELECT count(*) FROM practice_sessions").await;
    assert_eq!(sessions, 1);
    server.stop().await;
}

#[tokio::test]
async fn two_servers_on_one_database_share_a_worker_and_one_takes_over_from_the_other() {
    let mut first = Running::with_triggers().await;
    first.created(USER).await;
    first.next_job("/v1/transcript-improvements").await;
    let mut second = Running::start(first.database.clone(), |_| {}).await;
    second.created(USER).await;
    let answers = "SELECT string_agg(content, ',') FROM net._http_response";
    let done = r#"{"result":"done"}"#;
    second.until(answers, &[done, done].join(",")).await;

    let url = second.url.clone();
    first.stop().await;
    second
        .until("SELECT base_url FROM supabase_functions.edge_settings", &url)
        .await;
    second.created(USER).await;
    second.next_job("/v1/transcript-improvements").await;
    second.until(answers, &[done, done, done].join(",")).await;
    second.stop().await;
}
