//! PostgreSQL runs many units of work at once. Each test has two servers on one database, so that nothing within a
//! process can help, and makes sure that the two really meet: a third connection holds the row they both need until both
//! wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use practice_server::domain::{SessionId, SubmissionKind};
use practice_server::service::{Applied, ApplyPolledResult, WebhookOutcome};
use practice_server::store::{Abort, Transaction, Tx};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use tokio::sync::Barrier;

use crate::databases::{Backend, Database};
use crate::events::{Job, analysed};
use crate::fixture::{Answer, Server, job_of};

const USER: &str = "user-1";

/// Two servers on one database.
async fn two_servers() -> (Server, Server) {
    let first = Server::on(Backend::Postgres).await;
    let second = first.companion().await;
    (first, second)
}

/// A session's row, held so that whoever wants to change it waits.
struct Held<'d> {
    holder: PgConnection,
    database: &'d Database,
}

impl<'d> Held<'d> {
    async fn session(server: &'d Server, session: &str) -> Self {
        let database = server.database.as_ref().unwrap();
        let mut holder = database.connect().await;
        holder.execute("BEGIN").await.unwrap();
        let held = sqlx::query("SELECT FROM practice_sessions WHERE id = $1::uuid FOR UPDATE")
            .bind(session)
            .fetch_one(&mut holder)
            .await;
        held.unwrap();
        Self { holder, database }
    }

    /// Lets go once this many wait for a lock, for this one or for one of another that waits.
    async fn let_go_when_awaited_by(mut self, count: i64) {
        self.database.until_waiting(count).await;
        self.holder.execute("COMMIT").await.unwrap();
    }
}

async fn submit(server: &Server, session: &str, sentence_index: u32, key: Option<&str>) -> Answer {
    let path = format!("/api/v1/practice/sessions/{session}/submit-recording");
    let body = json!({
        "attempt_type": "sentence", "sentence_index": sentence_index, "audio_url": "https://cdn.example/a.webm",
    });
    let mut request = server.as_user(USER, Method::POST, &path).json(&body);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    Answer::of(request.send().await.unwrap()).await
}

/// A session with this many recordings at ClassConnect.
async fn with_open_attempts(server: &Server, count: u32) -> (String, Vec<Job>) {
    let session = server.practicing(USER).await;
    for index in 0..count {
        server.submit(USER, &session, index).await;
    }
    assert_eq!(server.dispatch().await, count as usize);
    let calls = server.calls().await;
    let jobs = calls[calls.len() - count as usize..].iter().map(job_of).collect();
    (session, jobs)
}

#[tokio::test]
async fn two_webhooks_of_one_session_both_count() {
    let (first, second) = two_servers().await;
    let (session, jobs) = with_open_attempts(&first, 2).await;
    let held = Held::session(&first, &session).await;
    let (one, other) = (analysed(&jobs[0], 90.0), analysed(&jobs[1], 80.0));
    let (one, other, ()) = tokio::join!(
        first.deliver(&one),
        second.deliver(&other),
        held.let_go_when_awaited_by(2)
    );
    assert_eq!(
        (one.body, other.body),
        (json!({"outcome": "applied"}), json!({"outcome": "applied"}))
    );
    let row = first.session(USER, &session).await;
    assert_eq!(row["status"], "practicing");
    let scores: Vec<&Value> = (0..2)
        .map(|index| &row["sentences"][index]["best_score"])
        .collect();
    assert_eq!(
        scores,
        [&json!(90.0), &json!(80.0)],
        "neither overwrites the other's sentence"
    );
}

#[tokio::test]
async fn one_webhook_delivered_twice_at_once_is_applied_once() {
    let (first, second) = two_servers().await;
    let (session, jobs) = with_open_attempts(&first, 1).await;
    let held = Held::session(&first, &session).await;
    let event = analysed(&jobs[0], 90.0);
    let (one, other, ()) = tokio::join!(
        first.deliver_as("msg_1", &event),
        second.deliver_as("msg_1", &event),
        held.let_go_when_awaited_by(2)
    );
    let mut outcomes = [one.text("outcome"), other.text("outcome")];
    outcomes.sort();
    assert_eq!(outcomes, ["applied", "duplicate"]);
    let row = first.session(USER, &session).await;
    assert_eq!(row["sentences"][0]["attempts"], 1);
}

