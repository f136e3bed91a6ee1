//! PostgreSQL as the database of the reference server, and what only PostgreSQL makes possible.

use std::fmt;
use std::time::Duration;

/// PostgreSQL, and how the reference server uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    pub place: PostgresPlace,
    pub architecture: Architecture,
    /// `None` = as the server does it by itself: from the write-ahead log.
    pub realtime: Option<RealtimeSource>,
    pub pool: ConnectionPool,
    pub legacy: LegacyModel,
}

/// Whose PostgreSQL it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostgresPlace {
    /// A cluster of the run's own, made from the installed binaries and removed afterwards.
    ThrowAway {
        /// Every commit takes this much longer, as on a slow disk. Zero in all but drills.
        commit_delay: Duration,
    },
    /// A server that is there already.
    At(DatabaseUrl),
}

/// The address of a database. It may hold a password, so nothing shows it whole.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// Keeps an address that has been checked.
    pub fn new(url: String) -> Self {
        Self(url)
    }

    /// The address with all that it holds: for the server that connects to it, and nobody else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

/// Who calls ClassConnect when a row says that it should be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// The backend itself: direct service calls with two database updates.
    Direct,
    /// The legacy architecture: a trigger, a queue in the database, and a function elsewhere.
    Trigger,
    /// Both, side by side: this share of the users, in percent, is served directly.
    Rollout { direct_percent: u8 },
}

/// How row changes get from the database to subscribers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RealtimeSource {
    /// The write-ahead log, as it is written.
    WriteAheadLog,
    /// Asking again and again, at the cadence that Supabase documents.
    Poll,
}

/// The server's connections to the database; `None` = as many, or as long, as the server takes by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConnectionPool {
    pub connections: Option<u16>,
    /// Longest wait of a request for a connection.
    pub wait: Option<Duration>,
}

/// What the model of the legacy architecture is made of: the server's own settings, by its own names and in its own
/// words. Empty = the server's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyModel {
    /// Name of the setting, such as `queue-worker`, and its value.
    pub settings: Vec<(&'static str, String)>,
}
