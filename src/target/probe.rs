//! Questions to the target beside the load: is it up, what do its own metrics say, what does a row show.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use super::client::OriginClient;
use super::clock_offset::ClockReading;
use super::exposition::QueryTimes;
use crate::audit::RowState;
use crate::clock::RunClock;
use crate::identity::Identities;
use crate::plan::{ActionRequest, Method};
use crate::protocol::Connector;

/// Asks the target. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TargetProbe {
    client: OriginClient,
    base_url: String,
    identities: Identities,
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("{url} cannot be reached: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} answered with status {status}")]
    Refused { url: String, status: u16 },
    #[error("{url} answered with something that is not the expected JSON")]
    Invalid { url: String },
}

impl TargetProbe {
    /// The address that is asked.
    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A probe of the target at `base_url`, where the connector leads.
    pub fn new(base_url: &str, connector: Connector, identities: Identities) -> Self {
        Self {
            client: OriginClient::new(connector),
            base_url: base_url.to_owned(),
            identities,
        }
    }

    /// A probe with connections of its own, for another thread.
    pub fn apart(&self) -> Self {
        Self {
            client: self.client.apart(),
            ..self.clone()
        }
    }

    /// Asks whether the target is up.
    ///
    /// # Errors
    /// When it does not answer, or not with 2xx.
    pub async fn check_health(&self, path: &str) -> Result<(), ControlError> {
        let url = format!("{}{path}", self.base_url);
        match self.client.get(&url, HeaderMap::new()).await {
            Ok(answer) if answer.status.is_success() => Ok(()),
            Ok(answer) => Err(ControlError::Refused {
                url,
                status: answer.status.as_u16(),
            }),
            Err(reason) => Err(ControlError::Unreachable { url, reason }),
        }
    }

    /// What the target's clock shows while it answers at `path`, and between which moments of ours that was. `None`
    /// when it does not answer, or says nothing of the time. Any status will do: a proxy dates its refusals as well.
    pub async fn read_clock(&self, path: &str, clock: RunClock) -> Option<ClockReading> {
        let url = format!("{}{path}", self.base_url);
        let asked = clock.now();
        let answer = self.client.get(&url, HeaderMap::new()).await.ok()?;
        let answered = clock.now();
        ClockReading::of(&answer.headers, asked, answered)
    }

    /// Query times from the target's `/metrics`; `None` when it has none.
    pub async fn query_times(&self) -> Option<QueryTimes> {
        let url = format!("{}/metrics", self.base_url);
        let answer = self.client.get(&url, HeaderMap::new()).await.ok()?;
        let text = str::from_utf8(&answer.body).ok()?;
        answer
            .status
            .is_success()
            .then(|| QueryTimes::parse(text))
            .flatten()
    }

    /// Reads a row as the user of `ticket` sees it.
    pub async fn read_row(&self, path: &str, ticket: u64) -> RowState {
        let headers = match self.headers(ticket) {
            Ok(headers) => headers,
            Err(reason) => return RowState::Unreadable(reason),
        };
        let url = format!("{}{path}", self.base_url);
        let answer = match self.client.get(&url, headers).await {
            Ok(answer) => answer,
            Err(reason) => return RowState::Unreadable(reason),
        };
        match answer.status {
            StatusCode::NOT_FOUND => RowState::Absent,
            status if status.is_success() => match serde_json::from_slice(&answer.body) {
                Ok(row) => RowState::Row(row),
                Err(error) => RowState::Unreadable(error.to_string()),
            },
            status => RowState::Unreadable(format!("status {}", status.as_u16())),
        }
    }

    /// Sends a request in the name of the target's operator. The sentence says what was answered.
    ///
    /// # Errors
    /// A sentence, when there is no answer or it is not 2xx.
    pub async fn act(&self, request: &ActionRequest) -> Result<String, String> {
        let method = match request.method {
            Method::Get => http::Method::GET,
            Method::Post => http::Method::POST,
            Method::Put => http::Method::PUT,
            Method::Patch => http::Method::PATCH,
            Method::Delete => http::Method::DELETE,
        };
        let mut headers = self.headers_with(self.identities.operator_token())?;
        let mut body = Vec::new();
        if let Some(json) = &request.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            body = json.to_string().into_bytes();
        }
        let url = format!("{}{}", self.base_url, request.path);
        let answer = self.client.send(method, &url, headers, body.into()).await;
        let answer = answer.map_err(|reason| format!("{url} cannot be reached: {reason}"))?;
        let status = answer.status.as_u16();
        if answer.status.is_success() {
            return Ok(format!("answered with status {status}"));
        }
        let said = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        let detail = ["detail", "title", "message"]
            .iter()
            .find_map(|key| said[*key].as_str());
        Err(match detail {
            Some(detail) => format!("{url} answered with status {status}: {detail}"),
            None => format!("{url} answered with status {status}"),
        })
    }

    /// What the target's operator is told at `path`; `None` when there is nothing, or not for this run.
    pub async fn ask_as_operator(&self, path: &str) -> Option<Value> {
        let headers = self.headers_with(Some(self.identities.operator_token()?)).ok()?;
        let answer = self
            .client
            .get(&format!("{}{path}", self.base_url), headers)
            .await
            .ok()?;
        answer
            .status
            .is_success()
            .then(|| serde_json::from_slice(&answer.body).ok())
            .flatten()
    }

    /// How the user of `ticket` proves who they are.
    fn headers(&self, ticket: u64) -> Result<HeaderMap, String> {
        self.headers_with(self.identities.token(ticket))
    }

    fn headers_with(&self, token: Option<String>) -> Result<HeaderMap, String> {
        let mut headers = HeaderMap::new();
        let value = |text: &str| {
            HeaderValue::from_str(text)
                .map_err(|_| "a token or key of the target cannot stand in a header".to_owned())
        };
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, value(&format!("Bearer {token}"))?);
        }
        if let Some(key) = self.identities.api_key() {
            headers.insert(HeaderName::from_static("apikey"), value(key)?);
        }
        Ok(headers)
    }
}
