//! Faults on purpose reach the practice API only, and the same request always meets the same one.

use std::time::Duration;

use practice_server::clock::monotonic_ns;
use practice_server::fault::FaultSettings;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::events::{Job, improved};
use crate::fixture::Server;

const USER: &str = "user-1";
const SESSIONS: &str = "/api/v1/practice/sessions";

#[tokio::test]
async fn a_delay_holds_every_answer_back() {
    let delay = Duration::from_millis(40);
    let server = Server::start_with(|config| config.faults.delay = delay).await;
    for user in [USER, "not a user"] {
        let started = monotonic_ns();
        server
            .get(user, &format!("{SESSIONS}/{}", uuid::Uuid::new_v4()))
            .await;
        assert!(Duration::from_nanos(monotonic_ns() - started) >= delay);
    }
}

#[tokio::test]
async fn a_share_of_requests_fails_before_any_work() {
    let faults = FaultSettings {
        error_share: 0.5,
        seed: 3,
        ..FaultSettings::default()
    };
    let server = Server::start_with(|config| config.faults = faults).await;
    let mut accepted = 0;
    for n in 0..40 {
        let body = json!({ "transcript": format!("Transcript {n}."), "language": "en-US" });
        let answer = server.post(USER, SESSIONS, &body).await;
        if answer.status == StatusCode::ACCEPTED {
            accepted += 1;
        } else {
            answer.assert_problem(StatusCode::INTERNAL_SERVER_ERROR);
            assert_eq!(answer.body["type"], "urn:practice:problem:injected-fault");
        }
        assert_eq!(
            server.post(USER, SESSIONS, &body).await.status,
            answer.status,
            "transcript {n}"
        );
    }
    assert!((5..=35).contains(&accepted), "{accepted} of 40");
    assert_eq!(
        server.dispatch().await,
        accepted * 2,
        "a failed request leaves nothing behind"
    );
    assert_eq!(
        server.metric("injected_faults_total").await,
        (80 - accepted * 2) as f64
    );
}

#[tokio::test]
async fn webhooks_health_and_metrics_stay_whole() {
    let faults = FaultSettings {
        error_share: 1.0,
        ..FaultSettings::default()
    };
    let server = Server::start_with(|config| config.faults = faults).await;
    let job = Job {
        job_id: "job_x".to_owned(),
        client_reference_id: "nobody".to_owned(),
    };
    assert_eq!(
        server.deliver(&improved(&job, "Text.")).await.status,
        StatusCode::OK
    );
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(
            server.request(Method::GET, path).send().await.unwrap().status(),
            StatusCode::OK,
            "{path}"
        );
    }
    assert_eq!(
        server.get(USER, &format!("{SESSIONS}/x")).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}
