//! The statuses of sessions and attempts, and which may follow which.

use std::fmt;

/// Where a practice session stands.
///
/// Which status may follow which (rows: from, columns: to; `x` = allowed). Staying in a status is no transition.
///
/// | from       | created | processing | ready | practicing | analyzing | completed | failed | abandoned |
/// |------------|---------|------------|-------|------------|-----------|-----------|--------|-----------|
/// | created    |         | x          |       |            |           |           |        | x         |
/// | processing |         |            | x     | x          |           |           | x      |           |
/// | ready      |         | x          |       |            |           |           |        | x         |
/// | practicing |         |            |       |            | x         |           |        | x         |
/// | analyzing  |         |            |       | x          |           | x         |        |           |
/// | completed  |         |            |       |            |           |           |        |           |
/// | failed     |         |            |       |            |           |           |        |           |
/// | abandoned  |         |            |       |            |           |           |        |           |
///
/// A session with work under way (`processing`, `analyzing`) is never abandoned: every piece of work ends by its
/// deadline, and only then the session counts as idle. A failed recording fails its attempt, not the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionStatus {
    Created,
    Processing,
    Ready,
    Practicing,
    Analyzing,
    Completed,
    Failed,
    Abandoned,
}

impl SessionStatus {
    pub const ALL: [Self; 8] = [
        Self::Created,
        Self::Processing,
        Self::Ready,
        Self::Practicing,
        Self::Analyzing,
        Self::Completed,
        Self::Failed,
        Self::Abandoned,
    ];

    /// Whether `next` may follow this status; see the table above.
    pub fn may_become(self, next: Self) -> bool {
        use SessionStatus::*;
        matches!(
            (self, next),
            (Created, Processing | Abandoned)
                | (Processing, Ready | Practicing | Failed)
                | (Ready, Processing | Abandoned)
                | (Practicing, Analyzing | Abandoned)
                | (Analyzing, Practicing | Completed)
        )
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Processing => "processing",
            Self::Ready => "ready",
            Self::Practicing => "practicing",
            Self::Analyzing => "analyzing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }

    /// The status a stored word stands for; `None` for a word that is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where one attempt stands.
///
/// | from       | processing | analyzing | completed | failed |
/// |------------|------------|-----------|-----------|--------|
/// | processing |            | x         | x         | x      |
/// | analyzing  |            |           | x         | x      |
/// | completed  |            |           |           |        |
/// | failed     |            |           |           |        |
///
/// `processing → completed` happens when the webhook overtakes ClassConnect's own 202.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptStatus {
    Processing,
    Analyzing,
    Completed,
    Failed,
}

impl AttemptStatus {
    pub const ALL: [Self; 4] = [Self::Processing, Self::Analyzing, Self::Completed, Self::Failed];

    /// Whether `next` may follow this status; see the table above.
    pub fn may_become(self, next: Self) -> bool {
        use AttemptStatus::*;
        matches!(
            (self, next),
            (Processing, Analyzing | Completed | Failed) | (Analyzing, Completed | Failed)
        )
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Processing => "processing",
            Self::Analyzing => "analyzing",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// The status a stored word stands for; `None` for a word that is none.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

impl fmt::Display for AttemptStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows in the order of `ALL`, one character per column in the order of `ALL`.
    fn check<S: Copy + fmt::Debug>(all: &[S], rows: &[&str], may_become: impl Fn(S, S) -> bool) {
        assert_eq!(rows.len(), all.len());
        for (from, row) in all.iter().zip(rows) {
            assert_eq!(row.len(), all.len());
            for (to, cell) in all.iter().zip(row.chars()) {
                assert_eq!(may_become(*from, *to), cell == 'x', "{from:?} -> {to:?}");
            }
        }
    }

    #[test]
    fn every_cell_of_the_session_table() {
        let rows = [
            ".x.....x", // created
            "..xx..x.", // processing
            ".x.....x", // ready
            "....x..x", // practicing
            "...x.x..", // analyzing
            "........", // completed
            "........", // failed
            "........", // abandoned
        ];
        check(&SessionStatus::ALL, &rows, SessionStatus::may_become);
    }

    #[test]
    fn every_cell_of_the_attempt_table() {
        check(
            &AttemptStatus::ALL,
            &[".xxx", "..xx", "....", "...."],
            AttemptStatus::may_become,
        );
    }

    #[test]
    fn words_and_statuses_are_one_to_one() {
        for status in SessionStatus::ALL {
            assert_eq!(SessionStatus::from_word(status.as_str()), Some(status));
        }
        for status in AttemptStatus::ALL {
            assert_eq!(AttemptStatus::from_word(status.as_str()), Some(status));
        }
        assert_eq!(SessionStatus::from_word("Ready"), None);
        assert_eq!(AttemptStatus::from_word(""), None);
    }
}
