//! Statements on `webhook_inbox`.

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::columns::{read, word};
use crate::domain::Timestamp;
use crate::store::{Disposition, InboxEntry, InboxRow, StoreError};

const DOING_READ: &str = "reading the webhook inbox";

pub(in crate::store) async fn count_redelivery(
    connection: &mut SqliteConnection,
    webhook_id: &str,
) -> Result<bool, StoreError> {
    let counted = sqlx::query("UPDATE webhook_inbox SET deliveries = deliveries + 1 WHERE webhook_id = ?")
        .bind(webhook_id)
        .execute(connection)
        .await
        .map_err(|error| StoreError::new("counting a redelivery", error))?;
    Ok(counted.rows_affected() == 1)
}

pub(in crate::store) async fn insert(
    connection: &mut SqliteConnection,
    entry: &InboxEntry,
    disposition: Disposition,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO webhook_inbox (webhook_id, event_type, job_id, client_reference_id, payload, \
         webhook_timestamp, disposition, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&entry.webhook_id)
    .bind(entry.event_type)
    .bind(&entry.job_id)
    .bind(&entry.client_reference_id)
    .bind(&entry.payload)
    .bind(i64::try_from(entry.webhook_timestamp).unwrap_or(i64::MAX))
    .bind(disposition.as_str())
    .bind(now.unix_us())
    .execute(connection)
    .await
    .map_err(|error| StoreError::new("recording a webhook", error))?;
    Ok(())
}

pub(in crate::store) async fn settle(
    connection: &mut SqliteConnection,
    webhook_id: &str,
    disposition: Disposition,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE webhook_inbox SET disposition = ? WHERE webhook_id = ?")
        .bind(disposition.as_str())
        .bind(webhook_id)
        .execute(connection)
        .await
        .map_err(|error| StoreError::new("settling a webhook", error))?;
    Ok(())
}

pub(in crate::store) async fn unmatched(
    connection: &mut SqliteConnection,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    sqlx::query("SELECT * FROM webhook_inbox WHERE disposition = 'unmatched' ORDER BY received_at LIMIT ?")
        .bind(limit)
        .fetch_all(connection)
        .await
        .map_err(|error| StoreError::new(DOING_READ, error))?
        .iter()
        .map(from_row)
        .collect()
}

pub(in crate::store) async fn find(
    connection: &mut SqliteConnection,
    webhook_id: &str,
) -> Result<Option<InboxRow>, StoreError> {
    sqlx::query("SELECT * FROM webhook_inbox WHERE webhook_id = ?")
        .bind(webhook_id)
        .fetch_optional(connection)
        .await
        .map_err(|error| StoreError::new(DOING_READ, error))?
        .map(|row| from_row(&row))
        .transpose()
}

fn from_row(row: &SqliteRow) -> Result<InboxRow, StoreError> {
    Ok(InboxRow {
        webhook_id: read(row, "webhook_id", DOING_READ)?,
        payload: read(row, "payload", DOING_READ)?,
        disposition: word(row, "disposition", Disposition::from_word)?,
        deliveries: read(row, "deliveries", DOING_READ)?,
        received_at: Timestamp::from_unix_us(read(row, "received_at", DOING_READ)?),
    })
}
