//! The webhook inbox and the books: transitions, stored answers, dead letters.

use super::{Backend, Tx};
use crate::domain::UserId;
use crate::store::{
    DeadLetter, Disposition, InboxEntry, InboxRow, Retention, StoreError, StoredAnswer, Transition, sqlite,
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
            Backend::Sqlite(statements) => sqlite::inbox::record(statements, entry, disposition, now).await,
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
            Backend::Sqlite(statements) => sqlite::inbox::settle(statements, webhook_id, disposition),
        }
        Ok(())
    }

    /// Webhooks that no call was found for, oldest first.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn unmatched_webhooks(&mut self, limit: u32) -> Result<Vec<InboxRow>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(statements) => sqlite::inbox::unmatched(statements, limit).await,
        }
    }

    /// # Errors
    /// A second end of the same entity, or trouble of the database.
    pub async fn record_transition(&mut self, transition: &Transition) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(statements) => {
                sqlite::books::record_transition(statements, transition, now);
            }
        }
        Ok(())
    }

    /// # Errors
    /// Trouble of the database.
    pub async fn stored_answer(
        &mut self,
        user: &UserId,
        key: &str,
    ) -> Result<Option<StoredAnswer>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(statements) => sqlite::books::stored_answer(statements, user, key).await,
        }
    }

    /// # Errors
    /// A key that is there already, or trouble of the database.
    pub async fn store_answer(
        &mut self,
        user: &UserId,
        key: &str,
        stored: &StoredAnswer,
    ) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(statements) => {
                sqlite::books::store_answer(statements, user, key, stored, now);
            }
        }
        Ok(())
    }

    /// # Errors
    /// A letter that is there already, or trouble of the database.
    pub async fn insert_dead_letter(&mut self, letter: &DeadLetter) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(statements) => sqlite::books::insert_dead_letter(statements, letter, now),
        }
        Ok(())
    }

    /// Deletes bookkeeping that nobody can ask for any more.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn forget(&mut self, retention: Retention) -> Result<(), StoreError> {
        let now = self.now;
        match &mut self.backend {
            Backend::Sqlite(statements) => sqlite::books::forget(statements, retention, now),
        }
        Ok(())
    }
}
