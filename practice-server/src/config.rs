//! The configuration as meant: every value checked, every secret hidden from logs.

use std::fmt;
use std::time::Duration;

use classconnect_api::Verifier;
use reqwest::Url;

use crate::classconnect::{BreakerSettings, DispatchSettings};
use crate::clock::Clock;
use crate::fault::FaultSettings;
use crate::legacy::LegacySettings;
use crate::realtime::FeedMode;
use crate::service::SweepSettings;
use crate::store::{DatabaseUrl, PoolSettings};

/// Everything the server needs to know.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: DatabaseUrl,
    /// Of use with PostgreSQL only.
    pub pool: PoolSettings,
    /// How PostgreSQL's changes are followed; SQLite's are published by its writer.
    pub realtime: FeedMode,
    /// The base URL of ClassConnect.
    pub classconnect_url: Url,
    /// Under which ClassConnect reaches this server; its own bound address if absent.
    pub public_url: Option<Url>,
    pub secrets: Secrets,
    pub faults: FaultSettings,
    /// Whether an operator may make the direct architecture worse while the server runs.
    pub drills: bool,
    /// Of use with PostgreSQL only.
    pub legacy: LegacySettings,
    /// Whether results are looked up whose webhook does not come.
    pub poll_classconnect: bool,
    pub dispatch: DispatchSettings,
    pub breaker: BreakerSettings,
    pub sweep: SweepSettings,
    pub sweep_interval: Duration,
    /// A submission without a result fails after this time.
    pub result_deadline: Duration,
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long open requests and calls may take to finish at the end.
    pub shutdown_timeout: Duration,
    /// What `/healthz` and the ready line call this build.
    pub version: String,
    pub clock: Clock,
}

/// What must never be printed.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// The HS256 key of users' tokens, at least 32 bytes.
    pub jwt: Secret,
    /// The value of the `apikey` header.
    pub api_key: Secret,
    /// This server's key at ClassConnect.
    pub classconnect_api_key: Secret,
    /// Verifies webhooks, with one secret or more.
    pub webhook: Verifier,
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret(hidden)");
    }
}
