//! The three submit calls. They differ only in their body.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use classconnect_api::SubmissionKind;
use reqwest::Url;
use serde_json::error::Category;

use super::App;
use super::auth::require_key;
use super::idempotency::key_of;
use super::problem::Problem;
use crate::clock::Moment;
use crate::decision::{Draws, fingerprint};
use crate::fate::rejects_submit;
use crate::job::{Job, JobInput};
use crate::ledger::{Entry, Event, Subject};
use crate::metrics::Bound;
use crate::results::spoken_words;
use crate::store::{Claim, Reservation};

/// Bounds the size of a result, which names every word.
const WORDS_MAX: usize = 1_000;
const REFERENCE_LENGTH_MAX: usize = 256;

/// `POST /v1/{kind}`.
pub(super) async fn submit(
    kind: SubmissionKind,
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    handle(kind, &app, &headers, body)
        .await
        .inspect_err(|problem| app.metrics.count_rejection(problem.kind))
}

async fn handle(
    kind: SubmissionKind,
    app: &App,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    require_key(app, headers)?;
    let body = body.map_err(unreadable)?;
    let key = key_of(headers)?;
    let input = parse(kind, &body)?;
    match app.store.claim(&key, fingerprint(kind, &body)) {
        Claim::Replay(job) => Ok(accepted(&job)),
        Claim::InFlight => Err(refuse(
            app,
            input,
            Problem::new(
                StatusCode::CONFLICT,
                "idempotency-key-in-flight",
                "the first request with this Idempotency-Key is still being handled",
            ),
        )),
        Claim::Mismatch => Err(refuse(
            app,
            input,
            Problem::unprocessable(
                "idempotency-key-reused",
                "this Idempotency-Key came with another request before; use a new key for a new request",
            ),
        )),
        Claim::New(reservation) => match admit(app, &input).await {
            Ok(webhook_url) => accept(app, input, webhook_url, key, reservation),
            Err(problem) => Err(refuse(app, input, problem)),
        },
    }
}

/// Checks what depends on the mock's state rather than on the request's form.
async fn admit(app: &App, input: &JobInput) -> Result<Url, Problem> {
    let draws = draws_of(app, input);
    let webhook_url = app
        .hosts
        .check(input.webhook_url())
        .await
        .map_err(|error| Problem::unprocessable("webhook-url", error.to_string()))?;
    let refused_tries = app.store.refused_tries(draws.identity());
    if rejects_submit(&app.plan(), draws, refused_tries) {
        if !app.store.count_refused_try(draws.identity()) {
            app.metrics.count_bound_hit(Bound::RefusedSubmissions, 1);
        }
        return Err(Problem::unavailable(
            "planned-outage",
            "the service is unavailable, as planned; try again",
        ));
    }
    if app.schedule.try_reserve(app.pending_jobs_max) {
        Ok(webhook_url)
    } else {
        app.metrics.count_bound_hit(Bound::PendingJobs, 1);
        Err(Problem::unavailable(
            "overloaded",
            "too many jobs are pending; try again later",
        ))
    }
}

/// Decides the job's fate and writes it down before anybody hears of the job.
fn accept(
    app: &App,
    input: JobInput,
    webhook_url: Url,
    key: String,
    reservation: Reservation<'_>,
) -> Result<Response, Problem> {
    let draws = draws_of(app, &input);
    let now = Moment::now();
    let job = Arc::new(Job::accept(input, webhook_url, key, draws, app.plan(), now));
    let written = app.ledger.append([
        Entry::of_job(now, &job, Event::Accepted),
        Entry::of_job(now, &job, Event::Planned),
    ]);
    if written.is_err() {
        // A job that is not in the ledger could be lost without a witness.
        app.schedule.release();
        return Err(Problem::unavailable(
            "ledger",
            "the ledger cannot be written; nothing was accepted",
        ));
    }
    app.metrics.count_job(job.input.kind());
    app.metrics.delays_clamped.inc_by(job.fate.was_clamped.into());
    let forgotten = reservation.complete(Arc::clone(&job), draws.identity());
    app.metrics.count_bound_hit(Bound::Jobs, forgotten as u64);
    app.schedule.plan(&job);
    Ok(accepted(&job))
}

fn draws_of(app: &App, input: &JobInput) -> Draws {
    Draws::new(app.seed, input.kind(), input.submission_key())
}

fn accepted(job: &Job) -> Response {
    let location = format!("/v1/jobs/{}", job.id);
    (
        StatusCode::ACCEPTED,
        [(LOCATION, location)],
        Json(job.acceptance()),
    )
        .into_response()
}

/// Writes the refusal of a well-formed submission to the ledger.
fn refuse(app: &App, input: JobInput, problem: Problem) -> Problem {
    let event = Event::Rejected {
        status: problem.status.as_u16(),
        reason: problem.kind,
    };
    app.ledger.note(Entry::new(
        Moment::now(),
        Subject::Submission(Arc::new(input)),
        event,
    ));
    problem
}

fn unreadable(rejection: BytesRejection) -> Problem {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body-too-large",
            "the request's body is too large",
        )
    } else {
        Problem::bad_request("body-unreadable", "the request's body could not be read")
    }
}

/// 400 for what is not JSON, 422 for JSON that is no such request.
fn parse(kind: SubmissionKind, body: &[u8]) -> Result<JobInput, Problem> {
    let parsed = match kind {
        SubmissionKind::RecordingAnalyses => serde_json::from_slice(body).map(JobInput::Recording),
        SubmissionKind::TranscriptImprovements => serde_json::from_slice(body).map(JobInput::Improvement),
        SubmissionKind::SentenceExtractions => serde_json::from_slice(body).map(JobInput::Extraction),
    };
    let input = parsed.map_err(|error| match error.classify() {
        Category::Data => Problem::unprocessable("invalid-request", error.to_string()),
        Category::Io | Category::Syntax | Category::Eof => {
            Problem::bad_request("invalid-json", error.to_string())
        }
    })?;
    let invalid = |detail: &str| Err(Problem::unprocessable("invalid-request", detail));
    if !(1..=REFERENCE_LENGTH_MAX).contains(&input.client_reference_id().len()) {
        return invalid("client_reference_id must have 1 to 256 bytes");
    }
    if input.submission_key().is_empty() {
        return invalid("audio_url must not be empty");
    }
    match spoken_words(input.text()).take(WORDS_MAX + 1).count() {
        0 => invalid("the text must contain at least one word"),
        words if words > WORDS_MAX => invalid("the text must not have more than 1000 words"),
        _ => Ok(input),
    }
}
