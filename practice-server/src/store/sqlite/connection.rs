//! A connection that runs its statements on the thread that calls it.
//!
//! Statements are prepared once and kept. Nothing here waits for another thread, so a statement costs what SQLite takes
//! for it, and a busy machine delays a job of ten statements once and not twenty times.

use std::path::Path;
use std::time::Duration;

use rusqlite::{CachedStatement, OpenFlags, Row, ToSql};

use crate::store::StoreError;

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are statements in this crate.
const STATEMENTS_KEPT: usize = 100;
/// Negative: in KiB. The pages that the writer touches again and again: those of the last minutes' rows.
const CACHE_KIB: i64 = -16_384;

/// An open SQLite database, as one thread at a time uses it.
pub(in crate::store) struct Connection(rusqlite::Connection);

impl Connection {
    /// Opens an existing database for reading and writing.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    pub(super) fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open_with(path: &Path, access: OpenFlags) -> Result<Self, StoreError> {
        // Each connection is used by one thread at a time, which the types see to.
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = rusqlite::Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "cache_size", CACHE_KIB)?;
            // What a savepoint must be able to undo is kept in memory and not in a file per group.
            connection.pragma_update(None, "temp_store", "MEMORY")?;
            Ok(connection)
        };
        open()
            .map(Self)
            .map_err(|error: rusqlite::Error| StoreError::new("opening the database", error))
    }

    /// A statement whose arguments are to be bound next, in their order.
    pub(super) fn statement(&self, doing: &'static str, sql: &'static str) -> Statement<'_> {
        Statement {
            prepared: self
                .0
                .prepare_cached(sql)
                .map_err(|error| StoreError::new(doing, error)),
            doing,
            bound: 0,
        }
    }

    /// Runs statements without arguments or rows, such as the borders of transactions.
    pub(super) fn execute(&self, doing: &'static str, sql: &'static str) -> Result<(), StoreError> {
        sql.split(';')
            .try_for_each(|statement| self.statement(doing, statement.trim()).execute().map(|_| ()))
    }

    /// Closes the database; dropping it would say nothing of an error.
    pub(super) fn close(self) -> Result<(), StoreError> {
        self.0
            .close()
            .map_err(|(_, error)| StoreError::new("closing the database", error))
    }
}

/// A prepared statement on its way to be run. The first error is kept for the end.
pub(super) struct Statement<'c> {
    prepared: Result<CachedStatement<'c>, StoreError>,
    doing: &'static str,
    bound: usize,
}

impl Statement<'_> {
    pub(super) fn bind(mut self, value: impl ToSql) -> Self {
        self.bound += 1;
        if let Ok(prepared) = &mut self.prepared
            && let Err(error) = prepared.raw_bind_parameter(self.bound, value)
        {
            self.prepared = Err(StoreError::new(self.doing, error));
        }
        self
    }

    /// Runs a write without rows. Answers how many rows it changed.
    pub(super) fn execute(self) -> Result<usize, StoreError> {
        self.prepared?
            .raw_execute()
            .map_err(|error| StoreError::new(self.doing, error))
    }

    /// Every row, read by `from_row`.
    pub(super) fn fetch_all<T>(
        self,
        from_row: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut prepared = self.prepared?;
        let mut rows = prepared.raw_query();
        let mut read = Vec::new();
        while let Some(row) = rows.next().map_err(|error| StoreError::new(self.doing, error))? {
            read.push(from_row(row)?);
        }
        Ok(read)
    }

    /// The one row there is, if there is one.
    pub(super) fn fetch_optional<T>(
        self,
        from_row: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.fetch_all(from_row)?.pop())
    }

    /// The one row that there always is.
    pub(super) fn fetch_one<T>(
        self,
        from_row: impl Fn(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let doing = self.doing;
        self.fetch_optional(from_row)?
            .ok_or_else(|| StoreError::new(doing, rusqlite::Error::QueryReturnedNoRows))
    }
}
