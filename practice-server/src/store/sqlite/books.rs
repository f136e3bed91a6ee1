//! Statements on the bookkeeping tables: `transitions`, `idempotency_keys`, `dead_letter_queue`.

use rusqlite::Row;

use super::columns::{read, word};
use super::connection::Connection;
use crate::domain::{Timestamp, UserId};
use crate::store::{DeadLetter, Retention, StoreError, StoredAnswer, Transition, TransitionRow};

pub(in crate::store) fn record_transition(
    connection: &Connection,
    transition: &Transition,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement(
            "recording a transition",
            "INSERT INTO transitions (submission_id, entity, entity_id, from_status, to_status, \
                 is_terminal, cause, happened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(transition.submission_id.map(|id| id.to_string()))
        .bind(transition.entity.as_str())
        .bind(&transition.entity_id)
        .bind(transition.from_status)
        .bind(transition.to_status)
        .bind(transition.is_terminal)
        .bind(transition.cause.as_str())
        .bind(now.unix_us())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn transitions_of(
    connection: &Connection,
    entity_id: &str,
) -> Result<Vec<TransitionRow>, StoreError> {
    let doing = "reading transitions";
    let from_row = |row: &Row<'_>| {
        Ok(TransitionRow {
            submission_id: read(row, "submission_id", doing)?,
            from_status: read(row, "from_status", doing)?,
            to_status: read(row, "to_status", doing)?,
            is_terminal: read(row, "is_terminal", doing)?,
            cause: read(row, "cause", doing)?,
        })
    };
    connection
        .statement(
            doing,
            "SELECT * FROM transitions WHERE entity_id = ? ORDER BY sequence",
        )
        .bind(entity_id)
        .fetch_all(from_row)
}

pub(in crate::store) fn stored_answer(
    connection: &Connection,
    user: &UserId,
    key: &str,
) -> Result<Option<StoredAnswer>, StoreError> {
    let doing = "looking an idempotency key up";
    connection
        .statement(
            doing,
            "SELECT fingerprint, answer FROM idempotency_keys WHERE user_id = ? AND key = ?",
        )
        .bind(user.as_str())
        .bind(key)
        .fetch_optional(|row| {
            Ok(StoredAnswer {
                fingerprint: read(row, "fingerprint", doing)?,
                answer: read(row, "answer", doing)?,
            })
        })
}

pub(in crate::store) fn store_answer(
    connection: &Connection,
    user: &UserId,
    key: &str,
    stored: &StoredAnswer,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement(
            "storing an answer",
            "INSERT INTO idempotency_keys (user_id, key, fingerprint, answer, created_at) VALUES (?, \
                 ?, ?, ?, ?)",
        )
        .bind(user.as_str())
        .bind(key)
        .bind(&stored.fingerprint)
        .bind(&stored.answer)
        .bind(now.unix_us())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn insert_dead_letter(
    connection: &Connection,
    letter: &DeadLetter,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement(
            "writing a dead letter",
            "INSERT INTO dead_letter_queue (id, source, reference_id, payload, reason, attempts, \
                 created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(uuid::Uuid::new_v4().to_string())
        .bind(letter.source)
        .bind(&letter.reference_id)
        .bind(&letter.payload)
        .bind(&letter.reason)
        .bind(letter.attempts)
        .bind(now.unix_us())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn dead_letters(
    connection: &Connection,
    limit: u32,
) -> Result<Vec<DeadLetter>, StoreError> {
    let doing = "reading the dead letter queue";
    let source_from_word = |text: &str| ["call", "webhook"].into_iter().find(|source| *source == text);
    let from_row = |row: &Row<'_>| {
        Ok(DeadLetter {
            source: word(row, "source", source_from_word)?,
            reference_id: read(row, "reference_id", doing)?,
            payload: read(row, "payload", doing)?,
            reason: read(row, "reason", doing)?,
            attempts: read(row, "attempts", doing)?,
        })
    };
    connection
        .statement(
            doing,
            "SELECT * FROM dead_letter_queue ORDER BY created_at, rowid LIMIT ?",
        )
        .bind(limit)
        .fetch_all(from_row)
}

pub(in crate::store) fn forget(
    connection: &Connection,
    retention: Retention,
    now: Timestamp,
) -> Result<(), StoreError> {
    let doing = "deleting expired bookkeeping";
    connection
        .statement(doing, "DELETE FROM idempotency_keys WHERE created_at < ?")
        .bind(now.minus(retention.idempotency_keys).unix_us())
        .execute()?;
    connection
        .statement(
            doing,
            "DELETE FROM webhook_inbox WHERE received_at < ? AND disposition <> 'unmatched'",
        )
        .bind(now.minus(retention.inbox).unix_us())
        .execute()?;
    Ok(())
}
