//! `[target]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, PercentText};

/// What is tested: `server` or `base_url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TargetFile {
    /// A server that the run starts and stops.
    pub(in crate::scenario) server: Option<ServerFile>,
    /// Address of a deployment of your own: `http://host[:port]` or `https://host[:port]`.
    pub(in crate::scenario) base_url: Option<String>,
    /// Address of the realtime endpoint. Default: `base_url` with `ws` for `http`, `wss` for `https`, and `/realtime/v1/websocket`.
    pub(in crate::scenario) realtime_url: Option<String>,
    /// Sent as the `apikey` header; from the environment only, such as `"${API_KEY}"`. Default: none.
    pub(in crate::scenario) api_key: Option<String>,
    /// A file with one bearer token a line, relative to the scenario; users take them in turn.
    pub(in crate::scenario) tokens_file: Option<String>,
    /// The secret that signs a token (JWT, HS256) for each user; from the environment only.
    pub(in crate::scenario) jwt_secret: Option<String>,
    /// Path that answers 2xx when the target is up, asked before the load starts. Default: not asked.
    pub(in crate::scenario) health: Option<String>,
    /// The version named in the report. Default: `unknown`.
    pub(in crate::scenario) version: Option<String>,
    /// Hosts besides loopback that may be sent load. Default: none.
    pub(in crate::scenario) allow_hosts: Option<Vec<String>>,
    /// Which certificates of a target with TLS are believed. Default: those that this machine trusts.
    pub(in crate::scenario) tls: Option<TlsFile>,
    /// The version of HTTP that requests are sent with: over TLS agreed on by ALPN, without TLS by prior knowledge.
    /// Default: `1.1`.
    pub(in crate::scenario) http_version: Option<HttpVersionFile>,
    /// Longest time to open a connection, TLS included. Default: `2s`.
    pub(in crate::scenario) connect_timeout: Option<DurationText>,
    /// Architecture of the reference server. Default: `direct`.
    pub(in crate::scenario) architecture: Option<ArchitectureFile>,
    /// Database of the reference server: `sqlite`, `postgres` or `postgres://…`. Default: `sqlite`.
    pub(in crate::scenario) database: Option<String>,
    /// Faults of the reference server, for drills.
    pub(in crate::scenario) faults: Option<TargetFaults>,
}

/// Which certificates are believed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TlsFile {
    /// A file with certificates (PEM) of authorities to trust besides those of this machine, relative to the
    /// scenario. Default: none.
    pub(in crate::scenario) ca_file: Option<String>,
    /// Believe any certificate: nothing then proves that the target is who it says. Default: `false`.
    pub(in crate::scenario) insecure: Option<bool>,
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::scenario) enum HttpVersionFile {
    #[serde(rename = "1.1")]
    Http1,
    #[serde(rename = "2")]
    Http2,
}

/// A server that the run starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ServerFile {
    /// The reference practice server.
    Reference,
}

/// How the reference server gets its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum ArchitectureFile {
    /// Direct service calls with two database updates.
    Direct,
    /// The legacy architecture of database triggers.
    Trigger,
}

/// Faults of the reference server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TargetFaults {
    /// Every answer of the practice API is this much later. Default: `0s`.
    pub(in crate::scenario) answer_delay: Option<DurationText>,
    /// This share of the practice API's requests is answered with status 500. Default: `0%`.
    pub(in crate::scenario) error_rate: Option<PercentText>,
    /// Whether the server asks ClassConnect for results whose webhook never came. Default: `true`.
    pub(in crate::scenario) poll_classconnect: Option<bool>,
}
