//! Statements that travel together. The driver runs SQLite on a thread of its own, so what a statement costs is above
//! all the way there and back. A write is therefore held until something has to be read or the job ends, and then goes
//! with it; the order stays as written. What a held write is refused for is known when it has travelled.

use std::borrow::Cow;

use futures_util::StreamExt;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Encode, Executor, Sqlite, SqliteConnection, Type};

use crate::store::StoreError;

/// A connection with the statements that wait to travel.
pub(in crate::store) struct Statements<'c> {
    connection: &'c mut SqliteConnection,
    sql: Cow<'static, str>,
    arguments: SqliteArguments,
    /// What each waiting statement does, for the error if it fails.
    doing: Vec<&'static str>,
    /// An argument that the driver could not encode.
    unencodable: Option<StoreError>,
    /// How many of the waiting statements are not the job's own but begin it.
    opening: usize,
    begun: Begun,
}

/// Whether what begins a job has travelled.
#[derive(Debug)]
pub(in crate::store) enum Begun {
    /// Nothing of the job has reached the database.
    NotYet,
    Begun,
    /// What had to come before the job failed. That is no fault of the job's, and its savepoint may not exist.
    Failed(StoreError),
}

impl<'c> Statements<'c> {
    /// For reading outside any job.
    pub(super) fn on(connection: &'c mut SqliteConnection) -> Self {
        Self {
            connection,
            sql: Cow::Borrowed(""),
            arguments: SqliteArguments::default(),
            doing: Vec::new(),
            unencodable: None,
            opening: 0,
            begun: Begun::Begun,
        }
    }

    /// For a job. The statements of `opening` travel before its first one, and not at all if it has none.
    pub(super) fn of_job(connection: &'c mut SqliteConnection, opening: &'static str) -> Self {
        let opening_statements = opening.split(';').count();
        Self {
            sql: Cow::Borrowed(opening),
            doing: vec!["beginning a job"; opening_statements],
            opening: opening_statements,
            begun: Begun::NotYet,
            ..Self::on(connection)
        }
    }

    /// Appends a statement; its arguments are to be bound next.
    pub(super) fn add(&mut self, doing: &'static str, sql: &'static str) -> Statement<'_, 'c> {
        if self.sql.is_empty() {
            self.sql = Cow::Borrowed(sql);
        } else {
            let waiting = self.sql.to_mut();
            waiting.push_str("; ");
            waiting.push_str(sql);
        }
        self.doing.push(doing);
        Statement(self)
    }

    /// Sends the writes that are still held, so that what they are refused for is known.
    pub(in crate::store) async fn settle(&mut self) -> Result<(), StoreError> {
        let is_anything_held = self.doing.len() > self.opening;
        if is_anything_held {
            self.send().await?;
        }
        Ok(())
    }

    /// Whether the job has begun.
    pub(in crate::store) fn into_begun(self) -> Begun {
        self.begun
    }

    /// Sends everything that waits. Answers the rows of each statement.
    async fn send(&mut self) -> Result<Vec<Vec<SqliteRow>>, StoreError> {
        if let Some(error) = self.unencodable.take() {
            return Err(error);
        }
        let doing = std::mem::take(&mut self.doing);
        let opening = std::mem::take(&mut self.opening);
        let arguments = std::mem::take(&mut self.arguments);
        // The text is made of this module's callers' literals; values travel as arguments.
        let query = match std::mem::take(&mut self.sql) {
            Cow::Borrowed(sql) => sqlx::query_with(sql, arguments),
            Cow::Owned(sql) => sqlx::query_with(AssertSqlSafe(sql), arguments),
        };
        let mut results = Vec::with_capacity(doing.len());
        let mut rows = Vec::new();
        let mut steps = self.connection.fetch_many(query);
        while let Some(step) = steps.next().await {
            match step {
                Ok(Either::Right(row)) => rows.push(row),
                Ok(Either::Left(_)) => results.push(std::mem::take(&mut rows)),
                Err(error) => {
                    let failed = results.len();
                    let error = StoreError::new(doing.get(failed).copied().unwrap_or("writing"), error);
                    if failed < opening {
                        self.begun = Begun::Failed(error.clone());
                    } else {
                        self.begun = Begun::Begun;
                    }
                    return Err(error);
                }
            }
        }
        if opening > 0 {
            self.begun = Begun::Begun;
        }
        Ok(results)
    }
}

/// The statement that was added last.
#[must_use = "a statement's rows are lost if nobody fetches them; a write is to be held"]
pub(super) struct Statement<'s, 'c>(&'s mut Statements<'c>);

impl Statement<'_, '_> {
    pub(super) fn bind<'v>(self, value: impl Encode<'v, Sqlite> + Type<Sqlite>) -> Self {
        let refused = |error: BoxDynError| {
            let doing = self.0.doing.last().copied().unwrap_or("writing");
            StoreError::new(doing, sqlx::Error::Encode(error))
        };
        if let Err(error) = self.0.arguments.add(value) {
            let error = refused(error);
            self.0.unencodable.get_or_insert(error);
        }
        self
    }

    /// Leaves a write waiting for what comes next.
    pub(super) fn hold(self) {}

    /// Sends everything that waits. Answers this statement's rows.
    pub(super) async fn fetch_all(self) -> Result<Vec<SqliteRow>, StoreError> {
        Ok(self.0.send().await?.pop().unwrap_or_default())
    }

    /// Sends everything that waits. Answers the one row this statement has, if it has one.
    pub(super) async fn fetch_optional(self) -> Result<Option<SqliteRow>, StoreError> {
        Ok(self.fetch_all().await?.pop())
    }

    /// Sends everything that waits. Answers the one row that this statement always has.
    pub(super) async fn fetch_one(self) -> Result<SqliteRow, StoreError> {
        let doing = self.0.doing.last().copied().unwrap_or("reading");
        self.fetch_optional()
            .await?
            .ok_or_else(|| StoreError::new(doing, sqlx::Error::RowNotFound))
    }
}
