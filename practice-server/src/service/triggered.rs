//! What edge functions do: the second half of an action whose first half was a row that fired a trigger. The same
//! functions as for direct calls write the status and the outgoing call, in one transaction.
//!
//! A function may be called twice (a queue's worker that died sends again what it had not answered), or late (after the
//! backend has given up). So each looks first whether its work is still to be done.

use std::time::Duration;

use super::apply::{end_attempt, settle_session};
use super::improve_transcript::auto_improve_transcript;
use super::start_practice::auto_start_practice;
use super::submit_recording::analyse_attempt;
use crate::domain::{AttemptId, AttemptStatus, Session, SessionId, SessionStatus, SubmissionKind};
use crate::store::{Abort, Transaction, TransitionCause, Tx};

/// What a triggered function is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TriggeredWork {
    ImproveTranscript { session: SessionId },
    StartPractice { session: SessionId },
    SubmitRecording { session: SessionId, attempt: AttemptId },
}

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Triggered {
    Done,
    /// It was done before, or the row has moved on.
    NothingToDo,
}

/// The edge function `auto-improve-transcript`.
#[derive(Clone)]
pub(super) struct TriggeredImprovement {
    pub(super) session: SessionId,
    pub(super) result_deadline: Duration,
}

impl Transaction for TriggeredImprovement {
    const NAME: &'static str = "triggered_improve_transcript";

    type Output = Triggered;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Triggered, Abort> {
        let Some(mut session) = session_in(tx, self.session, &[SessionStatus::Created]).await? else {
            return Ok(Triggered::NothingToDo);
        };
        auto_improve_transcript(tx, &mut session, self.result_deadline).await?;
        Ok(Triggered::Done)
    }
}

/// The edge function `auto-start-practice`.
#[derive(Clone)]
pub(super) struct TriggeredStart {
    pub(super) session: SessionId,
    pub(super) result_deadline: Duration,
}

impl Transaction for TriggeredStart {
    const NAME: &'static str = "triggered_start_practice";

    type Output = Triggered;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Triggered, Abort> {
        let Some(mut session) = session_in(tx, self.session, &[SessionStatus::Ready]).await? else {
            return Ok(Triggered::NothingToDo);
        };
        auto_start_practice(tx, &mut session, self.result_deadline).await?;
        Ok(Triggered::Done)
    }
}

/// The edge function `auto-submit-recording`.
#[derive(Clone)]
pub(super) struct TriggeredSubmission {
    pub(super) session: SessionId,
    pub(super) attempt: AttemptId,
    pub(super) result_deadline: Duration,
}

impl Transaction for TriggeredSubmission {
    const NAME: &'static str = "triggered_submit_recording";

    type Output = Triggered;

    async fn run(self, tx: &mut Tx<'_>) -> Result<Triggered, Abort> {
        let statuses = [SessionStatus::Practicing, SessionStatus::Analyzing];
        let Some(mut session) = session_in(tx, self.session, &statuses).await? else {
            return Ok(Triggered::NothingToDo);
        };
        let Some(attempt) = tx.attempt(self.attempt).await? else {
            return Ok(Triggered::NothingToDo);
        };
        let is_open = attempt.session_id == session.id && attempt.status == AttemptStatus::Processing;
        if !is_open || has_call(tx, self.attempt).await? {
            return Ok(Triggered::NothingToDo);
        }
        analyse_attempt(tx, &mut session, &attempt, self.result_deadline).await?;
        Ok(Triggered::Done)
    }
}

/// Gives up an attempt whose triggered function did not come in time. Its learner was told that it failed, so it must not
/// keep their session waiting; a function that comes later finds it ended.
#[derive(Clone)]
pub(super) struct GiveUpAttempt {
    pub(super) session: SessionId,
    pub(super) attempt: AttemptId,
}

impl Transaction for GiveUpAttempt {
    const NAME: &'static str = "give_up_attempt";

    type Output = ();

    async fn run(self, tx: &mut Tx<'_>) -> Result<(), Abort> {
        let rows = tx.session_and_attempt(self.session, self.attempt).await?;
        let Some((mut session, mut attempt)) = rows else {
            return Ok(());
        };
        if attempt.status != AttemptStatus::Processing || has_call(tx, self.attempt).await? {
            return Ok(());
        }
        let cause = TransitionCause::Sweep;
        attempt.error_message = Some("the triggered function did not begin in time".to_owned());
        let open = end_attempt(tx, None, &mut attempt, AttemptStatus::Failed, cause).await?;
        if session.status == SessionStatus::Analyzing {
            settle_session(tx, None, &mut session, open, cause).await?;
        }
        Ok(())
    }
}

/// The session, if it is there and in one of these statuses.
async fn session_in(
    tx: &mut Tx<'_>,
    id: SessionId,
    statuses: &[SessionStatus],
) -> Result<Option<Session>, Abort> {
    let session = tx.session(id).await?;
    Ok(session.filter(|session| statuses.contains(&session.status)))
}

/// Whether the attempt's call is in the outbox and has not ended. An attempt whose call has ended has ended with it.
async fn has_call(tx: &mut Tx<'_>, attempt: AttemptId) -> Result<bool, Abort> {
    let kind = SubmissionKind::RecordingAnalyses;
    Ok(tx.open_call(&attempt.to_string(), kind).await?.is_some())
}
