//! The operators' routes: who may use them, and what they say.

use practice_server::legacy::BootProfile;
use practice_server::rollout::DirectPercent;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Running, operator_token};
use crate::databases::postgres_database;
use crate::fixture::{Answer, Server, token};

const ROLLOUT: &str = "/admin/v1/rollout";
const ARCHITECTURE: &str = "/admin/v1/architecture";

async fn send(
    server: &Server,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: Option<&Value>,
) -> Answer {
    let mut request = server.request(method, path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test]
async fn only_operators_are_let_in() {
    let server = Server::start().await;
    let (user, operator) = (token("user-1"), operator_token());
    let forged = format!("{operator}x");
    for (method, path) in [
        (Method::GET, ROLLOUT),
        (Method::PUT, ROLLOUT),
        (Method::GET, ARCHITECTURE),
    ] {
        let body = (method == Method::PUT).then(|| json!({ "direct_percent": 100 }));
        for (token, status) in [
            (None, StatusCode::UNAUTHORIZED),
            (Some(forged.as_str()), StatusCode::UNAUTHORIZED),
            (Some(user.as_str()), StatusCode::FORBIDDEN),
        ] {
            let answer = send(&server, method.clone(), path, token, body.as_ref()).await;
            answer.assert_problem(status);
        }
        let answer = send(&server, method.clone(), path, Some(&operator), body.as_ref()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    // An operator is not a user.
    let request = server
        .request(
            Method::GET,
            "/api/v1/practice/sessions/00000000-0000-4000-8000-000000000000",
        )
        .header("apikey", crate::fixture::API_KEY)
        .bearer_auth(&operator);
    Answer::of(request.send().await.unwrap())
        .await
        .assert_problem(StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sqlite_serves_directly_and_says_why() {
    let server = Server::start().await;
    let operator = operator_token();
    let flag = send(&server, Method::GET, ROLLOUT, Some(&operator), None).await;
    assert_eq!(flag.body, json!({ "direct_percent": 100 }));
    let half = json!({ "direct_percent": 50 });
    let refused = send(&server, Method::PUT, ROLLOUT, Some(&operator), Some(&half)).await;
    refused.assert_problem(StatusCode::CONFLICT);
    assert!(refused.text("detail").contains("PostgreSQL"), "{refused:?}");
    let about = send(&server, Method::GET, ARCHITECTURE, Some(&operator), None).await;
    assert_eq!(about.body["model"], false);
    // There are no edge functions either.
    let edge = send(
        &server,
        Method::POST,
        "/functions/v1/auto-start-practice",
        None,
        Some(&json!({})),
    )
    .await;
    edge.assert_problem(StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_flag_that_is_no_percentage_is_refused() {
    let server = Server::start().await;
    let operator = operator_token();
    for body in [
        json!({ "direct_percent": 101 }),
        json!({ "direct_percent": -1 }),
        json!({ "direct_percent": 12.5 }),
        json!({ "direct_percent": 50, "other": 1 }),
        json!({}),
    ] {
        let answer = send(&server, Method::PUT, ROLLOUT, Some(&operator), Some(&body)).await;
        answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
    }
}

#[tokio::test]
async fn the_server_says_that_the_trigger_architecture_is_a_model_and_what_is_injected() {
    let server = Running::start(postgres_database().await, |config| {
        config.legacy.direct_percent = Some(DirectPercent::NOBODY);
        config.legacy.delays.profile = BootProfile::Supabase202507;
    })
    .await;
    let about = server
        .send(Method::GET, ARCHITECTURE, &operator_token(), None)
        .await;
    assert_eq!(about.status, StatusCode::OK, "{about:?}");
    assert_eq!(about.body["model"], true);
    assert_eq!(about.body["direct_percent"], 0);
    assert_eq!(about.body["queue"]["worker"], "pg-net-0-20");
    assert_eq!(about.body["edge_functions"]["boot"], "supabase-2025-07");
    let notes = about.body["notes"].to_string();
    assert!(
        notes.contains("Injected: 100 %") && notes.contains("July 2025"),
        "{notes}"
    );
    server.stop().await;
}
