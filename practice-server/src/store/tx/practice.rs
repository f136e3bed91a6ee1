//! Sessions and attempts. Each write becomes a published change.

use serde_json::{Map, Value};

use super::{Backend, Draft, Tx};
use crate::domain::{Attempt, AttemptId, AttemptStatus, Session, SessionId, Timestamp};
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

    /// Asks for practice, which the session's database trigger passes on. Only sessions of the trigger architecture have
    /// one, and they are in PostgreSQL.
    ///
    /// # Errors
    /// A session that cannot be of the trigger architecture, or trouble of the database.
    pub async fn request_practice(&mut self, session: &mut Session) -> Result<(), StoreError> {
        session.updated_at = self.now;
        match &mut self.backend {
            Backend::Sqlite(_) => {
                return Err(StoreError::corrupt(
                    "practice_sessions.architecture",
                    "SQLite has no triggers that send requests",
                ));
            }
            Backend::Postgres(work) => {
                postgres::sessions::request_practice(work, session.id, self.now).await?
            }
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
        self.draft_attempt(Operation::Insert, attempt);
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

    /// A session and one of its attempts, to be changed together.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn session_and_attempt(
        &mut self,
        session: SessionId,
        attempt: AttemptId,
    ) -> Result<Option<(Session, Attempt)>, StoreError> {
        match &mut self.backend {
            Backend::Sqlite(connection) => {
                let session = sqlite::sessions::find(connection, session)?;
                Ok(session.zip(sqlite::attempts::find(connection, attempt)?))
            }
            Backend::Postgres(work) => postgres::attempts::lock_with_session(work, session, attempt).await,
        }
    }

    /// Moves an attempt on, now, if its status is still `from`. Answers it as it is then; `None`: it had moved before.
    ///
    /// # Errors
    /// Trouble of the database.
    pub async fn advance_attempt(
        &mut self,
        id: AttemptId,
        from: AttemptStatus,
        to: AttemptStatus,
    ) -> Result<Option<Attempt>, StoreError> {
        let now = self.now;
        let advanced = match &mut self.backend {
            Backend::Sqlite(connection) => sqlite::attempts::advance(connection, id, from, to, now)?,
            Backend::Postgres(work) => postgres::attempts::advance(work, id, from, to, now).await?,
        };
        if let Some(attempt) = &advanced {
            self.draft_attempt(Operation::Update, attempt);
        }
        Ok(advanced)
    }

    /// Writes the end of an attempt whose session this transaction has read, and answers how many others of that session
    /// have no result yet.
    ///
    /// # Errors
    /// A constraint that refuses the row, or trouble of the database.
    pub async fn end_attempt(&mut self, attempt: &Attempt) -> Result<u32, StoreError> {
        let open = match &mut self.backend {
            Backend::Sqlite(connection) => {
                sqlite::attempts::update(connection, attempt)?;
                sqlite::attempts::count_open(connection, attempt.session_id)?
            }
            Backend::Postgres(work) => postgres::attempts::end(work, attempt).await?,
        };
        self.draft_attempt(Operation::Update, attempt);
        Ok(open)
    }

    fn draft_attempt(&mut self, operation: Operation, attempt: &Attempt) {
        self.draft(Table::PracticeAttempts, operation, attempt.record());
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
