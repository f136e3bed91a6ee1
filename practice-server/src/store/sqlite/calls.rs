//! Statements on `classconnect_calls`, the outbox.

use rusqlite::Row;

use super::columns::{json_text, optional_json, optional_parsed, parsed, read, word};
use super::connection::Connection;
use crate::domain::{Call, CallId, CallState, SessionId, SubmissionKind, Timestamp};
use crate::store::{CallCompletion, ClaimedCall, StoreError};

const DOING_READ: &str = "reading a call";

pub(in crate::store) fn insert(
    connection: &Connection,
    call: &Call,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement(
            "putting a call into the outbox",
            "INSERT INTO classconnect_calls (id, kind, session_id, attempt_id, client_reference_id, \
                 payload, state, run_at, deadline_at, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, \
                 ?, ?, ?, ?, ?)",
        )
        .bind(call.id.to_string())
        .bind(call.kind.as_str())
        .bind(call.session_id.to_string())
        .bind(call.attempt_id.map(|id| id.to_string()))
        .bind(call.client_reference_id())
        .bind(json_text(&call.payload)?)
        .bind(call.state.as_str())
        .bind(now.unix_us())
        .bind(call.deadline_at.unix_us())
        .bind(call.created_at.unix_us())
        .bind(now.unix_us())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn find(connection: &Connection, id: CallId) -> Result<Option<Call>, StoreError> {
    connection
        .statement(DOING_READ, "SELECT * FROM classconnect_calls WHERE id = ?")
        .bind(id.to_string())
        .fetch_optional(from_row)
}

pub(in crate::store) fn find_by_job(
    connection: &Connection,
    job_id: &str,
) -> Result<Option<Call>, StoreError> {
    connection
        .statement(DOING_READ, "SELECT * FROM classconnect_calls WHERE job_id = ?")
        .bind(job_id)
        .fetch_optional(from_row)
}

pub(in crate::store) fn find_open(
    connection: &Connection,
    client_reference_id: &str,
    kind: SubmissionKind,
) -> Result<Option<Call>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM classconnect_calls WHERE client_reference_id = ? AND kind = ? AND state IN \
                 ('ready', 'leased', 'awaiting')",
        )
        .bind(client_reference_id)
        .bind(kind.as_str())
        .fetch_optional(from_row)
}

pub(in crate::store) fn find_without_job(
    connection: &Connection,
    client_reference_id: &str,
    kind: SubmissionKind,
) -> Result<Option<Call>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM classconnect_calls WHERE client_reference_id = ? AND kind = ? AND job_id \
                 IS NULL ORDER BY state IN ('ready', 'leased', 'awaiting') DESC, created_at DESC LIMIT 1",
        )
        .bind(client_reference_id)
        .bind(kind.as_str())
        .fetch_optional(from_row)
}

pub(in crate::store) fn of_session(
    connection: &Connection,
    session: SessionId,
) -> Result<Vec<Call>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM classconnect_calls WHERE session_id = ? ORDER BY created_at, rowid",
        )
        .bind(session.to_string())
        .fetch_all(from_row)
}

pub(in crate::store) fn claim(
    connection: &Connection,
    limit: u32,
    lease_token: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Vec<ClaimedCall>, StoreError> {
    connection
        .statement(
            "claiming calls",
            "UPDATE classconnect_calls SET state = 'leased', lease_token = ?, lease_until = ?, \
                 attempts = attempts + 1, updated_at = ? WHERE id IN (SELECT id FROM classconnect_calls \
                 WHERE state = 'ready' AND run_at <= ? ORDER BY run_at LIMIT ?) RETURNING *",
        )
        .bind(lease_token)
        .bind(lease_until.unix_us())
        .bind(now.unix_us())
        .bind(now.unix_us())
        .bind(limit)
        .fetch_all(|row| {
            Ok(ClaimedCall {
                call: from_row(row)?,
                lease_token: lease_token.to_owned(),
            })
        })
}

/// Answers whether the caller still held the lease.
pub(in crate::store) fn complete(
    connection: &Connection,
    id: CallId,
    lease_token: &str,
    completion: &CallCompletion,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let doing = "completing a call";
    let statement = match completion {
        CallCompletion::Accepted { job_id, poll_at } => connection
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'awaiting', job_id = ?, poll_at = ?, lease_token = \
                 NULL, lease_until = NULL, last_error = NULL, updated_at = ? WHERE id = ? AND lease_token \
                 = ? AND state = 'leased' ",
            )
            .bind(job_id)
            .bind(poll_at.unix_us()),
        CallCompletion::Retry { run_at, error } => connection
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'ready', run_at = ?, last_error = ?, lease_token = \
                 NULL, lease_until = NULL, updated_at = ? WHERE id = ? AND lease_token = ? AND state = \
                 'leased' ",
            )
            .bind(run_at.unix_us())
            .bind(error),
        CallCompletion::Deferred { run_at } => connection
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'ready', run_at = ?, attempts = attempts - 1, \
                 lease_token = NULL, lease_until = NULL, updated_at = ? WHERE id = ? AND lease_token = ? \
                 AND state = 'leased' ",
            )
            .bind(run_at.unix_us()),
        CallCompletion::Dead { error } => connection
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'dead', last_error = ?, lease_token = NULL, \
                 lease_until = NULL, updated_at = ? WHERE id = ? AND lease_token = ? AND state = 'leased'",
            )
            .bind(error),
    };
    let completed = statement
        .bind(now.unix_us())
        .bind(id.to_string())
        .bind(lease_token)
        .execute()?;
    Ok(completed == 1)
}

