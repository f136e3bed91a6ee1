//! The pool of connections to PostgreSQL: bounded waits, refusals that say when to come back, and what `/metrics` tells.

use std::num::NonZeroU32;
use std::time::Duration;

use practice_server::clock::{Clock, monotonic_ns};
use practice_server::metrics::Metrics;
use practice_server::store::{DatabaseUrl, PoolSettings, PostgresUrl, Store};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::Executor;

use crate::databases::{Backend, context};
use crate::fixture::Server;

const USER: &str = "user-1";

#[tokio::test]
async fn who_finds_no_connection_in_time_is_refused_and_later_ones_are_served() {
    let server = Server::on_with(Backend::Postgres, |config| {
        config.pool = PoolSettings {
            connections: NonZeroU32::MIN,
            wait: Duration::from_millis(50),
        };
    })
    .await;
    let session = server.practicing(USER).await;
    let database = server.database.as_ref().unwrap();
    let mut holder = database.connect().await;
    holder
        .execute("BEGIN; LOCK TABLE practice_sessions")
        .await
        .unwrap();
    let refused = async {
        // The only connection is in use by now, and stays so until the second request has been refused.
        database.until_waiting(1).await;
        let path = format!("/api/v1/practice/sessions/{session}");
        let answer = server.get(USER, &path).await;
        holder.execute("COMMIT").await.unwrap();
        answer
    };
    let (answered, refused) = tokio::join!(server.session(USER, &session), refused);
    assert_eq!(answered["status"], "practicing");
    refused.assert_problem(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.body["title"], "Service temporarily unavailable");

    assert_eq!(server.metric("db_pool_timeouts_total").await, 1.0);
    assert_eq!(server.metric("db_pool_connections_max").await, 1.0);
    assert_eq!(server.metric("db_pool_connections").await, 1.0);
    assert_eq!(server.metric("db_pool_connections_idle").await, 1.0);
    assert!(server.metric("db_pool_wait_seconds_sum").await >= 0.05);
    assert_eq!(server.session(USER, &session).await["status"], "practicing");
}

#[tokio::test]
async fn what_keeps_a_database_from_being_used_is_told_without_the_password() {
    let server = Server::on(Backend::Postgres).await;
    let DatabaseUrl::Postgres(url) = &server.database.as_ref().unwrap().url else {
        unreachable!()
    };
    let url = url.expose();
    let (before, database) = url.rsplit_once('/').unwrap();
    let password = before.split(['@', ':']).nth(2).unwrap();
    for (wrong, what_to_do) in [
        (format!("{before}/no_such_database"), "create it"),
        (url.replace(password, "wrong"), "check the user, the password"),
        (
            format!("postgres://postgres:{password}@127.0.0.1:1/{database}"),
            "check that it runs",
        ),
    ] {
        let wrong = DatabaseUrl::Postgres(PostgresUrl::parse(&wrong).unwrap());
        let refused = Store::open(&wrong, context(&Clock::system(), &Metrics::new())).await;
        let Err(error) = refused else {
            panic!("{wrong} was opened")
        };
        let sentence = error.to_string();
        assert!(sentence.contains(what_to_do), "{sentence}");
        assert!(!sentence.contains(password), "{sentence}");
    }
}

#[tokio::test]
async fn connections_that_died_are_replaced_without_anybody_noticing() {
    let server = Server::on(Backend::Postgres).await;
    let session = server.created(USER).await;
    let kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND \
                pid <> pg_backend_pid()";
    let mut administrator = server.database.as_ref().unwrap().connect().await;
    administrator.execute(kill).await.unwrap();
    server.session(USER, &session).await;
    administrator.execute(kill).await.unwrap();
    let body = json!({ "transcript": "Hello there.", "language": "en-US" });
    let started = monotonic_ns();
    let answer = server.post(USER, "/api/v1/practice/sessions", &body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert!(Duration::from_nanos(monotonic_ns() - started) < Duration::from_secs(5));
}
