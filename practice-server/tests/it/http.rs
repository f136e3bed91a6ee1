//! The interface: who may ask, what is taken, and how a refusal looks.

use practice_server::clock::monotonic_ns;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{API_KEY, Answer, Server, token};

const USER: &str = "user-1";
const STRANGER: &str = "user-2";
const SESSIONS: &str = "/api/v1/practice/sessions";

fn transcript() -> Value {
    json!({ "transcript": "Hello there.", "language": "en-US" })
}

fn recording() -> Value {
    json!({ "attempt_type": "sentence", "sentence_index": 0, "audio_url": "https://cdn.example/a.webm" })
}

#[tokio::test]
async fn both_credentials_are_needed() {
    let server = Server::start().await;
    let post = || server.request(Method::POST, SESSIONS).json(&transcript());
    for request in [
        post(),
        post().header("apikey", API_KEY),
        post().bearer_auth(token(USER)),
        post().header("apikey", "other").bearer_auth(token(USER)),
        post().header("apikey", API_KEY).bearer_auth("nonsense"),
        post()
            .header("apikey", API_KEY)
            .header("authorization", format!("Basic {}", token(USER))),
    ] {
        let answer = Answer::of(request.send().await.unwrap()).await;
        answer.assert_problem(StatusCode::UNAUTHORIZED);
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer error=\"invalid_token\""
        );
    }
    let answer = Answer::of(
        post()
            .header("apikey", API_KEY)
            .bearer_auth(token(USER))
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_foreign_row_looks_like_one_that_is_not_there() {
    let server = Server::start().await;
    let session = server.practicing(USER).await;
    let attempt = server.submit(USER, &session, 0).await;
    let before = server.session(USER, &session).await;
    let unknown = uuid::Uuid::new_v4().to_string();
    for id in [session.as_str(), unknown.as_str(), "not-a-uuid"] {
        let actions = [
            ("submit-recording", recording()),
            ("start-practice", json!({})),
            ("improve-transcript", json!({})),
        ];
        for (action, body) in actions {
            let answer = server
                .post(STRANGER, &format!("{SESSIONS}/{id}/{action}"), &body)
                .await;
            answer.assert_problem(StatusCode::NOT_FOUND);
        }
        let answer = server.get(STRANGER, &format!("{SESSIONS}/{id}")).await;
        answer.assert_problem(StatusCode::NOT_FOUND);
        assert_eq!(
            answer.body["detail"],
            "there is no session with this id among your own"
        );
    }
    for id in [attempt.as_str(), unknown.as_str(), "not-a-uuid"] {
        let answer = server
            .get(STRANGER, &format!("/api/v1/practice/attempts/{id}"))
            .await;
        answer.assert_problem(StatusCode::NOT_FOUND);
        assert_eq!(
            answer.body["detail"],
            "there is no attempt with this id among your own"
        );
    }
    assert_eq!(server.session(USER, &session).await, before);
}

#[tokio::test]
async fn a_body_is_exactly_what_the_route_takes() {
    let server = Server::start().await;
    let session = server.practicing(USER).await;
    let submit = format!("{SESSIONS}/{session}/submit-recording");
    let start = format!("{SESSIONS}/{session}/start-practice");
    let with = |key: &str, value: Value| {
        let mut body = recording();
        body[key] = value;
        body
    };
    for (path, body, part) in [
        (
            SESSIONS,
            json!({ "transcript": "Hi.", "language": "en-US", "mood": "good" }),
            "mood",
        ),
        (SESSIONS, json!({ "transcript": "Hi." }), "language"),
        (
            SESSIONS,
            json!({ "transcript": " ", "language": "en-US" }),
            "transcript",
        ),
        (
            SESSIONS,
            json!({ "transcript": 5, "language": "en-US" }),
            "string",
        ),
        (
            SESSIONS,
            json!({ "transcript": "Hi.", "language": "English" }),
            "language",
        ),
        (submit.as_str(), with("sentence_index", json!(3)), "below 3"),
        (submit.as_str(), with("sentence_index", json!(-1)), "-1"),
        (submit.as_str(), with("word_index", json!(0)), "word_index"),
        (submit.as_str(), with("attempt_type", json!("word")), "word_index"),
        (submit.as_str(), with("attempt_type", json!("song")), "song"),
        (
            submit.as_str(),
            with("audio_url", json!("file:///etc/passwd")),
            "audio_url",
        ),
        (
            submit.as_str(),
            with("webhook_url", json!("http://evil.example")),
            "webhook_url",
        ),
        (start.as_str(), json!({ "hurry": true }), "hurry"),
    ] {
        let answer = server.post(USER, path, &body).await;
        answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.text("detail").contains(part),
            "{part} is not named in {answer:?}"
        );
    }
    assert_eq!(
        server.session(USER, &session).await["attempt_count"],
        0,
        "a refused recording does not count"
    );
}

