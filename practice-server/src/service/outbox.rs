//! The transactions around an outgoing call: put it in, claim it, write how it ended.

use std::time::Duration;

use serde::Serialize;

use super::apply::{fail_submission, record_end};
use crate::domain::{AttemptId, AttemptStatus, Call, CallId, CallState, SessionId, SubmissionKind};
use crate::store::{
    Abort, CallCompletion, ClaimedCall, DeadLetter, Entity, StoreError, Transaction, Transition,
    TransitionCause, Tx,
};

/// Puts a call into the outbox and answers its id, under which it will be sent.
pub(super) async fn enqueue(
    tx: &mut Tx<'_>,
    kind: SubmissionKind,
    session_id: SessionId,
    attempt_id: Option<AttemptId>,
    request: &(impl Serialize + Sync),
    result_deadline: Duration,
) -> Result<CallId, Abort> {
    let mut payload = serde_json::to_value(request).map_err(|error| StoreError::Corrupt {
        column: "classconnect_calls.payload",
        detail: error.to_string(),
    })?;
    // The address for the webhook is filled in when the call is sent: it may differ after a restart.
    if let Some(fields) = payload.as_object_mut() {
        fields.remove("webhook_url");
    }
    let call = Call {
        id: CallId::random(),
        kind,
        session_id,
        attempt_id,
        payload,
        state: CallState::Ready,
        attempts: 0,
        polls: 0,
        job_id: None,
        deadline_at: tx.now().plus(result_deadline),
        created_at: tx.now(),
    };
    tx.insert_call(&call).await?;
    Ok(call.id)
}

/// Takes due calls under a lease.
#[derive(Debug, Clone)]
pub struct ClaimCalls {
    pub limit: u32,
    pub lease: Duration,
}

impl Transaction for ClaimCalls {
    const NAME: &'static str = "claim_calls";

    const IS_ONE_STATEMENT: bool = true;

    type Output = Vec<ClaimedCall>;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Vec<ClaimedCall>, Abort> {
        let lease_token = uuid::Uuid::new_v4().to_string();
        Ok(tx.claim_calls(self.limit, &lease_token, self.lease).await?)
    }
}

/// Writes how a claimed call ended.
#[derive(Debug, Clone)]
pub struct CompleteCall {
    pub claimed: ClaimedCall,
    pub completion: CallCompletion,
}

/// Whether the completion counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completed {
    Written,
    /// The lease had expired, or a result came first. Nothing was written.
    Fenced,
}

impl Transaction for CompleteCall {
    const NAME: &'static str = "complete_call";

    type Output = Completed;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Completed, Abort> {
        let Self {
            claimed: ClaimedCall { call, lease_token },
            completion,
        } = self;
        if !tx.complete_call(call.id, &lease_token, &completion).await? {
            return Ok(Completed::Fenced);
        }
        match completion {
            CallCompletion::Accepted { .. } => attempt_is_analyzing(tx, &call).await?,
            CallCompletion::Retry { .. } | CallCompletion::Deferred { .. } => {}
            CallCompletion::Dead { error } => {
                record_end(tx, &call, CallState::Dead, TransitionCause::Dispatch).await?;
                bury(tx, &call, &error).await?;
                fail_submission(tx, &call, &error, TransitionCause::Dispatch).await?;
            }
        }
        Ok(Completed::Written)
    }
}

/// ClassConnect has the recording: its attempt goes from processing to analyzing.
async fn attempt_is_analyzing(tx: &mut Tx<'_>, call: &Call) -> Result<(), Abort> {
    let Some(attempt_id) = call.attempt_id else {
        return Ok(());
    };
    let (from, to) = (AttemptStatus::Processing, AttemptStatus::Analyzing);
    let Some(attempt) = tx.advance_attempt(attempt_id, from, to).await? else {
        // A result was there before ClassConnect's own answer.
        return Ok(());
    };
    let transition = Transition {
        submission_id: Some(call.id),
        entity: Entity::Attempt,
        entity_id: attempt.id.to_string(),
        from_status: Some(from.as_str()),
        to_status: attempt.status.as_str(),
        is_terminal: false,
        cause: TransitionCause::Dispatch,
    };
    Ok(tx.record_transition(&transition).await?)
}

/// Keeps what is needed to look into a call that was given up, or to replay it.
pub(super) async fn bury(tx: &mut Tx<'_>, call: &Call, reason: &str) -> Result<(), Abort> {
    let letter = DeadLetter {
        source: "call",
        reference_id: call.id.to_string(),
        payload: call.payload.to_string(),
        reason: reason.to_owned(),
        attempts: call.attempts,
    };
    Ok(tx.insert_dead_letter(&letter).await?)
}
