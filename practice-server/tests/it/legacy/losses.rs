//! The queue sends each request at most once. What is lost is answered in bounded time and leaves nothing hanging.

use std::time::Duration;

use practice_server::rollout::DirectPercent;
use practice_server::store::PostgresUrl;
use reqwest::StatusCode;
use serde_json::json;
use sqlx::{Connection, PgConnection};
use throwaway_postgres::{Cluster, Settings, StopMode};

use super::{Running, SESSIONS};
use crate::databases::postgres_database;

const USER: &str = "user-1";

/// Long enough for a triggered function on a busy machine, short enough for a test that waits it out.
const WAIT: Duration = Duration::from_secs(5);

async fn impatient() -> Running {
    Running::start(postgres_database().await, |config| {
        config.legacy.direct_percent = Some(DirectPercent::NOBODY);
        config.legacy.trigger_wait = WAIT;
    })
    .await
}

#[tokio::test]
async fn without_triggers_the_answer_is_a_bounded_error_and_with_them_it_works_again() {
    let mut server = impatient().await;
    server.sql("SELECT disable_practice_triggers()").await;
    let lost = server.create(USER).await;
    lost.assert_problem(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(lost.body["type"], "urn:practice:problem:trigger-overdue");
    assert_eq!(server.metric("triggers_overdue_total").await, 1.0);
    let status: String = server.value("SELECT status FROM practice_sessions").await;
    assert_eq!(status, "created", "nobody has done the work");
    let hooks: i64 = server
        .value("SELECT count(*) FROM supabase_functions.hooks")
        .await;
    assert_eq!(hooks, 0);

    server.sql("SELECT enable_practice_triggers()").await;
    server.practicing(USER).await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_the_function_refuses_is_lost_and_not_repeated() {
    let server = impatient().await;
    // The worker tells the triggers of its functions when it starts, and so has done it by now.
    server.created(USER).await;
    server
        .sql("UPDATE supabase_functions.edge_settings SET headers = '{\"Authorization\": \"Bearer wrong\"}'")
        .await;
    server
        .create(USER)
        .await
        .assert_problem(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        server
            .metric("legacy_requests_lost_total{reason=\"status\"}")
            .await,
        1.0
    );
    let waiting: i64 = server.value("SELECT count(*) FROM net.http_request_queue").await;
    assert_eq!(waiting, 0, "it is not kept for a second try");
    server.stop().await;
}

#[tokio::test]
async fn a_request_for_another_address_is_not_sent() {
    let server = impatient().await;
    server.created(USER).await;
    server
        .sql("UPDATE supabase_functions.edge_settings SET base_url = 'http://127.0.0.1:9'")
        .await;
    server
        .create(USER)
        .await
        .assert_problem(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(
        server
            .metric("legacy_requests_lost_total{reason=\"connection\"}")
            .await,
        1.0
    );
    server.stop().await;
}

#[tokio::test]
async fn a_lost_recording_does_not_keep_the_session_waiting() {
    let mut server = impatient().await;
    let session = server.practicing(USER).await;
    server.sql("SELECT disable_practice_triggers()").await;
    server
        .submit(USER, &session, 0)
        .await
        .assert_problem(StatusCode::GATEWAY_TIMEOUT);
    let failed: String = server.value("SELECT status FROM practice_attempts").await;
    assert_eq!(failed, "failed");
    // A function that comes after all finds nothing to do.
    server.sql("SELECT enable_practice_triggers()").await;
    server.complete(USER, &session).await;
    let row = server.get(USER, &format!("{SESSIONS}/{session}")).await;
    assert_eq!(row["status"], "completed");
    server.stop().await;
}

#[tokio::test]
async fn the_worker_comes_back_with_the_database() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    cluster.create_database("practice").await.unwrap();
    let url = PostgresUrl::parse(&cluster.url_of("practice")).unwrap();
    let mut server = Running::start(url, |config| {
        config.legacy.direct_percent = Some(DirectPercent::NOBODY);
    })
    .await;
    server.created(USER).await;
    server.next_job("/v1/transcript-improvements").await;
    // A crash: the queue and its answers are not there any more afterwards.
    cluster.stop_server(StopMode::Immediate).await.unwrap();
    server
        .create(USER)
        .await
        .assert_problem(StatusCode::SERVICE_UNAVAILABLE);
    cluster.start_server().await.unwrap();
    server.until_ready().await;
    server.practicing(USER).await;
    server.stop().await;
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_recording_whose_backend_died_is_given_up_by_its_successor() {
    let database = postgres_database().await;
    let mut connection = PgConnection::connect(database.expose()).await.unwrap();
    sqlx::raw_sql(
        "INSERT INTO practice_sessions (id, user_id, status, transcript, language, created_at, updated_at) VALUES \
         ('00000000-0000-4000-8000-000000000001', 'user-1', 'practicing', 'Hi.', 'en', now(), now()); \
         SELECT disable_practice_triggers(); \
         INSERT INTO practice_attempts (id, session_id, user_id, attempt_type, audio_url, status, created_at, updated_at, \
         architecture) SELECT gen_random_uuid(), '00000000-0000-4000-8000-000000000001', 'user-1', 'full_transcript', \
         'https://cdn.example/a.webm', 'processing', now() - age, now(), 'trigger' FROM unnest(ARRAY[interval '1 hour', \
         interval '0']) AS ages (age); \
         SELECT enable_practice_triggers()",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let server = Running::start(database, |_| {}).await;
    // The older one is nobody's; the younger one may still be waited for by another server.
    let statuses = "SELECT string_agg(status, ',' ORDER BY created_at) FROM practice_attempts";
    server.until(statuses, "failed,processing").await;
    server.stop().await;
}

#[tokio::test]
async fn a_lost_start_can_be_asked_for_again() {
    let mut server = impatient().await;
    let session = server.created(USER).await;
    let job = server.next_job("/v1/transcript-improvements").await;
    server
        .deliver(&crate::events::improved(&job, "One two three."))
        .await;
    server.sql("SELECT disable_practice_triggers()").await;
    server
        .start_practice(USER, &session)
        .await
        .assert_problem(StatusCode::GATEWAY_TIMEOUT);
    server.sql("SELECT enable_practice_triggers()").await;
    assert_eq!(
        server.start_practice(USER, &session).await.status,
        StatusCode::ACCEPTED
    );
    server.next_job("/v1/sentence-extractions").await;
    server.stop().await;
}

#[tokio::test]
async fn an_edge_function_does_its_work_once_and_only_for_the_queue() {
    let mut server = Running::with_triggers().await;
    let session = server.created(USER).await;
    server.next_job("/v1/transcript-improvements").await;
    let url = format!("{}/functions/v1/auto-improve-transcript", server.url);
    let payload =
        json!({ "type": "INSERT", "record": { "id": session, "user_id": USER, "transcript": "x" } });
    for key in [None, Some("wrong"), Some(crate::fixture::API_KEY)] {
        let mut request = server.http.post(&url).json(&payload);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let authorization: String = server
        .value("SELECT headers ->> 'Authorization' FROM supabase_functions.edge_settings")
        .await;
    let again = server
        .http
        .post(&url)
        .header("authorization", &authorization)
        .json(&payload);
    let answer = crate::fixture::Answer::of(again.send().await.unwrap()).await;
    assert_eq!(
        (answer.status, &answer.body),
        (StatusCode::OK, &json!({ "result": "nothing to do" }))
    );
    let unknown = server
        .http
        .post(format!("{}/functions/v1/other", server.url))
        .header("authorization", &authorization)
        .json(&payload);
    assert_eq!(unknown.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let calls: i64 = server.value("SELECT count(*) FROM classconnect_calls").await;
    assert_eq!(calls, 1);
    server.stop().await;
}
