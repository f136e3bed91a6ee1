//! Sessions and attempts. Each write becomes a published change.

use serde_json::{Map, Value};

use super::{Backend, Draft, Tx};
use crate::domain::{Attempt, AttemptId, Session, SessionId, Timestamp};
use crate::realtime::{Operation, Table};
use crate::store::{StoreError, postgres, sqlite};

impl Tx<'_> {
    /// # Errors
    /// A constraint that refuses the row, or trouble of the database.
    pub async fn insert_session(&mut self, session: &Session) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::sessions::insert(connection, session)?,
            Backend::Postgres(work) => postgres::sessions::insert(work, session).await?,
        }
        self.draft(Table::PracticeSessions, Operation::Insert, session.record());
        Ok(())
    }

    /// # Errors
    /// Trouble of the database.
    pub async fn session(&mut self, id: SessionId) -> Result<Option<Session>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::sessions::find(connection, id),
            Backend::Postgres(work) => postgres::sessions::lock(work, id).await,
        }
    }

    /// Writes every column that may change after the insert.
    ///
    /// # Errors
    /// A constraint that refuses the row, or trouble of the database.
    pub async fn update_session(&mut self, session: &Session) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::sessions::update(connection, session)?,
            Backend::Postgres(work) => postgres::sessions::update(work, session).await?,
        }
        self.draft(Table::PracticeSessions, Operation::Update, session.record());
        Ok(())
    }

    /// Sessions in a status that an idle session can be abandoned from, untouched since before `before`.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn idle_sessions(&mut self, before: Timestamp, limit: u32) -> Result<Vec<Session>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::sessions::idle(connection, before, limit),
            Backend::Postgres(work) => postgres::sessions::lock_idle(work, before, limit).await,
        }
    }

    /// # Errors
    /// A constraint that refuses the row, or trouble of the database.
    pub async fn insert_attempt(&mut self, attempt: &Attempt) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::attempts::insert(connection, attempt)?,
            Backend::Postgres(work) => postgres::attempts::insert(work, attempt).await?,
        }
        self.draft(Table::PracticeAttempts, Operation::Insert, attempt.record());
        Ok(())
    }

    /// # Errors
    /// Trouble of the database.
    pub async fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::attempts::find(connection, id),
            Backend::Postgres(work) => postgres::attempts::lock(work, id).await,
        }
    }

    /// Writes every column that may change after the insert.
    ///
    /// # Errors
    /// A constraint that refuses the row, or trouble of the database.
    pub async fn update_attempt(&mut self, attempt: &Attempt) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::attempts::update(connection, attempt)?,
            Backend::Postgres(work) => postgres::attempts::update(work, attempt).await?,
        }
        self.draft(Table::PracticeAttempts, Operation::Update, attempt.record());
        Ok(())
    }

    /// Attempts of the session that have no result yet.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn open_attempts(&mut self, session: SessionId) -> Result<u32, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::attempts::count_open(connection, session),
            Backend::Postgres(work) => postgres::attempts::count_open(work, session).await,
        }
    }

    fn draft(&mut self, table: Table, operation: Operation, record: Map<String, Value>) {
        let old_record = (operation != Operation::Insert).then(|| {
            record
                .get("id")
                .map(|id| Map::from_iter([("id".to_owned(), id.clone())]))
                .unwrap_or_default()
        });
        self.drafts.push(Draft {
            table,
            operation,
            record,
            old_record,
        });
    }
}
