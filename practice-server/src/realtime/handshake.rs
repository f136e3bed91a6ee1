//! The WebSocket handshake: credentials and serialisation are settled before the upgrade.

use std::collections::HashMap;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::auth::{AuthError, Identity};
use super::hub::{Hub, SocketPermit};
use super::protocol::Vsn;
use super::socket;

/// The largest message a client may send. Joins, the largest useful ones, take a few KiB.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The library's default of 128 KiB per direction would cost 2.5 GB at twenty thousand sockets.
const BUFFER_BYTES: usize = 4 * 1024;

/// The routes of the realtime socket: the hosted product's path and that of its bare server.
pub fn router<S>(hub: Hub) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    Router::new()
        .route("/realtime/v1/websocket", get(connect))
        .route("/socket/websocket", get(connect))
        .with_state(hub)
}

async fn connect(
    State(hub): State<Hub>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let (identity, vsn, permit) = match admit(&hub, &parameters, &headers) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            hub.counters().handshakes_refused.increment();
            return refusal.into_response();
        }
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        // Room for the write buffer and for the largest frame the server sends, several times over.
        .max_write_buffer_size(4 * MESSAGE_BYTES_MAX)
        .max_message_size(MESSAGE_BYTES_MAX)
        .max_frame_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            socket::serve(socket, hub, vsn, identity).await;
            drop(permit);
        })
}

/// Why a handshake was refused.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Auth(#[from] AuthError),
    #[error("The serializer version {0} is not supported: use 1.0.0 or 2.0.0")]
    Vsn(String),
    #[error("Too many connected users")]
    TooManySockets,
    #[error("The server is shutting down")]
    Closing,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Auth(_) => StatusCode::UNAUTHORIZED,
            Self::Vsn(_) => StatusCode::BAD_REQUEST,
            Self::TooManySockets => StatusCode::TOO_MANY_REQUESTS,
            Self::Closing => StatusCode::SERVICE_UNAVAILABLE,
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

fn admit(
    hub: &Hub,
    parameters: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Result<(Identity, Vsn, SocketPermit), Refusal> {
    if hub.state().closing {
        return Err(Refusal::Closing);
    }
    let header = headers.get("x-api-key").and_then(|value| value.to_str().ok());
    let key = header
        .or_else(|| parameters.get("apikey").map(String::as_str))
        .unwrap_or_default();
    let identity = hub.authenticator().authenticate(key, hub.unix_us())?;
    let vsn = parameters.get("vsn").map(String::as_str);
    let vsn = Vsn::parse(vsn).ok_or_else(|| Refusal::Vsn(vsn.unwrap_or_default().to_owned()))?;
    let permit = hub.open_socket().ok_or(Refusal::TooManySockets)?;
    Ok((identity, vsn, permit))
}
