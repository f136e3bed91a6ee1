//! The receiver: what it believes, what it acknowledges, and that nothing takes effect twice.

use classconnect_api::WebhookSecret;
use practice_server::domain::{CallState, WebhookEvent};
use practice_server::store::{Disposition, Store};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::databases::{Backend, on_every_backend};
use crate::events::{Job, analysed, failure, improved};
use crate::fixture::{Answer, SENTENCES, Server, WEBHOOK_KEY, envelope, webhook_secret};

const USER: &str = "user-1";
const PATH: &str = "/api/v1/webhooks/classconnect";

on_every_backend!(
    a_webhook_delivered_again_takes_effect_once,
    another_result_for_the_same_job_is_superseded,
    what_is_not_signed_by_us_is_refused_without_a_reason,
    a_rotated_secret_is_accepted_beside_the_old_one,
    signed_nonsense_is_malformed_and_not_recorded,
    size_type_and_method_are_checked_first,
    a_webhook_for_an_unknown_job_is_kept_and_at_last_given_up,
    a_webhook_may_overtake_the_answer_to_its_call,
    a_result_of_another_kind_or_reference_matches_nothing,
    concurrent_webhooks_of_one_session_all_count,
    a_database_that_is_gone_is_answered_503_so_that_the_sender_repeats,
);

/// A session in practice with one recording at ClassConnect.
async fn with_open_attempt(server: &Server) -> (String, String, Job) {
    let session = server.practicing(USER).await;
    let attempt = server.submit(USER, &session, 0).await;
    server.dispatch().await;
    let job = server.last_job().await;
    (session, attempt, job)
}

async fn disposition(store: &Store, webhook_id: &str) -> Option<(Disposition, u32)> {
    let row = store.inbox_row(webhook_id).await.unwrap();
    row.map(|row| (row.disposition, row.deliveries))
}

async fn a_webhook_delivered_again_takes_effect_once(on: Backend) {
    let server = Server::on(on).await;
    let (session, attempt, job) = with_open_attempt(&server).await;
    let event = analysed(&job, 88.0);
    for outcome in ["applied", "duplicate", "duplicate"] {
        let answer = server.deliver_as("msg_1", &event).await;
        assert_eq!(
            (answer.status, &answer.body["outcome"]),
            (StatusCode::OK, &json!(outcome))
        );
    }
    assert_eq!(
        disposition(server.app.store(), "msg_1").await,
        Some((Disposition::Applied, 3))
    );
    let row = server.session(USER, &session).await;
    assert_eq!(
        (&row["attempt_count"], &row["sentences"][0]["attempts"]),
        (&json!(1), &json!(1))
    );
    let transitions = server.app.store().transitions_of(&attempt).await.unwrap();
    let words: Vec<&str> = transitions.iter().map(|row| row.to_status.as_str()).collect();
    assert_eq!(words, ["processing", "analyzing", "completed"]);
    assert_eq!(transitions.iter().filter(|row| row.is_terminal).count(), 1);
}

async fn another_result_for_the_same_job_is_superseded(on: Backend) {
    let server = Server::on(on).await;
    let (_, attempt, job) = with_open_attempt(&server).await;
    server.deliver_as("msg_1", &analysed(&job, 88.0)).await;
    let before = server.attempt(USER, &attempt).await;
    let later = WebhookEvent::RecordingAnalysisFailed(failure(&job, "never mind"));
    let answer = server.deliver_as("msg_2", &later).await;
    assert_eq!(
        (answer.status, &answer.body["outcome"]),
        (StatusCode::OK, &json!("superseded"))
    );
    assert_eq!(server.attempt(USER, &attempt).await, before);
    assert_eq!(
        disposition(server.app.store(), "msg_2").await,
        Some((Disposition::Superseded, 1))
    );
}

