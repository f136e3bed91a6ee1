//! What the triggers need to know to call this server's edge functions: `supabase_functions.edge_settings`.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use sqlx::{PgConnection, PgPool};

use super::postgres_queue::WORKER_LOCK;
use crate::config::Secret;

/// This server's edge functions. The key is new with every start.
#[derive(Debug, Clone)]
pub(super) struct EdgeSettings {
    pub(super) base_url: String,
    pub(super) key: Secret,
    timeout: Duration,
}

impl EdgeSettings {
    /// The functions of a server that listens at `address`.
    pub(super) fn new(address: SocketAddr, timeout: Duration) -> Self {
        let random = || uuid::Uuid::new_v4().simple().to_string();
        Self {
            base_url: base_url(address),
            key: Secret::new(random() + &random()),
            timeout,
        }
    }

    /// Has the triggers call this server's functions, unless the worker of another server is at work on this database.
    ///
    /// # Errors
    /// A database that cannot be written.
    pub(super) async fn write_unless_taken(&self, database: &PgPool) -> Result<(), sqlx::Error> {
        let mut transaction = database.begin().await?;
        let is_free: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)")
            .bind(WORKER_LOCK)
            .fetch_one(&mut *transaction)
            .await?;
        if is_free {
            self.write(&mut transaction).await?;
        }
        transaction.commit().await
    }

    /// Has the triggers call this server's functions.
    ///
    /// # Errors
    /// A database that cannot be written.
    pub(super) async fn write(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let milliseconds = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
        sqlx::query(
            "INSERT INTO supabase_functions.edge_settings (base_url, headers, timeout_milliseconds) VALUES ($1, $2, $3) ON \
             CONFLICT (is_the_row) DO UPDATE SET base_url = excluded.base_url, headers = excluded.headers, \
             timeout_milliseconds = excluded.timeout_milliseconds",
        )
        .bind(&self.base_url)
        .bind(json!({ "Authorization": format!("Bearer {}", self.key.expose()) }))
        .bind(milliseconds.max(1))
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Where a server reaches itself.
fn base_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_reaches_itself_on_loopback() {
        for (bound, reached) in [
            ("0.0.0.0:8080", "http://127.0.0.1:8080"),
            ("[::]:8080", "http://[::1]:8080"),
            ("127.0.0.2:80", "http://127.0.0.2:80"),
        ] {
            assert_eq!(base_url(bound.parse().unwrap()), reached);
        }
    }

    #[test]
    fn the_key_is_new_each_time_and_does_not_show_itself() {
        let new = || EdgeSettings::new("127.0.0.1:80".parse().unwrap(), Duration::from_secs(5));
        let (one, other) = (new(), new());
        assert_ne!(one.key, other.key);
        assert!(!format!("{one:?}").contains(one.key.expose()));
    }
}
