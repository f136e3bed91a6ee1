//! One HTTP/1.1 keep-alive connection, driven through hyper without a pool or a client layer on top.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::JoinHandle;

use super::super::stream::Stream;
use super::{Answer, BODY_BYTES_MAX, HttpError};

/// An open connection.
#[derive(Debug)]
pub(super) struct Http1Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Http1Connection {
    /// Speaks HTTP/1.1 over an open stream. Must be called on a `LocalSet`.
    ///
    /// # Errors
    /// When the stream is closed already.
    pub(super) async fn open(stream: Stream) -> Result<Self, HttpError> {
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(HttpError::of)?;
        // The driver ends when the socket does; what went wrong reaches the request that was under way.
        let driver = tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        Ok(Self { sender, driver })
    }

    /// Whether another request can be sent.
    pub(super) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is invalid or too large.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, HttpError> {
        self.sender.ready().await.map_err(HttpError::of)?;
        let response = self.sender.send_request(request).await.map_err(HttpError::of)?;
        let status = response.status().as_u16();
        Ok(Answer {
            status,
            body: read_body(response).await?,
        })
    }
}

impl Drop for Http1Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Reads a body up to the limit. A body of one frame, the usual case, is not copied.
async fn read_body(response: Response<Incoming>) -> Result<Bytes, HttpError> {
    let mut body = response.into_body();
    let mut first: Option<Bytes> = None;
    let mut joined: Option<BytesMut> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(HttpError::of)?.into_data() else {
            continue;
        };
        let length = joined
            .as_ref()
            .map_or(first.as_ref().map_or(0, Bytes::len), BytesMut::len)
            + data.len();
        if length > BODY_BYTES_MAX {
            return Err(HttpError::TooLarge);
        }
        match (&mut joined, first.take()) {
            (Some(all), _) => all.extend_from_slice(&data),
            (None, None) => first = Some(data),
            (None, Some(start)) => {
                let mut all = BytesMut::with_capacity(length);
                all.extend_from_slice(&start);
                all.extend_from_slice(&data);
                joined = Some(all);
            }
        }
    }
    Ok(joined.map_or(first.unwrap_or_default(), BytesMut::freeze))
}
