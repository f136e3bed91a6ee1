//! The outbox: calls to ClassConnect.

use std::time::Duration;

use super::{Backend, Tx};
use crate::domain::{Call, CallId, CallState, SubmissionKind, Timestamp};
use crate::store::{CallCompletion, ClaimedCall, StoreError, postgres, sqlite};

impl Tx<'_> {
    /// Puts a call into the outbox, due at once.
    ///
    /// # Errors
    /// Work of this kind that is under way already, or trouble of the database.
    pub async fn insert_call(&mut self, call: &Call) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::insert(connection, call, now)?,
            Backend::Postgres(work) => postgres::pending::insert_call(work, call, now).await?,
        }
        self.calls_enqueued = true;
        Ok(())
    }

    /// # Errors
    /// Trouble of the database.
    pub async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::find(connection, id),
            Backend::Postgres(work) => postgres::calls::lock(work, id).await,
        }
    }

    /// # Errors
    /// Trouble of the database.
    pub async fn call_of_job(&mut self, job_id: &str) -> Result<Option<Call>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::find_by_job(connection, job_id),
            Backend::Postgres(work) => postgres::calls::lock_by_job(work, job_id).await,
        }
    }

    /// The call under way for a session or an attempt.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn open_call(
        &mut self,
        client_reference_id: &str,
        kind: SubmissionKind,
    ) -> Result<Option<Call>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::find_open(connection, client_reference_id, kind),
            Backend::Postgres(work) => postgres::calls::find_open(work, client_reference_id, kind).await,
        }
    }

    /// The newest call for a session or an attempt that ClassConnect's job is not known of; one under way before one
    /// that has ended.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn call_without_job(
        &mut self,
        client_reference_id: &str,
        kind: SubmissionKind,
    ) -> Result<Option<Call>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => {
                sqlite::calls::find_without_job(connection, client_reference_id, kind)
            }
            Backend::Postgres(work) => {
                postgres::calls::lock_without_job(work, client_reference_id, kind).await
            }
        }
    }

    /// Takes up to `limit` due calls, for `lease` long. Counts an attempt on each.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn claim_calls(
        &mut self,
        limit: u32,
        lease_token: &str,
        lease: Duration,
    ) -> Result<Vec<ClaimedCall>, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => {
                sqlite::calls::claim(connection, limit, lease_token, now, now.plus(lease))
            }
            Backend::Postgres(work) => {
                postgres::calls::claim(work, limit, lease_token, now, now.plus(lease)).await
            }
        }
    }

    /// Writes how a claimed call ended, if the caller still holds its lease. `false` means that it does not: the lease
    /// expired, or a result came first.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn complete_call(
        &mut self,
        id: CallId,
        lease_token: &str,
        completion: &CallCompletion,
    ) -> Result<bool, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => {
                sqlite::calls::complete(connection, id, lease_token, completion, now)
            }
            Backend::Postgres(work) => {
                postgres::calls::complete(work, id, lease_token, completion, now).await
            }
        }
    }

    /// Ends a call that is not ended yet, and notes its job. `false`: it was ended before.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn finish_call(
        &mut self,
        id: CallId,
        state: CallState,
        job_id: Option<&str>,
        error: Option<&str>,
    ) -> Result<bool, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::finish(connection, id, state, job_id, error, now),
            Backend::Postgres(work) => postgres::calls::finish(work, id, state, job_id, error, now).await,
        }
    }

    /// Calls whose result is overdue. The caller postpones each with [`Tx::postpone_poll`].
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn calls_to_poll(&mut self, limit: u32) -> Result<Vec<Call>, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::to_poll(connection, now, limit),
            Backend::Postgres(work) => postgres::calls::lock_to_poll(work, now, limit).await,
        }
    }

    /// Counts a lookup of the call's job and sets when the next is due.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn postpone_poll(&mut self, id: CallId, poll_at: Timestamp) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::postpone_poll(connection, id, poll_at),
            Backend::Postgres(work) => postgres::calls::postpone_poll(work, id, poll_at).await,
        }
    }

    /// Makes calls due again whose dispatcher did not report in time. Answers how many.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn release_expired_leases(&mut self) -> Result<usize, StoreError> {
        let now = self.now;
        let released = match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::release_expired(connection, now)?,
            Backend::Postgres(work) => postgres::calls::release_expired(work, now).await?,
        };
        self.calls_enqueued |= released > 0;
        Ok(released)
    }

    /// Calls past their deadline that nobody is sending at this moment.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn overdue_calls(&mut self, limit: u32) -> Result<Vec<Call>, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::calls::overdue(connection, now, limit),
            Backend::Postgres(work) => postgres::calls::lock_overdue(work, now, limit).await,
        }
    }
}
