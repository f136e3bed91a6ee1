//! The webhook inbox and the books: transitions, stored answers, dead letters.

use super::{Backend, Tx};
use crate::domain::UserId;
use crate::store::{
    DeadLetter, Disposition, InboxEntry, InboxRow, Retention, StoreError, StoredAnswer, Transition, postgres,
    sqlite,
};

impl Tx<'_> {
    /// Records a delivery with the disposition it will have if nothing is settled otherwise. Answers how often this
    /// webhook has been delivered now: from the second time on, its row and its disposition are left as they are.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn record_delivery(
        &mut self,
        entry: &InboxEntry,
        disposition: Disposition,
    ) -> Result<u32, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::inbox::record(connection, entry, disposition, now),
            Backend::Postgres(work) => postgres::inbox::record(work, entry, disposition, now).await,
        }
    }

    /// # Errors
    /// Trouble of the database.
    pub async fn settle_inbox(
        &mut self,
        webhook_id: &str,
        disposition: Disposition,
    ) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::inbox::settle(connection, webhook_id, disposition),
            Backend::Postgres(work) => postgres::inbox::settle(work, webhook_id, disposition).await,
        }
    }

    /// Webhooks that no call was found for, oldest first.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn unmatched_webhooks(&mut self, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::inbox::unmatched(connection, limit),
            Backend::Postgres(work) => postgres::inbox::lock_unmatched(work, limit).await,
        }
    }

    /// # Errors
    /// A second end of the same entity, or trouble of the database.
    pub async fn record_transition(&mut self, transition: &Transition) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::books::record_transition(connection, transition, now),
            Backend::Postgres(work) => {
                work.pending.record_transition(transition, now);
                Ok(())
            }
        }
    }

    /// Takes an idempotency key for this transaction, unless it was taken before: then answers what is stored under it.
    /// Whoever wants the same key meanwhile waits for the end of this transaction.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn take_key(
        &mut self,
        user: &UserId,
        key: &str,
        fingerprint: &[u8],
    ) -> Result<Option<StoredAnswer>, StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::books::stored_answer(connection, user, key),
            Backend::Postgres(work) => postgres::books::take_key(work, user, key, fingerprint, now).await,
        }
    }

    /// Stores the answer under a key that this transaction has taken.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn store_answer(
        &mut self,
        user: &UserId,
        key: &str,
        stored: &StoredAnswer,
    ) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::books::store_answer(connection, user, key, stored, now),
            Backend::Postgres(work) => {
                work.pending.store_answer(user, key, &stored.answer);
                Ok(())
            }
        }
    }

    /// # Errors
    /// A letter that is there already, or trouble of the database.
    pub async fn insert_dead_letter(&mut self, letter: &DeadLetter) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::books::insert_dead_letter(connection, letter, now),
            Backend::Postgres(work) => postgres::books::insert_dead_letter(work, letter, now).await,
        }
    }

    /// Deletes bookkeeping that nobody can ask for any more.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn forget(&mut self, retention: Retention) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::books::forget(connection, retention, now),
            Backend::Postgres(work) => postgres::books::forget(work, retention, now).await,
        }
    }
}
