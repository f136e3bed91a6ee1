//! Whether the server is alive, and whether it can work; both answers say what its clocks show.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::clock::{monotonic_ns, unix_us};
use crate::error::ApiError;
use crate::problem::Problem;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}

#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    version: String,
}

/// What the clocks show while the answer is made: the wall clock in microseconds since 1970, and the host's monotonic
/// clock in nanoseconds. Whoever measures from another machine can tell by them how far the clocks are apart.
type Clocks = [(&'static str, String); 2];

fn clocks() -> Clocks {
    [
        ("x-server-time-us", unix_us().to_string()),
        ("x-server-monotonic-ns", monotonic_ns().to_string()),
    ]
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", responses((status = 200, body = Health)))]
async fn healthz(State(app): State<App>) -> (Clocks, Json<Health>) {
    let health = Health {
        status: "ok",
        version: app.version().to_owned(),
    };
    (clocks(), Json(health))
}

/// The database answers.
#[utoipa::path(
    get,
    path = "/readyz",
    responses(
        (status = 200, body = Health),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn readyz(State(app): State<App>) -> Result<(Clocks, Json<Health>), ApiError> {
    app.store().ping().await?;
    let health = Health {
        status: "ok",
        version: app.version().to_owned(),
    };
    Ok((clocks(), Json(health)))
}
