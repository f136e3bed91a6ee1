//! Statements on `webhook_inbox`.

use rusqlite::Row;

use super::columns::{read, word};
use super::connection::Connection;
use crate::domain::Timestamp;
use crate::store::{Disposition, InboxEntry, InboxRow, StoreError};

const DOING_READ: &str = "reading the webhook inbox";

/// Answers how often the webhook has been delivered now.
pub(in crate::store) fn record(
    connection: &Connection,
    entry: &InboxEntry,
    disposition: Disposition,
    now: Timestamp,
) -> Result<u32, StoreError> {
    let doing = "recording a webhook";
    connection
        .statement(
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
        .fetch_one(|row| row.get(0).map_err(|error| StoreError::new(doing, error)))
}

pub(in crate::store) fn settle(
    connection: &Connection,
    webhook_id: &str,
    disposition: Disposition,
) -> Result<(), StoreError> {
    connection
        .statement(
            "settling a webhook",
            "UPDATE webhook_inbox SET disposition = ? WHERE webhook_id = ?",
        )
        .bind(disposition.as_str())
        .bind(webhook_id)
        .execute()?;
    Ok(())
}

pub(in crate::store) fn unmatched(connection: &Connection, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM webhook_inbox WHERE disposition = 'unmatched' ORDER BY received_at LIMIT ?",
        )
        .bind(limit)
        .fetch_all(from_row)
}

pub(in crate::store) fn find(
    connection: &Connection,
    webhook_id: &str,
) -> Result<Option<InboxRow>, StoreError> {
    connection
        .statement(DOING_READ, "SELECT * FROM webhook_inbox WHERE webhook_id = ?")
        .bind(webhook_id)
        .fetch_optional(from_row)
}

fn from_row(row: &Row<'_>) -> Result<InboxRow, StoreError> {
    Ok(InboxRow {
        webhook_id: read(row, "webhook_id", DOING_READ)?,
        payload: read(row, "payload", DOING_READ)?,
        disposition: word(row, "disposition", Disposition::from_word)?,
        deliveries: read(row, "deliveries", DOING_READ)?,
        received_at: Timestamp::from_unix_us(read(row, "received_at", DOING_READ)?),
    })
}
