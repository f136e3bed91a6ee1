//! Trouble of the direct architecture on demand: whom it reaches, and who may ask for it.

use std::time::Duration;

use practice_server::clock::monotonic_ns;
use practice_server::rollout::DirectPercent;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Running, SESSIONS, operator_token};
use crate::databases::postgres_database;
use crate::fixture::{Answer, Server, token};

const DEGRADATION: &str = "/admin/v1/degradation";
/// Their places among the hundred are 1 and 27.
const EARLY: &str = "user-2";
const LATER: &str = "user-1";

async fn degrade(server: &Server, token: &str, body: &Value) -> Answer {
    let request = server.request(Method::PUT, DEGRADATION).bearer_auth(token);
    Answer::of(request.json(body).send().await.unwrap()).await
}

#[tokio::test]
async fn an_operator_makes_actions_fail_and_be_late_and_heals_them_again() {
    let server = Server::start_with(|config| config.drills = true).await;
    let operator = operator_token();
    let session = server.practicing("user-1").await;

    let answer = degrade(&server, &operator, &json!({ "error_rate": "100%" })).await;
    assert_eq!(
        (answer.status, &answer.body),
        (StatusCode::OK, &json!({ "error_rate": "100%" }))
    );
    let submission = format!("{SESSIONS}/{session}/submit-recording");
    let recording =
        json!({ "attempt_type": "sentence", "sentence_index": 0, "audio_url": "https://cdn.example/a.webm" });
    let failed = server.post("user-1", &submission, &recording).await;
    failed.assert_problem(StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(failed.body["type"], "urn:practice:problem:injected-fault");
    assert_eq!(server.metric("injected_faults_total").await, 1.0);
    // Reads are part of neither architecture, and what cannot be found is said as ever.
    assert_eq!(server.session("user-1", &session).await["status"], "practicing");
    let nowhere = format!("{SESSIONS}/{}/start-practice", uuid::Uuid::new_v4());
    server
        .post("user-1", &nowhere, &json!({}))
        .await
        .assert_problem(StatusCode::NOT_FOUND);

    let delay = Duration::from_millis(40);
    degrade(&server, &operator, &json!({ "delay": "40ms" })).await;
    let started = monotonic_ns();
    assert_eq!(
        server.post("user-1", &submission, &recording).await.status,
        StatusCode::ACCEPTED
    );
    assert!(Duration::from_nanos(monotonic_ns() - started) >= delay);

    degrade(&server, &operator, &json!({ "error_rate": "100%" })).await;
    degrade(&server, &operator, &json!({})).await;
    server.submit("user-1", &session, 1).await;
}

#[tokio::test]
async fn only_operators_of_a_server_in_a_drill_degrade_it() {
    let worse = json!({ "error_rate": "50%" });
    let server = Server::start().await;
    let refused = degrade(&server, &operator_token(), &worse).await;
    refused.assert_problem(StatusCode::CONFLICT);
    assert!(refused.text("detail").contains("--drills"), "{refused:?}");
    degrade(&server, &token("user-1"), &worse)
        .await
        .assert_problem(StatusCode::FORBIDDEN);

    let server = Server::start_with(|config| config.drills = true).await;
    for (body, told) in [
        (json!({ "delay": "300" }), "`delay`"),
        (json!({ "delay": "21s" }), "at most 20 s"),
        (json!({ "error_rate": "120%" }), "`error_rate`"),
        (json!({ "error_rate": 0.5 }), "string"),
        (json!({ "errors": "50%" }), "unknown field"),
    ] {
        let answer = degrade(&server, &operator_token(), &body).await;
        answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text("detail").contains(told), "{answer:?}");
    }
    server.created("user-1").await;
}

#[tokio::test]
async fn the_trigger_architecture_stays_well() {
    let mut server = Running::start(postgres_database().await, |config| {
        config.drills = true;
        config.legacy.direct_percent = Some(DirectPercent::try_new(10).unwrap());
    })
    .await;
    let direct = server.practicing(EARLY).await;
    let worse = json!({ "error_rate": "100%" });
    let answer = server
        .send(Method::PUT, DEGRADATION, &operator_token(), Some(&worse))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let failed = [server.create(EARLY).await, server.submit(EARLY, &direct, 0).await];
    for answer in failed {
        answer.assert_problem(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let triggered = server.practicing(LATER).await;
    server.complete(LATER, &triggered).await;
    server.stop().await;
}
