//! A server on a port of its own with a ClassConnect double, and a user who talks to it.

use std::time::Duration;

use classconnect_api::{Verifier, WebhookEnvelope, WebhookEvent, WebhookSecret};
use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
use practice_server::App;
use practice_server::classconnect::{BreakerSettings, DispatchSettings, RetrySchedule};
use practice_server::clock::Clock;
use practice_server::config::{Config, Secret, Secrets};
use practice_server::fault::FaultSettings;
use practice_server::legacy::LegacySettings;
use practice_server::realtime::FeedMode;
use practice_server::service::{PollSchedule, SweepSettings};
use practice_server::store::{DatabaseUrl, Retention};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::databases::{Backend, Database, patient_pool};
use crate::events::{Job, extracted, improved};

pub(crate) const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const API_KEY: &str = "anon-key";
pub(crate) const WEBHOOK_KEY: [u8; 32] = [7; 32];
pub(crate) const SENTENCES: [&str; 3] = ["One two three.", "Four five six.", "Seven eight nine."];

pub(crate) fn webhook_secret() -> WebhookSecret {
    WebhookSecret::from_key(&WEBHOOK_KEY).unwrap()
}

/// A configuration with short schedules and a clock that only tests move.
pub(crate) fn config(classconnect_url: &str) -> Config {
    Config {
        database: DatabaseUrl::SqliteTemporary,
        pool: patient_pool(),
        realtime: FeedMode::Wal,
        classconnect_url: classconnect_url.parse().unwrap(),
        public_url: None,
        secrets: Secrets {
            jwt: Secret::new(JWT_SECRET),
            api_key: Secret::new(API_KEY),
            classconnect_api_key: Secret::new("classconnect-key"),
            webhook: Verifier::new(vec![webhook_secret()]).unwrap(),
        },
        faults: FaultSettings::default(),
        drills: false,
        legacy: LegacySettings::default(),
        poll_classconnect: true,
        dispatch: DispatchSettings {
            concurrency: 8,
            lease: Duration::from_secs(30),
            retry_schedule: RetrySchedule::try_new([0, 1, 5].map(Duration::from_secs).to_vec()).unwrap(),
            poll_schedule: PollSchedule {
                first_after: Duration::from_secs(10),
                interval_max: Duration::from_secs(60),
            },
        },
        breaker: BreakerSettings::default(),
        sweep: SweepSettings {
            session_idle: Duration::from_secs(1_800),
            unmatched_webhook: Duration::from_secs(900),
            retention: Retention::default(),
        },
        sweep_interval: Duration::from_secs(5),
        result_deadline: Duration::from_secs(900),
        body_bytes_max: 65_536,
        shutdown_timeout: Duration::from_secs(5),
        version: "test".to_owned(),
        clock: Clock::manual(),
    }
}

/// A running server without background workers.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) url: String,
    pub(crate) clock: Clock,
    pub(crate) classconnect: MockServer,
    http: reqwest::Client,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    /// Kept until the server is gone, if it was made for it.
    pub(crate) database: Option<Database>,
}

