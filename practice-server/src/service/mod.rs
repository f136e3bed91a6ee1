//! What the practice system does, by the names the migration plan gives: each public action is one transaction that
//! writes the new status together with the outgoing call, and answers without waiting for ClassConnect.
//!
//! - [`PracticeService`] is what the routes call;
//! - `apply` brings a result into the rows, however it came;
//! - `triggered` is the half of an action that edge functions do in the trigger architecture;
//! - `outbox`, `overdue` and `sweep` are the transactions of the background workers.

mod accepted;
mod apply;
mod create_session;
mod idempotency;
mod improve_transcript;
mod outbox;
mod outcome;
mod overdue;
mod session_status;
mod start_practice;
mod submit_recording;
mod sweep;
mod triggered;
mod webhook_results;

use std::time::Duration;

pub use accepted::Accepted;
pub use apply::Applied;
pub use idempotency::{IdempotencyKey, IdempotentRequest};
pub use outbox::{ClaimCalls, CompleteCall, Completed};
pub use overdue::{ApplyPolledResult, ClaimPolls, PollSchedule};
pub use session_status::{StatusMetadata, update_session_status};
pub use sweep::{Sweep, SweepSettings, Swept};
pub use triggered::{Triggered, TriggeredWork};
pub use webhook_results::{HandleWebhookResults, WebhookOutcome};

use self::create_session::CreatePracticeSession;
use self::idempotency::{Idempotent, KeysInFlight};
use self::improve_transcript::AutoImproveTranscript;
use self::outcome::Outcome;
use self::start_practice::StartPractice;
use self::submit_recording::SubmitRecording;
use self::triggered::{GiveUpAttempt, TriggeredImprovement, TriggeredStart, TriggeredSubmission};
use crate::domain::{Architecture, AttemptId, Language, Recording, SessionId, Transcript, UserId};
use crate::legacy::{Architectures, TriggerOverdue};
use crate::store::{Abort, Store, Transaction, WriteError};

/// The practice actions of users.
pub struct PracticeService {
    store: Store,
    /// A submission without a result fails after this time.
    result_deadline: Duration,
    architectures: Architectures,
    keys_in_flight: KeysInFlight,
}

/// Why an action was not answered 202.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ActionError {
    /// It was refused, or could not be written: nothing happened.
    #[error(transparent)]
    NotWritten(#[from] WriteError),
    /// It was written, but the triggered function that does the rest did not come in time.
    #[error(transparent)]
    Overdue(#[from] TriggerOverdue),
}

impl PracticeService {
    pub fn new(store: Store, result_deadline: Duration, architectures: Architectures) -> Self {
        Self {
            store,
            result_deadline,
            architectures,
            keys_in_flight: KeysInFlight::default(),
        }
    }

    /// Creates a session and has its transcript improved.
    ///
    /// # Errors
    /// An idempotency key that cannot be honoured, or trouble of the database.
    pub async fn create_practice_session(
        &self,
        user: UserId,
        transcript: Transcript,
        language: Language,
        request: Option<IdempotentRequest>,
    ) -> Result<Accepted, ActionError> {
        let result_deadline = self.result_deadline;
        let action = CreatePracticeSession {
            user: user.clone(),
            transcript,
            language,
            architecture: self.architectures.rollout.architecture_of(&user),
            result_deadline,
        };
        self.run(user, action, request).await
    }

    /// Has a session's transcript improved (again). While that is under way, repeating it changes nothing.
    ///
    /// # Errors
    /// A session that is not there or in no state for this, an idempotency key that cannot be honoured, or trouble of
    /// the database.
    pub async fn auto_improve_transcript(
        &self,
        user: UserId,
        session_id: SessionId,
        request: Option<IdempotentRequest>,
    ) -> Result<Accepted, ActionError> {
        let result_deadline = self.result_deadline;
        let action = AutoImproveTranscript {
            user: user.clone(),
            session_id,
            result_deadline,
        };
        self.run(user, action, request).await
    }

    /// Has the sentences of a ready session extracted. While that is under way, repeating it changes nothing.
    ///
    /// # Errors
    /// As for [`Self::auto_improve_transcript`].
    pub async fn start_practice(
        &self,
        user: UserId,
        session_id: SessionId,
        request: Option<IdempotentRequest>,
    ) -> Result<Accepted, ActionError> {
        let action = StartPractice {
            user: user.clone(),
            session_id,
            result_deadline: self.result_deadline,
        };
        self.run(user, action, request).await
    }

    /// Has a recording analysed.
    ///
    /// # Errors
    /// As for [`Self::auto_improve_transcript`], or indexes that the session does not have.
    pub async fn submit_recording(
        &self,
        user: UserId,
        session_id: SessionId,
        recording: Recording,
        request: Option<IdempotentRequest>,
    ) -> Result<Accepted, ActionError> {
        let result_deadline = self.result_deadline;
        let action = SubmitRecording {
            user: user.clone(),
            session_id,
            recording,
            result_deadline,
        };
        self.run(user, action, request).await
    }

    /// Does the work of a triggered function, unless it is done already.
    ///
    /// # Errors
    /// Trouble of the database, or a row for which the work is impossible.
    pub async fn do_triggered(&self, work: TriggeredWork) -> Result<Triggered, WriteError> {
        let result_deadline = self.result_deadline;
        let committed = match work {
            TriggeredWork::ImproveTranscript { session } => {
                let improvement = TriggeredImprovement {
                    session,
                    result_deadline,
                };
                self.store.write(improvement).await?
            }
            TriggeredWork::StartPractice { session } => {
                let start = TriggeredStart {
                    session,
                    result_deadline,
                };
                self.store.write(start).await?
            }
            TriggeredWork::SubmitRecording { session, attempt } => {
                let submission = TriggeredSubmission {
                    session,
                    attempt,
                    result_deadline,
                };
                self.store.write(submission).await?
            }
        };
        Ok(committed.output)
    }

    /// Fails an attempt whose triggered function did not come, unless it has come after all.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn give_up(&self, session: SessionId, attempt: AttemptId) -> Result<(), WriteError> {
        self.store.write(GiveUpAttempt { session, attempt }).await?;
        Ok(())
    }

    async fn run<T: Transaction<Output = Outcome>>(
        &self,
        user: UserId,
        action: T,
        request: Option<IdempotentRequest>,
    ) -> Result<Accepted, ActionError> {
        let Some(request) = request else {
            let outcome = self.store.write(action).await?.output;
            return self.answer(outcome).await;
        };
        let in_flight = self.keys_in_flight.enter(&user, &request.key);
        let _in_flight = in_flight.map_err(Abort::Refused)?;
        let idempotent = Idempotent {
            user,
            request,
            action,
        };
        let outcome = self.store.write(idempotent).await?.output;
        self.answer(outcome).await
    }

    /// The answer, once everything has happened that it stands for.
    async fn answer(&self, outcome: Outcome) -> Result<Accepted, ActionError> {
        let Outcome { accepted, awaited } = outcome;
        let Some(awaited) = awaited else {
            self.architectures.metrics.count_action(Architecture::Direct);
            return Ok(accepted);
        };
        match self.architectures.watch.until_done(awaited).await {
            Ok(()) => {
                self.architectures.metrics.count_action(Architecture::Trigger);
                Ok(accepted)
            }
            Err(overdue) => {
                let attempt = accepted.attempt_id.as_ref().map(|id| id.parse());
                if let (Ok(session), Some(Ok(attempt))) = (accepted.session_id.parse(), attempt) {
                    self.give_up(session, attempt).await?;
                }
                Err(overdue.into())
            }
        }
    }
}
