//! One HTTP/2 connection of one user: requests go one after the other, as on HTTP/1.1, so that both versions send the
//! same load.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::http::uri::Scheme;
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::super::stream::Stream;
use super::{Answer, BODY_BYTES_MAX, HttpError, HttpRequest, InvalidText};

/// An open connection.
#[derive(Debug)]
pub(super) struct Http2Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    scheme: Scheme,
}

/// Runs what the connection has to do beside its user, on the thread of the `LocalSet`.
#[derive(Debug, Clone, Copy)]
struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

impl Http2Connection {
    /// Speaks HTTP/2 over an open stream, whose other side is known to do so too. Must be called on a `LocalSet`.
    ///
    /// # Errors
    /// When the stream is closed already.
    pub(super) async fn open(stream: Stream) -> Result<Self, HttpError> {
        let scheme = match stream {
            Stream::Tls(_) => Scheme::HTTPS,
            Stream::Tcp(_) | Stream::Memory(_) => Scheme::HTTP,
        };
        let (sender, connection) = http2::handshake(Local, TokioIo::new(stream))
            .await
            .map_err(HttpError::of)?;
        // The driver ends when the socket does; what went wrong reaches the request that was under way.
        let driver = tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            driver,
            scheme,
        })
    }

    /// Whether another request can be sent.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is invalid or too large.
    pub(super) async fn send(&mut self, request: &HttpRequest<'_>) -> Result<Answer, HttpError> {
        let request = self.build(request).map_err(|_| HttpError::Request(InvalidText))?;
        self.sender.ready().await.map_err(HttpError::of)?;
        let response = self.sender.send_request(request).await.map_err(HttpError::of)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(|error| {
            if error.is::<LengthLimitError>() {
                return HttpError::TooLarge;
            }
            match error.downcast::<hyper::Error>() {
                Ok(error) => HttpError::of(*error),
                Err(_) => HttpError::TooLarge,
            }
        })?;
        Ok(Answer {
            status,
            body: body.to_bytes(),
        })
    }

    /// HTTP/2 has no `Host` header: scheme and authority are parts of the target (RFC 9113, 8.3.1).
    fn build(&self, request: &HttpRequest<'_>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let target = format!("{}{}", request.base_path, request.path);
        let mut uri = Uri::builder().scheme(self.scheme.clone()).path_and_query(target);
        let mut built = Request::builder().method(request.method);
        for (name, value) in request.headers.iter().flat_map(|block| block.iter()) {
            if name == "host" {
                uri = uri.authority(value);
            } else {
                built = built.header(name, value);
            }
        }
        if let Some(traceparent) = request.traceparent {
            built = built.header("traceparent", traceparent);
        }
        let body = request.body.map(Bytes::copy_from_slice).unwrap_or_default();
        built.uri(uri.build()?).body(Full::new(body))
    }
}

impl Drop for Http2Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::time::Duration;

    use hyper::service::service_fn;
    use hyper::{Response, Version};
    use tokio::task::LocalSet;

    use super::super::HeaderBlock;
    use super::*;

    /// What a server saw of a request: version, address, and the trace that it named.
    type Seen = Rc<RefCell<Vec<(Version, String, String)>>>;

    /// Answers with as many bytes as the path says, until the connection has ended.
    async fn serve(stream: tokio::io::DuplexStream, seen: Seen) {
        let service = service_fn(|request: Request<hyper::body::Incoming>| {
            let trace = request.headers()["traceparent"].to_str().unwrap().to_owned();
            seen.borrow_mut()
                .push((request.version(), request.uri().to_string(), trace));
            let length: usize = request.uri().path().trim_start_matches('/').parse().unwrap();
            async move {
                let body = Full::new(Bytes::from(vec![b'x'; length]));
                Ok::<_, std::convert::Infallible>(Response::new(body))
            }
        });
        hyper::server::conn::http2::Builder::new(Local)
            .serve_connection(TokioIo::new(stream), service)
            .await
            .unwrap();
    }

    async fn get(connection: &mut Http2Connection, path: &str) -> Result<Answer, HttpError> {
        let mut headers = HeaderBlock::default();
        headers.push("host", "a.example:8080").unwrap();
        let request = HttpRequest {
            method: &hyper::Method::GET,
            base_path: "",
            path,
            headers: &[&headers],
            traceparent: Some("00-1-2-00"),
            body: None,
            wants_body: true,
        };
        connection.send(&request).await
    }

    #[tokio::test]
    async fn requests_go_one_by_one_and_the_connection_ends_with_its_user() {
        LocalSet::new()
            .run_until(async {
                let (near, far) = tokio::io::duplex(64 * 1024);
                let seen = Seen::default();
                let server = tokio::task::spawn_local(serve(far, Rc::clone(&seen)));
                let mut connection = Http2Connection::open(Stream::Memory(near)).await.unwrap();
                for length in [0, 5, BODY_BYTES_MAX] {
                    let answer = get(&mut connection, &format!("/{length}")).await.unwrap();
                    assert_eq!((answer.status, answer.body.len()), (200, length));
                }
                let too_large = get(&mut connection, &format!("/{}", BODY_BYTES_MAX + 1)).await;
                assert!(matches!(too_large, Err(HttpError::TooLarge)), "{too_large:?}");
                assert!(connection.is_open());
                assert_eq!(
                    seen.borrow()[1],
                    (
                        Version::HTTP_2,
                        "http://a.example:8080/5".to_owned(),
                        "00-1-2-00".to_owned()
                    )
                );
                drop(connection);
                tokio::time::timeout(Duration::from_secs(10), server)
                    .await
                    .expect("the server sees the end of the connection")
                    .unwrap();
            })
            .await;
    }
}
