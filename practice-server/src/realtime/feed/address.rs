//! How the feed connects: with a session for questions, and with one that streams the log.

use std::time::Duration;

use pgwire_replication::ReplicationConfig;
use pgwire_replication::config::TlsConfig;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::timeout;

use super::FeedError;
use crate::config::Secret;
use crate::store::PostgresUrl;

/// The publication of all that subscribers may be told of.
pub(super) const PUBLICATION: &str = "supabase_realtime";

/// What the feed's connections are called in `pg_stat_activity` and `pg_stat_replication`.
const APPLICATION_NAME: &str = "practice-server realtime";

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How values look in the log; the reader of `json.rs` relies on it.
const LOG_SETTINGS: &str =
    "-c datestyle=ISO -c timezone=UTC -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1";

/// A progress report goes to the server at most this often. At its shutdown the server waits for the last one.
const STATUS_INTERVAL: Duration = Duration::from_millis(100);

/// Messages that wait for this server before the database has to.
const BUFFERED_MESSAGES: usize = 1024;

/// The largest row that is read. A larger one ends the stream, and clients are told to read the rows themselves.
const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Where the database is, with the password.
#[derive(Debug, Clone)]
pub(super) struct Address {
    options: PgConnectOptions,
    password: Secret,
}

impl Address {
    pub(super) fn new(url: &PostgresUrl) -> Self {
        Self {
            options: url.connect_options().application_name(APPLICATION_NAME),
            password: url.password(),
        }
    }

    /// A session for questions.
    pub(super) async fn connect(&self) -> Result<PgConnection, FeedError> {
        let doing = "connecting the feed of changes";
        match timeout(CONNECT_TIMEOUT, self.options.connect()).await {
            Ok(connected) => connected.map_err(FeedError::database(doing)),
            Err(_) => Err(FeedError::Silent {
                doing,
                limit: CONNECT_TIMEOUT,
                advice: "check that it is running and reachable",
            }),
        }
    }

    /// How a session that streams the log through `slot` is opened.
    pub(super) fn replication(&self, slot: &str) -> ReplicationConfig {
        let options = &self.options;
        let host = match options.get_socket() {
            Some(folder) => folder.to_string_lossy().into_owned(),
            None => options.get_host().to_owned(),
        };
        ReplicationConfig::new(
            host,
            options.get_username(),
            self.password.expose(),
            options.get_database().unwrap_or(options.get_username()),
            slot,
            PUBLICATION,
        )
        .with_port(options.get_port())
        .with_tls(TlsConfig::disabled())
        .with_application_name(APPLICATION_NAME)
        .with_options(LOG_SETTINGS)
        .with_status_interval(STATUS_INTERVAL)
        .with_buffer_size(BUFFERED_MESSAGES)
        .with_max_message_size(MESSAGE_BYTES_MAX)
    }
}

/// A name for a slot of this process that nobody else has.
pub(super) fn slot_name() -> String {
    format!(
        "practice_realtime_{}_{}",
        std::process::id(),
        uuid::Uuid::new_v4().simple()
    )
}
