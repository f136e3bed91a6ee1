//! A user's HTTP connection: one request at a time, no pool and no client layer on top. One file per version of HTTP.

mod answer;
mod http1;
mod request;

use bytes::Bytes;

use super::stream::Stream;
use crate::metrics::Outcome;
use http1::Http1Connection;
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

    fn invalid(reason: &str) -> Self {
        HttpError::Invalid(reason.into())
    }
}

impl HttpConnection {
    /// Speaks HTTP/1.1 over an open stream.
    pub fn open(stream: Stream) -> Self {
        Self {
            version: Version::Http1(Http1Connection::new(stream)),
        }
    }

    /// Whether another request can be sent.
    pub async fn is_open(&mut self) -> bool {
        match &mut self.version {
            Version::Http1(connection) => connection.is_open().await,
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is invalid or too large.
    pub async fn send(&mut self, request: &HttpRequest<'_>) -> Result<Answer, HttpError> {
        match &mut self.version {
            Version::Http1(connection) => connection.send(request).await,
        }
    }
}