#[tokio::test]
async fn what_is_no_request_at_all_is_told_apart() {
    let server = Server::start().await;
    let post = || server.as_user(USER, Method::POST, SESSIONS);
    let json_post = |body: String| post().header("content-type", "application/json").body(body);
    let cases = [
        (json_post("{".to_owned()), StatusCode::BAD_REQUEST),
        (json_post(String::new()), StatusCode::BAD_REQUEST),
        (json_post("x".repeat(70_000)), StatusCode::PAYLOAD_TOO_LARGE),
        (post().body("transcript=Hi"), StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            post().header("content-type", "text/plain").body("{}"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            server.as_user(USER, Method::DELETE, SESSIONS),
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            server.as_user(USER, Method::GET, "/api/v1/practice/nothing"),
            StatusCode::NOT_FOUND,
        ),
        (
            server.as_user(USER, Method::GET, "/nothing"),
            StatusCode::NOT_FOUND,
        ),
    ];
    for (request, status) in cases {
        Answer::of(request.send().await.unwrap())
            .await
            .assert_problem(status);
    }
    let charset = post()
        .header("content-type", "application/json; charset=utf-8")
        .body(transcript().to_string());
    assert_eq!(charset.send().await.unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn actions_have_their_states() {
    let server = Server::start().await;
    let session = server.created(USER).await;
    let path = |action: &str| format!("{SESSIONS}/{session}/{action}");
    let conflict = |answer: Answer| answer.assert_problem(StatusCode::CONFLICT);
    // While the transcript is being improved.
    conflict(server.post(USER, &path("start-practice"), &json!({})).await);
    conflict(server.post(USER, &path("submit-recording"), &recording()).await);
    let again = server.post(USER, &path("improve-transcript"), &json!({})).await;
    assert_eq!(
        (again.status, again.text("session_id")),
        (StatusCode::ACCEPTED, session.clone())
    );
    let calls = server
        .app
        .store()
        .calls_of_session(session.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        calls.len(),
        1,
        "repeating an improvement under way starts no second one"
    );

    let practicing = server.practicing_after(&session).await;
    assert_eq!(practicing["status"], "practicing");
    conflict(server.post(USER, &path("start-practice"), &json!({})).await);
    conflict(server.post(USER, &path("improve-transcript"), &json!({})).await);
}

impl Server {
    /// Brings a session that was just created into practice, starting it twice on the way.
    async fn practicing_after(&self, session: &str) -> Value {
        use crate::events::{extracted, improved};
        self.dispatch().await;
        self.deliver(&improved(&self.last_job().await, "One two.")).await;
        let path = format!("{SESSIONS}/{session}/start-practice");
        for _ in 0..2 {
            // No body at all is as good as an empty object.
            let answer = self.as_user(USER, Method::POST, &path).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::ACCEPTED);
        }
        assert_eq!(self.dispatch().await, 1);
        self.deliver(&extracted(&self.last_job().await, &["One two."]))
            .await;
        self.session(USER, session).await
    }
}

#[tokio::test]
async fn a_ready_transcript_may_be_improved_again() {
    let server = Server::start().await;
    let session = server.ready(USER).await;
    let path = format!("{SESSIONS}/{session}/improve-transcript");
    assert_eq!(
        server.post(USER, &path, &json!({})).await.status,
        StatusCode::ACCEPTED
    );
    assert_eq!(server.session(USER, &session).await["status"], "processing");
    server.dispatch().await;
    server
        .deliver(&crate::events::improved(
            &server.last_job().await,
            "Better still.",
        ))
        .await;
    let row = server.session(USER, &session).await;
    assert_eq!(
        (&row["status"], &row["improved_transcript"]),
        (&json!("ready"), &json!("Better still."))
    );
}

#[tokio::test]
async fn submissions_that_race_both_count() {
    let server = Server::start().await;
    let session = server.practicing(USER).await;
    let (first, second) = tokio::join!(server.submit(USER, &session, 0), server.submit(USER, &session, 1));
    assert_ne!(first, second);
    assert_eq!(server.session(USER, &session).await["attempt_count"], 2);
    assert_eq!(server.dispatch().await, 2);
}

#[tokio::test]
async fn the_server_describes_and_measures_itself() {
    let server = Server::start().await;
    server.practicing(USER).await;
    let health = server.get(USER, "/healthz").await;
    assert_eq!(health.body, json!({ "status": "ok", "version": "test" }));
    let before = monotonic_ns();
    let ready = server.get(USER, "/readyz").await;
    assert_eq!(ready.status, StatusCode::OK);
    // Both answers say what the server's clocks show.
    for headers in [&health.headers, &ready.headers] {
        let shown = |name: &str| headers[name].to_str().unwrap().parse::<u64>().unwrap();
        assert!(shown("x-server-monotonic-ns") <= monotonic_ns());
        assert!(shown("x-server-time-us") > 1_700_000_000_000_000);
    }
    let shown: u64 = ready.headers["x-server-monotonic-ns"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(shown >= before);

    let document = server.get(USER, "/openapi.json").await.body;
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    for path in [
        "/api/v1/practice/sessions",
        "/api/v1/practice/sessions/{id}",
        "/api/v1/practice/sessions/{id}/improve-transcript",
        "/api/v1/practice/sessions/{id}/start-practice",
        "/api/v1/practice/sessions/{id}/submit-recording",
        "/api/v1/practice/attempts/{id}",
        "/api/v1/webhooks/classconnect",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(
            paths.iter().any(|known| *known == path),
            "{path} is missing in {paths:?}"
        );
    }

    let created = "http_request_duration_seconds_count\
                   {method=\"POST\",route=\"/api/v1/practice/sessions\",status=\"202\"}";
    assert_eq!(server.metric(created).await, 1.0);
    assert_eq!(server.metric("webhooks_total{outcome=\"applied\"}").await, 2.0);
    assert_eq!(
        server
            .metric("classconnect_calls_total{outcome=\"accepted\"}")
            .await,
        2.0
    );
    assert_eq!(
        server
            .metric("db_query_duration_seconds_count{query=\"start_practice\"}")
            .await,
        1.0
    );
    let edge = "db_query_duration_seconds_bucket{le=\"0.1\",query=\"start_practice\"}";
    let text = server
        .request(Method::GET, "/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(
        text.contains(edge),
        "no bucket edge at the alert's threshold:\n{text}"
    );
    assert!(server.metric("db_commit_group_size_count").await >= 6.0);
}
