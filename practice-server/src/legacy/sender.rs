//! Sending the requests of the queue over HTTP.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, Response, redirect};

use super::queue::{Delivery, DeliveryEnd, Method, QueuedRequest};
use crate::error::with_causes;

/// An answer is kept up to this length, in bytes. The edge functions' answers are far shorter.
const CONTENT_BYTES_MAX: usize = 65_536;
/// Connections that stay open between batches: as many as one batch can have.
const IDLE_CONNECTIONS_MAX: usize = 200;

/// Sends requests to this server's edge functions, and to nobody else: whoever can write to the queue must not be able to
/// have requests sent to any address that this machine reaches.
#[derive(Clone)]
pub(crate) struct Sender {
    http: Client,
    /// What every URL must begin with; ends with a slash.
    base_url: String,
}

impl Sender {
    /// # Errors
    /// A client that cannot be set up.
    pub(crate) fn new(base_url: &str) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .tcp_nodelay(true)
            .build()?;
        let base_url = format!("{}/", base_url.trim_end_matches('/'));
        Ok(Self { http, base_url })
    }

    /// Sends one request, once, and waits for its end.
    pub(crate) async fn send(&self, request: QueuedRequest) -> Delivery {
        let (request_id, timeout) = (request.id, request.timeout);
        let end = if request.url.starts_with(&self.base_url) {
            self.exchange(request)
                .await
                .unwrap_or_else(|error| failure(&error, timeout))
        } else {
            DeliveryEnd::Failed {
                message: format!(
                    "requests go to {} only, but this one is for {}",
                    self.base_url, request.url
                ),
            }
        };
        Delivery { request_id, end }
    }

    async fn exchange(&self, request: QueuedRequest) -> Result<DeliveryEnd, reqwest::Error> {
        let response = self.builder(request).send().await?;
        let status = response.status().as_u16();
        let content_type = response
            .headers()
            .get(reqwest::header::CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let content = content(response).await?;
        Ok(DeliveryEnd::Answered {
            status,
            content_type,
            content,
        })
    }

    fn builder(&self, request: QueuedRequest) -> RequestBuilder {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
        };
        let mut builder = self.http.request(method, request.url).timeout(request.timeout);
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        match request.body {
            Some(body) => builder.body(body),
            None => builder,
        }
    }
}

fn failure(error: &reqwest::Error, timeout: Duration) -> DeliveryEnd {
    if error.is_timeout() {
        let message = format!("no answer within {} ms", timeout.as_millis());
        DeliveryEnd::TimedOut { message }
    } else {
        DeliveryEnd::Failed {
            message: with_causes(error),
        }
    }
}

/// The beginning of the body as text that PostgreSQL can hold, which has no zero bytes.
async fn content(mut response: Response) -> Result<String, reqwest::Error> {
    let mut bytes = Vec::new();
    while bytes.len() < CONTENT_BYTES_MAX
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(CONTENT_BYTES_MAX);
    Ok(String::from_utf8_lossy(&bytes).replace('\0', ""))
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_json, header, method, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    fn request(url: String, timeout_ms: u64) -> QueuedRequest {
        QueuedRequest {
            id: 7,
            method: Method::Post,
            url,
            headers: vec![
                ("Content-Type".to_owned(), "application/json".to_owned()),
                ("Authorization".to_owned(), "Bearer key".to_owned()),
            ],
            body: Some(br#"{"type":"INSERT"}"#.to_vec()),
            timeout: Duration::from_millis(timeout_ms),
        }
    }

    #[tokio::test]
    async fn an_answer_is_reported_as_it_came() {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(path("/functions/v1/f"))
            .and(header("authorization", "Bearer key"))
            .and(body_json(serde_json::json!({ "type": "INSERT" })))
            .respond_with(ResponseTemplate::new(200).set_body_raw("ok\0", "text/plain"))
            .mount(&server)
            .await;
        let sender = Sender::new(&server.uri()).unwrap();
        let delivery = sender
            .send(request(format!("{}/functions/v1/f", server.uri()), 5_000))
            .await;
        assert_eq!(delivery.request_id, 7);
        assert_eq!(delivery.end.lost_because(), None);
        let expected = DeliveryEnd::Answered {
            status: 200,
            content_type: Some("text/plain".to_owned()),
            content: "ok".to_owned(),
        };
        assert_eq!(delivery.end, expected);
    }

    #[tokio::test]
    async fn what_was_not_done_says_why() {
        let server = MockServer::start().await;
        Mock::given(path("/slow"))
            .respond_with(ResponseTemplate::new(200).set_delay(Duration::from_secs(30)))
            .mount(&server)
            .await;
        let sender = Sender::new(&server.uri()).unwrap();
        let lost = async |url: String, timeout_ms| {
            let delivery = sender.send(request(url, timeout_ms)).await;
            delivery.end.lost_because()
        };
        assert_eq!(lost(format!("{}/slow", server.uri()), 20).await, Some("timeout"));
        assert_eq!(
            lost(format!("{}/missing", server.uri()), 5_000).await,
            Some("status")
        );
        let gone = Sender::new("http://127.0.0.1:9").unwrap();
        let delivery = gone.send(request("http://127.0.0.1:9/f".to_owned(), 5_000)).await;
        assert_eq!(delivery.end.lost_because(), Some("connection"));
    }

    #[tokio::test]
    async fn nobody_else_is_sent_anything() {
        let (ours, other) = (MockServer::start().await, MockServer::start().await);
        let sender = Sender::new(&ours.uri()).unwrap();
        // The second address begins with ours, but is another host's.
        for url in [other.uri(), format!("{}.example/f", ours.uri())] {
            let delivery = sender.send(request(url, 5_000)).await;
            let DeliveryEnd::Failed { message } = delivery.end else {
                panic!("{delivery:?}");
            };
            assert!(message.contains("only"), "{message}");
        }
        assert!(other.received_requests().await.unwrap().is_empty());
    }
}
