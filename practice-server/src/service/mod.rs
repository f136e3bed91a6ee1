//! What the practice system does, by the names the migration plan gives: each public action is one transaction that
//! writes the new status together with the outgoing call, and answers without waiting for ClassConnect.
//!
//! - [`PracticeService`] is what the routes call;
//! - `apply` brings a result into the rows, however it came;
//! - `outbox`, `overdue` and `sweep` are the transactions of the background workers.

mod accepted;
mod apply;
mod create_session;
mod idempotency;
mod improve_transcript;
mod outbox;
mod overdue;
mod session_status;
mod start_practice;
mod submit_recording;
mod sweep;
mod webhook_results;

use std::time::Duration;

pub use accepted::Accepted;
pub use apply::Applied;
pub use idempotency::{IdempotencyKey, IdempotentRequest};
pub use outbox::{ClaimCalls, CompleteCall, Completed};
pub use overdue::{ApplyPolledResult, ClaimPolls, PollSchedule};
pub use session_status::{StatusMetadata, update_session_status};
pub use sweep::{Sweep, SweepSettings, Swept};
pub use webhook_results::{HandleWebhookResults, WebhookOutcome};

use self::create_session::CreatePracticeSession;
use self::idempotency::{Idempotent, KeysInFlight};
use self::improve_transcript::AutoImproveTranscript;
use self::start_practice::StartPractice;
use self::submit_recording::SubmitRecording;
use crate::domain::{Language, Recording, SessionId, Transcript, UserId};
use crate::store::{Store, Transaction, WriteError};

/// The practice actions of users.
pub struct PracticeService {
    store: Store,
    /// A submission without a result fails after this time.
    result_deadline: Duration,
    keys_in_flight: KeysInFlight,
}

impl PracticeService {
    pub fn new(store: Store, result_deadline: Duration) -> Self {
        Self {
            store,
            result_deadline,
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
    ) -> Result<Accepted, WriteError> {
        let result_deadline = self.result_deadline;
        let action = CreatePracticeSession {
            user: user.clone(),
            transcript,
            language,
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
    ) -> Result<Accepted, WriteError> {
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
    ) -> Result<Accepted, WriteError> {
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
    ) -> Result<Accepted, WriteError> {
        let result_deadline = self.result_deadline;
        let action = SubmitRecording {
            user: user.clone(),
            session_id,
            recording,
            result_deadline,
        };
        self.run(user, action, request).await
    }

    async fn run<T: Transaction<Output = Accepted>>(
        &self,
        user: UserId,
        action: T,
        request: Option<IdempotentRequest>,
    ) -> Result<Accepted, WriteError> {
        let Some(request) = request else {
            return Ok(self.store.write(action).await?.output);
        };
        let _in_flight = self.keys_in_flight.enter(&user, &request.key)?;
        Ok(self
            .store
            .write(Idempotent {
                user,
                request,
                action,
            })
            .await?
            .output)
    }
}
