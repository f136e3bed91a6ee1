//! The published tables' columns: their names, order and PostgreSQL types, as clients see them.

use super::change::Table;

/// A column's type, by its name in `pg_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Bool,
    Float8,
    Int4,
    Jsonb,
    Text,
    Timestamptz,
    Uuid,
}

impl ColumnType {
    /// `pg_type.typname`, which clients use to convert values.
    pub(crate) fn typname(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Float8 => "float8",
            Self::Int4 => "int4",
            Self::Jsonb => "jsonb",
            Self::Text => "text",
            Self::Timestamptz => "timestamptz",
            Self::Uuid => "uuid",
        }
    }
}

/// One column of a published table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) column_type: ColumnType,
}

const fn column(name: &'static str, column_type: ColumnType) -> Column {
    Column { name, column_type }
}

static PRACTICE_SESSIONS: [Column; 15] = [
    column("id", ColumnType::Uuid),
    column("user_id", ColumnType::Text),
    column("transcript", ColumnType::Text),
    column("improved_transcript", ColumnType::Text),
    column("sentences", ColumnType::Jsonb),
    column("language", ColumnType::Text),
    column("status", ColumnType::Text),
    column("current_sentence_index", ColumnType::Int4),
    column("current_word_index", ColumnType::Int4),
    column("attempt_count", ColumnType::Int4),
    column("pronunciation_score", ColumnType::Float8),
    column("pronunciation_analysis", ColumnType::Jsonb),
    column("error_message", ColumnType::Text),
    column("created_at", ColumnType::Timestamptz),
    column("updated_at", ColumnType::Timestamptz),
];

static PRACTICE_ATTEMPTS: [Column; 17] = [
    column("id", ColumnType::Uuid),
    column("session_id", ColumnType::Uuid),
    column("user_id", ColumnType::Text),
    column("attempt_type", ColumnType::Text),
    column("sentence_index", ColumnType::Int4),
    column("word_index", ColumnType::Int4),
    column("audio_url", ColumnType::Text),
    column("status", ColumnType::Text),
    column("pronunciation_score", ColumnType::Float8),
    column("pronunciation_analysis", ColumnType::Jsonb),
    column("is_passed", ColumnType::Bool),
    column("feedback_data", ColumnType::Jsonb),
    column("transcription_results", ColumnType::Jsonb),
    column("word_level_scores", ColumnType::Jsonb),
    column("error_message", ColumnType::Text),
    column("created_at", ColumnType::Timestamptz),
    column("updated_at", ColumnType::Timestamptz),
];

/// Some of a table's columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ColumnSet(u32);

impl ColumnSet {
    /// The columns with these places in the table's definition.
    pub(crate) fn of(positions: impl IntoIterator<Item = usize>) -> Self {
        // A table with more columns than there are bits would need another representation, and a test says so.
        let bits = positions.into_iter().map(|position| 1_u32 << position);
        Self(bits.fold(0, |set, bit| set | bit))
    }

    pub(crate) fn contains(self, position: usize) -> bool {
        self.0 & (1 << position) != 0
    }

    /// Whether all of `other` are among these.
    pub(crate) fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::PracticeSessions, Self::PracticeAttempts];

    /// The primary key of every published table.
    pub(crate) const KEY: &'static str = "id";

    /// Whose row it is, in every published table.
    pub(crate) const OWNER: &'static str = "user_id";

    /// The table's name in the schema `public`.
    pub fn name(self) -> &'static str {
        match self {
            Self::PracticeSessions => "practice_sessions",
            Self::PracticeAttempts => "practice_attempts",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The columns in the order of the table's definition.
    pub(crate) fn columns(self) -> &'static [Column] {
        match self {
            Self::PracticeSessions => &PRACTICE_SESSIONS,
            Self::PracticeAttempts => &PRACTICE_ATTEMPTS,
        }
    }

    pub(crate) fn column(self, name: &str) -> Option<&'static Column> {
        self.columns().iter().find(|column| column.name == name)
    }

    /// A column's place in the table's definition.
    pub(crate) fn position(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }

    pub(crate) fn every_column(self) -> ColumnSet {
        ColumnSet::of(0..self.columns().len())
    }

    pub(crate) fn key_column(self) -> ColumnSet {
        ColumnSet::of(self.position(Self::KEY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_columns_are_sets() {
        for table in Table::ALL {
            assert!(table.columns().len() <= 32);
            let (every, key) = (table.every_column(), table.key_column());
            assert!(every.covers(key) && !key.covers(every));
            assert!(key.contains(0) && !key.contains(1));
            assert_eq!(every.intersection(key), key);
            assert!(table.column(Table::OWNER).is_some());
        }
    }
}
