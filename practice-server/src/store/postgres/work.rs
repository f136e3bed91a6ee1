//! One connection at work: statements are prepared once per connection, sent one after another, and counted.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Encode, Postgres, Type};

use super::columns::Columns;
use super::pending::Pending;
use super::pool::Lease;
use crate::realtime::{CommitMoments, InFlight};
use crate::store::StoreError;

/// A connection out of the pool, with what is to be known about the transaction on it.
pub(in crate::store) struct Work {
    lease: Lease,
    commits: CommitMoments,
    /// The transaction, once it has changed a published row.
    published: Option<InFlight>,
    /// What the transaction will write at its end.
    pub(in crate::store) pending: Pending,
    statements: u64,
    /// A statement failed. PostgreSQL then refuses to commit, and says so only by the way.
    failed: bool,
}

impl Work {
    pub(super) fn new(lease: Lease, commits: CommitMoments) -> Self {
        Self {
            lease,
            commits,
            published: None,
            pending: Pending::default(),
            statements: 0,
            failed: false,
        }
    }

    /// A statement whose arguments are to be bound next, in their order.
    pub(super) fn statement(&mut self, doing: &'static str, sql: &'static str) -> Statement<'_> {
        Statement {
            work: self,
            doing,
            query: sqlx::query(sql),
        }
    }

    /// Runs a statement without arguments or rows, such as the borders of transactions.
    pub(super) async fn run(&mut self, doing: &'static str, sql: &'static str) -> Result<(), StoreError> {
        self.statements += 1;
        let done = sqlx::raw_sql(sql).execute(self.lease.connection()).await;
        done.map(|_| ()).map_err(|error| self.failure(doing, error))
    }

    /// Whether a statement failed since this connection was taken.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The statements sent so far, the borders of transactions included.
    pub(super) fn statements(&self) -> u64 {
        self.statements
    }

    /// What is to be told the moment of the commit, if the transaction has changed a published row.
    pub(super) fn take_published(&mut self) -> Option<InFlight> {
        self.published.take()
    }

    /// The connection, when no transaction is open on it any more.
    pub(super) fn into_lease(self) -> Lease {
        self.lease
    }

    fn failure(&mut self, doing: &'static str, error: sqlx::Error) -> StoreError {
        self.failed = true;
        let error = StoreError::new(doing, error);
        self.lease.notice(&error);
        error
    }
}

/// A statement on its way to be run.
pub(super) struct Statement<'w> {
    work: &'w mut Work,
    doing: &'static str,
    query: Query<'static, Postgres, PgArguments>,
}

impl Statement<'_> {
    pub(super) fn bind<'t, T: Encode<'t, Postgres> + Type<Postgres>>(mut self, value: T) -> Self {
        self.query = self.query.bind(value);
        self
    }

    /// Runs a write. Answers how many rows it changed.
    pub(super) async fn execute(self) -> Result<u64, StoreError> {
        let Self { work, doing, query } = self;
        work.statements += 1;
        match query.execute(work.lease.connection()).await {
            Ok(done) => Ok(done.rows_affected()),
            Err(error) => Err(work.failure(doing, error)),
        }
    }

    /// Runs a write to one row of a published table that answers `txid_current()` and whatever `read` reads after it.
    /// Every such transaction is announced before its commit, so that the change feed can date what it sees. Answers
    /// `None` if there was no such row.
    pub(super) async fn publish<T>(
        self,
        read: impl Fn(&mut Columns<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Self { work, doing, query } = self;
        work.statements += 1;
        let row = match query.fetch_optional(work.lease.connection()).await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(None),
            Err(error) => return Err(work.failure(doing, error)),
        };
        let mut columns = Columns::of(&row);
        let xid: i64 = columns.take("txid_current")?;
        if work.published.is_none() {
            work.published = Some(work.commits.begin(log_xid(xid)));
        }
        read(&mut columns).map(Some)
    }

    /// Every row, read by `from_row`.
    pub(super) async fn fetch_all<T>(
        self,
        from_row: impl Fn(&PgRow) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let Self { work, doing, query } = self;
        work.statements += 1;
        match query.fetch_all(work.lease.connection()).await {
            Ok(rows) => rows.iter().map(from_row).collect(),
            Err(error) => Err(work.failure(doing, error)),
        }
    }

    /// The one row there is, if there is one.
    pub(super) async fn fetch_optional<T>(
        self,
        from_row: impl Fn(&PgRow) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let Self { work, doing, query } = self;
        work.statements += 1;
        match query.fetch_optional(work.lease.connection()).await {
            Ok(row) => row.as_ref().map(from_row).transpose(),
            Err(error) => Err(work.failure(doing, error)),
        }
    }

    /// The one row that there always is.
    pub(super) async fn fetch_one<T>(
        self,
        from_row: impl Fn(&PgRow) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let doing = self.doing;
        self.fetch_optional(from_row)
            .await?
            .ok_or_else(|| StoreError::new(doing, sqlx::Error::RowNotFound))
    }
}

/// For a write that answers nothing but its transaction.
pub(super) fn nothing(_: &mut Columns<'_>) -> Result<(), StoreError> {
    Ok(())
}

/// The lower half of a 64-bit transaction id: what the write-ahead log calls the transaction.
fn log_xid(xid: i64) -> u32 {
    u32::try_from(xid & i64::from(u32::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_knows_the_lower_half_of_an_id() {
        assert_eq!(log_xid(731), 731);
        assert_eq!(log_xid((3 << 32) + 731), 731);
        assert_eq!(log_xid(i64::from(u32::MAX)), u32::MAX);
    }
}