#[tokio::test]
async fn two_submissions_racing_both_count() {
    let (first, second) = two_servers().await;
    let session = first.practicing(USER).await;
    let held = Held::session(&first, &session).await;
    let (one, other, ()) = tokio::join!(
        submit(&first, &session, 0, None),
        submit(&second, &session, 1, None),
        held.let_go_when_awaited_by(2)
    );
    assert_eq!(
        (one.status, other.status),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    assert_ne!(one.text("attempt_id"), other.text("attempt_id"));
    assert_eq!(first.session(USER, &session).await["attempt_count"], 2);
    assert_eq!(first.dispatch().await, 2);
}

#[tokio::test]
async fn two_starts_racing_extract_the_sentences_once() {
    let (first, second) = two_servers().await;
    let session = first.ready(USER).await;
    let path = format!("/api/v1/practice/sessions/{session}/start-practice");
    let held = Held::session(&first, &session).await;
    let nothing = json!({});
    let (one, other, ()) = tokio::join!(
        first.post(USER, &path, &nothing),
        second.post(USER, &path, &nothing),
        held.let_go_when_awaited_by(2)
    );
    assert_eq!(
        (one.status, other.status),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    assert_eq!(first.dispatch().await, 1);
}

#[tokio::test]
async fn one_key_sent_to_two_servers_at_once_is_done_once() {
    let (first, second) = two_servers().await;
    let session = first.practicing(USER).await;
    let held = Held::session(&first, &session).await;
    // The one that takes the key waits for the session, the other for the key.
    let (one, other, ()) = tokio::join!(
        submit(&first, &session, 0, Some("key-1")),
        submit(&second, &session, 0, Some("key-1")),
        held.let_go_when_awaited_by(2)
    );
    assert_eq!(
        (one.status, other.status),
        (StatusCode::ACCEPTED, StatusCode::ACCEPTED)
    );
    assert_eq!(one.body, other.body);
    assert_eq!(first.session(USER, &session).await["attempt_count"], 1);
    let reused = submit(&second, &session, 1, Some("key-1")).await;
    reused.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_webhook_and_a_poll_at_once_end_a_submission_once() {
    let (first, second) = two_servers().await;
    let (session, jobs) = with_open_attempts(&first, 1).await;
    let calls = first
        .app
        .store()
        .calls_of_session(session.parse().unwrap())
        .await
        .unwrap();
    let call = calls
        .iter()
        .find(|call| call.kind == SubmissionKind::RecordingAnalyses)
        .unwrap();
    let event = analysed(&jobs[0], 90.0);
    let polled = ApplyPolledResult {
        call_id: call.id,
        event: event.clone(),
    };
    let held = Held::session(&first, &session).await;
    let (delivered, polled, ()) = tokio::join!(
        first.deliver(&event),
        second.app.store().write(polled),
        held.let_go_when_awaited_by(2)
    );
    let by_webhook = delivered.text("outcome") == WebhookOutcome::Applied.as_str();
    let by_poll = polled.unwrap().output == Applied::Applied;
    assert_ne!(by_webhook, by_poll, "exactly one of them");
    let ends = first
        .app
        .store()
        .transitions_of(&call.id.to_string())
        .await
        .unwrap();
    assert_eq!(ends.len(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_cut_its_transaction() {
    let server = Server::on(Backend::Postgres).await;
    let session = server.practicing(USER).await;
    let held = Held::session(&server, &session).await;
    tokio::select! {
        answer = submit(&server, &session, 0, None) => panic!("{answer:?} while its session is held"),
        () = held.database.until_waiting(1) => {}
    }
    held.let_go_when_awaited_by(1).await;
    while server.session(USER, &session).await["attempt_count"] != 1 {}
    assert_eq!(server.dispatch().await, 1);
}

/// Takes two sessions, in an order that is wrong for one of two.
#[derive(Clone)]
struct TakesBoth {
    sessions: [SessionId; 2],
    both_have_one: Arc<Barrier>,
    runs_again: Arc<AtomicBool>,
}

impl Transaction for TakesBoth {
    const NAME: &'static str = "test_takes_both";

    type Output = ();

    async fn run(self, tx: &mut Tx<'_>) -> Result<(), Abort> {
        let [first, second] = self.sessions;
        assert!(tx.session(first).await?.is_some());
        if !self.runs_again.swap(true, Ordering::SeqCst) {
            self.both_have_one.wait().await;
        }
        assert!(tx.session(second).await?.is_some());
        Ok(())
    }
}

#[tokio::test]
async fn a_deadlock_is_overcome() {
    let server = Server::on(Backend::Postgres).await;
    let one: SessionId = server.created(USER).await.parse().unwrap();
    let other: SessionId = server.created(USER).await.parse().unwrap();
    let both_have_one = Arc::new(Barrier::new(2));
    let takes = |sessions| {
        server.app.store().write(TakesBoth {
            sessions,
            both_have_one: Arc::clone(&both_have_one),
            runs_again: Arc::default(),
        })
    };
    let (forth, back) = tokio::join!(takes([one, other]), takes([other, one]));
    forth.unwrap();
    back.unwrap();
    assert_eq!(
        server
            .metric("db_statements_total{query=\"test_takes_both\"}")
            .await,
        // Two that got through with two borders and two reads, and one whose second read was the victim.
        12.0
    );
}
