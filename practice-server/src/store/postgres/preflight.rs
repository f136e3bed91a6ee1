//! Before the first request: what the server must be, what its user must be allowed, and the schema.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, Row};
use tokio::time::timeout;

use super::PostgresUrl;
use crate::store::StoreError;

use std::time::Duration;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/postgres");

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The oldest PostgreSQL whose logical replication, grants and indexes are what this server relies on.
const OLDEST_VERSION: i32 = 15;

/// Checks the server and brings the schema up to date. What subscribers see comes from the write-ahead log, streamed or
/// polled, which takes a setting and a right.
///
/// # Errors
/// A server that cannot be reached, that is not suitable, or whose schema cannot be brought up to date; each says what
/// to do about it.
pub(super) async fn prepare(url: &PostgresUrl) -> Result<(), StoreError> {
    let options = url.connect_options();
    let mut connection = connect(&options).await?;
    let server = Server::ask(&mut connection)
        .await
        .map_err(|error| StoreError::new("asking the server what it is", error))?;
    // Whether it closes well does not matter any more.
    let _ = connection.close().await;
    server.check()?;
    migrate(options).await
}

async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    match timeout(CONNECT_TIMEOUT, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(StoreError::Unsuitable(why_not(&error, options))),
        Err(_) => Err(StoreError::Unsuitable(format!(
            "PostgreSQL at {}:{} did not answer within {CONNECT_TIMEOUT:?}; check the address and that nothing on the \
             way drops the connection",
            options.get_host(),
            options.get_port(),
        ))),
    }
}

/// Why a connection was not to be had, and what to do about it.
fn why_not(error: &sqlx::Error, options: &PgConnectOptions) -> String {
    let (host, port, user) = (options.get_host(), options.get_port(), options.get_username());
    let database = options.get_database().unwrap_or_default();
    match error {
        sqlx::Error::Database(error) => {
            let code = error
                .try_downcast_ref::<PgDatabaseError>()
                .map_or("", PgDatabaseError::code);
            match code {
                "28P01" | "28000" => format!(
                    "PostgreSQL at {host}:{port} does not let \"{user}\" in ({}); check the user, the password and \
                     pg_hba.conf",
                    error.message()
                ),
                "3D000" => format!(
                    "PostgreSQL at {host}:{port} has no database \"{database}\"; create it, for instance with createdb"
                ),
                "53300" => format!(
                    "PostgreSQL at {host}:{port} has no connection left; raise max_connections or end other clients"
                ),
                "08P01" => format!(
                    "PostgreSQL at {host}:{port} refuses the connection ({}); give the address of PostgreSQL itself and \
                     not of a pooler, which can neither replicate nor keep a session's settings",
                    error.message()
                ),
                _ => format!(
                    "PostgreSQL at {host}:{port} refuses the connection: {}",
                    error.message()
                ),
            }
        }
        sqlx::Error::Tls(_) => format!(
            "PostgreSQL at {host}:{port} is to be asked over TLS, which is not built in; use a tunnel, or sslmode=disable \
             in a network that may be trusted"
        ),
        error => format!(
            "cannot connect to PostgreSQL at {host}:{port}: {error}; check that it runs and listens there"
        ),
    }
}

/// What matters about a server and its user.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Server {
    /// As `server_version_num` counts: 150018 for 15.18.
    version: i32,
    wal_level: String,
    user: String,
    may_replicate: bool,
}

impl Server {
    async fn ask(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let row = sqlx::query(
            "SELECT current_setting('server_version_num')::integer AS version, current_setting('wal_level') AS \
             wal_level, rolname::text AS name, rolreplication OR rolsuper AS may_replicate FROM pg_roles WHERE rolname \
             = current_user",
        )
        .fetch_one(connection)
        .await?;
        Ok(Self {
            version: row.try_get("version")?,
            wal_level: row.try_get("wal_level")?,
            user: row.try_get("name")?,
            may_replicate: row.try_get("may_replicate")?,
        })
    }

    /// All that is wrong at once.
    fn check(&self) -> Result<(), StoreError> {
        let mut faults = Vec::new();
        let major = self.version / 10_000;
        if major < OLDEST_VERSION {
            faults.push(format!(
                "PostgreSQL {major} is too old; use PostgreSQL {OLDEST_VERSION} or newer"
            ));
        }
        if self.wal_level != "logical" {
            faults.push(format!(
                "wal_level is \"{}\", and realtime reads the write-ahead log: set wal_level = logical in postgresql.conf \
                 and restart PostgreSQL",
                self.wal_level
            ));
        }
        if !self.may_replicate {
            faults.push(format!(
                "the user \"{0}\" may not replicate, and realtime reads the write-ahead log: ALTER ROLE \"{0}\" \
                 REPLICATION",
                self.user
            ));
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(StoreError::Unsuitable(faults.join("; ")))
        }
    }
}

/// Through a pool of one, since the migrator cannot be given a lone connection inside a future that is to be spawned.
/// sqlx holds an advisory lock meanwhile, so that of several servers that start together one migrates and the others
/// find it done.
async fn migrate(options: PgConnectOptions) -> Result<(), StoreError> {
    // A migration may have to wait for its lock, or for the one before it, longer than a request may.
    let options = options.options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|error| StoreError::new("bringing the schema up to date", error))?;
    let migrated = MIGRATOR.run(&pool).await;
    pool.close().await;
    migrated.map_err(|error| StoreError::Unsuitable(why_not_migrated(&error)))
}

fn why_not_migrated(error: &MigrateError) -> String {
    let what_to_do = match error {
        MigrateError::Dirty(_) => "the last attempt broke off half-way; repair that migration by hand",
        MigrateError::VersionMissing(_) | MigrateError::VersionMismatch(_) => {
            "the schema was made by another version of this program; use that version, or a database of its own"
        }
        _ => {
            "the user must own the schema and be allowed to create roles, or somebody who is must migrate first"
        }
    };
    format!("the schema cannot be brought up to date: {error}; {what_to_do}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        Server {
            version: 150_018,
            wal_level: "logical".to_owned(),
            user: "app".to_owned(),
            may_replicate: true,
        }
    }

    #[test]
    fn what_is_missing_is_told_with_what_to_do() {
        assert!(server().check().is_ok());
        let unfit = Server {
            version: 140_009,
            wal_level: "replica".to_owned(),
            may_replicate: false,
            user: "app".to_owned(),
        };
        let sentence = unfit.check().unwrap_err().to_string();
        for part in [
            "14 is too old",
            "wal_level = logical",
            "ALTER ROLE \"app\" REPLICATION",
        ] {
            assert!(sentence.contains(part), "{part} is missing in: {sentence}");
        }
    }
}
