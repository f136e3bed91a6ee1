//! A user's HTTP connection: one request at a time, no pool and no client layer on top. One file per version of HTTP.

mod answer;
mod http1;
mod http2;
mod request;

use bytes::Bytes;

use super::stream::Stream;
use crate::metrics::Outcome;
use crate::plan::HttpVersion;
use http1::Http1Connection;
use http2::Http2Connection;
pub use request::{HeaderBlock, HttpRequest, InvalidText};

/// Largest body that is read; a longer one is a protocol error.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// An open connection. Dropping it closes the socket.
#[derive(Debug)]
pub struct HttpConnection {
    version: Version,
}

#[derive(Debug)]
enum Version {
    Http1(Http1Connection),
    Http2(Http2Connection),
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Empty when the request did not want it.
    pub body: Bytes,
}

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the connection broke before the answer was complete")]
    Reset(#[source] Source),
    #[error("the answer is not valid HTTP")]
    Invalid(#[source] Source),
    #[error("the answer's body is longer than {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the request cannot be sent: {0}")]
    Request(InvalidText),
}

impl HttpError {
    /// How the request counts.
    pub fn outcome(&self) -> Outcome {
        match self {
            HttpError::Reset(_) => Outcome::Reset,
            HttpError::Invalid(_) | HttpError::TooLarge => Outcome::Protocol,
            // A value that the target gave us made the request impossible.
            HttpError::Request(_) => Outcome::Check,
        }
    }

    /// What an error of HTTP/2 means.
    fn of(error: hyper::Error) -> Self {
        if error.is_parse() {
            HttpError::Invalid(error.into())
        } else {
            HttpError::Reset(error.into())
        }
    }

    fn invalid(reason: &str) -> Self {
        HttpError::Invalid(reason.into())
    }
}

impl HttpConnection {
    /// Speaks HTTP over an open stream. Must be called on a `LocalSet`.
    ///
    /// # Errors
    /// When the stream is closed already.
    pub async fn open(stream: Stream, version: HttpVersion) -> Result<Self, HttpError> {
        let version = match version {
            HttpVersion::Http1 => Version::Http1(Http1Connection::new(stream)),
            HttpVersion::Http2 => Version::Http2(Http2Connection::open(stream).await?),
        };
        Ok(Self { version })
    }

    /// Whether another request can be sent.
    pub async fn is_open(&mut self) -> bool {
        match &mut self.version {
            Version::Http1(connection) => connection.is_open().await,
            Version::Http2(connection) => connection.is_open(),
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is invalid or too large.
    pub async fn send(&mut self, request: &HttpRequest<'_>) -> Result<Answer, HttpError> {
        match &mut self.version {
            Version::Http1(connection) => connection.send(request).await,
            Version::Http2(connection) => connection.send(request).await,
        }
    }
}
