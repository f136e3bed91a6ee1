//! Accepted means not lost: retries, the breaker, leases, restarts, lookups of overdue results, deadlines.

use std::time::Duration;

use practice_server::clock::Clock;
use practice_server::domain::{Call, CallState};
use practice_server::service::{ClaimCalls, CompleteCall, Completed};
use practice_server::store::CallCompletion;
use reqwest::StatusCode;
use serde_json::{Value, json};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::databases::{Backend, on_every_backend};
use crate::events::{analysed, improved};
use crate::fixture::{SENTENCES, Server, accept_everything};

const USER: &str = "user-1";

on_every_backend!(
    short_trouble_is_overcome_at_once_under_one_key,
    longer_trouble_waits_for_the_schedule,
    a_retry_after_is_honoured,
    exhausted_retries_fail_the_session_and_leave_a_dead_letter,
    a_call_still_being_processed_there_is_not_given_up,
    a_refused_call_is_not_repeated,
    an_open_breaker_claims_nothing_and_two_probes_close_it,
    after_a_restart_the_outbox_goes_on_where_it_was,
    a_result_without_its_webhook_is_looked_up,
    a_job_whose_id_is_unknown_there_is_found_by_our_reference,
    a_result_that_never_comes_fails_at_the_deadline,
    only_idle_sessions_are_abandoned,
    served_for_real_the_workers_do_all_this_by_themselves,
);

async fn only_call(server: &Server, session: &str) -> Call {
    let calls = server
        .app
        .store()
        .calls_of_session(session.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.into_iter().next().unwrap()
}

/// ClassConnect answers the next `times` submissions like this, and accepts the rest.
async fn failing(times: u64, answer: ResponseTemplate) -> MockServer {
    let classconnect = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answer)
        .up_to_n_times(times)
        .with_priority(1)
        .mount(&classconnect)
        .await;
    accept_everything(&classconnect).await;
    classconnect
}

async fn short_trouble_is_overcome_at_once_under_one_key(on: Backend) {
    let server = Server::on_beside(on, failing(2, ResponseTemplate::new(500)).await, |_| {}).await;
    let session = server.created(USER).await;
    assert_eq!(server.dispatch().await, 1);
    let calls = server.calls().await;
    assert_eq!(calls.len(), 3);
    let keys: Vec<_> = calls
        .iter()
        .map(|call| &call.headers["idempotency-key"])
        .collect();
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1]), "{keys:?}");
    assert_eq!(
        keys[0].to_str().unwrap(),
        format!("\"{}\"", only_call(&server, &session).await.id)
    );
    assert_eq!(only_call(&server, &session).await.state, CallState::Awaiting);
}

async fn longer_trouble_waits_for_the_schedule(on: Backend) {
    let server = Server::on_beside(on, failing(3, ResponseTemplate::new(500)).await, |_| {}).await;
    let session = server.created(USER).await;
    assert_eq!(server.dispatch().await, 1);
    let call = only_call(&server, &session).await;
    assert_eq!((call.state, call.attempts), (CallState::Ready, 1));
    assert_eq!(server.dispatch().await, 0, "its time has not come");
    server.clock.advance(Duration::from_millis(1_200));
    assert_eq!(server.dispatch().await, 1);
    let call = only_call(&server, &session).await;
    assert_eq!((call.state, call.attempts), (CallState::Awaiting, 2));
}

async fn a_retry_after_is_honoured(on: Backend) {
    let busy = ResponseTemplate::new(503).insert_header("retry-after", "30");
    let server = Server::on_beside(on, failing(1, busy).await, |_| {}).await;
    server.created(USER).await;
    server.dispatch().await;
    assert_eq!(
        server.calls().await.len(),
        1,
        "no quick retry against a Retry-After"
    );
    server.clock.advance(Duration::from_secs(29));
    assert_eq!(server.dispatch().await, 0);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.dispatch().await, 1);
    assert_eq!(server.calls().await.len(), 2);
}

