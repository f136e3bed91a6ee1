//! The queue's two tables in PostgreSQL, over two connections of its own: pg_net's worker does not take part in the
//! backend's pool either.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection, Row};

use super::edge_settings::EdgeSettings;
use super::queue::{Delivery, DeliveryEnd, Method, QueuedRequest, RequestQueue, Taking};

/// pg_net has one worker per database, whatever the number of backends; the holder of this advisory lock is ours.
pub(super) const WORKER_LOCK: i64 = 0x6e65_745f_7175_6575;
/// How long answers and the record of requests are kept (`pg_net.ttl`). Supabase keeps the record for ever; we do not.
const KEPT_FOR: &str = "6 hours";
/// Rows that are deleted at once.
const EXPIRED_MAX: i64 = 200;

/// An open queue whose only worker we are.
pub(crate) struct PostgresQueue {
    /// Takes and answers. It holds the lock, and with [`Taking::WithTheAnswers`] a transaction while requests are sent.
    working: PgConnection,
    /// Looks, also meanwhile.
    looking: PgConnection,
    transaction_is_open: bool,
}

impl PostgresQueue {
    /// From now on the triggers call `edge`, the functions of the server whose worker this is. `None`: another server's
    /// worker serves this database.
    ///
    /// # Errors
    /// A database that cannot be reached.
    pub(super) async fn open(
        options: &PgConnectOptions,
        edge: &EdgeSettings,
    ) -> Result<Option<Self>, sqlx::Error> {
        let mut working = PgConnection::connect_with(options).await?;
        let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(WORKER_LOCK)
            .fetch_one(&mut working)
            .await?;
        if !is_ours {
            return Ok(None);
        }
        edge.write(&mut working).await?;
        Ok(Some(Self {
            working,
            looking: PgConnection::connect_with(options).await?,
            transaction_is_open: false,
        }))
    }

    /// Gives the lock back before the connections end, so that a successor need not wait for the server to notice.
    pub(crate) async fn close(self) {
        for connection in [self.working, self.looking] {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "a connection of the HTTP queue's worker did not end properly");
            }
        }
    }
}

impl RequestQueue for PostgresQueue {
    type Error = sqlx::Error;

    async fn waiting(&mut self, limit: u64) -> Result<u64, sqlx::Error> {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT FROM net.http_request_queue ORDER BY id LIMIT $1) waiting",
        )
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_one(&mut self.looking)
        .await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn delete_expired(&mut self) -> Result<u64, sqlx::Error> {
        // By id, which is by age: an index on the time would cost the triggers something that Supabase's do not pay.
        sqlx::query(
            "DELETE FROM supabase_functions.hooks WHERE created_at < now() - $1::interval AND id = ANY (ARRAY( \
             SELECT id FROM supabase_functions.hooks ORDER BY id LIMIT $2))",
        )
        .bind(KEPT_FOR)
        .bind(EXPIRED_MAX)
        .execute(&mut self.working)
        .await?;
        let expired = sqlx::query(
            "DELETE FROM net._http_response WHERE ctid = ANY (ARRAY(SELECT ctid FROM net._http_response WHERE created < \
             now() - $1::interval ORDER BY created LIMIT $2))",
        )
        .bind(KEPT_FOR)
        .bind(EXPIRED_MAX)
        .execute(&mut self.working)
        .await?;
        Ok(expired.rows_affected())
    }

    async fn take(&mut self, limit: u32, taking: Taking) -> Result<Vec<QueuedRequest>, sqlx::Error> {
        if taking == Taking::WithTheAnswers {
            sqlx::raw_sql("BEGIN").execute(&mut self.working).await?;
            self.transaction_is_open = true;
        }
        let rows = sqlx::query(
            "DELETE FROM net.http_request_queue WHERE id = ANY (ARRAY(SELECT id FROM net.http_request_queue ORDER BY id \
             LIMIT $1)) RETURNING id, method, url, headers, body, timeout_milliseconds",
        )
        .bind(i64::from(limit))
        .fetch_all(&mut self.working)
        .await?;
        let mut requests = rows.iter().map(request).collect::<Result<Vec<_>, _>>()?;
        requests.sort_unstable_by_key(|request| request.id);
        Ok(requests)
    }

    async fn finish(&mut self, deliveries: &[Delivery]) -> Result<(), sqlx::Error> {
        if !deliveries.is_empty() {
            insert_responses(&mut self.working, deliveries).await?;
        }
        if std::mem::take(&mut self.transaction_is_open) {
            sqlx::raw_sql("COMMIT").execute(&mut self.working).await?;
        }
        Ok(())
    }
}

fn request(row: &PgRow) -> Result<QueuedRequest, sqlx::Error> {
    let method: &str = row.try_get("method")?;
    let Json(headers): Json<serde_json::Map<String, serde_json::Value>> = row.try_get("headers")?;
    let milliseconds: i32 = row.try_get("timeout_milliseconds")?;
    Ok(QueuedRequest {
        id: row.try_get("id")?,
        // The table's constraint knows these two.
        method: if method == "GET" {
            Method::Get
        } else {
            Method::Post
        },
        url: row.try_get("url")?,
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect(),
        body: row.try_get("body")?,
        timeout: Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default()),
    })
}

fn text(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

/// All answers of a batch in one statement.
async fn insert_responses(connection: &mut PgConnection, deliveries: &[Delivery]) -> Result<(), sqlx::Error> {
    let (mut ids, mut statuses, mut content_types) = (Vec::new(), Vec::new(), Vec::new());
    let (mut contents, mut timed_out, mut messages) = (Vec::new(), Vec::new(), Vec::new());
    for Delivery { request_id, end } in deliveries {
        ids.push(*request_id);
        let (status, content_type, content, late, message) = match end {
            DeliveryEnd::Answered {
                status,
                content_type,
                content,
            } => (
                Some(i32::from(*status)),
                content_type.as_deref(),
                Some(content.as_str()),
                false,
                None,
            ),
            DeliveryEnd::TimedOut { message } => (None, None, None, true, Some(message.as_str())),
            DeliveryEnd::Failed { message } => (None, None, None, false, Some(message.as_str())),
        };
        statuses.push(status);
        content_types.push(content_type);
        contents.push(content);
        timed_out.push(late);
        messages.push(message);
    }
    sqlx::query(
        "INSERT INTO net._http_response (id, status_code, content_type, content, timed_out, error_msg) SELECT * FROM \
         unnest($1::bigint[], $2::integer[], $3::text[], $4::text[], $5::boolean[], $6::text[])",
    )
    .bind(ids)
    .bind(statuses)
    .bind(content_types)
    .bind(contents)
    .bind(timed_out)
    .bind(messages)
    .execute(connection)
    .await?;
    Ok(())
}
