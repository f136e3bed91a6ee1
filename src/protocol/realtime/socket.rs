//! The socket: frames in, joins and heartbeats out. One task owns it and always reads it, so that nothing is missed
//! between steps.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{SinkExt, Stream as _};
use http::HeaderValue;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::frame::{Frame, decode};
use super::join::Join;
use crate::metrics::Outcome;
use crate::protocol::connect::{ConnectError, Connector};
use crate::protocol::stream::Stream;

/// Largest message that is accepted, the limit of the protocol's own servers for a row change.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// tungstenite's default read buffer of 128 KiB would be most of a virtual user's memory.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// An open socket.
#[derive(Debug)]
pub struct RealtimeSocket {
    socket: WebSocketStream<Stream>,
    next_ref: u64,
}

/// A text frame as it was received.
#[derive(Debug, Clone)]
pub struct FrameText(Utf8Bytes);

/// Why there is no socket, or no more.
#[derive(Debug, thiserror::Error)]
pub enum RealtimeError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the realtime handshake failed: {0}")]
    Handshake(String),
    #[error("the realtime socket failed: {0}")]
    Socket(String),
    #[error("the server closed the realtime socket")]
    Closed,
}

impl RealtimeError {
    /// Whether it was the generator that had no socket to offer.
    pub fn is_generators_own(&self) -> bool {
        matches!(self, RealtimeError::Connect(error) if error.outcome() == Outcome::Generator)
    }
}

/// Opens a socket at `path_and_query` (which carries the API key and `vsn=2.0.0`). The handshake names the trace that it
/// belongs to.
///
/// # Errors
/// When there is no connection or the server refuses the handshake.
pub async fn connect_realtime(
    connector: &Connector,
    path_and_query: &str,
    traceparent: Option<&str>,
) -> Result<RealtimeSocket, RealtimeError> {
    let stream = connector.connect().await?;
    let mut request = format!("ws://{}{path_and_query}", connector.authority())
        .into_client_request()
        .map_err(|error| RealtimeError::Handshake(error.to_string()))?;
    if let Some(traceparent) = traceparent {
        let value = HeaderValue::from_str(traceparent)
            .map_err(|error| RealtimeError::Handshake(error.to_string()))?;
        request.headers_mut().insert("traceparent", value);
    }
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
        .await
        .map_err(|error| RealtimeError::Handshake(error.to_string()))?;
    Ok(RealtimeSocket { socket, next_ref: 1 })
}

impl FrameText {
    /// What the frame says.
    pub fn decode(&self) -> Frame<'_> {
        decode(self.0.as_str())
    }
}

impl RealtimeSocket {
    /// The next frame. Pings are answered underneath. An error is the last thing that comes.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<FrameText, RealtimeError>> {
        loop {
            return Poll::Ready(match Pin::new(&mut self.socket).poll_next(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(Message::Text(text)))) => Ok(FrameText(text)),
                Poll::Ready(Some(Ok(Message::Close(_))) | None) => Err(RealtimeError::Closed),
                Poll::Ready(Some(Ok(_))) => continue,
                Poll::Ready(Some(Err(error))) => Err(RealtimeError::Socket(error.to_string())),
            });
        }
    }

    /// Asks to join a topic, and returns the reference that the server will name the channel by.
    ///
    /// # Errors
    /// When the socket is broken.
    pub async fn join(&mut self, join: &Join) -> Result<u64, RealtimeError> {
        let reference = self.take_ref();
        self.send(join.frame(reference)).await?;
        Ok(reference)
    }

    /// Keeps the socket alive: servers close one that sent nothing for 60 s.
    ///
    /// # Errors
    /// When the socket is broken.
    pub async fn heartbeat(&mut self) -> Result<(), RealtimeError> {
        let reference = self.take_ref();
        self.send(format!(r#"[null,"{reference}","phoenix","heartbeat",{{}}]"#))
            .await
    }

    /// Closes the socket politely.
    pub async fn close(&mut self) {
        // The other side may be gone already; there is nothing left to do about it.
        let _ = self.socket.close(None).await;
    }

    fn take_ref(&mut self) -> u64 {
        let reference = self.next_ref;
        self.next_ref += 1;
        reference
    }

    async fn send(&mut self, frame: String) -> Result<(), RealtimeError> {
        self.socket
            .send(Message::text(frame))
            .await
            .map_err(|error| RealtimeError::Socket(error.to_string()))
    }
}
