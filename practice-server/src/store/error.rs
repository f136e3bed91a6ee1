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
        source: Arc<sqlx::Error>,
    },
    /// The database is busy, full, closed or cannot be reached; later it may work.
    #[error("the database is not available for {doing}")]
    Unavailable {
        doing: &'static str,
        #[source]
        source: Option<Arc<sqlx::Error>>,
    },
    /// A stored value is not one that this program writes.
    #[error("the stored {column} cannot be read: {detail}")]
    Corrupt { column: &'static str, detail: String },
    /// Anything else; repeating it will not help.
    #[error("the database failed while {doing}")]
    Failed {
        doing: &'static str,
        #[source]
        source: Arc<sqlx::Error>,
    },
}

impl StoreError {
    /// Sorts a driver's error. `doing` completes "the database failed while …".
    pub(super) fn new(doing: &'static str, error: sqlx::Error) -> Self {
        use sqlx::error::ErrorKind;
        let unavailable = match &error {
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation
                | ErrorKind::ForeignKeyViolation
                | ErrorKind::NotNullViolation
                | ErrorKind::CheckViolation => {
                    return Self::Constraint {
                        doing,
                        source: Arc::new(error),
                    };
                }
                _ => is_transient_code(database.code().as_deref()),
            },
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => true,
            _ => false,
        };
        if unavailable {
            Self::Unavailable {
                doing,
                source: Some(Arc::new(error)),
            }
        } else {
            Self::Failed {
                doing,
                source: Arc::new(error),
            }
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

/// SQLite's primary result codes that pass: BUSY 5, LOCKED 6, IOERR 10, FULL 13, CANTOPEN 14. The extended code
/// carries the primary one in its low byte.
fn is_transient_code(code: Option<&str>) -> bool {
    let primary = code
        .and_then(|code| code.parse::<u32>().ok())
        .map(|code| code & 0xff);
    matches!(primary, Some(5 | 6 | 10 | 13 | 14))
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
    fn busy_and_full_pass_and_a_syntax_error_does_not() {
        for transient in ["5", "261", "517", "6", "13", "14", "10"] {
            assert!(is_transient_code(Some(transient)), "{transient}");
        }
        for lasting in [None, Some("1"), Some("19"), Some("x")] {
            assert!(!is_transient_code(lasting), "{lasting:?}");
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
