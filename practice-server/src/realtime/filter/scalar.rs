//! Typed values that a filter compares: the literal in the filter and the value in the row.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

use serde_json::Value;
use uuid::Uuid;

use crate::realtime::columns::ColumnType;

/// A value of a comparable column type. Both sides of a comparison come from the same column, so they are
/// always the same variant. Text is ordered by code point, as in the collation "C".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Scalar {
    Bool(bool),
    Float(Finite),
    Integer(i64),
    Text(String),
    Timestamp(jiff::Timestamp),
    Uuid(Uuid),
}

impl Scalar {
    /// Reads a literal the way PostgreSQL would cast it to the column's type. `None` when it is not a value
    /// of that type; `jsonb` has no comparable values.
    pub(crate) fn from_literal(text: &str, column_type: ColumnType) -> Option<Self> {
        match column_type {
            ColumnType::Bool => match text {
                "true" | "t" => Some(Self::Bool(true)),
                "false" | "f" => Some(Self::Bool(false)),
                _ => None,
            },
            ColumnType::Float8 => text.parse().ok().and_then(Finite::try_new).map(Self::Float),
            ColumnType::Int4 => text
                .parse::<i32>()
                .ok()
                .map(|number| Self::Integer(number.into())),
            ColumnType::Jsonb => None,
            ColumnType::Text => Some(Self::Text(text.to_owned())),
            ColumnType::Timestamptz => text.parse().ok().map(Self::Timestamp),
            ColumnType::Uuid => Uuid::try_parse(text).ok().map(Self::Uuid),
        }
    }

    /// Reads a row's value. `None` for NULL and for a value that does not fit the column's type.
    pub(crate) fn from_row(value: &Value, column_type: ColumnType) -> Option<Self> {
        match (column_type, value) {
            (_, Value::String(text)) => Self::from_literal(text, column_type),
            (ColumnType::Bool, Value::Bool(truth)) => Some(Self::Bool(*truth)),
            (ColumnType::Int4, Value::Number(number)) => number.as_i64().map(Self::Integer),
            (ColumnType::Float8, Value::Number(number)) => {
                number.as_f64().and_then(Finite::try_new).map(Self::Float)
            }
            _ => None,
        }
    }
}

/// A finite number. Equal numbers are equal bit for bit (there is no negative zero), so it can be hashed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finite(f64);

impl Finite {
    pub(crate) fn try_new(number: f64) -> Option<Self> {
        // Adding zero turns -0.0 into 0.0 and changes nothing else.
        number.is_finite().then_some(Self(number + 0.0))
    }
}

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Finite {}

impl Hash for Finite {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
