//! What can go wrong in storage, sorted by what the caller should do about it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgDatabaseError;

use crate::domain::Refusal;

/// Trouble of the database. Cloneable, since one failed commit is the answer to a whole group of jobs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A constraint refused the write.
    #[error("a database constraint was violated while {doing}")]
    Constraint {
        doing: &'static str,
        violation: Violation,
        #[source]
        source: Arc<DriverError>,
    },
    /// The database is busy, full, closed or cannot be reached; later it may work.
    #[error("the database is not available for {doing}")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: Option<Arc<DriverError>>,
    },
    /// A stored value is not one that this program writes.
    #[error("the stored {column} cannot be read: {detail}")]
    Corrupt { column: &'static str, detail: String },
    /// The database is not one that this server can work with.
    #[error("{0}")]
    Unsuitable(String),
    /// Anything else; repeating it will not help.
    #[error("the database failed while {doing}")]
    Failed {
        doing: &'static str,
        #[source]
        source: Arc<DriverError>,
    },
}

impl StoreError {
    /// Sorts a driver's error. `doing` completes "the database failed while …".
    pub(crate) fn new(doing: &'static str, error: impl Into<DriverError>) -> Self {
        let source = Arc::new(error.into());
        match source.meaning() {
            Meaning::Constraint(violation) => Self::Constraint {
                doing,
                violation,
                source,
            },
            Meaning::Passing | Meaning::Repeatable => Self::Unavailable {
                doing,
                source: Some(source),
            },
            Meaning::Lasting => Self::Failed { doing, source },
        }
    }

    /// An error that keeps the database from being used at all, whatever it means otherwise.
    pub(super) fn unavailable(doing: &'static str, error: impl Into<DriverError>) -> Self {
        Self::Unavailable {
            doing,
            source: Some(Arc::new(error.into())),
        }
    }

    /// The connection is of no use any more.
    pub(super) fn ends_the_connection(&self) -> bool {
        self.driver().is_some_and(DriverError::ends_the_connection)
    }

    /// The database undid the transaction in favour of another one; running it again may well succeed.
    pub(super) fn is_repeatable(&self) -> bool {
        self.driver()
            .is_some_and(|error| error.meaning() == Meaning::Repeatable)
    }

    fn driver(&self) -> Option<&DriverError> {
        match self {
            Self::Constraint { source, .. } | Self::Failed { source, .. } => Some(source),
            Self::Unavailable { source, .. } => source.as_deref(),
            Self::Corrupt { .. } | Self::Unsuitable(_) => None,
        }
    }

    pub(super) fn corrupt(column: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt {
            column,
            detail: detail.to_string(),
        }
    }

    /// The kind, for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Constraint { .. } => "constraint",
            Self::Unavailable { .. } => "unavailable",
            Self::Corrupt { .. } => "corrupt",
            Self::Unsuitable(_) => "unsuitable",
            Self::Failed { .. } => "failed",
        }
    }
}

/// What the driver of a backend reported.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Sqlx(#[from] sqlx::Error),
    /// The system gave no thread or no file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("none of the {connections} connections became free within {wait:?}")]
    PoolExhausted { connections: u32, wait: Duration },
    #[error("it did not answer a moment ago")]
    Down,
    #[error("a transaction did not end within {0:?}")]
    TookTooLong(Duration),
}

/// What a constraint that was violated says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// Two writers wanted what only one can have, or a row that is referred to is not there.
    Conflict,
    /// The value itself cannot be stored.
    Value,
}

/// What an error means for the caller.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Constraint(Violation),
    Passing,
    /// Passing, and worth another try at once.
    Repeatable,
    Lasting,
}

impl DriverError {
    fn meaning(&self) -> Meaning {
        match self {
            Self::Sqlite(error) => error
                .sqlite_error()
                .map_or(Meaning::Lasting, |error| sqlite_meaning(error.extended_code)),
            Self::Sqlx(sqlx::Error::Database(error)) => match error.try_downcast_ref::<PgDatabaseError>() {
                Some(error) => postgres_meaning(error.code()),
                None => error
                    .code()
                    .and_then(|code| code.parse().ok())
                    .map_or(Meaning::Lasting, sqlite_meaning),
            },
            Self::Sqlx(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            )
            | Self::Io(_)
            | Self::PoolExhausted { .. }
            | Self::Down
            | Self::TookTooLong(_) => Meaning::Passing,
            Self::Sqlx(_) => Meaning::Lasting,
        }
    }

