//! A user's HTTP connection: one request at a time, no pool and no client layer on top. One file per version of HTTP.

mod http1;
mod http2;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use super::stream::Stream;
use crate::metrics::Outcome;
use crate::plan::HttpVersion;
use http1::Http1Connection;
use http2::Http2Connection;

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
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the connection broke before the answer was complete")]
    Reset(#[source] hyper::Error),
    #[error("the answer is not valid HTTP")]
    Invalid(#[source] hyper::Error),
    #[error("the answer's body is longer than {BODY_BYTES_MAX} bytes")]
    TooLarge,
}

impl HttpError {
    /// How the request counts.
    pub fn outcome(&self) -> Outcome {
        match self {
            HttpError::Reset(_) => Outcome::Reset,
            HttpError::Invalid(_) | HttpError::TooLarge => Outcome::Protocol,
        }
    }

    fn of(error: hyper::Error) -> Self {
        if error.is_parse() {
            HttpError::Invalid(error)
        } else {
            HttpError::Reset(error)
        }
    }
}

impl HttpConnection {
    /// Speaks HTTP over an open stream. Must be called on a `LocalSet`.
    ///
    /// # Errors
    /// When the stream is closed already.
    pub async fn open(stream: Stream, version: HttpVersion) -> Result<Self, HttpError> {
        let version = match version {
            HttpVersion::Http1 => Version::Http1(Http1Connection::open(stream).await?),
            HttpVersion::Http2 => Version::Http2(Http2Connection::open(stream).await?),
        };
        Ok(Self { version })
    }

    /// Whether another request can be sent.
    pub fn is_open(&self) -> bool {
        match &self.version {
            Version::Http1(connection) => connection.is_open(),
            Version::Http2(connection) => connection.is_open(),
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is invalid or too large.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, HttpError> {
        match &mut self.version {
            Version::Http1(connection) => connection.send(request).await,
            Version::Http2(connection) => connection.send(request).await,
        }
    }
}
