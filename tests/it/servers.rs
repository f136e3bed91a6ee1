//! The built-in servers started by hand, as somebody does who brings a deployment of their own.

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::host::{LONGEST_WAIT, LOOK_AGAIN, within};
use crate::program::loadtest;

pub(crate) const API_KEY: &str = "public-key-of-the-deployment-4711";
pub(crate) const JWT_SECRET: &str = "token-secret-of-the-deployment-0815";
const CLASSCONNECT_KEY: &str = "classconnect-key-of-the-deployment";
const WEBHOOK_SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// The environment of both servers.
pub(crate) const SECRETS: [(&str, &str); 4] = [
    ("PRACTICE_API_KEY", API_KEY),
    ("PRACTICE_JWT_SECRET", JWT_SECRET),
    ("CLASSCONNECT_API_KEY", CLASSCONNECT_KEY),
    ("CLASSCONNECT_WEBHOOK_SECRET", WEBHOOK_SECRET),
];

/// An address that is free once the listener is dropped.
pub(crate) fn free_address() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (listener.local_addr().unwrap().to_string(), listener)
}

/// A server that runs until it is stopped; a failed test kills it.
#[derive(Debug)]
struct Server {
    process: Child,
    url: String,
}

impl Server {
    async fn start(arguments: &[&str]) -> Self {
        let mut process = loadtest()
            .arg("serve")
            .args(arguments)
            .arg("--exit-with-stdin")
            .envs(SECRETS)
            .stdin(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = within("the ready line", LONGEST_WAIT, lines.next_line())
            .await
            .unwrap()
            .expect("a server that is ready says so");
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true, "{line}");
        Self {
            process,
            url: ready["url"].as_str().unwrap().to_owned(),
        }
    }

    /// Lets it end in order, so that it removes what it has on the disk.
    async fn stop(mut self) {
        drop(self.process.stdin.take());
        let status = within("the server ends", LONGEST_WAIT, self.process.wait())
            .await
            .unwrap();
        assert!(status.success(), "{status}");
    }
}

/// A practice server and the mock of ClassConnect that it calls.
#[derive(Debug)]
pub(crate) struct Deployment {
    server: Server,
    mock: Server,
    http: reqwest::Client,
}

impl Deployment {
    pub(crate) async fn start() -> Self {
        let plan = r#"{"analysis_delay": {"distribution": "fixed", "value": "100ms"}}"#;
        let mock = Server::start(&["mock-classconnect", "--plan", plan]).await;
        let server = Server::start(&[
            "practice-server",
            "--listen",
            "127.0.0.1:0",
            "--classconnect-url",
            &mock.url,
        ])
        .await;
        Self {
            server,
            mock,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    pub(crate) async fn stop(self) {
        self.server.stop().await;
        self.mock.stop().await;
    }

    /// Posts as a user; the answer's JSON, which must come with 202.
    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Value {
        let answer = self
            .http
            .post(format!("{}/api/v1/practice/{path}", self.server.url))
            .header("apikey", API_KEY)
            .bearer_auth(token)
            .json(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 202, "{path}");
        answer.json().await.unwrap()
    }

    /// Reads a session again and again until it has this status.
    pub(crate) async fn until_session_is(&self, token: &str, session_id: &str, status: &str) {
        let url = format!("{}/api/v1/practice/sessions/{session_id}", self.server.url);
        let read = async || -> Value {
            let request = self.http.get(&url).header("apikey", API_KEY).bearer_auth(token);
            request.send().await.unwrap().json().await.unwrap()
        };
        within(status, LONGEST_WAIT, async {
            while read().await["status"] != status {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        })
        .await;
    }
}

/// A token of this deployment for a user.
pub(crate) fn token(user_id: &str) -> String {
    // A day that lies further ahead than anybody will run these tests.
    let claims =
        json!({ "sub": user_id, "role": "authenticated", "aud": "authenticated", "exp": 4_102_444_800_u64 });
    let key = jsonwebtoken::EncodingKey::from_secret(JWT_SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
