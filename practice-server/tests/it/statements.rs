//! How many statements a call sends to PostgreSQL, exactly: each is a round trip, and one in a loop would not go
//! unnoticed. The borders of transactions are counted.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::databases::Backend;
use crate::events::{analysed, extracted, improved};
use crate::fixture::{Answer, SENTENCES, Server};

const USER: &str = "user-1";
const SESSIONS: &str = "/api/v1/practice/sessions";

/// A server, and what its statements were counted to at the last look.
struct Counted {
    server: Server,
}

impl Counted {
    async fn statements(&self, query: &str) -> f64 {
        let text = self
            .server
            .request(Method::GET, "/metrics")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let series = format!("db_statements_total{{query=\"{query}\"}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        value.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Does something and asserts what it cost.
    async fn assert_cost<T>(&self, query: &str, cost: f64, doing: impl Future<Output = T>) -> T {
        let before = self.statements(query).await;
        let done = doing.await;
        assert_eq!(self.statements(query).await - before, cost, "{query}");
        done
    }

    /// As the product's client asks: with a key.
    async fn ask(&self, path: &str, body: &Value) -> Answer {
        let request = self
            .server
            .as_user(USER, Method::POST, path)
            .header("idempotency-key", uuid::Uuid::new_v4().to_string())
            .json(body);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer
    }
}

#[tokio::test]
async fn every_call_of_a_journey_takes_a_known_number_of_statements() {
    let counted = Counted {
        server: Server::on(Backend::Postgres).await,
    };
    let server = &counted.server;
    let body = json!({ "transcript": "one two three.", "language": "en-US" });
    // BEGIN, key, session, its status, (call, transitions, answer), COMMIT.
    let created = counted
        .assert_cost("create_practice_session", 6.0, counted.ask(SESSIONS, &body))
        .await;
    let session = created.text("session_id");
    let path = |action: &str| format!("{SESSIONS}/{session}/{action}");
    // While the improvement is under way: BEGIN, key, session, call, answer, COMMIT.
    let improve = path("improve-transcript");
    counted
        .assert_cost("auto_improve_transcript", 6.0, counted.ask(&improve, &json!({})))
        .await;

    let claim_and_complete = async {
        counted
            // One that finds the call, one that finds no more.
            .assert_cost("claim_calls", 2.0, server.dispatch())
            .await
    };
    // BEGIN, call, COMMIT.
    counted
        .assert_cost("complete_call", 3.0, claim_and_complete)
        .await;
    let job = server.last_job().await;
    let event = improved(&job, &SENTENCES.join(" "));
    // BEGIN, inbox, find call, end call, read session, write session, transitions, COMMIT.
    counted
        .assert_cost("handle_webhook_results", 8.0, server.deliver_as("msg_1", &event))
        .await;
    // BEGIN, inbox, COMMIT.
    counted
        .assert_cost("handle_webhook_results", 3.0, server.deliver_as("msg_1", &event))
        .await;

    // BEGIN, key, read session, write session, (call, transitions, answer), COMMIT.
    counted
        .assert_cost("auto_improve_transcript", 6.0, counted.ask(&improve, &json!({})))
        .await;
    server.dispatch().await;
    server.deliver(&improved(&server.last_job().await, "Text.")).await;
    counted
        .assert_cost(
            "start_practice",
            6.0,
            counted.ask(&path("start-practice"), &json!({})),
        )
        .await;
    server.dispatch().await;
    server
        .deliver(&extracted(&server.last_job().await, &SENTENCES))
        .await;

    let body =
        json!({ "attempt_type": "sentence", "sentence_index": 0, "audio_url": "https://cdn.example/a.webm" });
    // BEGIN, key, read session, write session, attempt, (call, transitions, answer), COMMIT.
    let submitted = counted
        .assert_cost(
            "submit_recording",
            7.0,
            counted.ask(&path("submit-recording"), &body),
        )
        .await;
    // BEGIN, call, attempt, transition, COMMIT.
    counted.assert_cost("complete_call", 5.0, server.dispatch()).await;
    let event = analysed(&server.last_job().await, 90.0);
    // BEGIN, inbox, find call, end call, read session and attempt, write attempt, write session, transitions, COMMIT.
    counted
        .assert_cost("handle_webhook_results", 9.0, server.deliver(&event))
        .await;

    counted
        .assert_cost("read_session", 1.0, server.session(USER, &session))
        .await;
    let attempt = submitted.text("attempt_id");
    counted
        .assert_cost("read_attempt", 1.0, server.attempt(USER, &attempt))
        .await;
}
