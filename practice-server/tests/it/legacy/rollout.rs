//! Both architectures side by side, and a flag that moves users between them.

use practice_server::rollout::DirectPercent;
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use super::{Running, operator_token};
use crate::databases::postgres_database;
use crate::fixture::Server;

/// Their places among the hundred are 1 and 27.
const EARLY: &str = "user-2";
const LATER: &str = "user-1";

async fn at(percent: u64) -> Running {
    Running::start(postgres_database().await, |config| {
        config.legacy.direct_percent = Some(DirectPercent::try_new(percent).unwrap());
    })
    .await
}

#[tokio::test]
async fn both_architectures_serve_side_by_side_and_a_session_stays_where_it_began() {
    let mut server = at(10).await;
    let direct = server.practicing(EARLY).await;
    let triggered = server.practicing(LATER).await;
    assert_eq!(server.architecture_of(&direct).await, "direct");
    assert_eq!(server.architecture_of(&triggered).await, "trigger");

    let answer = server
        .send(
            Method::PUT,
            "/admin/v1/rollout",
            &operator_token(),
            Some(&json!({ "direct_percent": 50 })),
        )
        .await;
    assert_eq!(
        (answer.status, &answer.body),
        (StatusCode::OK, &json!({ "direct_percent": 50 }))
    );
    // New sessions of the later user begin directly from now on; the old one goes on by triggers.
    server.complete(EARLY, &direct).await;
    server.complete(LATER, &triggered).await;
    let triggered_attempts: i64 = server
        .value("SELECT count(*) FROM practice_attempts WHERE architecture = 'trigger'")
        .await;
    assert_eq!(triggered_attempts, 3);
    let fresh = server.created(LATER).await;
    assert_eq!(server.architecture_of(&fresh).await, "direct");
    // Its session, its start and its three recordings, and nothing of the direct ones.
    let hooks: i64 = server
        .value("SELECT count(*) FROM supabase_functions.hooks")
        .await;
    assert_eq!(hooks, 5);
    server.stop().await;
}

#[tokio::test]
async fn a_flag_that_somebody_else_sets_is_taken_over() {
    let database = postgres_database().await;
    let server = Server::start_with(|config| {
        config.database = practice_server::store::DatabaseUrl::Postgres(database.clone());
    })
    .await;
    assert!(
        server.app.rollout().percent().is_everybody(),
        "a new database serves directly"
    );
    let mut connection = PgConnection::connect(database.expose()).await.unwrap();
    sqlx::raw_sql("UPDATE feature_flags SET percent = 30 WHERE name = 'direct_percent'")
        .execute(&mut connection)
        .await
        .unwrap();
    server.app.rollout().refresh().await.unwrap();
    assert_eq!(server.app.rollout().percent().get(), 30);
    assert_eq!(server.metric("rollout_direct_percent").await, 30.0);

    sqlx::raw_sql("DELETE FROM feature_flags")
        .execute(&mut connection)
        .await
        .unwrap();
    server.app.rollout().refresh().await.unwrap();
    assert_eq!(
        server.app.rollout().percent().get(),
        30,
        "a missing flag changes nothing"
    );
    let impossible =
        sqlx::raw_sql("INSERT INTO feature_flags (name, percent) VALUES ('direct_percent', 101)")
            .execute(&mut connection)
            .await;
    assert!(
        impossible
            .unwrap_err()
            .to_string()
            .contains("chk_feature_flags_percent")
    );
    server.stop().await;
}

#[tokio::test]
async fn a_running_server_reads_the_flag_by_itself() {
    let server = at(0).await;
    server
        .sql("UPDATE feature_flags SET percent = 100 WHERE name = 'direct_percent'")
        .await;
    // The server has no event to tell of; each look is a request that it answers, until the answer is the new flag.
    let read = async || {
        server
            .send(Method::GET, "/admin/v1/rollout", &operator_token(), None)
            .await
    };
    let seen = tokio::time::timeout(super::NEVER, async {
        while read().await.body != json!({ "direct_percent": 100 }) {
            tokio::task::yield_now().await;
        }
    });
    seen.await.expect("the flag was never read");
    let session = server.created(LATER).await;
    assert_eq!(server.architecture_of(&session).await, "direct");
    server.stop().await;
}

#[tokio::test]
async fn a_restart_leaves_the_flag_as_it_was() {
    let server = at(40).await;
    assert_eq!(server.metric("rollout_direct_percent").await, 40.0);
    let database = server.database.clone();
    server.stop().await;
    let server = Running::start(database, |_| {}).await;
    assert_eq!(server.metric("rollout_direct_percent").await, 40.0);
    server.stop().await;
}
