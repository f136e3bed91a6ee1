//! Starts a mock in this process and talks to it.

use clap::Parser;
use mock_classconnect::{Args, Config, serve};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) const API_KEY: &str = "test-key";
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
/// Deliveries without delay, and one quick retry.
pub(crate) const QUICK: &str =
    r#""analysis_delay":{"distribution":"fixed","value":"1ms"},"retry_schedule":["5ms"]"#;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: Args,
}

pub(crate) struct Mock {
    pub(crate) url: String,
    client: reqwest::Client,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), mock_classconnect::Error>>,
}

impl Mock {
    pub(crate) async fn start(plan: &str) -> Self {
        Self::start_with(&["--plan", plan]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let fixed = ["mock", "--api-key", API_KEY, "--webhook-secret", SECRET];
        let args = Command::try_parse_from(fixed.iter().chain(arguments))
            .unwrap()
            .args;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async { drop(stopped.await) };
        let server = tokio::spawn(serve(listener, Config::try_from(args).unwrap(), shutdown));
        Self {
            url,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            stop,
            server,
        }
    }

    /// Stops the mock and waits until it is down.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap().unwrap();
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    pub(crate) fn put(&self, path: &str) -> RequestBuilder {
        self.client.put(format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client
            .get(format!("{}{path}", self.url))
            .bearer_auth(API_KEY)
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        self.get(path).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn submit(&self, path: &str, key: &str, body: &Value) -> Response {
        let request = self
            .post(path)
            .bearer_auth(API_KEY)
            .header("idempotency-key", format!("\"{key}\""));
        request.json(body).send().await.unwrap()
    }

    /// Submits what must be accepted; returns the 202's body.
    pub(crate) async fn submit_accepted(&self, path: &str, key: &str, body: &Value) -> Value {
        let response = self.submit(path, key, body).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
        response.json().await.unwrap()
    }

    pub(crate) async fn drain(&self) -> Value {
        self.post("/_mock/drain?timeout_ms=20000")
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    pub(crate) async fn ledger(&self) -> Vec<Value> {
        let page = self.get_json("/_mock/ledger").await;
        page["records"].as_array().unwrap().clone()
    }

    pub(crate) async fn ledger_kinds(&self) -> Vec<String> {
        self.ledger()
            .await
            .iter()
            .map(|record| record["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(crate) async fn metrics(&self) -> String {
        self.get("/_mock/metrics")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
    }
}

pub(crate) const RECORDINGS: &str = "/v1/recording-analyses";
pub(crate) const IMPROVEMENTS: &str = "/v1/transcript-improvements";
pub(crate) const EXTRACTIONS: &str = "/v1/sentence-extractions";

pub(crate) fn recording(webhook_url: &str, audio_url: &str) -> Value {
    json!({
        "client_reference_id": format!("ref of {audio_url}"), "webhook_url": webhook_url,
        "attempt_type": "sentence", "expected_text": "I believe the most important thing is practice.",
        "sentence_index": 0, "word_context": null, "audio_url": audio_url, "language": "en-US"
    })
}

pub(crate) fn transcript(webhook_url: &str, text: &str) -> Value {
    json!({
        "client_reference_id": "session-1", "webhook_url": webhook_url, "transcript": text, "language": "en-US"
    })
}
