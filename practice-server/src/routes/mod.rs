//! The HTTP interface, one file per feature.

mod admin;
mod attempts;
mod body;
mod health;
mod metrics;
mod observe;
mod openapi;
mod sessions;
mod webhook;

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::auth::authenticate;
use crate::degradation::degrade;
use crate::error::ApiError;
use crate::fault;
use crate::legacy;
use crate::realtime;

/// Where ClassConnect delivers results.
pub const WEBHOOK_PATH: &str = "/api/v1/webhooks/classconnect";

/// The time a request may take to arrive and be answered; a client that trickles its body is cut off.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Every route with its middleware. The layer named last is the outermost.
pub(crate) fn router(app: &App) -> Router {
    let practice = OpenApiRouter::new()
        .merge(sessions::router())
        .merge(attempts::router())
        .route_layer(from_fn_with_state(app.clone(), degrade))
        .route_layer(from_fn_with_state(app.clone(), fault::fail_some))
        .route_layer(from_fn_with_state(app.clone(), authenticate))
        .route_layer(from_fn(limit_time))
        .route_layer(from_fn_with_state(app.clone(), fault::delay));
    let (router, document) = openapi::document()
        .nest("/api/v1/practice", practice)
        .nest("/admin/v1", admin::router(app).route_layer(from_fn(limit_time)))
        .merge(webhook::router().route_layer(from_fn(limit_time)))
        .merge(health::router())
        .merge(metrics::router())
        .split_for_parts();
    router
        .merge(openapi::router(document))
        .merge(legacy::router().route_layer(from_fn(limit_time)))
        .merge(realtime::router(app.hub().clone()))
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .fallback(|| async { ApiError::NoSuchPath })
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .with_state(app.clone())
}

async fn limit_time(request: Request, next: Next) -> Result<Response, ApiError> {
    tokio::time::timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .map_err(|_| ApiError::Timeout)
}
