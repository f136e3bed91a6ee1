//! Requests beside the load: a small client with a pool, over connections made exactly as those of virtual users.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tower::Service;

use crate::plan::HttpVersion;
use crate::protocol::{ConnectError, Connector, Stream};

/// Answers beside the load are small and quick, or not worth waiting for.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A longer body, such as a very long page of metrics, is not read.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Asks one origin. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct OriginClient {
    connector: Connector,
    client: Client<Dialer, Full<Bytes>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl OriginClient {
    pub(super) fn new(connector: Connector) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.http2_only(connector.http_version() == HttpVersion::Http2);
        Self {
            client: builder.build(Dialer(connector.clone())),
            connector,
        }
    }

    /// A client of the same origin with connections of its own.
    pub(super) fn apart(&self) -> Self {
        Self::new(self.connector.clone())
    }

    /// Sends a GET and reads the whole answer.
    ///
    /// # Errors
    /// A few words that say why there is no answer.
    pub(super) async fn get(&self, url: &str, headers: HeaderMap) -> Result<Answered, String> {
        self.send(Method::GET, url, headers, Bytes::new()).await
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// A few words that say why there is no answer.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answered, String> {
        let uri = Uri::try_from(url).map_err(|error| error.to_string())?;
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let exchange = async {
            let response = self
                .client
                .request(request)
                .await
                .map_err(|error| root_cause(&error))?;
            let status = response.status();
            let headers = response.headers().clone();
            let body = Limited::new(response.into_body(), BODY_BYTES_MAX).collect().await;
            let body = body.map_err(|error| root_cause(&*error))?.to_bytes();
            Ok(Answered {
                status,
                headers,
                body,
            })
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
    }
}

/// The innermost reason of an error: "connection refused" says more than "error sending request".
pub(super) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Gives the pool its connections, whatever the address of the request: there is one origin.
#[derive(Debug, Clone)]
struct Dialer(Connector);

impl Service<Uri> for Dialer {
    type Response = Pooled;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Pooled, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connector = self.0.clone();
        Box::pin(async move { Ok(Pooled(TokioIo::new(connector.connect().await?))) })
    }
}

/// A connection as the pool wants it.
#[derive(Debug)]
struct Pooled(TokioIo<Stream>);

impl Connection for Pooled {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Pooled {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl Write for Pooled {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
