//! What is tested: the reference server and the mock that the run starts, or a deployment of the user's own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::postgres::{Architecture, Postgres};
use super::transport::{Certificates, Traceparent, Transport};
use crate::units::Ratio;

/// The system under test.
#[derive(Debug, Clone)]
pub struct Target {
    pub kind: TargetKind,
    /// The version named in the report.
    pub version: String,
    /// Hosts that may be sent load besides loopback.
    pub allow_hosts: Vec<String>,
    /// Time-out for opening a connection.
    pub connect_timeout: Duration,
    pub traceparent: Traceparent,
}

impl Target {
    /// Whether any process of this host that the run has not started is certainly none of the target's: the run has
    /// started all of it, or it is somewhere else. A database server detaches itself from whoever starts it.
    pub fn is_told_from_others(&self) -> bool {
        match &self.kind {
            TargetKind::Reference(server) => matches!(server.database, Database::Sqlite),
            TargetKind::Remote(_) => !self.is_on_this_host(),
        }
    }

    /// Whether it shares this host with the generator: only loopback needs no permission.
    pub fn is_on_this_host(&self) -> bool {
        self.allow_hosts.is_empty()
    }

    /// Whether nothing proves that the target is who it says.
    pub fn is_unverified(&self) -> bool {
        match &self.kind {
            TargetKind::Reference(_) => false,
            TargetKind::Remote(remote) => remote.transport.certificates == Certificates::Unverified,
        }
    }
}

/// Who runs the target.
#[derive(Debug, Clone)]
pub enum TargetKind {
    /// The run starts the reference practice server and stops it afterwards.
    Reference(ReferenceServer),
    /// A deployment that exists already.
    Remote(RemoteTarget),
}

/// Settings of the reference server. The faults are plain settings, so that a drill is a scenario like any other.
#[derive(Debug, Clone)]
pub struct ReferenceServer {
    pub database: Database,
    /// Every answer of the practice API is this much later.
    pub answer_delay: Duration,
    /// This share of the practice API's requests is answered with 500.
    pub error_rate: Ratio,
    /// Whether the server asks ClassConnect for results whose webhook never came.
    pub poll_classconnect: bool,
    /// A second server on the same database, ready to take over.
    pub standby: Option<StandbyServer>,
}

/// A second server beside the first: the same program by default, with the first one's settings but none of its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandbyServer {
    /// The version named in the report.
    pub version: String,
    /// Another build of this program; `None` = this one.
    pub executable: Option<PathBuf>,
}

impl ReferenceServer {
    /// Which architecture it runs: the legacy one needs triggers, and so PostgreSQL.
    pub fn architecture(&self) -> Architecture {
        match &self.database {
            Database::Sqlite => Architecture::Direct,
            Database::Postgres(postgres) => postgres.architecture,
        }
    }
}

/// Where the reference server keeps its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// SQLite, embedded; a temporary file.
    Sqlite,
    Postgres(Postgres),
}

/// A deployment of the user's own.
#[derive(Clone)]
pub struct RemoteTarget {
    /// `http://host[:port]` or `https://…`, without a trailing slash.
    pub base_url: String,
    /// `ws://host[:port]/…` or `wss://…` of the realtime endpoint; derived from `base_url` when the scenario does not say.
    pub realtime_url: String,
    pub api_key: Option<String>,
    pub tokens: Tokens,
    /// Path that answers 2xx when the target is up; asked before the load starts.
    pub health_path: Option<String>,
    pub transport: Transport,
}

impl std::fmt::Debug for RemoteTarget {
    /// Leaves the key out: it must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteTarget")
            .field("base_url", &self.base_url)
            .field("realtime_url", &self.realtime_url)
            .field("tokens", &self.tokens)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

/// How virtual users prove who they are.
#[derive(Clone)]
pub enum Tokens {
    /// No `Authorization` header.
    None,
    /// Tokens are signed by the run with this HS256 secret, one user each.
    Signed { jwt_secret: String },
    /// One token a line; users take them in turn.
    File(PathBuf),
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Tokens::None => f.write_str("None"),
            Tokens::Signed { .. } => f.write_str("Signed"),
            Tokens::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// The mock of ClassConnect.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassConnect {
    /// The mock's delivery plan, in the form that the mock takes: delays, retry schedule, faults.
    pub plan: serde_json::Value,
    /// The longest time from acceptance to the last delivery attempt; `None` when a delay has no upper end.
    pub longest_delivery: Option<Duration>,
    /// The expected delay of each kind of job, by its name (`recording-analyses`): for planning ahead of a run.
    pub mean_delays: BTreeMap<String, Duration>,
    /// How a deployment of the user's own reaches the mock; `None` beside the reference server, which is told.
    pub attachment: Option<Attachment>,
}

/// What a deployment and the mock beside it must agree on.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    pub listen: SocketAddr,
    pub api_key: String,
    pub webhook_secret: String,
}

impl std::fmt::Debug for Attachment {
    /// Leaves the secrets out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attachment")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}