async fn what_is_not_signed_by_us_is_refused_without_a_reason(on: Backend) {
    let server = Server::on(on).await;
    let (_, attempt, job) = with_open_attempt(&server).await;
    let before = server.attempt(USER, &attempt).await;
    let body = envelope(&analysed(&job, 88.0));
    let now = u64::try_from(server.clock.now().unix_s()).unwrap();
    let other = WebhookSecret::from_key(&[8; 32]).unwrap();
    let sign = |id: &str, at: u64, body: &[u8]| webhook_secret().sign(id, at, body);
    let refused = [
        ("a foreign key", "msg_1", now, other.sign("msg_1", now, &body)),
        ("another body", "msg_1", now, sign("msg_1", now, b"{}")),
        ("another id", "msg_1", now, sign("msg_2", now, &body)),
        ("too old", "msg_1", now - 301, sign("msg_1", now - 301, &body)),
        ("too new", "msg_1", now + 301, sign("msg_1", now + 301, &body)),
        (
            "no version",
            "msg_1",
            now,
            sign("msg_1", now, &body).replace("v1,", ""),
        ),
        ("an id with a dot", "msg.1", now, sign("msg.1", now, &body)),
    ];
    let mut bodies = Vec::new();
    for (case, id, at, signature) in refused {
        let request = server
            .request(Method::POST, PATH)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(body.clone());
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{case}: {answer:?}");
        bodies.push(answer.body);
    }
    assert!(
        bodies.windows(2).all(|pair| pair[0] == pair[1]),
        "the answers tell the cases apart: {bodies:?}"
    );
    let unsigned = server
        .request(Method::POST, PATH)
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.attempt(USER, &attempt).await, before);
    assert_eq!(
        server.metric("webhooks_total{outcome=\"unauthorized\"}").await,
        8.0
    );
}

async fn a_rotated_secret_is_accepted_beside_the_old_one(on: Backend) {
    let server = Server::on_with(on, |config| {
        let secrets = vec![WebhookSecret::from_key(&[9; 32]).unwrap(), webhook_secret()];
        config.secrets.webhook = classconnect_api::Verifier::new(secrets).unwrap();
    })
    .await;
    assert_ne!(WEBHOOK_KEY, [9; 32]);
    let (_, attempt, job) = with_open_attempt(&server).await;
    server.deliver(&analysed(&job, 88.0)).await;
    assert_eq!(server.attempt(USER, &attempt).await["status"], "completed");
}

async fn signed_nonsense_is_malformed_and_not_recorded(on: Backend) {
    let server = Server::on(on).await;
    let (_, attempt, job) = with_open_attempt(&server).await;
    let mut unknown_type: Value = serde_json::from_slice(&envelope(&analysed(&job, 88.0))).unwrap();
    unknown_type["type"] = json!("recording.analysis.imagined");
    let impossible_score = envelope(&analysed(&job, 101.0));
    for body in [
        b"{".to_vec(),
        b"[]".to_vec(),
        b"\xff".to_vec(),
        unknown_type.to_string().into(),
        impossible_score,
    ] {
        server
            .deliver_raw("msg_1", body)
            .await
            .assert_problem(StatusCode::BAD_REQUEST);
    }
    assert_eq!(disposition(server.app.store(), "msg_1").await, None);
    assert_eq!(server.attempt(USER, &attempt).await["status"], "analyzing");
}

