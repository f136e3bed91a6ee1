//! The trigger architecture and the roll-out, over a real PostgreSQL with real triggers.

mod admin;
mod database;
mod degradation;
mod journey;
mod losses;
mod rollout;

use std::time::Duration;

use classconnect_api::WebhookEvent;
use practice_server::clock::Clock;
use practice_server::config::Config;
use practice_server::rollout::DirectPercent;
use practice_server::serve;
use practice_server::store::{DatabaseUrl, PostgresUrl};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request};

use crate::databases::{patient_pool, postgres_database};
use crate::events::{Job, analysed, extracted, improved};
use crate::fixture::{API_KEY, Answer, SENTENCES, accept, config, envelope, job_of, token, webhook_secret};

const SESSIONS: &str = "/api/v1/practice/sessions";
/// Not a time to wait but an end to waiting for what will not come.
const NEVER: Duration = Duration::from_secs(60);

/// A server with all its background workers, and a ClassConnect double that tells of each call.
struct Running {
    url: String,
    database: PostgresUrl,
    http: Client,
    jobs: mpsc::Receiver<(String, Job)>,
    _classconnect: MockServer,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Every user is served by triggers, on a database of its own.
    async fn with_triggers() -> Self {
        Self::start(postgres_database().await, |config| {
            config.legacy.direct_percent = Some(DirectPercent::NOBODY);
        })
        .await
    }

    async fn start(database: PostgresUrl, adjust: impl FnOnce(&mut Config)) -> Self {
        let (sent, jobs) = mpsc::channel(64);
        let classconnect = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(move |request: &Request| {
                sent.try_send((request.url.path().to_owned(), job_of(request)))
                    .unwrap();
                accept(request)
            })
            .mount(&classconnect)
            .await;
        let mut config = config(&classconnect.uri());
        config.database = DatabaseUrl::Postgres(database.clone());
        config.pool = patient_pool();
        config.clock = Clock::system();
        // A busy machine may take its time; the tests of losses set this lower.
        config.legacy.trigger_wait = Duration::from_secs(25);
        adjust(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            serve(listener, config, async { drop(stopped.await) })
                .await
                .unwrap()
        });
        let server = Self {
            url,
            database,
            http: Client::builder().no_proxy().build().unwrap(),
            jobs,
            _classconnect: classconnect,
            stop,
            task,
        };
        // The first connection waits until the server serves.
        server.until_ready().await;
        server
    }

    async fn until_ready(&self) {
        while self.send(Method::GET, "/readyz", "", None).await.status != StatusCode::OK {}
    }

    async fn stop(self) {
        drop(self.http);
        let _ = self.stop.send(());
        self.task.await.unwrap();
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("apikey", API_KEY)
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn post(&self, user: &str, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &token(user), Some(body)).await
    }

    async fn get(&self, user: &str, path: &str) -> Value {
        let answer = self.send(Method::GET, path, &token(user), None).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    }

    async fn create(&self, user: &str) -> Answer {
        let body = json!({ "transcript": SENTENCES.join(" ").to_lowercase(), "language": "en-US" });
        self.post(user, SESSIONS, &body).await
    }

    /// A session that was created; answers its id.
    async fn created(&self, user: &str) -> String {
        let answer = self.create(user).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        answer.text("session_id")
    }

    async fn start_practice(&self, user: &str, session: &str) -> Answer {
        self.post(user, &format!("{SESSIONS}/{session}/start-practice"), &json!({}))
            .await
    }

    async fn submit(&self, user: &str, session: &str, sentence_index: u32) -> Answer {
        let audio_url = format!("https://cdn.example/{}.webm", uuid::Uuid::new_v4());
        let body =
            json!({ "attempt_type": "sentence", "sentence_index": sentence_index, "audio_url": audio_url });
        self.post(user, &format!("{SESSIONS}/{session}/submit-recording"), &body)
            .await
    }

    /// A session of this user whose sentences can be practised.
    async fn practicing(&mut self, user: &str) -> String {
        let session = self.created(user).await;
        let job = self.next_job("/v1/transcript-improvements").await;
        self.deliver(&improved(&job, &SENTENCES.join(" "))).await;
        let answer = self.start_practice(user, &session).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let job = self.next_job("/v1/sentence-extractions").await;
        self.deliver(&extracted(&job, &SENTENCES)).await;
        session
    }

    /// Submits a recording of each sentence and has each pass.
    async fn complete(&mut self, user: &str, session: &str) {
        for sentence in 0..3 {
            let answer = self.submit(user, session, sentence).await;
            assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
            let job = self.next_job("/v1/recording-analyses").await;
            assert_eq!(job.client_reference_id, answer.text("attempt_id"));
            self.deliver(&analysed(&job, 88.5)).await;
        }
    }

    /// The next call that reaches ClassConnect.
    async fn next_job(&mut self, path: &str) -> Job {
        let next = tokio::time::timeout(NEVER, self.jobs.recv()).await;
        let (called, job) = next.expect("no call reached ClassConnect").unwrap();
        assert_eq!(called, path);
        job
    }

    async fn deliver(&self, event: &WebhookEvent) {
        let body = envelope(event);
        let id = format!("msg_{}", uuid::Uuid::new_v4());
        let now = u64::try_from(Clock::system().now().unix_s()).unwrap();
        let request = self
            .http
            .post(format!("{}/api/v1/webhooks/classconnect", self.url))
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", now)
            .header("webhook-signature", webhook_secret().sign(&id, now, &body))
            .body(body);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    /// Runs a statement as the owner of the tables, as `psql` would.
    async fn sql(&self, statement: &str) {
        let mut connection = PgConnection::connect(self.database.expose()).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    }

    /// The one value that a query answers.
    async fn value<T>(&self, query: &str) -> T
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
    {
        let mut connection = PgConnection::connect(self.database.expose()).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(query.to_owned()))
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    /// Asks until the answer is this one. Nothing tells of what a worker writes, so each answer is the wait for the next.
    async fn until(&self, query: &str, expected: &str) {
        let asking = async {
            loop {
                let answer: Option<String> = self.value(query).await;
                if answer.as_deref() == Some(expected) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(NEVER, asking).await;
        in_time.unwrap_or_else(|_| panic!("{query} never answered {expected}"));
    }

    async fn architecture_of(&self, session: &str) -> String {
        self.value(&format!(
            "SELECT architecture FROM practice_sessions WHERE id = '{session}'"
        ))
        .await
    }

    async fn metric(&self, name: &str) -> f64 {
        let request = self.http.get(format!("{}/metrics", self.url));
        let text = request.send().await.unwrap().text().await.unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
            .trim()
            .parse()
            .unwrap()
    }
}

/// A token of an operator.
fn operator_token() -> String {
    use jsonwebtoken::{EncodingKey, Header, encode, get_current_timestamp};
    let claims = json!({ "sub": "operator", "role": "service_role", "exp": get_current_timestamp() + 600 });
    let key = EncodingKey::from_secret(crate::fixture::JWT_SECRET.as_bytes());
    encode(&Header::default(), &claims, &key).unwrap()
}
