//! `POST /api/v1/webhooks/classconnect`: verify, record and apply, and only then acknowledge.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue};
use classconnect_api::signature::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
use classconnect_api::{SignatureHeaders, WebhookEnvelope};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{body_error, is_json};
use crate::app::App;
use crate::clock::Stopwatch;
use crate::domain::check_result;
use crate::error::ApiError;
use crate::problem::Problem;
use crate::service::HandleWebhookResults;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(receive_webhook))
}

#[derive(Debug, Serialize, ToSchema)]
struct Acknowledged {
    /// `applied`, `duplicate`, `superseded` or `unmatched`.
    outcome: &'static str,
}

/// Receive a result. The answer comes after the commit.
#[utoipa::path(
    post,
    path = super::WEBHOOK_PATH,
    responses(
        (status = 200, body = Acknowledged),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn receive_webhook(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Acknowledged>, ApiError> {
    let started = Stopwatch::start();
    let delivery = verified(&app, &headers, body).inspect_err(|error| {
        app.metrics().count_webhook(refusal_label(error));
    })?;
    let (webhook_id, event, job) = (
        delivery.webhook_id.clone(),
        delivery.event.type_name(),
        delivery.event.job_id().to_owned(),
    );
    let outcome = match app.store().write(delivery).await {
        Ok(committed) => committed.output.as_str(),
        Err(abort) => {
            app.metrics().count_webhook("unavailable");
            tracing::error!(webhook_id, event, job, error = %abort, "a webhook could not be processed");
            return Err(abort.into());
        }
    };
    let seconds = started.elapsed_seconds();
    app.metrics().count_webhook(outcome);
    app.metrics().webhook_processing.observe(seconds);
    tracing::info!(
        webhook_id,
        event,
        job,
        outcome,
        seconds,
        "a webhook was processed"
    );
    Ok(Json(Acknowledged { outcome }))
}

/// A delivery whose size, form, signature and content are right, checked in this order.
fn verified(
    app: &App,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<HandleWebhookResults, ApiError> {
    let body = body.map_err(|rejection| body_error(&rejection))?;
    if !is_json(headers) {
        return Err(ApiError::UnsupportedMediaType);
    }
    let values = |name| headers.get_all(name).iter().map(HeaderValue::as_bytes);
    let not_authentic = |reason: &dyn std::fmt::Display| {
        tracing::warn!(%reason, "a webhook was refused");
        ApiError::WebhookNotAuthentic
    };
    let signature = SignatureHeaders::parse(
        values(WEBHOOK_ID),
        values(WEBHOOK_TIMESTAMP),
        values(WEBHOOK_SIGNATURE),
    )
    .map_err(|error| not_authentic(&error))?;
    let now = u64::try_from(app.clock().now().unix_s()).unwrap_or_default();
    app.verifier()
        .verify(&signature, &body, now)
        .map_err(|error| not_authentic(&error))?;
    let malformed = |detail: String| ApiError::Malformed(format!("the webhook is malformed: {detail}"));
    let payload = String::from_utf8(body.into()).map_err(|_| malformed("it is not UTF-8".to_owned()))?;
    let envelope: WebhookEnvelope =
        serde_json::from_str(&payload).map_err(|error| malformed(error.to_string()))?;
    check_result(&envelope.event).map_err(|fault| malformed(fault.to_string()))?;
    Ok(HandleWebhookResults {
        webhook_id: signature.id().to_owned(),
        webhook_timestamp: signature.unix_seconds(),
        event: envelope.event,
        payload,
    })
}

fn refusal_label(error: &ApiError) -> &'static str {
    match error {
        ApiError::WebhookNotAuthentic => "unauthorized",
        ApiError::TooLarge => "too_large",
        _ => "malformed",
    }
}
