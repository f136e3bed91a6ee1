//! `[target]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, PercentText};

/// What is tested: `server` or `base_url`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TargetFile {
    /// A server that the run starts, and stops afterwards.
    pub(in crate::scenario) server: Option<ServerFile>,
    /// Address of a deployment of your own, instead of `server`.
    #[schemars(title = "`http://…` or `https://host[:port][/path]`")]
    pub(in crate::scenario) base_url: Option<String>,
    /// Address of its realtime endpoint. Default: `base_url` with `/realtime/v1/websocket`, and `ws` for `http`,
    /// `wss` for `https`.
    #[schemars(title = "`ws://…` or `wss://…`")]
    pub(in crate::scenario) realtime_url: Option<String>,
    /// Sent as the `apikey` header. Default: none.
    #[schemars(title = "text from the environment, such as `\"${API_KEY}\"`")]
    pub(in crate::scenario) api_key: Option<String>,
    /// A file with one bearer token a line; users take them in turn. Instead of `jwt_secret`. Default: none.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) tokens_file: Option<String>,
    /// The secret that signs a token (JWT, HS256) for each user. Default: none.
    #[schemars(title = "text from the environment, such as `\"${JWT_SECRET}\"`")]
    pub(in crate::scenario) jwt_secret: Option<String>,
    /// Answers 2xx when the target is up; asked before the load starts. Default: not asked.
    #[schemars(title = "a path")]
    pub(in crate::scenario) health: Option<String>,
    /// The version named in the report; an empty one is none. Default: `"unknown"`, for a server of this program its own
    /// version.
    pub(in crate::scenario) version: Option<String>,
    /// Hosts besides loopback that may be sent load. Default: none.
    #[schemars(title = "a list of hosts")]
    pub(in crate::scenario) allow_hosts: Option<Vec<String>>,
    /// Which certificates of a target with TLS are believed. Default: those that this machine trusts.
    pub(in crate::scenario) tls: Option<TlsFile>,
    /// The version of HTTP that requests are sent with; `"2"` is agreed on by ALPN over TLS, and spoken by prior
    /// knowledge without. Default: `"1.1"`.
    pub(in crate::scenario) http_version: Option<HttpVersionFile>,
    /// Longest time to open a connection, TLS handshake included. Default: `"2s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) connect_timeout: Option<DurationText>,
    /// The `traceparent` header (W3C Trace Context) of every request of a user, one trace for each iteration; a step's own
    /// header of this name goes before. Default: `"unsampled"`.
    pub(in crate::scenario) traceparent: Option<TraceparentFile>,
    /// Database of the reference server: embedded; a throw-away cluster from the installed programs; or a server of
    /// your own, with a password from the environment only. Default: `"sqlite"`.
    #[schemars(title = "`\"sqlite\"`, `\"postgres\"` or `\"postgres://…\"`")]
    pub(in crate::scenario) database: Option<String>,
    /// Architecture of the reference server. Default: `"direct"`.
    pub(in crate::scenario) architecture: Option<ArchitectureFile>,
    /// Both architectures side by side, instead of `architecture`: this share of the users, in percent, is served
    /// directly, the others by triggers. PostgreSQL only.
    #[schemars(range(min = 0, max = 100))]
    pub(in crate::scenario) direct_percent: Option<i64>,
    /// How row changes get from PostgreSQL to subscribers. Default: `"wal"`.
    pub(in crate::scenario) realtime: Option<RealtimeFile>,
    /// The server's connections to PostgreSQL.
    pub(in crate::scenario) pool: Option<PoolFile>,
    /// The model of the legacy architecture. PostgreSQL only.
    pub(in crate::scenario) legacy: Option<LegacyFile>,
    /// Faults of the reference server, for drills.
    pub(in crate::scenario) faults: Option<TargetFaults>,
    /// A second server on the same PostgreSQL, ready to take over; `[target.standby]` may be empty. See
    /// `switch_to_standby` of `[[actions]]`. Default: none.
    pub(in crate::scenario) standby: Option<StandbyFile>,
}

