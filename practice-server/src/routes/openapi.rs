//! `GET /openapi.json`: the interface described by itself.

use std::sync::Arc;

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::app::App;

#[derive(OpenApi)]
#[openapi(info(
    title = "Practice API",
    description = "Every action answers 202 at once; results come by realtime or by polling. All routes under \
                   /api/v1/practice need a bearer token and the `apikey` header, and honour `Idempotency-Key`."
))]
struct Document;

/// An empty router with the document's head, for the features to be added to.
pub(super) fn document() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
}

pub(super) fn router(document: utoipa::openapi::OpenApi) -> Router<App> {
    let document = Arc::new(document);
    Router::new().route("/openapi.json", get(move || async move { Json(document) }))
}
