//! Statements on `webhook_inbox`.

use sqlx::postgres::PgRow;

use super::columns::Columns;
use super::work::Work;
use crate::domain::Timestamp;
use crate::store::{Disposition, InboxEntry, InboxRow, StoreError};

const DOING_READ: &str = "reading the webhook inbox";

/// Answers how often the webhook has been delivered now. Whoever delivers the same one meanwhile waits for the end of
/// this transaction, and then counts on.
pub(in crate::store) async fn record(
    work: &mut Work,
    entry: &InboxEntry,
    disposition: Disposition,
    now: Timestamp,
) -> Result<u32, StoreError> {
    work.statement(
        "recording a webhook",
        "INSERT INTO webhook_inbox AS inbox (webhook_id, event_type, job_id, client_reference_id, payload, \
         webhook_timestamp, disposition, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT \
         (webhook_id) DO UPDATE SET deliveries = inbox.deliveries + 1 RETURNING deliveries",
    )
    .bind(entry.webhook_id.as_str())
    .bind(entry.event_type)
    .bind(entry.job_id.as_str())
    .bind(entry.client_reference_id.as_str())
    .bind(entry.payload.as_str())
    .bind(i64::try_from(entry.webhook_timestamp).unwrap_or(i64::MAX))
    .bind(disposition.as_str())
    .bind(now)
    .fetch_one(|row| Columns::of(row).count("deliveries"))
    .await
}

pub(in crate::store) async fn settle(
    work: &mut Work,
    webhook_id: &str,
    disposition: Disposition,
) -> Result<(), StoreError> {
    work.statement(
        "settling a webhook",
        "UPDATE webhook_inbox SET disposition = $1 WHERE webhook_id = $2",
    )
    .bind(disposition.as_str())
    .bind(webhook_id)
    .execute()
    .await?;
    Ok(())
}

/// Oldest first, held until the transaction ends; those that another sweep holds are left to it.
pub(in crate::store) async fn lock_unmatched(
    work: &mut Work,
    limit: u32,
) -> Result<Vec<InboxRow>, StoreError> {
    work.statement(
        DOING_READ,
        "SELECT webhook_id, payload, disposition, deliveries, received_at FROM webhook_inbox WHERE \
         disposition = 'unmatched' ORDER BY received_at LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(i64::from(limit))
    .fetch_all(from_row)
    .await
}

pub(in crate::store) async fn find(
    work: &mut Work,
    webhook_id: &str,
) -> Result<Option<InboxRow>, StoreError> {
    work.statement(
        DOING_READ,
        "SELECT webhook_id, payload, disposition, deliveries, received_at FROM webhook_inbox WHERE \
         webhook_id = $1",
    )
    .bind(webhook_id)
    .fetch_optional(from_row)
    .await
}

fn from_row(row: &PgRow) -> Result<InboxRow, StoreError> {
    let mut columns = Columns::of(row);
    Ok(InboxRow {
        webhook_id: columns.take("webhook_id")?,
        payload: columns.take("payload")?,
        disposition: columns.word("disposition", Disposition::from_word)?,
        deliveries: columns.count("deliveries")?,
        received_at: columns.take("received_at")?,
    })
}
