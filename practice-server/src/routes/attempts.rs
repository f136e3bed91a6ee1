//! Attempts: read one, for clients that poll.

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::User;
use crate::domain::{AttemptId, Refusal};
use crate::error::ApiError;
use crate::problem::Problem;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_attempt))
}

/// Read an attempt: every column of its row.
#[utoipa::path(
    get,
    path = "/attempts/{id}",
    params(("id" = String, Path, description = "The attempt's id")),
    responses(
        (status = 200, body = Value),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn read_attempt(
    State(app): State<App>,
    User(user): User,
    Path(id): Path<String>,
) -> Result<Json<Map<String, Value>>, ApiError> {
    let missing = || Refusal::NotFound { entity: "attempt" };
    let id: AttemptId = id.parse().map_err(|_| missing())?;
    let attempt = app.store().attempt_of(&user, id).await?;
    Ok(Json(attempt.ok_or_else(missing)?.record()))
}
