//! The crate's errors: what a request is answered when it fails, and why the server could not run.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::args::ConfigError;
use crate::degradation::DrillsOff;
use crate::domain::Refusal;
use crate::legacy::TriggerOverdue;
use crate::problem::Problem;
use crate::realtime::FeedError;
use crate::rollout::SetError;
use crate::service::ActionError;
use crate::store::{Abort, DatabaseUrl, StoreError, Violation};

const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("1");

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The work was written down, but the triggered function that does it did not come in time.
    #[error(transparent)]
    TriggerOverdue(#[from] TriggerOverdue),
    /// A valid token, but not one for this route.
    #[error("this needs a token with the role service_role")]
    Forbidden,
    /// An edge function ended without a result.
    #[error("the edge function came to no end")]
    EdgeFunction,
    /// The roll-out flag cannot be what was asked for.
    #[error("{0}")]
    RolloutFixed(String),
    #[error(transparent)]
    DrillsOff(#[from] DrillsOff),
    /// No valid token or API key. The caller is not told which.
    #[error("the request is not authenticated")]
    Unauthorized,
    /// A webhook whose headers or signature are not valid. The sender is not told why.
    #[error("the webhook is not authentic")]
    WebhookNotAuthentic,
    /// The body is not JSON, or a header is not what it must be.
    #[error("{0}")]
    Malformed(String),
    /// The body is JSON, but not what the route takes.
    #[error("{0}")]
    Unprocessable(String),
    #[error("the request's body is too large")]
    TooLarge,
    #[error("the request's content type must be application/json")]
    UnsupportedMediaType,
    #[error("this path does not take this method")]
    MethodNotAllowed,
    #[error("there is nothing at this path")]
    NoSuchPath,
    #[error("the request took too long to arrive or to be answered")]
    Timeout,
    /// Answered on purpose, see the `fault` module.
    #[error("this error was injected on purpose")]
    InjectedFault,
    #[error("the metrics could not be rendered")]
    Metrics,
}

impl From<Abort> for ApiError {
    fn from(abort: Abort) -> Self {
        match abort {
            Abort::Refused(refusal) => Self::Refused(refusal),
            Abort::Store(error) => Self::Store(error),
        }
    }
}

impl From<ActionError> for ApiError {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::NotWritten(abort) => abort.into(),
            ActionError::Overdue(overdue) => Self::TriggerOverdue(overdue),
        }
    }
}

impl From<SetError> for ApiError {
    fn from(error: SetError) -> Self {
        match error {
            SetError::Fixed(_) => Self::RolloutFixed(error.to_string()),
            SetError::Store(error) => Self::Store(error),
        }
    }
}

impl ApiError {
    fn problem(&self) -> Problem {
        let new = Problem::new;
        match self {
            Self::Refused(refusal) => refusal_problem(refusal).with_detail(refusal.to_string()),
            Self::Store(error) => store_problem(error),
            Self::TriggerOverdue(overdue) => new(
                StatusCode::GATEWAY_TIMEOUT,
                "trigger-overdue",
                "The triggered function did not begin in time",
            )
            .with_detail(overdue.to_string()),
            Self::Forbidden => {
                new(StatusCode::FORBIDDEN, "forbidden", "Not allowed").with_detail(self.to_string())
            }
            Self::EdgeFunction => new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "edge-function",
                "Edge function failed",
            ),
            Self::RolloutFixed(detail) => new(
                StatusCode::CONFLICT,
                "rollout-fixed",
                "The roll-out cannot be changed",
            )
            .with_detail(detail),
            Self::DrillsOff(off) => new(
                StatusCode::CONFLICT,
                "drills-off",
                "This server takes part in no drills",
            )
            .with_detail(off.to_string()),
            Self::Unauthorized | Self::WebhookNotAuthentic => {
                new(StatusCode::UNAUTHORIZED, "unauthorized", "Not authenticated")
            }
            Self::Malformed(detail) => {
                new(StatusCode::BAD_REQUEST, "malformed", "Malformed request").with_detail(detail)
            }
            Self::Unprocessable(detail) => {
                new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid request").with_detail(detail)
            }
            Self::TooLarge => new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "Request body too large",
            ),
            Self::UnsupportedMediaType => new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            )
            .with_detail(self.to_string()),
            Self::MethodNotAllowed => new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::NoSuchPath => {
                new(StatusCode::NOT_FOUND, "not-found", "Not found").with_detail(self.to_string())
            }
            Self::Timeout => new(StatusCode::REQUEST_TIMEOUT, "timeout", "Request timed out"),
            Self::InjectedFault => new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "injected-fault",
                "Injected fault",
            )
            .with_detail(self.to_string()),
            Self::Metrics => new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    /// Trouble of the database goes into the log with its causes; the caller learns nothing about them.
    fn log(&self) {
        if let Self::Store(error) = self {
            let (kind, context) = (error.kind(), with_causes(error));
            match error {
                // It is expected to pass; that the database is down was told as an error when it was found out.
                StoreError::Unavailable { .. } => {
                    tracing::warn!(kind, context, "the database could not serve a request");
                }
                _ => tracing::error!(kind, context, "the database failed a request"),
            }
        }
    }
}

