//! What can go wrong in storage, sorted by what the caller should do about it.

use std::sync::Arc;

use crate::domain::Refusal;

/// Trouble of the database. Cloneable, since one failed commit is the answer to a whole group of jobs.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A constraint refused the write: two writers wanted what only one can have.
    #[error("a database constraint was violated while {doing}")]
    Constraint {
        doing: &'static str,
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
    pub(super) fn new(doing: &'static str, error: impl Into<DriverError>) -> Self {
        let source = Arc::new(error.into());
        match source.meaning() {
            Meaning::Constraint => Self::Constraint { doing, source },
            Meaning::Passing => Self::Unavailable {
                doing,
                source: Some(source),
            },
            Meaning::Lasting => Self::Failed { doing, source },
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
}

/// What an error means for the caller.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Constraint,
    Passing,
    Lasting,
}

impl DriverError {
    fn meaning(&self) -> Meaning {
        match self {
            Self::Sqlite(error) => error
                .sqlite_error()
                .map_or(Meaning::Lasting, |error| sqlite_meaning(error.extended_code)),
            Self::Sqlx(sqlx::Error::Database(error)) => error
                .code()
                .and_then(|code| code.parse().ok())
                .map_or(Meaning::Lasting, sqlite_meaning),
            Self::Sqlx(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed,
            )
            | Self::Io(_) => Meaning::Passing,
            Self::Sqlx(_) => Meaning::Lasting,
        }
    }
}

/// SQLite's extended result codes carry the primary one in their low byte. CHECK, FOREIGNKEY, NOTNULL, PRIMARYKEY and
/// UNIQUE violations say that another writer was first; BUSY 5, LOCKED 6, IOERR 10, FULL 13 and CANTOPEN 14 pass.
fn sqlite_meaning(extended_code: i32) -> Meaning {
    match (extended_code, extended_code & 0xff) {
        (275 | 787 | 1299 | 1555 | 2067, _) => Meaning::Constraint,
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
            (2067, Meaning::Constraint),
            (787, Meaning::Constraint),
            (1, Meaning::Lasting),
            // A trigger's RAISE: nobody was first, the statement is wrong.
            (1811, Meaning::Lasting),
        ] {
            assert_eq!(sqlite_meaning(code), meaning, "{code}");
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
