//! Row filters of a subscription: `column=operator.value`, several joined by commas, meaning AND.
//!
//! [`Filter::parse`] checks a filter against a table's columns once, when the client subscribes;
//! [`Filter::matches`] evaluates it per row. Evaluation is three-valued like SQL's: a comparison with NULL
//! is unknown, its negation is unknown too, and only a row for which every condition is *true* is visible.
//! A column that the row does not carry is unknown to every operator, so a filter never fails open.

mod condition;
mod scalar;
mod syntax;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use super::change::Table;
use super::columns::{Column, ColumnSet};
use condition::Condition;
pub(crate) use scalar::Scalar;

/// The longest accepted filter, in bytes: two `in` lists of a hundred UUIDs fit.
const FILTER_BYTES_MAX: usize = 8 * 1024;

/// A filter that was checked against the columns of one table.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    conditions: Vec<Condition>,
    columns: ColumnSet,
}

/// Why a filter was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Error parsing `filter` params: {params}: {reason}")]
pub(crate) struct FilterError {
    params: String,
    reason: String,
}

impl FilterError {
    fn new(condition: &str, reason: impl Into<String>) -> Self {
        let parts: Vec<&str> = match condition.split_once('=') {
            Some((column, test)) => vec![column, test],
            None => vec![condition],
        };
        Self {
            params: Value::from(parts).to_string(),
            reason: reason.into(),
        }
    }
}

impl Filter {
    /// Parses a filter for `table`. Empty text is the filter that every row passes.
    pub(crate) fn parse(text: &str, table: Table) -> Result<Self, FilterError> {
        if text.len() > FILTER_BYTES_MAX {
            let reason = format!(
                "a filter may have at most {FILTER_BYTES_MAX} bytes, this one has {}",
                text.len()
            );
            return Err(FilterError::new("", reason));
        }
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let parts = syntax::split_top_level(text)
            .ok_or_else(|| FilterError::new(text, "a quote or a parenthesis is not closed"))?;
        let conditions = parts
            .into_iter()
            .map(|part| Condition::parse(part.trim(), table))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = conditions
            .iter()
            .filter_map(|condition| table.position(condition.column_name()));
        Ok(Self {
            columns: ColumnSet::of(columns),
            conditions,
        })
    }

    /// The columns that the filter looks at.
    pub(crate) fn columns(&self) -> ColumnSet {
        self.columns
    }

    /// Whether the row is visible through this filter.
    pub(crate) fn matches(&self, row: &Map<String, Value>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.evaluate(row) == Some(true))
    }

    /// The column and value that every matching row must have, if the filter demands one: what the
    /// subscription index looks up instead of scanning.
    pub(crate) fn required_value(&self) -> Option<(&'static Column, &Scalar)> {
        self.conditions.iter().find_map(Condition::required_value)
    }
}