/// A second server beside the first, with its settings but none of its faults.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct StandbyFile {
    /// Its version, named in the report; an empty one is none. Default: that of this program, for another `executable`
    /// `"unknown"`.
    pub(in crate::scenario) version: Option<String>,
    /// Another build of this program, which is run as `PATH serve practice-server …`. Default: this program.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) executable: Option<String>,
}

/// Which certificates are believed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TlsFile {
    /// PEM file with certificates of authorities to trust besides those of this machine. Default: none.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) ca_file: Option<String>,
    /// Believe any certificate: nothing then proves that the target is who it says. `check`, the first lines of the
    /// run and the report say so. Default: `false`.
    pub(in crate::scenario) insecure: Option<bool>,
}

/// Whether requests name a trace, and whether they ask the target to record it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum TraceparentFile {
    /// No header.
    Off,
    /// The flag is 00: the target's logs can be searched by the trace, and its tracing costs no more than in production.
    Unsampled,
    /// The flag is 01, which asks the target to record every request.
    Sampled,
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
    /// The legacy architecture of database triggers (a model, on PostgreSQL only).
    Trigger,
}

/// How row changes get from the database to subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum RealtimeFile {
    /// From the write-ahead log, as it is written.
    Wal,
    /// By polling, at the cadence that Supabase documents.
    Poll,
}

/// The server's connections to the database.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct PoolFile {
    /// The server's connections to PostgreSQL. Default: 20.
    #[schemars(range(min = 1, max = 500))]
    pub(in crate::scenario) connections: Option<i64>,
    /// Longest wait of a request for one of them; then it is answered with status 503. Default: `"1s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) wait: Option<DurationText>,
}

/// The model of the legacy architecture: its delays are settings, each with a source that the report names.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct LegacyFile {
    /// Which worker empties the queue of HTTP requests. Default: `"pg_net_0_20"`.
    pub(in crate::scenario) queue: Option<LegacyQueueFile>,
    /// Longest wait of that worker for an answer. Default: `"5s"`.
    pub(in crate::scenario) queue_timeout: Option<DurationText>,
    /// How long an edge function takes to start, as published at that time. Default: `"none"`.
    pub(in crate::scenario) edge_boot: Option<EdgeBootFile>,
    /// Share of the calls that find no running function and must start one. Default: `"100%"`.
    pub(in crate::scenario) edge_cold_share: Option<PercentText>,
    /// The way between database and edge function. Default: `"0ms"`.
    pub(in crate::scenario) edge_hop: Option<DurationText>,
    /// How long the legacy backend waits for the triggered function to have set the status. Default: `"10s"`.
    pub(in crate::scenario) trigger_wait: Option<DurationText>,
}

/// The worker that empties the queue of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::scenario) enum LegacyQueueFile {
    /// pg_net 0.14, which looks into the queue once a second.
    #[serde(rename = "pg_net_0_14")]
    PgNet014,
    /// pg_net 0.20, which is woken when a request is committed.
    #[serde(rename = "pg_net_0_20")]
    PgNet020,
}

/// How long an edge function takes to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::scenario) enum EdgeBootFile {
    /// Not at all, because it is always running.
    #[serde(rename = "none")]
    None,
    /// As Supabase published in September 2024.
    #[serde(rename = "supabase_2024_09")]
    Supabase202409,
    /// As Supabase published in July 2025.
    #[serde(rename = "supabase_2025_07")]
    Supabase202507,
}

/// Faults of the reference server.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct TargetFaults {
    /// Every answer of the practice API is this much later. Default: `"0s"`.
    pub(in crate::scenario) answer_delay: Option<DurationText>,
    /// This share of the practice API's requests is answered with status 500. Default: `"0%"`.
    pub(in crate::scenario) error_rate: Option<PercentText>,
    /// Whether the server asks ClassConnect for results whose webhook never came. Default: `true`.
    pub(in crate::scenario) poll_classconnect: Option<bool>,
    /// Every commit of the throw-away database takes this much longer, as on a slow disk; only with `database =
    /// "postgres"`. Default: `"0s"`.
    #[schemars(title = "a duration, at most `\"100ms\"`")]
    pub(in crate::scenario) commit_delay: Option<DurationText>,
}
