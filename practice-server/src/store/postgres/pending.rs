//! What a transaction writes and does not read again: transitions, a call for the outbox, the answer under an idempotency
//! key. It is kept until the transaction's end and then written by one statement, since each statement is a round trip
//! and the two processors that share the work pay for it on both sides.

use sqlx::types::Json;
use uuid::Uuid;

use super::work::{Statement, Work};
use crate::domain::{Call, Timestamp, UserId};
use crate::store::{StoreError, Transition};

/// The rows to be written. A violated constraint comes to light when they are.
#[derive(Default)]
pub(in crate::store) struct Pending {
    transitions: Transitions,
    call: Option<(Call, Timestamp)>,
    answer: Option<Answer>,
}

/// Column by column, as `unnest` takes them.
#[derive(Default)]
struct Transitions {
    submission_ids: Vec<Option<Uuid>>,
    entities: Vec<&'static str>,
    entity_ids: Vec<String>,
    from_statuses: Vec<Option<&'static str>>,
    to_statuses: Vec<&'static str>,
    are_terminal: Vec<bool>,
    causes: Vec<&'static str>,
    happened_at: Option<Timestamp>,
}

/// The answer under a key that this transaction has taken.
struct Answer {
    user: UserId,
    key: String,
    answer: String,
}

macro_rules! insert_transitions {
    () => {
        "INSERT INTO transitions (submission_id, entity, entity_id, from_status, to_status, is_terminal, cause, \
         happened_at) SELECT *, $8 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], \
         $6::boolean[], $7::text[])"
    };
}

macro_rules! insert_call {
    () => {
        "enqueued AS (INSERT INTO classconnect_calls (id, kind, session_id, attempt_id, client_reference_id, payload, \
         state, run_at, deadline_at, created_at, updated_at) VALUES ($9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
         $16))"
    };
}

impl Pending {
    pub(in crate::store) fn record_transition(&mut self, transition: &Transition, now: Timestamp) {
        let rows = &mut self.transitions;
        rows.submission_ids
            .push(transition.submission_id.map(|id| id.uuid()));
        rows.entities.push(transition.entity.as_str());
        rows.entity_ids.push(transition.entity_id.clone());
        rows.from_statuses.push(transition.from_status);
        rows.to_statuses.push(transition.to_status);
        rows.are_terminal.push(transition.is_terminal);
        rows.causes.push(transition.cause.as_str());
        rows.happened_at = Some(now);
    }

    pub(in crate::store) fn store_answer(&mut self, user: &UserId, key: &str, answer: &str) {
        self.answer = Some(Answer {
            user: user.clone(),
            key: key.to_owned(),
            answer: answer.to_owned(),
        });
    }
}

/// Puts a call into the outbox, at the latest when the transaction ends.
pub(in crate::store) async fn insert_call(
    work: &mut Work,
    call: &Call,
    now: Timestamp,
) -> Result<(), StoreError> {
    if work.pending.call.is_some() {
        flush(work).await?;
    }
    work.pending.call = Some((call.clone(), now));
    Ok(())
}

/// Writes what is pending.
pub(in crate::store) async fn flush(work: &mut Work) -> Result<(), StoreError> {
    let Pending {
        transitions,
        call,
        answer,
    } = std::mem::take(&mut work.pending);
    match (call, answer) {
        (None, None) if transitions.entities.is_empty() => {}
        (None, None) => {
            let statement = work.statement("recording transitions", insert_transitions!());
            transitions.bind(statement).execute().await?;
        }
        (None, Some(answer)) => {
            if !transitions.entities.is_empty() {
                let statement = work.statement("recording transitions", insert_transitions!());
                transitions.bind(statement).execute().await?;
            }
            let statement = work.statement(
                "storing an answer",
                "UPDATE idempotency_keys SET answer = $1 WHERE user_id = $2 AND key = $3",
            );
            answer.bind(statement).execute().await?;
        }
        (Some(call), None) => {
            let statement = work.statement(
                "putting a call into the outbox",
                concat!("WITH ", insert_call!(), " ", insert_transitions!()),
            );
            bind_call(transitions.bind(statement), &call).execute().await?;
        }
        (Some(call), Some(answer)) => {
            let statement = work.statement(
                "putting a call into the outbox",
                concat!(
                    "WITH ",
                    insert_call!(),
                    ", answered AS (UPDATE idempotency_keys SET answer = $19 WHERE user_id = $20 AND key = $21) ",
                    insert_transitions!()
                ),
            );
            let statement = bind_call(transitions.bind(statement), &call);
            answer.bind(statement).execute().await?;
        }
    }
    Ok(())
}

impl Transitions {
    /// The arguments `$1` to `$8`.
    fn bind(self, statement: Statement<'_>) -> Statement<'_> {
        statement
            .bind(self.submission_ids)
            .bind(self.entities)
            .bind(self.entity_ids)
            .bind(self.from_statuses)
            .bind(self.to_statuses)
            .bind(self.are_terminal)
            .bind(self.causes)
            .bind(self.happened_at)
    }
}

/// The arguments `$9` to `$18`.
fn bind_call<'w>(statement: Statement<'w>, (call, now): &(Call, Timestamp)) -> Statement<'w> {
    statement
        .bind(call.id.uuid())
        .bind(call.kind.as_str())
        .bind(call.session_id.uuid())
        .bind(call.attempt_id.map(|id| id.uuid()))
        .bind(call.client_reference_id())
        .bind(Json(&call.payload))
        .bind(call.state.as_str())
        .bind(*now)
        .bind(call.deadline_at)
        .bind(call.created_at)
}

impl Answer {
    fn bind(self, statement: Statement<'_>) -> Statement<'_> {
        statement
            .bind(self.answer)
            .bind(self.user.as_str())
            .bind(self.key)
    }
}
