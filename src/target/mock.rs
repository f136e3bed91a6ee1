//! The mock's control API: its ledger, and its drain.

use std::time::Duration;

use serde_json::Value;

use super::client::root_cause;
use super::probe::ControlError;

/// The mock is on this machine: it is quick, or there is something wrong.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Records asked for at a time.
const PAGE_RECORDS: usize = 5_000;

/// Asks the mock. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MockControl {
    client: reqwest::Client,
    base_url: String,
}

/// A page of the ledger.
#[derive(Debug, Clone, Default)]
pub struct LedgerPage {
    pub records: Vec<Value>,
    /// Whether the ledger has more already.
    pub has_more: bool,
}

impl MockControl {
    /// Control of the mock at `base_url`.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(base_url: &str) -> Result<Self, ControlError> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(2))
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| unreachable(base_url, &error))?;
        Ok(Self {
            client,
            base_url: base_url.to_owned(),
        })
    }

    /// The records after number `after`.
    ///
    /// # Errors
    /// When the mock does not answer, or not with a page.
    pub async fn ledger_after(&self, after: u64) -> Result<LedgerPage, ControlError> {
        let url = format!(
            "{}/_mock/ledger?after={after}&limit={PAGE_RECORDS}",
            self.base_url
        );
        let answer = self.client.get(&url).send().await;
        let answer = answer.map_err(|error| unreachable(&url, &error))?;
        if !answer.status().is_success() {
            return Err(ControlError::Refused {
                url,
                status: answer.status().as_u16(),
            });
        }
        let mut page: Value = answer
            .json()
            .await
            .map_err(|_| ControlError::Invalid { url: url.clone() })?;
        let newest = page.get("newest_seq").and_then(Value::as_u64).unwrap_or(0);
        match page.get_mut("records").map(Value::take) {
            Some(Value::Array(records)) => {
                let last = records
                    .last()
                    .and_then(|record| record.get("seq"))
                    .and_then(Value::as_u64);
                Ok(LedgerPage {
                    has_more: last.is_some_and(|last| last < newest),
                    records,
                })
            }
            _ => Err(ControlError::Invalid { url }),
        }
    }

    /// Waits until the mock has no delivery left to make, at most `timeout`.
    ///
    /// # Errors
    /// When the mock does not answer.
    pub async fn drain(&self, timeout: Duration) -> Result<(), ControlError> {
        let url = format!("{}/_mock/drain?timeout_ms={}", self.base_url, timeout.as_millis());
        let request = self.client.post(&url).timeout(timeout + Duration::from_secs(5));
        request.send().await.map_err(|error| unreachable(&url, &error))?;
        Ok(())
    }
}

fn unreachable(url: &str, error: &reqwest::Error) -> ControlError {
    ControlError::Unreachable {
        url: url.to_owned(),
        reason: root_cause(error),
    }
}
