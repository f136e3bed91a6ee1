//! Operation: the roll-out flag, what the server says about its architecture, and trouble on purpose for drills. For tokens
//! with the role `service_role` only.

use std::time::Duration;

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
use crate::fault::FaultSettings;
use crate::legacy::About;
use crate::problem::Problem;
use crate::rollout::DirectPercent;
use crate::units::{parse_duration, parse_share};

/// A longer delay would end in the routes' own time-out, which is trouble of another kind.
const DELAY_MAX: Duration = Duration::from_secs(20);

pub(super) fn router(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(read_rollout, set_rollout))
        .routes(routes!(read_architecture))
        .routes(routes!(set_degradation))
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

/// What is wrong with the direct architecture. What is left out is well.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DegradationSettings {
    /// Every answer to an action is this much later, such as `300ms`; at most `20s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay: Option<String>,
    /// This share of the actions is answered 500, such as `30%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_rate: Option<String>,
}

impl DegradationSettings {
    fn faults(&self) -> Result<FaultSettings, String> {
        let delay = self.delay.as_deref().map(parse_duration).transpose();
        let delay = delay
            .map_err(|mistake| format!("`delay`: {mistake}"))?
            .unwrap_or_default();
        if delay > DELAY_MAX {
            return Err(format!("`delay`: at most {} s", DELAY_MAX.as_secs()));
        }
        let error_share = self.error_rate.as_deref().map(parse_share).transpose();
        let error_share = error_share
            .map_err(|mistake| format!("`error_rate`: {mistake}"))?
            .unwrap_or_default();
        Ok(FaultSettings {
            delay,
            error_share,
            seed: 0,
        })
    }
}

/// Make the actions of the direct architecture slow and failing, on this server, until they are told to be well again (`{}`).
/// Only on a server that was started for drills.
#[utoipa::path(
    put,
    path = "/degradation",
    request_body = DegradationSettings,
    responses(
        (status = 200, body = DegradationSettings),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn set_degradation(
    State(app): State<App>,
    body: Result<Json<DegradationSettings>, JsonRejection>,
) -> Result<Json<DegradationSettings>, ApiError> {
    let Json(settings) = body.map_err(|rejection| ApiError::Unprocessable(rejection.body_text()))?;
    let faults = settings.faults().map_err(ApiError::Unprocessable)?;
    let seed = app.faults().seed;
    app.degradation().set(FaultSettings { seed, ..faults })?;
    Ok(Json(settings))
}

async fn only_operators(State(app): State<App>, request: Request, next: Next) -> Result<Response, ApiError> {
    app.authenticator().operator(request.headers())?;
    Ok(next.run(request).await)
}
