//! The mock's own calls: what happened, what will happen, and whether all of it is over.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::App;
use super::problem::Problem;
use crate::ledger::Page;
use crate::plan::Plan;
use crate::schedule::Pending;

const PAGE_RECORDS_DEFAULT: usize = 1_000;
const PAGE_RECORDS_MAX: usize = 10_000;
const DRAIN_MS_DEFAULT: u64 = 30_000;
const DRAIN_MS_MAX: u64 = 600_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LedgerQuery {
    after: Option<u64>,
    limit: Option<usize>,
}

/// `GET /_mock/ledger?after=SEQ&limit=N`.
pub(super) async fn ledger(
    State(app): State<Arc<App>>,
    query: Result<Query<LedgerQuery>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request("query", error.body_text()))?;
    let limit = query
        .limit
        .unwrap_or(PAGE_RECORDS_DEFAULT)
        .clamp(1, PAGE_RECORDS_MAX);
    let page = app.ledger.page(query.after.unwrap_or(0), limit);
    page.map(Json)
        .map_err(|_| Problem::internal("a ledger record cannot be written as JSON"))
}

/// `GET /_mock/plan`.
pub(super) async fn show_plan(State(app): State<Arc<App>>) -> Json<Plan> {
    Json(app.plan().as_ref().clone())
}

/// `PUT /_mock/plan`: replaces the plan for submissions from now on, and answers with it.
pub(super) async fn put_plan(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Plan>, Problem> {
    let body = body.map_err(|error| Problem::new(error.status(), "body-unreadable", error.body_text()))?;
    let plan =
        Plan::parse(&body).map_err(|error| Problem::unprocessable("invalid-plan", error.to_string()))?;
    app.replace_plan(plan);
    Ok(show_plan(State(app)).await)
}

/// `GET /_mock/metrics`.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Problem> {
    let pending = *app.schedule.pending().borrow();
    let text = app
        .metrics
        .render(pending)
        .map_err(|_| Problem::internal("the metrics cannot be written"))?;
    Ok((
        [(
            CONTENT_TYPE,
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        )],
        text,
    ))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DrainQuery {
    timeout_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Drained {
    /// Whether nothing was pending in the end.
    drained: bool,
    #[serde(flatten)]
    pending: Pending,
}

/// `POST /_mock/drain?timeout_ms=`: answers when nothing is pending any more, or when the time is over.
pub(super) async fn drain(
    State(app): State<Arc<App>>,
    query: Result<Query<DrainQuery>, QueryRejection>,
) -> Result<Json<Drained>, Problem> {
    let Query(query) = query.map_err(|error| Problem::bad_request("query", error.body_text()))?;
    let timeout = Duration::from_millis(query.timeout_ms.unwrap_or(DRAIN_MS_DEFAULT).min(DRAIN_MS_MAX));
    let mut pending = app.schedule.pending();
    let drained = tokio::time::timeout(timeout, pending.wait_for(|pending| pending.is_nothing()))
        .await
        .is_ok();
    let pending = *app.schedule.pending().borrow();
    Ok(Json(Drained { drained, pending }))
}

/// `GET /healthz`.
pub(super) async fn healthz() -> &'static str {
    "ok"
}