/// The caller learns what to do, and nothing of the database.
fn store_problem(error: &StoreError) -> Problem {
    let new = Problem::new;
    match error {
        StoreError::Constraint {
            violation: Violation::Conflict,
            ..
        } => new(StatusCode::CONFLICT, "data-conflict", "Data conflict"),
        StoreError::Constraint {
            violation: Violation::Value,
            ..
        } => new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid request")
            .with_detail("a value in the request cannot be stored"),
        StoreError::Unavailable { .. } => new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Service temporarily unavailable",
        ),
        StoreError::Corrupt { .. } | StoreError::Unsuitable(_) | StoreError::Failed { .. } => {
            new(StatusCode::INTERNAL_SERVER_ERROR, "database", "Database error")
        }
    }
}

fn refusal_problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::NotFound { .. } => Problem::new(StatusCode::NOT_FOUND, "not-found", "Not found"),
        Refusal::Conflict { .. } => Problem::new(StatusCode::CONFLICT, "conflict", "Conflict"),
        Refusal::Invalid { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Invalid request")
        }
        Refusal::KeyReused => Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "Idempotency-Key reused",
        ),
        Refusal::KeyInFlight => Problem::new(
            StatusCode::CONFLICT,
            "idempotency-key-in-flight",
            "Request still in progress",
        ),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = self.problem().into_response();
        let headers = response.headers_mut();
        match self {
            Self::Store(StoreError::Unavailable { .. }) | Self::Refused(Refusal::KeyInFlight) => {
                headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
            }
            Self::Unauthorized => {
                let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            _ => {}
        }
        response
    }
}

/// An error with its causes, in one line. A cause that the line holds already is not said again.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let sentence = error.to_string();
        if !line.contains(&sentence) {
            line = format!("{line}: {sentence}");
        }
        cause = error.source();
    }
    line
}

/// Why the server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the log filter cannot be used: {0}")]
    LogFilter(String),
    #[error("cannot listen on {address}")]
    Listen {
        address: std::net::SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot read the address that was bound")]
    LocalAddress(#[source] std::io::Error),
    #[error("cannot open the database {database}")]
    Store {
        database: DatabaseUrl,
        #[source]
        source: StoreError,
    },
    #[error("cannot follow the changes of the database")]
    Feed(#[from] FeedError),
    #[error("cannot set the HTTP client up")]
    HttpClient(#[from] reqwest::Error),
    #[error("cannot write the ready line")]
    ReadyLine(#[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
    #[error("serving failed")]
    Serve(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each kind of trouble of the database is answered with, and that the answer tells nothing of the inside.
    #[test]
    fn trouble_of_the_database_is_sorted_for_the_caller() {
        let source = || std::sync::Arc::new(crate::store::DriverError::Down);
        let constraint = |violation| StoreError::Constraint {
            doing: "inserting a secret",
            violation,
            source: source(),
        };
        let cases = [
            (constraint(Violation::Conflict), 409, "Data conflict", false),
            (constraint(Violation::Value), 422, "Invalid request", false),
            (
                StoreError::Unavailable {
                    doing: "inserting a secret",
                    source: Some(source()),
                },
                503,
                "Service temporarily unavailable",
                true,
            ),
            (
                StoreError::Failed {
                    doing: "inserting a secret",
                    source: source(),
                },
                500,
                "Database error",
                false,
            ),
        ];
        for (error, status, title, retry) in cases {
            let error = ApiError::from(error);
            let problem = error.problem();
            assert_eq!((problem.status, problem.title.as_str()), (status, title));
            assert!(!format!("{problem:?}").contains("secret"), "{problem:?}");
            let response = error.into_response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(
                response.headers().contains_key(header::RETRY_AFTER),
                retry,
                "{status}"
            );
        }
    }

    #[test]
    fn causes_are_told_once_and_in_one_line() {
        let refused = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        let sentence = refused.to_string();
        let error = ServeError::Listen {
            address: ([127, 0, 0, 1], 80).into(),
            source: refused,
        };
        assert_eq!(
            with_causes(&error),
            format!("cannot listen on 127.0.0.1:80: {sentence}")
        );
        let config = ServeError::Config(ConfigError(vec!["--lease must be longer than 0s".to_owned()]));
        assert_eq!(with_causes(&config).matches("--lease").count(), 1);
    }
}
