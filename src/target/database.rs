//! The throw-away database of a run: the only file that names the crate which makes it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use throwaway_postgres::{Cluster, Error, Settings};

use crate::plan::StopMode;

/// Connections of the server's own besides its pool: background work, the feed of changes, the migrations, and room for
/// somebody who looks into the database while the run goes on.
const CONNECTIONS_BESIDES_POOL: u32 = 30;
/// Connections that the server takes by itself.
const POOL_CONNECTIONS: u32 = 20;
/// The environment variable that names the folder of PostgreSQL's programs, for hosts that have several versions or
/// keep them in an unusual place.
const BINARIES_VARIABLE: &str = "LOADTEST_POSTGRES_BIN";
/// Name of the run's database.
const DATABASE: &str = "practice";

/// A PostgreSQL cluster of the run's own. Cheap to clone; it is removed with [`ThrowAwayDatabase::remove`], and at the
/// latest when the last clone or this process is gone.
#[derive(Debug, Clone)]
pub struct ThrowAwayDatabase(Arc<Cluster>);

impl ThrowAwayDatabase {
    /// Makes a cluster for so many practice servers and starts its PostgreSQL.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub(super) async fn start(
        pool_connections: Option<u16>,
        servers: u32,
        commit_delay: Duration,
    ) -> Result<Self, Error> {
        let pool = pool_connections.map_or(POOL_CONNECTIONS, u32::from);
        let mut settings = Settings {
            max_connections: servers * (pool + CONNECTIONS_BESIDES_POOL),
            ..Settings::default()
        };
        if let Some(folder) = std::env::var_os(BINARIES_VARIABLE) {
            settings.binaries = Some(PathBuf::from(folder));
        }
        if !commit_delay.is_zero() {
            // PostgreSQL waits so long before it flushes a commit, hoping for others to go along; without siblings it
            // waits for nobody, and so always.
            let micros = commit_delay.as_micros().to_string();
            settings.extra.push(("commit_delay".to_owned(), micros));
            settings
                .extra
                .push(("commit_siblings".to_owned(), "0".to_owned()));
        }
        let cluster = Cluster::start(settings).await?;
        cluster.create_database(DATABASE).await?;
        Ok(Self(Arc::new(cluster)))
    }

    /// The address of the run's database, with its password: a secret.
    pub(super) fn url(&self) -> String {
        self.0.url_of(DATABASE)
    }

    /// The version of the server, such as `15.18`.
    pub(super) fn version(&self) -> &str {
        self.0.version()
    }

    /// Stops the server; its data stays.
    ///
    /// # Errors
    /// A sentence, when it does not stop.
    pub async fn stop_server(&self, mode: StopMode) -> Result<(), String> {
        let mode = match mode {
            StopMode::Fast => throwaway_postgres::StopMode::Fast,
            StopMode::Immediate => throwaway_postgres::StopMode::Immediate,
        };
        self.0.stop_server(mode).await.map_err(|error| error.to_string())
    }

    /// Starts the server again, and waits until it accepts connections.
    ///
    /// # Errors
    /// A sentence, when it does not start.
    pub async fn start_server(&self) -> Result<(), String> {
        self.0.start_server().await.map_err(|error| error.to_string())
    }

    /// Removes everything. What others still hold of it is removed when they let go.
    pub async fn remove(self) {
        let Some(cluster) = Arc::into_inner(self.0) else {
            return;
        };
        if let Err(error) = cluster.stop().await {
            tracing::warn!(%error, "the throw-away database is left behind");
        }
    }
}