async fn size_type_and_method_are_checked_first(on: Backend) {
    let server = Server::on(on).await;
    server
        .deliver_raw("msg_1", vec![b' '; 70_000])
        .await
        .assert_problem(StatusCode::PAYLOAD_TOO_LARGE);
    let text = server
        .request(Method::POST, PATH)
        .body("hello")
        .send()
        .await
        .unwrap();
    Answer::of(text)
        .await
        .assert_problem(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let get = server.request(Method::GET, PATH).send().await.unwrap();
    Answer::of(get)
        .await
        .assert_problem(StatusCode::METHOD_NOT_ALLOWED);
}

async fn a_webhook_for_an_unknown_job_is_kept_and_at_last_given_up(on: Backend) {
    let server = Server::on(on).await;
    let job = Job {
        job_id: "job_x".to_owned(),
        client_reference_id: uuid::Uuid::new_v4().to_string(),
    };
    let answer = server.deliver_as("msg_1", &analysed(&job, 50.0)).await;
    assert_eq!(
        (answer.status, &answer.body["outcome"]),
        (StatusCode::OK, &json!("unmatched"))
    );
    assert_eq!(server.app.sweep().await.unwrap().webhooks_dead, 0);
    server.clock.advance(std::time::Duration::from_secs(900));
    assert_eq!(server.app.sweep().await.unwrap().webhooks_dead, 1);
    assert_eq!(
        disposition(server.app.store(), "msg_1").await,
        Some((Disposition::Dead, 1))
    );
    let letters = server.app.store().dead_letters(10).await.unwrap();
    assert_eq!(
        (letters.len(), letters[0].source, letters[0].reference_id.as_str()),
        (1, "webhook", "msg_1")
    );
    assert_eq!(server.metric("dead_letters_total{source=\"webhook\"}").await, 1.0);
}

async fn a_webhook_may_overtake_the_answer_to_its_call(on: Backend) {
    let server = Server::on(on).await;
    let session = server.created(USER).await;
    // ClassConnect knows the job, this server does not yet: nothing was dispatched.
    let job = Job {
        job_id: "job_early".to_owned(),
        client_reference_id: session.clone(),
    };
    let answer = server.deliver(&improved(&job, &SENTENCES.join(" "))).await;
    assert_eq!(answer.body["outcome"], "applied");
    assert_eq!(server.session(USER, &session).await["status"], "ready");
    assert_eq!(server.dispatch().await, 0, "there is nothing left to send");
}

async fn a_result_of_another_kind_or_reference_matches_nothing(on: Backend) {
    let server = Server::on(on).await;
    let (session, attempt, job) = with_open_attempt(&server).await;
    let wrong_kind = improved(&job, "Text.");
    let wrong_reference = analysed(
        &Job {
            client_reference_id: session.clone(),
            ..job.clone()
        },
        50.0,
    );
    for event in [wrong_kind, wrong_reference] {
        assert_eq!(server.deliver(&event).await.body["outcome"], "unmatched");
    }
    assert_eq!(server.attempt(USER, &attempt).await["status"], "analyzing");
}

async fn concurrent_webhooks_of_one_session_all_count(on: Backend) {
    let server = Server::on(on).await;
    let session = server.practicing(USER).await;
    let mut attempts = Vec::new();
    for index in 0..3 {
        attempts.push(server.submit(USER, &session, index).await);
    }
    assert_eq!(server.session(USER, &session).await["status"], "analyzing");
    assert_eq!(server.dispatch().await, 3);
    let calls = server.calls().await;
    let jobs: Vec<Job> = calls[calls.len() - 3..]
        .iter()
        .map(crate::fixture::job_of)
        .collect();
    // Each result twice, all at the same time.
    let events: Vec<_> = jobs.iter().map(|job| analysed(job, 90.0)).collect();
    let deliveries = events
        .iter()
        .zip(["a", "b", "c"])
        .flat_map(|(event, id)| [server.deliver_as(id, event), server.deliver_as(id, event)]);
    for answer in futures_util::future::join_all(deliveries).await {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let row = server.session(USER, &session).await;
    assert_eq!(row["status"], "completed");
    assert_eq!(row["pronunciation_score"], 90.0);
    let counted: Vec<&Value> = (0..3).map(|index| &row["sentences"][index]["attempts"]).collect();
    assert_eq!(counted, [1, 1, 1]);
    for call in server
        .app
        .store()
        .calls_of_session(session.parse().unwrap())
        .await
        .unwrap()
    {
        assert_eq!(call.state, CallState::Done);
    }
}

async fn a_database_that_is_gone_is_answered_503_so_that_the_sender_repeats(on: Backend) {
    let server = Server::on(on).await;
    let (_, _, job) = with_open_attempt(&server).await;
    server.app.store().close().await;
    let answer = server.deliver(&analysed(&job, 88.0)).await;
    answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(answer.body["title"], "Service temporarily unavailable");
    let ready = server.request(Method::GET, "/readyz").send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
}