async fn exhausted_retries_fail_the_session_and_leave_a_dead_letter(on: Backend) {
    let throttled = ResponseTemplate::new(429).insert_header("retry-after", "1");
    let server = Server::on_beside(on, failing(100, throttled).await, |_| {}).await;
    let session = server.created(USER).await;
    for _ in 0..3 {
        assert_eq!(server.dispatch().await, 1);
        server.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(server.dispatch().await, 0);
    let row = server.session(USER, &session).await;
    assert_eq!(row["status"], "failed");
    assert!(
        row["error_message"]
            .as_str()
            .unwrap()
            .contains("after 3 attempts"),
        "{row}"
    );
    let call = only_call(&server, &session).await;
    let letters = server.app.store().dead_letters(10).await.unwrap();
    assert_eq!(
        (letters.len(), letters[0].source, letters[0].attempts),
        (1, "call", 3)
    );
    assert_eq!(letters[0].reference_id, call.id.to_string());
    assert_eq!(server.metric("dead_letters_total{source=\"call\"}").await, 1.0);
    // The job existed after all: too late, and acknowledged without effect.
    let job = server.last_job().await;
    let answer = server.deliver(&improved(&job, "Text.")).await;
    assert_eq!(
        (answer.status, &answer.body["outcome"]),
        (StatusCode::OK, &json!("superseded"))
    );
    assert_eq!(server.session(USER, &session).await, row);
}

async fn a_call_still_being_processed_there_is_not_given_up(on: Backend) {
    let server = Server::on_beside(on, failing(3, ResponseTemplate::new(409)).await, |_| {}).await;
    let session = server.created(USER).await;
    server.dispatch().await;
    assert_eq!(only_call(&server, &session).await.state, CallState::Ready);
    server.clock.advance(Duration::from_secs(2));
    server.dispatch().await;
    assert_eq!(only_call(&server, &session).await.state, CallState::Awaiting);
    assert_eq!(
        server.metric("circuit_breaker_opened_total").await,
        0.0,
        "it does answer"
    );
}

async fn a_refused_call_is_not_repeated(on: Backend) {
    let server = Server::on_beside(on, failing(100, ResponseTemplate::new(422)).await, |_| {}).await;
    let session = server.created(USER).await;
    assert_eq!(server.dispatch().await, 1);
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(server.dispatch().await, 0);
    assert_eq!(server.calls().await.len(), 1);
    assert_eq!(server.session(USER, &session).await["status"], "failed");
}

async fn an_open_breaker_claims_nothing_and_two_probes_close_it(on: Backend) {
    let server = Server::on_beside(on, failing(6, ResponseTemplate::new(500)).await, |_| {}).await;
    let mut sessions = Vec::new();
    // Each call fails three times at once; the fifth failure in a row opens the breaker.
    for _ in 0..2 {
        sessions.push(server.created(USER).await);
        assert_eq!(server.dispatch().await, 1);
    }
    assert_eq!(server.calls().await.len(), 5, "the last quick retry was not sent");
    sessions.push(server.created(USER).await);
    server.clock.advance(Duration::from_secs(4));
    assert_eq!(server.dispatch().await, 0);
    assert_eq!(server.metric("circuit_breaker_state").await, 1.0);
    for session in &sessions {
        assert_eq!(
            server.session(USER, session).await["status"],
            "processing",
            "nothing is lost meanwhile"
        );
    }
    // The first probe fails, so the pause doubles to ten seconds.
    server.clock.advance(Duration::from_secs(1));
    server.dispatch().await;
    assert_eq!(server.metric("circuit_breaker_state").await, 1.0);
    server.clock.advance(Duration::from_secs(10));
    server.dispatch().await;
    assert_eq!(server.metric("circuit_breaker_state").await, 0.0);
    server.clock.advance(Duration::from_secs(10));
    server.dispatch().await;
    for session in &sessions {
        assert_eq!(only_call(&server, session).await.state, CallState::Awaiting);
    }
    assert_eq!(server.metric("circuit_breaker_opened_total").await, 2.0);
}

async fn after_a_restart_the_outbox_goes_on_where_it_was(on: Backend) {
    let database = on.database().await;
    let server = Server::start_with(|config| config.database = database.url.clone()).await;
    let unsent = server.created(USER).await;
    let claimed = server.created(USER).await;
    // One call is claimed by a dispatcher that then dies; the other was never looked at.
    let claim = ClaimCalls {
        limit: 2,
        lease: Duration::from_secs(30),
    };
    let claims = server.app.store().write(claim).await.unwrap().output;
    assert_eq!(claims.len(), 2);
    let later = server.created(USER).await;
    let clock = server.clock.clone();
    let classconnect = server.stop().await;

    let restarted = |config: &mut practice_server::Config| {
        config.database = database.url.clone();
        config.clock = clock.clone();
    };
    let server = Server::start_beside(classconnect, restarted).await;
    assert_eq!(server.dispatch().await, 1, "only what nobody has claimed");
    assert_eq!(server.app.sweep().await.unwrap().leases_released, 0);
    server.clock.advance(Duration::from_secs(30));
    assert_eq!(server.app.sweep().await.unwrap().leases_released, 2);
    assert_eq!(server.dispatch().await, 2);
    for session in [&unsent, &claimed, &later] {
        assert_eq!(only_call(&server, session).await.state, CallState::Awaiting);
        assert_eq!(server.session(USER, session).await["status"], "processing");
    }
    assert_eq!(server.calls().await.len(), 3);
    // The dead dispatcher's answer comes too late to count.
    let stale = claims.into_iter().next().unwrap();
    let completion = CallCompletion::Dead {
        error: "stale".to_owned(),
    };
    let completed = server
        .app
        .store()
        .write(CompleteCall {
            claimed: stale,
            completion,
        })
        .await
        .unwrap();
    assert_eq!(completed.output, Completed::Fenced);
}

/// What `GET /v1/jobs/{id}` answers for the job of the session's only call.
async fn mount_job(server: &Server, job_id: &str, reference: &str, result: &Value) {
    let job = json!({
        "job_id": job_id,
        "client_reference_id": reference,
        "submission": "transcript-improvements",
        "status": if result.is_null() { "queued" } else { "completed" },
        "result": result,
    });
    Mock::given(method("GET"))
        .and(path(format!("/v1/jobs/{job_id}")))
        .respond_with(ResponseTemplate::new(200).set_body_json(&job))
        .up_to_n_times(1)
        .mount(&server.classconnect)
        .await;
}

async fn a_result_without_its_webhook_is_looked_up(on: Backend) {
    let server = Server::on(on).await;
    let session = server.created(USER).await;
    server.dispatch().await;
    let job = server.last_job().await;
    mount_job(&server, &job.job_id, &session, &Value::Null).await;
    assert_eq!(
        server.app.poller().poll_due().await.unwrap(),
        0,
        "it is not overdue"
    );
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(
        server.app.poller().poll_due().await.unwrap(),
        0,
        "it is still queued"
    );
    let event = improved(&job, &SENTENCES.join(" "));
    mount_job(
        &server,
        &job.job_id,
        &session,
        &serde_json::to_value(&event).unwrap(),
    )
    .await;
    server.clock.advance(Duration::from_secs(19));
    assert_eq!(
        server.app.poller().poll_due().await.unwrap(),
        0,
        "the pause has doubled"
    );
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.app.poller().poll_due().await.unwrap(), 1);
    assert_eq!(server.session(USER, &session).await["status"], "ready");
    let call = only_call(&server, &session).await;
    let transitions = server
        .app
        .store()
        .transitions_of(&call.id.to_string())
        .await
        .unwrap();
    assert_eq!((transitions.len(), transitions[0].cause.as_str()), (1, "poll"));
    // The webhook comes after all.
    assert_eq!(server.deliver(&event).await.body["outcome"], "superseded");
}

