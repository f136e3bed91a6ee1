//! The published tables' columns: their names, order and PostgreSQL types, as clients see them.

use super::change::Table;

/// A column's type, by its name in `pg_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Bool,
    Int4,
    Jsonb,
    Numeric,
    Text,
    Timestamptz,
    Uuid,
}

impl ColumnType {
    /// `pg_type.typname`, which clients use to convert values.
    pub(crate) fn typname(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int4 => "int4",
            Self::Jsonb => "jsonb",
            Self::Numeric => "numeric",
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
    column("user_id", ColumnType::Uuid),
    column("transcript", ColumnType::Text),
    column("improved_transcript", ColumnType::Text),
    column("sentences", ColumnType::Jsonb),
    column("language", ColumnType::Text),
    column("status", ColumnType::Text),
    column("current_sentence_index", ColumnType::Int4),
    column("current_word_index", ColumnType::Int4),
    column("attempt_count", ColumnType::Int4),
    column("pronunciation_score", ColumnType::Numeric),
    column("pronunciation_analysis", ColumnType::Jsonb),
    column("error_message", ColumnType::Text),
    column("created_at", ColumnType::Timestamptz),
    column("updated_at", ColumnType::Timestamptz),
];

static PRACTICE_ATTEMPTS: [Column; 17] = [
    column("id", ColumnType::Uuid),
    column("session_id", ColumnType::Uuid),
    column("user_id", ColumnType::Uuid),
    column("attempt_type", ColumnType::Text),
    column("sentence_index", ColumnType::Int4),
    column("word_index", ColumnType::Int4),
    column("audio_url", ColumnType::Text),
    column("status", ColumnType::Text),
    column("pronunciation_score", ColumnType::Numeric),
    column("pronunciation_analysis", ColumnType::Jsonb),
    column("is_passed", ColumnType::Bool),
    column("feedback_data", ColumnType::Jsonb),
    column("transcription_results", ColumnType::Jsonb),
    column("word_level_scores", ColumnType::Jsonb),
    column("error_message", ColumnType::Text),
    column("created_at", ColumnType::Timestamptz),
    column("updated_at", ColumnType::Timestamptz),
];

impl Table {
    pub(crate) const ALL: [Self; 2] = [Self::PracticeSessions, Self::PracticeAttempts];

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
}
