//! Statements on `webhook_inbox`.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::columns::{read, word};
use super::statements::Statements;
use crate::domain::Timestamp;
use crate::store::{Disposition, InboxEntry, InboxRow, StoreError};

const DOING_READ: &str = "reading the webhook inbox";

/// Answers how often the webhook has been delivered now.
pub(in crate::store) async fn record(
    statements: &mut Statements<'_>,
    entry: &InboxEntry,
    disposition: Disposition,
    now: Timestamp,
) -> Result<u32, StoreError> {
    let doing = "recording a webhook";
    let row = statements
        .add(
            doing,
            "INSERT INTO webhook_inbox (webhook_id, event_type, job_id, client_reference_id, payload, \
                 webhook_timestamp, disposition, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT \
                 (webhook_id) DO UPDATE SET deliveries = deliveries + 1 RETURNING deliveries",
        )
        .bind(&entry.webhook_id)
        .bind(entry.event_type)
        .bind(&entry.job_id)
        .bind(&entry.client_reference_id)
        .bind(&entry.payload)
        .bind(i64::try_from(entry.webhook_timestamp).unwrap_or(i64::MAX))
        .bind(disposition.as_str())
        .bind(now.unix_us())
        .fetch_one()
        .await?;
    row.try_get(0).map_err(|error| StoreError::new(doing, error))
}

pub(in crate::store) fn settle(statements: &mut Statements<'_>, webhook_id: &str, disposition: Disposition) {
    statements
        .add(
            "settling a webhook",
            "UPDATE webhook_inbox SET disposition = ? WHERE webhook_id = ?",
        )
        .bind(disposition.as_str())
        .bind(webhook_id)
        .hold();
}

pub(in crate::store) async fn unmatched(
    statements: &mut Statements<'_>,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    statements
        .add(
            DOING_READ,
            "SELECT * FROM webhook_inbox WHERE disposition = 'unmatched' ORDER BY received_at LIMIT ?",
        )
        .bind(limit)
        .fetch_all()
        .await?
        .iter()
        .map(from_row)
        .collect()
}

pub(in crate::store) async fn find(
    statements: &mut Statements<'_>,
    webhook_id: &str,
) -> Result<Option<InboxRow>, StoreError> {
    statements
        .add(DOING_READ, "SELECT * FROM webhook_inbox WHERE webhook_id = ?")
        .bind(webhook_id)
        .fetch_optional()
        .await?
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