/// Answers whether the call had not ended before.
pub(in crate::store) fn finish(
    connection: &Connection,
    id: CallId,
    state: CallState,
    job_id: Option<&str>,
    error: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let finished = connection
        .statement(
            "finishing a call",
            "UPDATE classconnect_calls SET state = ?, job_id = COALESCE(job_id, ?), last_error = ?, \
                 lease_token = NULL, lease_until = NULL, updated_at = ? WHERE id = ? AND state IN \
                 ('ready', 'leased', 'awaiting') ",
        )
        .bind(state.as_str())
        .bind(job_id)
        .bind(error)
        .bind(now.unix_us())
        .bind(id.to_string())
        .execute()?;
    Ok(finished == 1)
}

pub(in crate::store) fn to_poll(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Call>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM classconnect_calls WHERE state = 'awaiting' AND poll_at <= ? ORDER BY \
                 poll_at LIMIT ?",
        )
        .bind(now.unix_us())
        .bind(limit)
        .fetch_all(from_row)
}

pub(in crate::store) fn postpone_poll(
    connection: &Connection,
    id: CallId,
    poll_at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .statement(
            "postponing a poll",
            "UPDATE classconnect_calls SET poll_at = ?, polls = polls + 1 WHERE id = ?",
        )
        .bind(poll_at.unix_us())
        .bind(id.to_string())
        .execute()?;
    Ok(())
}

pub(in crate::store) fn release_expired(
    connection: &Connection,
    now: Timestamp,
) -> Result<usize, StoreError> {
    connection
        .statement(
            "releasing expired leases",
            "UPDATE classconnect_calls SET state = 'ready', run_at = ?, lease_token = NULL, \
                 lease_until = NULL, last_error = 'the lease expired before an answer was recorded', \
                 updated_at = ? WHERE state = 'leased' AND lease_until <= ? ",
        )
        .bind(now.unix_us())
        .bind(now.unix_us())
        .bind(now.unix_us())
        .execute()
}

pub(in crate::store) fn overdue(
    connection: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Call>, StoreError> {
    connection
        .statement(
            DOING_READ,
            "SELECT * FROM classconnect_calls WHERE state IN ('ready', 'awaiting') AND deadline_at <= \
                 ? ORDER BY deadline_at LIMIT ?",
        )
        .bind(now.unix_us())
        .bind(limit)
        .fetch_all(from_row)
}

fn from_row(row: &Row<'_>) -> Result<Call, StoreError> {
    let kind_from_word = |text: &str| SubmissionKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    Ok(Call {
        id: parsed(row, "id")?,
        kind: word(row, "kind", kind_from_word)?,
        session_id: parsed(row, "session_id")?,
        attempt_id: optional_parsed(row, "attempt_id")?,
        payload: optional_json(row, "payload")?.unwrap_or_default(),
        state: word(row, "state", CallState::from_word)?,
        attempts: read(row, "attempts", DOING_READ)?,
        polls: read(row, "polls", DOING_READ)?,
        job_id: read(row, "job_id", DOING_READ)?,
        deadline_at: Timestamp::from_unix_us(read(row, "deadline_at", DOING_READ)?),
        created_at: Timestamp::from_unix_us(read(row, "created_at", DOING_READ)?),
    })
}
