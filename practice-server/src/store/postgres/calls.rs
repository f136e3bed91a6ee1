//! Statements on `classconnect_calls`, the outbox.
//!
//! A call that a result or a deadline is to end is locked before anything else of it: whoever holds the call then takes
//! the session, then the attempt. Requests take the session and never wait for a call, so there is no circle.

use sqlx::postgres::PgRow;

use super::columns::Columns;
use super::work::Work;
use crate::domain::{Call, CallId, CallState, SessionId, SubmissionKind, Timestamp};
use crate::store::{CallCompletion, ClaimedCall, StoreError};

const DOING_READ: &str = "reading a call";

/// What a [`Call`] is made of.
macro_rules! columns {
    () => {
        "calls.id, kind, session_id, attempt_id, payload, state, attempts, polls, job_id, deadline_at, created_at"
    };
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), " FROM classconnect_calls AS calls ", $rest)
    };
}

pub(in crate::store) async fn find(work: &mut Work, id: CallId) -> Result<Option<Call>, StoreError> {
    work.statement(DOING_READ, select!("WHERE id = $1"))
        .bind(id.uuid())
        .fetch_optional(from_row)
        .await
}

/// The call, held until the transaction ends.
pub(in crate::store) async fn lock(work: &mut Work, id: CallId) -> Result<Option<Call>, StoreError> {
    work.statement(DOING_READ, select!("WHERE id = $1 FOR NO KEY UPDATE"))
        .bind(id.uuid())
        .fetch_optional(from_row)
        .await
}

/// The call of a job, held until the transaction ends.
pub(in crate::store) async fn lock_by_job(work: &mut Work, job_id: &str) -> Result<Option<Call>, StoreError> {
    work.statement(DOING_READ, select!("WHERE job_id = $1 FOR NO KEY UPDATE"))
        .bind(job_id)
        .fetch_optional(from_row)
        .await
}

/// Not held: who asks holds the session already, and only wants to know whether work is under way.
pub(in crate::store) async fn find_open(
    work: &mut Work,
    client_reference_id: &str,
    kind: SubmissionKind,
) -> Result<Option<Call>, StoreError> {
    work.statement(
        DOING_READ,
        select!("WHERE client_reference_id = $1 AND kind = $2 AND state IN ('ready', 'leased', 'awaiting')"),
    )
    .bind(client_reference_id)
    .bind(kind.as_str())
    .fetch_optional(from_row)
    .await
}

/// Held until the transaction ends. A call that got its job while this waited for it is not answered.
pub(in crate::store) async fn lock_without_job(
    work: &mut Work,
    client_reference_id: &str,
    kind: SubmissionKind,
) -> Result<Option<Call>, StoreError> {
    work.statement(
        DOING_READ,
        select!(
            "WHERE client_reference_id = $1 AND kind = $2 AND job_id IS NULL ORDER BY state IN ('ready', \
             'leased', 'awaiting') DESC, created_at DESC LIMIT 1 FOR NO KEY UPDATE"
        ),
    )
    .bind(client_reference_id)
    .bind(kind.as_str())
    .fetch_optional(from_row)
    .await
}

pub(in crate::store) async fn of_session(
    work: &mut Work,
    session: SessionId,
) -> Result<Vec<Call>, StoreError> {
    work.statement(
        DOING_READ,
        select!("WHERE session_id = $1 ORDER BY created_at, id"),
    )
    .bind(session.uuid())
    .fetch_all(from_row)
    .await
}

/// Calls that another dispatcher is claiming at this moment are left to it.
pub(in crate::store) async fn claim(
    work: &mut Work,
    limit: u32,
    lease_token: &str,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Vec<ClaimedCall>, StoreError> {
    let claimed = |row: &PgRow| {
        Ok(ClaimedCall {
            call: from_row(row)?,
            lease_token: lease_token.to_owned(),
        })
    };
    work.statement(
        "claiming calls",
        concat!(
            "WITH due AS MATERIALIZED (SELECT id FROM classconnect_calls WHERE state = 'ready' AND run_at <= $3 \
             ORDER BY run_at LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED) UPDATE classconnect_calls AS calls SET state \
             = 'leased', lease_token = $1, lease_until = $2, attempts = attempts + 1, updated_at = $3 FROM due \
             WHERE calls.id = due.id RETURNING ",
            columns!()
        ),
    )
    .bind(lease_token)
    .bind(lease_until)
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(claimed)
    .await
}

/// Answers whether the caller still held the lease.
pub(in crate::store) async fn complete(
    work: &mut Work,
    id: CallId,
    lease_token: &str,
    completion: &CallCompletion,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let doing = "completing a call";
    let statement = match completion {
        CallCompletion::Accepted { job_id, poll_at } => work
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'awaiting', job_id = $4, poll_at = $5, lease_token = NULL, \
                 lease_until = NULL, last_error = NULL, updated_at = $1 WHERE id = $2 AND lease_token = $3 AND \
                 state = 'leased'",
            )
            .bind(now)
            .bind(id.uuid())
            .bind(lease_token)
            .bind(job_id.as_str())
            .bind(*poll_at),
        CallCompletion::Retry { run_at, error } => work
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'ready', run_at = $4, last_error = $5, lease_token = NULL, \
                 lease_until = NULL, updated_at = $1 WHERE id = $2 AND lease_token = $3 AND state = 'leased'",
            )
            .bind(now)
            .bind(id.uuid())
            .bind(lease_token)
            .bind(*run_at)
            .bind(error.as_str()),
        CallCompletion::Deferred { run_at } => work
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'ready', run_at = $4, attempts = attempts - 1, lease_token \
                 = NULL, lease_until = NULL, updated_at = $1 WHERE id = $2 AND lease_token = $3 AND state = \
                 'leased'",
            )
            .bind(now)
            .bind(id.uuid())
            .bind(lease_token)
            .bind(*run_at),
        CallCompletion::Dead { error } => work
            .statement(
                doing,
                "UPDATE classconnect_calls SET state = 'dead', last_error = $4, lease_token = NULL, lease_until = \
                 NULL, updated_at = $1 WHERE id = $2 AND lease_token = $3 AND state = 'leased'",
            )
            .bind(now)
            .bind(id.uuid())
            .bind(lease_token)
            .bind(error.as_str()),
    };
    Ok(statement.execute().await? == 1)
}