    /// The connection it happened on is of no use any more, and the database may be down.
    pub(super) fn ends_the_connection(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => error
                .try_downcast_ref::<PgDatabaseError>()
                .is_some_and(|error| ends_the_session(error.code())),
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) | Self::Io(_) => true,
            Self::Sqlx(_)
            | Self::Sqlite(_)
            | Self::PoolExhausted { .. }
            | Self::Down
            | Self::TookTooLong(_) => false,
        }
    }
}

/// SQLSTATE, as PostgreSQL's appendix A lists it. Class 23 are the constraints, of which a check and a null say that the
/// value is wrong; class 22 are values that no column of the type can hold. 08, 53, 57 and 58 are trouble of connections,
/// of resources, of operators and of the system; 55P03 is a lock that was not to be had in time, and 25006 a server that
/// only reads, as it does while another one takes over.
fn postgres_meaning(code: &str) -> Meaning {
    match (code, code.get(..2).unwrap_or_default()) {
        ("23502" | "23514", _) | (_, "22") => Meaning::Constraint(Violation::Value),
        (_, "23") => Meaning::Constraint(Violation::Conflict),
        ("40001" | "40P01", _) => Meaning::Repeatable,
        ("55P03" | "25006", _) | (_, "08" | "53" | "57" | "58") => Meaning::Passing,
        _ => Meaning::Lasting,
    }
}

/// 57P01 to 57P05: the server shuts down, crashed, starts up, or closed this session; 08 is the connection itself.
fn ends_the_session(code: &str) -> bool {
    code.starts_with("57P") || code.starts_with("08")
}

/// SQLite's extended result codes carry the primary one in their low byte. CHECK 275 and NOTNULL 1299 say that the value
/// is wrong, FOREIGNKEY, PRIMARYKEY and UNIQUE violations that another writer was first; BUSY 5, LOCKED 6, IOERR 10, FULL 13 and CANTOPEN 14 pass.
fn sqlite_meaning(extended_code: i32) -> Meaning {
    match (extended_code, extended_code & 0xff) {
        (275 | 1299, _) => Meaning::Constraint(Violation::Value),
        (787 | 1555 | 2067, _) => Meaning::Constraint(Violation::Conflict),
        (_, 5 | 6 | 10 | 13 | 14) => Meaning::Passing,
        _ => Meaning::Lasting,
    }
}

/// Why a transaction stops; everything it wrote is undone.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Abort {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a write did not happen.
pub type WriteError = Abort;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_code_says_what_to_do_about_it() {
        for (code, meaning) in [
            (5, Meaning::Passing),
            (261, Meaning::Passing),
            (517, Meaning::Passing),
            (10, Meaning::Passing),
            (13, Meaning::Passing),
            (2067, Meaning::Constraint(Violation::Conflict)),
            (787, Meaning::Constraint(Violation::Conflict)),
            (275, Meaning::Constraint(Violation::Value)),
            (1, Meaning::Lasting),
            // A trigger's RAISE: nobody was first, the statement is wrong.
            (1811, Meaning::Lasting),
        ] {
            assert_eq!(sqlite_meaning(code), meaning, "{code}");
        }
    }

    #[test]
    fn a_state_code_says_what_to_do_about_it() {
        for (code, meaning) in [
            ("23505", Meaning::Constraint(Violation::Conflict)),
            ("23503", Meaning::Constraint(Violation::Conflict)),
            ("23514", Meaning::Constraint(Violation::Value)),
            ("23502", Meaning::Constraint(Violation::Value)),
            ("22P05", Meaning::Constraint(Violation::Value)),
            ("40P01", Meaning::Repeatable),
            ("40001", Meaning::Repeatable),
            ("57P01", Meaning::Passing),
            ("53300", Meaning::Passing),
            ("08006", Meaning::Passing),
            ("55P03", Meaning::Passing),
            ("42601", Meaning::Lasting),
            ("P0001", Meaning::Lasting),
            ("", Meaning::Lasting),
        ] {
            assert_eq!(postgres_meaning(code), meaning, "{code}");
        }
    }

    #[test]
    fn a_closed_pool_is_unavailable() {
        assert_eq!(
            StoreError::new("testing", sqlx::Error::PoolClosed).kind(),
            "unavailable"
        );
        assert_eq!(
            StoreError::new("testing", sqlx::Error::RowNotFound).kind(),
            "failed"
        );
    }
}