impl Server {
    /// A server whose ClassConnect accepts everything.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut Config)) -> Self {
        let classconnect = MockServer::start().await;
        accept_everything(&classconnect).await;
        Self::start_beside(classconnect, adjust).await
    }

    /// The same on an empty database of this backend.
    pub(crate) async fn on(backend: Backend) -> Self {
        Self::on_with(backend, |_| {}).await
    }

    pub(crate) async fn on_with(backend: Backend, adjust: impl FnOnce(&mut Config)) -> Self {
        let classconnect = MockServer::start().await;
        accept_everything(&classconnect).await;
        Self::on_beside(backend, classconnect, adjust).await
    }

    pub(crate) async fn on_beside(
        backend: Backend,
        classconnect: MockServer,
        adjust: impl FnOnce(&mut Config),
    ) -> Self {
        let database = backend.database().await;
        let mut server = Self::start_beside(classconnect, |config| {
            config.database = database.url.clone();
            adjust(config);
        })
        .await;
        server.database = Some(database);
        server
    }

    /// A second server on this one's database, by the same clock.
    pub(crate) async fn companion(&self) -> Self {
        let database = self.database.as_ref().unwrap().url.clone();
        Self::start_with(|config| {
            config.database = database;
            config.clock = self.clock.clone();
        })
        .await
    }

    pub(crate) async fn start_beside(classconnect: MockServer, adjust: impl FnOnce(&mut Config)) -> Self {
        let mut config = config(&classconnect.uri());
        adjust(&mut config);
        let clock = config.clock.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = App::open(config, address).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let router = app.router();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
                .unwrap();
        });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            app,
            url: format!("http://{address}"),
            clock,
            classconnect,
            http,
            stop,
            task,
            database: None,
        }
    }

    /// Stops without any farewell to the database, as far as a process can do that to itself, and hands ClassConnect's
    /// double on to whoever starts next.
    pub(crate) async fn stop(self) -> MockServer {
        drop(self.http);
        let _ = self.stop.send(());
        self.task.await.unwrap();
        self.app.store().close().await;
        self.classconnect
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn as_user(&self, user: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path)
            .header("apikey", API_KEY)
            .bearer_auth(token(user))
    }

    pub(crate) async fn post(&self, user: &str, path: &str, body: &Value) -> Answer {
        Answer::of(
            self.as_user(user, Method::POST, path)
                .json(body)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn get(&self, user: &str, path: &str) -> Answer {
        Answer::of(self.as_user(user, Method::GET, path).send().await.unwrap()).await
    }

    /// Sends every call that is due.
    pub(crate) async fn dispatch(&self) -> usize {
        self.app.dispatcher().dispatch_due().await.unwrap()
    }

    /// Delivers an event as ClassConnect would, signed, under a fresh webhook id.
    pub(crate) async fn deliver(&self, event: &WebhookEvent) -> Answer {
        self.deliver_as(&format!("msg_{}", uuid::Uuid::new_v4()), event)
            .await
    }

    pub(crate) async fn deliver_as(&self, webhook_id: &str, event: &WebhookEvent) -> Answer {
        self.deliver_raw(webhook_id, envelope(event)).await
    }

    pub(crate) async fn deliver_raw(&self, webhook_id: &str, body: Vec<u8>) -> Answer {
        let now = u64::try_from(self.clock.now().unix_s()).unwrap();
        let signature = webhook_secret().sign(webhook_id, now, &body);
        let request = self
            .request(Method::POST, "/api/v1/webhooks/classconnect")
            .header("content-type", "application/json")
            .header("webhook-id", webhook_id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", signature)
            .body(body);
        Answer::of(request.send().await.unwrap()).await
    }

    /// The calls ClassConnect has received, oldest first.
    pub(crate) async fn calls(&self) -> Vec<Request> {
        let received = self.classconnect.received_requests().await.unwrap();
        received
            .into_iter()
            .filter(|request| request.method.as_str() == "POST")
            .collect()
    }

    /// The job that ClassConnect's latest call led to.
    pub(crate) async fn last_job(&self) -> Job {
        job_of(self.calls().await.last().unwrap())
    }

    /// A session that has been created and not been touched since.
    pub(crate) async fn created(&self, user: &str) -> String {
        let body =
            json!({ "transcript": "one two three. four five six. seven eight nine.", "language": "en-US" });
        let answer = self.post(user, "/api/v1/practice/sessions", &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.text("session_id")
    }

    /// A session whose transcript is improved.
    pub(crate) async fn ready(&self, user: &str) -> String {
        let session = self.created(user).await;
        assert_eq!(self.dispatch().await, 1);
        let job = self.last_job().await;
        assert_eq!(
            self.deliver(&improved(&job, &SENTENCES.join(" "))).await.status,
            StatusCode::OK
        );
        session
    }

    /// A session whose three sentences can be practised.
    pub(crate) async fn practicing(&self, user: &str) -> String {
        let session = self.ready(user).await;
        let path = format!("/api/v1/practice/sessions/{session}/start-practice");
        assert_eq!(
            self.post(user, &path, &json!({})).await.status,
            StatusCode::ACCEPTED
        );
        assert_eq!(self.dispatch().await, 1);
        let job = self.last_job().await;
        assert_eq!(
            self.deliver(&extracted(&job, &SENTENCES)).await.status,
            StatusCode::OK
        );
        session
    }

    /// Submits a recording of a sentence; answers the attempt's id.
    pub(crate) async fn submit(&self, user: &str, session: &str, sentence_index: u32) -> String {
        let audio_url = format!("https://cdn.example/{}.webm", uuid::Uuid::new_v4());
        let body =
            json!({ "attempt_type": "sentence", "sentence_index": sentence_index, "audio_url": audio_url });
        let path = format!("/api/v1/practice/sessions/{session}/submit-recording");
        let answer = self.post(user, &path, &body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.text("attempt_id")
    }

    pub(crate) async fn session(&self, user: &str, session: &str) -> Value {
        let answer = self
            .get(user, &format!("/api/v1/practice/sessions/{session}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    }

    pub(crate) async fn attempt(&self, user: &str, attempt: &str) -> Value {
        let answer = self
            .get(user, &format!("/api/v1/practice/attempts/{attempt}"))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    }

    /// One sample of the metrics, by its full name with labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self
            .request(Method::GET, "/metrics")
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        let line = text
            .lines()
            .find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        let line = line.unwrap_or_else(|| {
            panic!(
                "no {name} in
{text}"
            )
        });
        line[name.len()..].trim().parse().unwrap()
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self {
            status,
            headers,
            body,
        }
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.body[key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key} in {self:?}"))
            .to_owned()
    }

    /// Asserts that this is a problem of RFC 9457 with this status.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: StatusCode) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        assert_eq!(self.body["status"], status.as_u16(), "{self:?}");
        assert!(
            self.body["type"].is_string() && self.body["title"].is_string(),
            "{self:?}"
        );
    }
}

pub(crate) fn token(user: &str) -> String {
    let claims = json!({
        "sub": user,
        "role": "authenticated",
        "aud": "authenticated",
        "exp": get_current_timestamp() + 600,
    });
    encode(
        &Header::default(),
        &claims,
        &EncodingKey::from_secret(JWT_SECRET.as_bytes()),
    )
    .unwrap()
}

pub(crate) fn envelope(event: &WebhookEvent) -> Vec<u8> {
    let envelope = WebhookEnvelope {
        timestamp: "2026-11-22T01:02:03.456Z".to_owned(),
        event: event.clone(),
    };
    serde_json::to_vec(&envelope).unwrap()
}

/// Answers every submission 202 with a job that is named after its idempotency key.
pub(crate) async fn accept_everything(classconnect: &MockServer) {
    Mock::given(method("POST"))
        .and(path_regex(
            "^/v1/(recording-analyses|transcript-improvements|sentence-extractions)$",
        ))
        .respond_with(accept)
        .mount(classconnect)
        .await;
}

pub(crate) fn accept(request: &Request) -> ResponseTemplate {
    let job_id = job_of(request).job_id;
    let body = json!({ "job_id": job_id, "status": "queued", "estimated_completion_ms": 2_500 });
    ResponseTemplate::new(202).set_body_json(body)
}

/// The job that a submission leads to here.
pub(crate) fn job_of(request: &Request) -> Job {
    let key = request.headers["idempotency-key"]
        .to_str()
        .unwrap()
        .trim_matches('"')
        .to_owned();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    Job {
        job_id: format!("job_{key}"),
        client_reference_id: body["client_reference_id"].as_str().unwrap().to_owned(),
    }
}
