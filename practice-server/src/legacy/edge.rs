//! The edge functions: what a triggered request runs. They do the same work as direct calls, by the same code.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::routing::post;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::ApiError;
use crate::service::{Triggered, TriggeredWork};

/// The functions by the names in their URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EdgeFunction {
    ImproveTranscript,
    StartPractice,
    SubmitRecording,
}

impl EdgeFunction {
    const ALL: [Self; 3] = [
        Self::ImproveTranscript,
        Self::StartPractice,
        Self::SubmitRecording,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::ImproveTranscript => "auto-improve-transcript",
            Self::StartPractice => "auto-start-practice",
            Self::SubmitRecording => "auto-submit-recording",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.as_str() == name)
    }
}

/// What a trigger sends, as far as the functions read it.
#[derive(Debug, Deserialize)]
struct Payload {
    record: Record,
}

/// The row that fired the trigger.
#[derive(Debug, Deserialize)]
struct Record {
    id: String,
    user_id: String,
    transcript: Option<String>,
    session_id: Option<String>,
    audio_url: Option<String>,
}

impl Record {
    /// What the client chose, by which an injected delay is drawn.
    fn identity(&self) -> [&str; 2] {
        let chosen = self.audio_url.as_deref().or(self.transcript.as_deref());
        [&self.user_id, chosen.unwrap_or_default()]
    }

    fn work_of(&self, function: EdgeFunction) -> Result<TriggeredWork, ApiError> {
        let unreadable = || ApiError::Malformed("the record is not one that this function is for".to_owned());
        Ok(match function {
            EdgeFunction::ImproveTranscript => TriggeredWork::ImproveTranscript {
                session: self.id.parse().map_err(|_| unreadable())?,
            },
            EdgeFunction::StartPractice => TriggeredWork::StartPractice {
                session: self.id.parse().map_err(|_| unreadable())?,
            },
            EdgeFunction::SubmitRecording => {
                let session = self.session_id.as_deref().ok_or_else(unreadable)?;
                TriggeredWork::SubmitRecording {
                    session: session.parse().map_err(|_| unreadable())?,
                    attempt: self.id.parse().map_err(|_| unreadable())?,
                }
            }
        })
    }
}

pub(crate) fn router() -> Router<App> {
    Router::new().route("/functions/v1/{function}", post(invoke))
}

async fn invoke(
    State(app): State<App>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let legacy = app.legacy().ok_or(ApiError::NoSuchPath)?;
    if !legacy.is_authentic(&headers) {
        return Err(ApiError::Unauthorized);
    }
    let function = EdgeFunction::named(&name).ok_or(ApiError::NoSuchPath)?;
    let payload: Payload = serde_json::from_slice(&body)
        .map_err(|error| ApiError::Malformed(format!("the body is not a trigger's payload: {error}")))?;
    let work = payload.record.work_of(function)?;
    let delay = legacy
        .settings()
        .delays
        .of(function.as_str(), &payload.record.identity());
    // A function goes on when the queue's worker has stopped waiting for it, so it must not end with its connection.
    let running = tokio::spawn(run(app.clone(), function, work, delay));
    match running.await {
        Ok(result) => result,
        Err(_) => Err(ApiError::EdgeFunction),
    }
}

async fn run(
    app: App,
    function: EdgeFunction,
    work: TriggeredWork,
    delay: Duration,
) -> Result<Json<Value>, ApiError> {
    let started = Stopwatch::start();
    if !delay.is_zero() {
        sleep(delay).await;
    }
    let result = app.service().do_triggered(work).await;
    if let Some(legacy) = app.legacy() {
        legacy
            .metrics()
            .observe_function(function.as_str(), started.elapsed_seconds(), delay.as_secs_f64());
    }
    let word = match result? {
        Triggered::Done => "done",
        Triggered::NothingToDo => "nothing to do",
    };
    Ok(Json(json!({ "result": word })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(extra: Value) -> Record {
        let mut fields = json!({
            "id": "00000000-0000-4000-8000-000000000001",
            "user_id": "user-1",
            "architecture": "trigger",
        });
        for (name, value) in extra.as_object().unwrap() {
            fields[name] = value.clone();
        }
        serde_json::from_value(fields).unwrap()
    }

    #[test]
    fn names_and_functions_are_one_to_one() {
        for function in EdgeFunction::ALL {
            assert_eq!(EdgeFunction::named(function.as_str()), Some(function));
        }
        assert_eq!(EdgeFunction::named("auto"), None);
    }

    #[test]
    fn a_record_is_known_by_what_the_client_chose() {
        let session = record(json!({ "transcript": "One two." }));
        assert_eq!(session.identity(), ["user-1", "One two."]);
        let attempt = record(json!({ "audio_url": "https://cdn.example/a.webm" }));
        assert_eq!(attempt.identity(), ["user-1", "https://cdn.example/a.webm"]);
    }

    #[test]
    fn a_record_of_another_table_is_refused() {
        let session = record(json!({ "transcript": "One two." }));
        assert!(session.work_of(EdgeFunction::ImproveTranscript).is_ok());
        assert!(session.work_of(EdgeFunction::SubmitRecording).is_err());
        let attempt = record(json!({ "session_id": "00000000-0000-4000-8000-000000000002" }));
        assert!(attempt.work_of(EdgeFunction::SubmitRecording).is_ok());
    }
}
