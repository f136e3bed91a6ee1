//! Questions to the target beside the load: is it up, what do its own metrics say, what does a row show.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderName};

use super::exposition::QueryTimes;
use crate::audit::RowState;
use crate::identity::Identities;

/// Answers beside the load are small and quick, or not worth waiting for.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Asks the target. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TargetProbe {
    client: reqwest::Client,
    base_url: String,
    identities: Identities,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    // Not a `source`: the one cause that says something is in the sentence already.
    #[error("{url} cannot be reached: {}", root_cause(.error))]
    Unreachable { url: String, error: reqwest::Error },
    #[error("{url} answered with status {status}")]
    Refused { url: String, status: u16 },
    #[error("{url} answered with something that is not the expected JSON")]
    Invalid { url: String },
}

/// The innermost reason of an HTTP client's error: "connection refused" says more than "error sending request".
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// A client for control calls: no redirects, no proxy from the environment, bounded in time.
///
/// # Errors
/// When the client cannot be set up.
pub(super) fn control_client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(Duration::from_secs(2))
        .timeout(TIMEOUT)
        .build()
}

impl TargetProbe {
    /// A probe of the target at `base_url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base_url: &str, identities: Identities) -> Result<Self, ControlError> {
        let client = control_client().map_err(|error| ControlError::Unreachable {
            url: base_url.to_owned(),
            error,
        })?;
        Ok(Self {
            client,
            base_url: base_url.to_owned(),
            identities,
        })
    }

    /// Asks whether the target is up.
    ///
    /// # Errors
    /// When it does not answer, or not with 2xx.
    pub async fn check_health(&self, path: &str) -> Result<(), ControlError> {
        let url = format!("{}{path}", self.base_url);
        let answer = self.client.get(&url).send().await;
        let answer = answer.map_err(|error| ControlError::Unreachable {
            url: url.clone(),
            error,
        })?;
        if answer.status().is_success() {
            return Ok(());
        }
        Err(ControlError::Refused {
            url,
            status: answer.status().as_u16(),
        })
    }

    /// Query times from the target's `/metrics`; `None` when it has none.
    pub async fn query_times(&self) -> Option<QueryTimes> {
        let answer = self
            .client
            .get(format!("{}/metrics", self.base_url))
            .send()
            .await
            .ok()?;
        QueryTimes::parse(&answer.error_for_status().ok()?.text().await.ok()?)
    }

    /// Reads a row as the user of `ticket` sees it.
    pub async fn read_row(&self, path: &str, ticket: u64) -> RowState {
        let mut request = self.client.get(format!("{}{path}", self.base_url));
        if let Some(token) = self.identities.token(ticket) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if let Some(key) = self.identities.api_key() {
            request = request.header(HeaderName::from_static("apikey"), key);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return RowState::Unreadable(root_cause(&error)),
        };
        match answer.status() {
            StatusCode::NOT_FOUND => RowState::Absent,
            status if status.is_success() => match answer.json().await {
                Ok(row) => RowState::Row(row),
                Err(error) => RowState::Unreadable(root_cause(&error)),
            },
            status => RowState::Unreadable(format!("status {}", status.as_u16())),
        }
    }
}
