//! `GET /metrics`, in the OpenMetrics text format.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_metrics))
}

/// The server's own figures.
#[utoipa::path(get, path = "/metrics", responses((status = 200, body = String)))]
async fn read_metrics(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    app.store().refresh_gauges();
    app.metrics().realtime.refresh(&app.hub().metrics());
    let text = app.metrics().render().map_err(|_| ApiError::Metrics)?;
    Ok(([(CONTENT_TYPE, OPENMETRICS)], text))
}
