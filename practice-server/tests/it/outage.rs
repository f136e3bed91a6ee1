//! The database goes away and comes back: requests are refused at once, and everything goes on by itself.

use std::time::Duration;

use practice_server::clock::{Clock, monotonic_ns};
use practice_server::store::{DatabaseUrl, PostgresUrl};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use throwaway_postgres::{Cluster, Settings, StopMode};
use tokio::sync::{mpsc, oneshot};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer};

use crate::databases::patient_pool;
use crate::fixture::{API_KEY, Answer, accept, config, job_of, token};

const USER: &str = "user-1";
const SESSIONS: &str = "/api/v1/practice/sessions";
/// Far below the pool's wait, and far above what a refusal takes on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(2);

struct Client {
    url: String,
    http: reqwest::Client,
}

impl Client {
    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("apikey", API_KEY)
            .bearer_auth(token(USER));
        if let Some(body) = body {
            request = request.json(body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn create(&self) -> Answer {
        let body = json!({ "transcript": "Hello there.", "language": "en-US" });
        self.send(Method::POST, SESSIONS, Some(&body)).await
    }

    async fn until_ready(&self) {
        while self.send(Method::GET, "/readyz", None).await.status != StatusCode::OK {}
    }
}

#[tokio::test]
async fn an_outage_is_answered_503_at_once_and_over_when_the_database_is_back() {
    let cluster = Cluster::start(Settings::default()).await.unwrap();
    cluster.create_database("practice").await.unwrap();
    let (sent, mut seen) = mpsc::channel(64);
    let classconnect = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(move |request: &wiremock::Request| {
            sent.try_send(job_of(request).client_reference_id).unwrap();
            accept(request)
        })
        .mount(&classconnect)
        .await;
    let mut config = config(&classconnect.uri());
    config.clock = Clock::system();
    config.pool = patient_pool();
    config.database = DatabaseUrl::Postgres(PostgresUrl::parse(&cluster.url_of("practice")).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client {
        url: format!("http://{}", listener.local_addr().unwrap()),
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let server = tokio::spawn(practice_server::serve(listener, config, shutdown));
    client.until_ready().await;

    for mode in [StopMode::Fast, StopMode::Immediate] {
        let accepted = client.create().await;
        assert_eq!(accepted.status, StatusCode::ACCEPTED, "{accepted:?}");
        let accepted = accepted.text("session_id");
        assert_eq!(seen.recv().await.unwrap(), accepted);

        cluster.stop_server(mode).await.unwrap();
        for _ in 0..20 {
            let started = monotonic_ns();
            let refused = client.create().await;
            let took = Duration::from_nanos(monotonic_ns() - started);
            refused.assert_problem(StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(refused.headers["retry-after"], "1");
            assert!(took < AT_ONCE, "it took {took:?}");
        }
        let read = client
            .send(Method::GET, &format!("{SESSIONS}/{accepted}"), None)
            .await;
        read.assert_problem(StatusCode::SERVICE_UNAVAILABLE);
        let ready = client.send(Method::GET, "/readyz", None).await;
        ready.assert_problem(StatusCode::SERVICE_UNAVAILABLE);
        let alive = client.send(Method::GET, "/healthz", None).await;
        assert_eq!(alive.status, StatusCode::OK);

        cluster.start_server().await.unwrap();
        client.until_ready().await;
        let row = client
            .send(Method::GET, &format!("{SESSIONS}/{accepted}"), None)
            .await;
        assert_eq!(row.body["status"], "processing", "nothing is lost");
        // The dispatcher is back as well.
        let later = client.create().await;
        assert_eq!(later.status, StatusCode::ACCEPTED, "{later:?}");
        assert_eq!(seen.recv().await.unwrap(), later.text("session_id"));
    }
    drop(client);
    stop.send(()).unwrap();
    server.await.unwrap().unwrap();
    cluster.stop().await.unwrap();
}