async fn a_job_whose_id_is_unknown_there_is_found_by_our_reference(on: Backend) {
    let server = Server::on(on).await;
    let session = server.created(USER).await;
    server.dispatch().await;
    let job = server.last_job().await;
    let event = serde_json::to_value(improved(&job, "Text.")).unwrap();
    let listed = |job_id: &str, submission: &str| {
        json!({
            "job_id": job_id, "client_reference_id": session, "submission": submission,
            "status": "completed", "result": event,
        })
    };
    let jobs = json!({ "jobs": [
        listed("job_other", "transcript-improvements"),
        listed(&job.job_id, "transcript-improvements"),
        listed(&job.job_id, "sentence-extractions"),
    ] });
    Mock::given(method("GET"))
        .and(path("/v1/jobs"))
        .and(query_param("client_reference_id", session.as_str()))
        .respond_with(ResponseTemplate::new(200).set_body_json(&jobs))
        .mount(&server.classconnect)
        .await;
    server.clock.advance(Duration::from_secs(10));
    assert_eq!(server.app.poller().poll_due().await.unwrap(), 1);
    assert_eq!(server.session(USER, &session).await["status"], "ready");
}

async fn a_result_that_never_comes_fails_at_the_deadline(on: Backend) {
    let server = Server::on(on).await;
    let session = server.practicing(USER).await;
    let attempt = server.submit(USER, &session, 0).await;
    server.dispatch().await;
    server.clock.advance(Duration::from_secs(899));
    assert_eq!(server.app.sweep().await.unwrap().calls_timed_out, 0);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(server.app.sweep().await.unwrap().calls_timed_out, 1);
    let row = server.attempt(USER, &attempt).await;
    assert_eq!(row["status"], "failed");
    assert!(
        row["error_message"].as_str().unwrap().starts_with("timeout"),
        "{row}"
    );
    assert_eq!(server.session(USER, &session).await["status"], "practicing");
    let late = analysed(&server.last_job().await, 90.0);
    assert_eq!(server.deliver(&late).await.body["outcome"], "superseded");
    assert_eq!(server.attempt(USER, &attempt).await, row);
}

