//! Operation: the roll-out flag, and what the server says about its architecture. For tokens with the role `service_role`
//! only.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::ApiError;
use crate::legacy::About;
use crate::problem::Problem;
use crate::rollout::DirectPercent;

pub(super) fn router(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_rollout, set_rollout))
        .routes(routes!(read_architecture))
        .route_layer(from_fn_with_state(app.clone(), only_operators))
}

/// The roll-out flag.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RolloutFlag {
    /// How many of a hundred users are served by direct calls, 0 to 100. A user who is served directly at one percentage is
    /// served directly at every higher one; a session stays in the architecture it began in.
    direct_percent: u64,
}

/// The roll-out flag as this server knows it.
#[utoipa::path(
    get,
    path = "/rollout",
    responses(
        (status = 200, body = RolloutFlag),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn read_rollout(State(app): State<App>) -> Json<RolloutFlag> {
    Json(RolloutFlag {
        direct_percent: app.rollout().percent().get().into(),
    })
}

/// Set the roll-out flag, for every server on this database. It holds here at once, elsewhere within a second.
#[utoipa::path(
    put,
    path = "/rollout",
    request_body = RolloutFlag,
    responses(
        (status = 200, body = RolloutFlag),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set_rollout(
    State(app): State<App>,
    body: Result<Json<RolloutFlag>, JsonRejection>,
) -> Result<Json<RolloutFlag>, ApiError> {
    let Json(flag) = body.map_err(|rejection| ApiError::Unprocessable(rejection.body_text()))?;
    let percent = DirectPercent::try_new(flag.direct_percent)
        .map_err(|mistake| ApiError::Unprocessable(format!("`direct_percent`: {mistake}")))?;
    app.rollout().set(percent).await?;
    Ok(Json(flag))
}

/// Which architecture serves users, what of it is a model, and what is injected, with sources.
#[utoipa::path(
    get,
    path = "/architecture",
    responses(
        (status = 200, body = About),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn read_architecture(State(app): State<App>) -> Json<About> {
    Json(About::new(app.rollout(), app.legacy()))
}

async fn only_operators(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    app.authenticator().operator(request.headers())?;
    Ok(next.run(request).await)
}
