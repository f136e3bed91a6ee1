//! Looking jobs up, which saves a submission whose 202 or webhook was lost.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use classconnect_api::{Job as JobView, JobList};
use serde::Deserialize;

use super::App;
use super::auth::require_key;
use super::problem::Problem;
use crate::clock::Moment;
use crate::ledger::{Entry, Event, Subject};

const POLLED: Event = Event::Polled { status: 200 };

/// `GET /v1/jobs/{job_id}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Path(job_id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    require_key(&app, &headers)?;
    let job = app
        .store
        .job(&job_id)
        .ok_or_else(|| Problem::not_found("there is no such job"))?;
    let now = Moment::now();
    app.ledger.note(Entry::of_job(now, &job, POLLED));
    Ok(Json(job.view(now)))
}

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    client_reference_id: String,
}

/// `GET /v1/jobs?client_reference_id=`; an unknown reference has no jobs.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<JobList>, Problem> {
    require_key(&app, &headers)?;
    let Query(ListQuery { client_reference_id }) = query.map_err(|_| {
        Problem::bad_request(
            "reference-missing",
            "the client_reference_id query parameter is required",
        )
    })?;
    let jobs = app.store.jobs_of(&client_reference_id);
    let now = Moment::now();
    if jobs.is_empty() {
        app.ledger
            .note(Entry::new(now, Subject::Reference(client_reference_id), POLLED));
    }
    for job in &jobs {
        app.ledger.note(Entry::of_job(now, job, POLLED));
    }
    Ok(Json(JobList {
        jobs: jobs.iter().map(|job| job.view(now)).collect(),
    }))
}
