//! Statements on the bookkeeping tables: `transitions`, `idempotency_keys`, `dead_letter_queue`. What a transaction only
//! writes there and does not read again goes through `pending`.

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::columns::Columns;
use super::work::Work;
use crate::domain::{Timestamp, UserId};
use crate::store::{DeadLetter, Retention, StoreError, StoredAnswer, TransitionRow};

pub(in crate::store) async fn transitions_of(
    work: &mut Work,
    entity_id: &str,
) -> Result<Vec<TransitionRow>, StoreError> {
    let from_row = |row: &PgRow| {
        let mut columns = Columns::of(row);
        Ok(TransitionRow {
            submission_id: columns
                .take::<Option<Uuid>>("submission_id")?
                .map(|id| id.to_string()),
            from_status: columns.take("from_status")?,
            to_status: columns.take("to_status")?,
            is_terminal: columns.take("is_terminal")?,
            cause: columns.take("cause")?,
        })
    };
    work.statement(
        "reading transitions",
        "SELECT submission_id, from_status, to_status, is_terminal, cause FROM transitions WHERE entity_id = \
         $1 ORDER BY sequence",
    )
    .bind(entity_id)
    .fetch_all(from_row)
    .await
}

/// Takes the key: whoever else wants it waits until this transaction has ended. Answers what is stored under it if it
/// was taken before.
pub(in crate::store) async fn take_key(
    work: &mut Work,
    user: &UserId,
    key: &str,
    fingerprint: &[u8],
    now: Timestamp,
) -> Result<Option<StoredAnswer>, StoreError> {
    let doing = "taking an idempotency key";
    let taken = work
        .statement(
            doing,
            "INSERT INTO idempotency_keys (user_id, key, fingerprint, created_at) VALUES ($1, $2, $3, $4) ON \
             CONFLICT (user_id, key) DO NOTHING",
        )
        .bind(user.as_str())
        .bind(key)
        .bind(fingerprint)
        .bind(now)
        .execute()
        .await?;
    if taken == 1 {
        return Ok(None);
    }
    let stored = work
        .statement(
            doing,
            "SELECT fingerprint, answer FROM idempotency_keys WHERE user_id = $1 AND key = $2",
        )
        .bind(user.as_str())
        .bind(key)
        .fetch_one(|row| {
            let mut columns = Columns::of(row);
            Ok(StoredAnswer {
                fingerprint: columns.take("fingerprint")?,
                answer: columns.take("answer")?,
            })
        })
        .await?;
    Ok(Some(stored))
}

pub(in crate::store) async fn insert_dead_letter(
    work: &mut Work,
    letter: &DeadLetter,
    now: Timestamp,
) -> Result<(), StoreError> {
    work.statement(
        "writing a dead letter",
        "INSERT INTO dead_letter_queue (id, source, reference_id, payload, reason, attempts, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Uuid::new_v4())
    .bind(letter.source)
    .bind(letter.reference_id.as_str())
    .bind(letter.payload.as_str())
    .bind(letter.reason.as_str())
    .bind(i64::from(letter.attempts))
    .bind(now)
    .execute()
    .await?;
    Ok(())
}

pub(in crate::store) async fn dead_letters(
    work: &mut Work,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let source_from_word = |text: &str| ["call", "webhook"].into_iter().find(|source| *source == text);
    let from_row = |row: &PgRow| {
        let mut columns = Columns::of(row);
        Ok(DeadLetter {
            source: columns.word("source", source_from_word)?,
            reference_id: columns.take("reference_id")?,
            payload: columns.take("payload")?,
            reason: columns.take("reason")?,
            attempts: columns.count("attempts")?,
        })
    };
    work.statement(
        "reading the dead letter queue",
        "SELECT source, reference_id, payload, reason, attempts FROM dead_letter_queue ORDER BY created_at, \
         id LIMIT $1",
    )
    .bind(i64::from(limit))
    .fetch_all(from_row)
    .await
}

pub(in crate::store) async fn forget(
    work: &mut Work,
    retention: Retention,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = "deleting expired bookkeeping";
    work.statement(doing, "DELETE FROM idempotency_keys WHERE created_at < $1")
        .bind(now.minus(retention.idempotency_keys))
        .execute()
        .await?;
    work.statement(
        doing,
        "DELETE FROM webhook_inbox WHERE received_at < $1 AND disposition <> 'unmatched'",
    )
    .bind(now.minus(retention.inbox))
    .execute()
    .await?;
    Ok(())
}
