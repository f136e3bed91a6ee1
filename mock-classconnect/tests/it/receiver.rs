//! A webhook receiver that can change its answer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::routing::post;
use classconnect_api::signature::{VerifyError, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
use classconnect_api::{SignatureHeaders, Verifier, WebhookEnvelope, WebhookSecret};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::mock::SECRET;

/// Keeps a test that waits for something that never comes from waiting for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Receiver {
    pub(crate) url: String,
    received: mpsc::Receiver<Received>,
}

#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

struct Shared {
    /// Answers to give, in order; the last one stays.
    answers: Mutex<VecDeque<u16>>,
    sink: mpsc::Sender<Received>,
}

impl Receiver {
    pub(crate) async fn start(answers: &[u16]) -> Self {
        let (sink, received) = mpsc::channel(1_000);
        let shared = Arc::new(Shared {
            answers: Mutex::new(answers.iter().copied().collect()),
            sink,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", post(receive)).with_state(shared);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, received }
    }

    pub(crate) async fn next(&mut self) -> Received {
        tokio::time::timeout(PATIENCE, self.received.recv())
            .await
            .expect("no webhook came")
            .unwrap()
    }

    /// What has arrived and was not looked at yet.
    pub(crate) fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.received.try_recv().ok()).collect()
    }
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    shared.sink.send(Received { headers, body }).await.unwrap();
    let mut answers = shared.answers.lock().unwrap();
    let answer = if answers.len() > 1 {
        answers.pop_front()
    } else {
        answers.front().copied()
    };
    // Whoever follows a redirect comes here again and is counted.
    let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static("/hook"))]);
    (StatusCode::from_u16(answer.unwrap()).unwrap(), headers)
}

impl Received {
    fn signature_headers(&self) -> SignatureHeaders<'_> {
        let all = |name| self.headers.get_all(name).iter().map(HeaderValue::as_bytes);
        SignatureHeaders::parse(all(WEBHOOK_ID), all(WEBHOOK_TIMESTAMP), all(WEBHOOK_SIGNATURE)).unwrap()
    }

    pub(crate) fn webhook_id(&self) -> String {
        self.signature_headers().id().to_owned()
    }

    pub(crate) fn unix_seconds(&self) -> u64 {
        self.signature_headers().unix_seconds()
    }

    /// Verifies as a receiver would who got it at the moment of signing.
    pub(crate) fn verify(&self) -> Result<(), VerifyError> {
        let verifier = Verifier::new(vec![WebhookSecret::parse(SECRET).unwrap()]).unwrap();
        let headers = self.signature_headers();
        verifier.verify(&headers, &self.body, headers.unix_seconds())
    }

    pub(crate) fn envelope(&self) -> WebhookEnvelope {
        serde_json::from_slice(&self.body).unwrap()
    }
}