/// Answers whether the call had not ended before.
pub(in crate::store) async fn finish(
    work: &mut Work,
    id: CallId,
    state: CallState,
    job_id: Option<&str>,
    error: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let finished = work
        .statement(
            "finishing a call",
            "UPDATE classconnect_calls SET state = $1, job_id = COALESCE(job_id, $2), last_error = $3, \
             lease_token = NULL, lease_until = NULL, updated_at = $4 WHERE id = $5 AND state IN ('ready', \
             'leased', 'awaiting')",
        )
        .bind(state.as_str())
        .bind(job_id)
        .bind(error)
        .bind(now)
        .bind(id.uuid())
        .execute()
        .await?;
    Ok(finished == 1)
}

/// Held until the transaction ends; those that another poller holds are left to it.
pub(in crate::store) async fn lock_to_poll(
    work: &mut Work,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Call>, StoreError> {
    work.statement(
        DOING_READ,
        select!(
            "WHERE state = 'awaiting' AND poll_at <= $1 ORDER BY poll_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"
        ),
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(from_row)
    .await
}

pub(in crate::store) async fn postpone_poll(
    work: &mut Work,
    id: CallId,
    poll_at: Timestamp,
) -> Result<(), StoreError> {
    work.statement(
        "postponing a poll",
        "UPDATE classconnect_calls SET poll_at = $1, polls = polls + 1 WHERE id = $2",
    )
    .bind(poll_at)
    .bind(id.uuid())
    .execute()
    .await?;
    Ok(())
}

/// Leases that their holders are ending at this moment are left alone.
pub(in crate::store) async fn release_expired(work: &mut Work, now: Timestamp) -> Result<usize, StoreError> {
    let released = work
        .statement(
            "releasing expired leases",
            "WITH expired AS MATERIALIZED (SELECT id FROM classconnect_calls WHERE state = 'leased' AND \
             lease_until <= $1 FOR NO KEY UPDATE SKIP LOCKED) UPDATE classconnect_calls AS calls SET state = \
             'ready', run_at = $1, lease_token = NULL, lease_until = NULL, last_error = 'the lease expired before \
             an answer was recorded', updated_at = $1 FROM expired WHERE calls.id = expired.id",
        )
        .bind(now)
        .execute()
        .await?;
    Ok(usize::try_from(released).unwrap_or(usize::MAX))
}

/// Held until the transaction ends. A call whose result is being applied at this moment is not overdue.
pub(in crate::store) async fn lock_overdue(
    work: &mut Work,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Call>, StoreError> {
    work.statement(
        DOING_READ,
        select!(
            "WHERE state IN ('ready', 'awaiting') AND deadline_at <= $1 ORDER BY deadline_at LIMIT $2 FOR NO KEY \
             UPDATE SKIP LOCKED"
        ),
    )
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(from_row)
    .await
}

/// Reads what `columns!` lists.
fn from_columns(columns: &mut Columns<'_>) -> Result<Call, StoreError> {
    let kind_from_word = |text: &str| SubmissionKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    Ok(Call {
        id: columns.id("id")?,
        kind: columns.word("kind", kind_from_word)?,
        session_id: columns.id("session_id")?,
        attempt_id: columns.optional_id("attempt_id")?,
        payload: columns.optional_json("payload")?.unwrap_or_default(),
        state: columns.word("state", CallState::from_word)?,
        attempts: columns.count("attempts")?,
        polls: columns.count("polls")?,
        job_id: columns.take("job_id")?,
        deadline_at: columns.take("deadline_at")?,
        created_at: columns.take("created_at")?,
    })
}

fn from_row(row: &PgRow) -> Result<Call, StoreError> {
    from_columns(&mut Columns::of(row))
}