async fn only_idle_sessions_are_abandoned(on: Backend) {
    let server = Server::on_with(on, |config| config.result_deadline = Duration::from_secs(7_200)).await;
    let idle = server.practicing(USER).await;
    let busy = server.practicing(USER).await;
    server.submit(USER, &busy, 0).await;
    server.clock.advance(Duration::from_secs(1_801));
    assert_eq!(server.app.sweep().await.unwrap().sessions_abandoned, 1);
    assert_eq!(server.session(USER, &idle).await["status"], "abandoned");
    assert_eq!(server.session(USER, &busy).await["status"], "analyzing");
}

async fn served_for_real_the_workers_do_all_this_by_themselves(on: Backend) {
    let (sent, mut seen) = tokio::sync::mpsc::channel(8);
    let classconnect = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(move |request: &wiremock::Request| {
            sent.try_send(crate::fixture::job_of(request)).unwrap();
            crate::fixture::accept(request)
        })
        .mount(&classconnect)
        .await;
    let mut config = crate::fixture::config(&classconnect.uri());
    let database = on.database().await;
    config.database = database.url.clone();
    config.clock = Clock::system();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(practice_server::serve(listener, config, shutdown));

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let created = http
        .post(format!("{url}/api/v1/practice/sessions"))
        .header("apikey", crate::fixture::API_KEY)
        .bearer_auth(crate::fixture::token(USER))
        .json(&json!({ "transcript": "Hello there.", "language": "en-US" }))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::ACCEPTED);
    let body: Value = created.json().await.unwrap();
    let job = seen.recv().await.unwrap();
    assert_eq!(job.client_reference_id, body["session_id"]);
    drop(http);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
}
