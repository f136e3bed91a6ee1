//! HTTP to ClassConnect: one try at a time, each behind the gate, each answer sorted by what to do about it.

use std::time::Duration;

use classconnect_api::{Job, JobAccepted, JobList, SubmissionKind};
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CallResult;
use super::gate::Gate;
use crate::config::Secret;
use crate::domain::Call;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// A full transcript's result with its phonemes stays far below this.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Where ClassConnect is, and where it should send results.
#[derive(Debug, Clone)]
pub struct ClassConnectSettings {
    /// The base URL, without a path.
    pub url: Url,
    pub api_key: Secret,
    /// The full URL of this server's webhook route.
    pub webhook_url: String,
}

/// The client. Cloning shares its connections and its breaker.
#[derive(Debug, Clone)]
pub struct ClassConnect {
    http: reqwest::Client,
    settings: ClassConnectSettings,
    gate: Gate,
}

/// Why a submission was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// Worth another try.
    #[error("{reason}")]
    Unavailable {
        reason: String,
        retry_after: Option<Duration>,
    },
    /// The same request will be refused again.
    #[error("ClassConnect refused the call with {0}")]
    Rejected(StatusCode),
    /// The breaker is open; nothing was sent.
    #[error("the circuit breaker is open")]
    NotPermitted,
}

/// Why a job could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error("{0}")]
    Unavailable(String),
    #[error("the circuit breaker is open")]
    NotPermitted,
}

impl ClassConnect {
    /// # Errors
    /// Only if the HTTP client cannot be set up.
    pub fn new(settings: ClassConnectSettings, gate: Gate) -> Result<Self, reqwest::Error> {
        // No redirects and no proxy from the environment: calls go where the configuration says, or nowhere.
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, settings, gate })
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// Sends a call once, under its own idempotency key.
    ///
    /// # Errors
    /// Anything but an acceptance; see [`SubmitError`].
    pub async fn submit(&self, call: &Call) -> Result<JobAccepted, SubmitError> {
        let mut passage = self.gate.enter().ok_or(SubmitError::NotPermitted)?;
        let mut body = call.payload.clone();
        if let Some(fields) = body.as_object_mut() {
            fields.insert(
                "webhook_url".to_owned(),
                Value::from(self.settings.webhook_url.as_str()),
            );
        }
        let request = self
            .http
            .post(self.url(call.kind.path()))
            .header(
                AUTHORIZATION,
                format!("Bearer {}", self.settings.api_key.expose()),
            )
            .header("idempotency-key", format!("\"{}\"", call.id))
            .json(&body);
        let unavailable = |reason| SubmitError::Unavailable {
            reason,
            retry_after: None,
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => {
                passage.set(CallResult::Failure);
                return Err(unavailable(format!(
                    "ClassConnect could not be reached: {}",
                    root_cause(&error)
                )));
            }
        };
        let status = response.status();
        passage.set(if status.is_server_error() {
            CallResult::Failure
        } else {
            CallResult::Success
        });
        if status.is_success() {
            return read_json(response).await.map_err(|reason| {
                passage.set(CallResult::Failure);
                unavailable(reason)
            });
        }
        if is_worth_a_retry(status) {
            let retry_after = retry_after(&response);
            return Err(SubmitError::Unavailable {
                reason: format!("ClassConnect answered {status}"),
                retry_after,
            });
        }
        Err(SubmitError::Rejected(status))
    }

    /// Looks up the job of a call, by its id, or by our reference if the id is unknown here or there.
    ///
    /// # Errors
    /// A lookup that could not be made or not be understood.
    pub async fn find_job(&self, call: &Call) -> Result<Option<Job>, LookupError> {
        if let Some(job_id) = &call.job_id
            && let Some(job) = self.get(&format!("/v1/jobs/{job_id}"), None).await?
        {
            return Ok(Some(job));
        }
        let reference = call.client_reference_id();
        let list: Option<JobList> = self.get("/v1/jobs", Some(&reference)).await?;
        let jobs = list.map(|list| list.jobs).unwrap_or_default();
        let is_ours = |job: &Job, kind: SubmissionKind| {
            job.submission == kind
                && job.client_reference_id == reference
                && call.job_id.as_ref().is_none_or(|known| *known == job.job_id)
        };
        Ok(jobs.into_iter().rev().find(|job| is_ours(job, call.kind)))
    }

    /// `None` for 404.
    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        client_reference_id: Option<&str>,
    ) -> Result<Option<T>, LookupError> {
        let mut passage = self.gate.enter().ok_or(LookupError::NotPermitted)?;
        let mut url = self.url(path);
        if let Some(reference) = client_reference_id {
            url.query_pairs_mut()
                .append_pair("client_reference_id", reference);
        }
        let request = self.http.get(url).header(
            AUTHORIZATION,
            format!("Bearer {}", self.settings.api_key.expose()),
        );
        let response = request.send().await.map_err(|error| {
            passage.set(CallResult::Failure);
            LookupError::Unavailable(format!(
                "ClassConnect could not be reached: {}",
                root_cause(&error)
            ))
        })?;
        let status = response.status();
        passage.set(if status.is_server_error() {
            CallResult::Failure
        } else {
            CallResult::Success
        });
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => read_json(response)
                .await
                .map(Some)
                .map_err(LookupError::Unavailable),
            status => Err(LookupError::Unavailable(format!(
                "ClassConnect answered {status}"
            ))),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.settings.url.clone();
        url.set_path(path);
        url
    }
}

/// Trouble that may pass: timeouts, throttling, and errors on their side. 409 says that an earlier try under the same
/// idempotency key is still being processed there.
fn is_worth_a_retry(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 425 | 429 | 500..=599)
}

/// `Retry-After` in seconds; the form with a date is not used by ClassConnect.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

async fn read_json<T: DeserializeOwned>(mut response: Response) -> Result<T, String> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > ANSWER_BYTES_MAX => {
                return Err(format!(
                    "ClassConnect's answer is larger than {ANSWER_BYTES_MAX} bytes"
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(format!("ClassConnect's answer broke off: {}", root_cause(&error))),
        }
    }
    serde_json::from_slice(&body).map_err(|error| format!("ClassConnect's answer is malformed: {error}"))
}

/// The innermost cause says what happened; the outer ones repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trouble_that_passes_is_retried() {
        for status in [408, 409, 425, 429, 500, 502, 503, 504] {
            assert!(
                is_worth_a_retry(StatusCode::from_u16(status).unwrap()),
                "{status}"
            );
        }
        for status in [301, 400, 401, 403, 404, 413, 422] {
            assert!(
                !is_worth_a_retry(StatusCode::from_u16(status).unwrap()),
                "{status}"
            );
        }
    }
}
