//! Practice sessions: create, improve, start, submit a recording, read.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::body::{JsonBody, NoBody};
use crate::app::App;
use crate::auth::User;
use crate::domain::{
    AttemptType, AudioUrl, Language, Recording, RecordingTarget, Refusal, SessionId, Transcript,
};
use crate::error::ApiError;
use crate::problem::Problem;
use crate::service::Accepted;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create_session))
        .routes(routes!(read_session))
        .routes(routes!(improve_transcript))
        .routes(routes!(start_practice))
        .routes(routes!(submit_recording))
}

type AcceptedAnswer = (StatusCode, Json<Accepted>);

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CreateSession {
    /// 1 to 10 000 characters.
    transcript: String,
    /// A language tag such as `en-US`.
    language: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SubmitRecording {
    /// `sentence`, `word` or `full_transcript`.
    #[schema(value_type = String)]
    attempt_type: AttemptType,
    /// Required for a sentence or a word, absent for a full transcript.
    #[serde(default)]
    sentence_index: Option<u32>,
    /// Required for a word, absent otherwise.
    #[serde(default)]
    word_index: Option<u32>,
    /// Where ClassConnect fetches the recording.
    audio_url: String,
}

/// Create a session and have its transcript improved.
#[utoipa::path(
    post,
    path = "/sessions",
    request_body = CreateSession,
    responses(
        (status = 202, body = Accepted),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn create_session(
    State(app): State<App>,
    User(user): User,
    JsonBody { value, idempotent }: JsonBody<CreateSession>,
) -> Result<AcceptedAnswer, ApiError> {
    let transcript = Transcript::parse(value.transcript)?;
    let language = Language::parse(value.language)?;
    let accepted = app
        .service()
        .create_practice_session(user, transcript, language, idempotent)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Have a session's transcript improved again.
#[utoipa::path(
    post,
    path = "/sessions/{id}/improve-transcript",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 202, body = Accepted),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn improve_transcript(
    State(app): State<App>,
    User(user): User,
    Path(id): Path<String>,
    NoBody { idempotent }: NoBody,
) -> Result<AcceptedAnswer, ApiError> {
    let accepted = app
        .service()
        .auto_improve_transcript(user, session_id(&id)?, idempotent)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Have a ready session's sentences extracted.
#[utoipa::path(
    post,
    path = "/sessions/{id}/start-practice",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 202, body = Accepted),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn start_practice(
    State(app): State<App>,
    User(user): User,
    Path(id): Path<String>,
    NoBody { idempotent }: NoBody,
) -> Result<AcceptedAnswer, ApiError> {
    let accepted = app
        .service()
        .start_practice(user, session_id(&id)?, idempotent)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Submit a recording for analysis.
#[utoipa::path(
    post,
    path = "/sessions/{id}/submit-recording",
    params(("id" = String, Path, description = "The session's id")),
    request_body = SubmitRecording,
    responses(
        (status = 202, body = Accepted),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn submit_recording(
    State(app): State<App>,
    User(user): User,
    Path(id): Path<String>,
    JsonBody { value, idempotent }: JsonBody<SubmitRecording>,
) -> Result<AcceptedAnswer, ApiError> {
    let target = RecordingTarget::parse(value.attempt_type, value.sentence_index, value.word_index)?;
    let recording = Recording {
        target,
        audio_url: AudioUrl::parse(value.audio_url)?,
    };
    let accepted = app
        .service()
        .submit_recording(user, session_id(&id)?, recording, idempotent)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// Read a session: every column of its row.
#[utoipa::path(
    get,
    path = "/sessions/{id}",
    params(("id" = String, Path, description = "The session's id")),
    responses(
        (status = 200, body = Value),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    )
)]
async fn read_session(
    State(app): State<App>,
    User(user): User,
    Path(id): Path<String>,
) -> Result<Json<Map<String, Value>>, ApiError> {
    let session = app.store().session_of(&user, session_id(&id)?).await?;
    Ok(Json(
        session.ok_or(Refusal::NotFound { entity: "session" })?.record(),
    ))
}

/// An id that cannot be one is not there.
fn session_id(text: &str) -> Result<SessionId, Refusal> {
    text.parse().map_err(|_| Refusal::NotFound { entity: "session" })
}
