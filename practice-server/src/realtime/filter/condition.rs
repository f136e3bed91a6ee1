//! One condition of a filter: a column, an operator and its operand.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::scalar::Scalar;
use super::syntax::{split_top_level, unquote};
use super::{FilterError, Table};
use crate::realtime::columns::{Column, ColumnType};

/// The most values an `in` list may have, as on the real server.
const IN_VALUES_MAX: usize = 100;

/// The largest compiled regular expression, in bytes.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// A column that is compared with something.
#[derive(Debug)]
pub(super) struct Condition {
    column: &'static Column,
    negated: bool,
    test: Test,
}

/// What is asked of the column's value.
#[derive(Debug)]
enum Test {
    Compare(Comparison, Scalar),
    In(Vec<Scalar>),
    Is(Truth),
    IsDistinctFrom(Scalar),
    Matches(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy)]
enum Truth {
    Null,
    True,
    False,
    Unknown,
}

impl Condition {
    pub(super) fn parse(text: &str, table: Table) -> Result<Self, FilterError> {
        let refuse = |reason: String| FilterError::new(text, reason);
        let Some((name, test)) = text.split_once('=') else {
            return Err(refuse("a filter has the form column=operator.value".to_owned()));
        };
        let column = table
            .column(name.trim())
            .ok_or_else(|| refuse(format!("{} has no column `{}`", table.name(), name.trim())))?;
        let (negated, test) = match test.strip_prefix("not.") {
            Some(rest) => (true, rest),
            None => (false, test),
        };
        let Some((operator, operand)) = test.split_once('.') else {
            return Err(refuse("a filter has the form column=operator.value".to_owned()));
        };
        let test = Test::parse(operator, operand, column).map_err(refuse)?;
        Ok(Self {
            column,
            negated,
            test,
        })
    }

    pub(super) fn column_name(&self) -> &'static str {
        self.column.name
    }

    /// True, false, or unknown (`None`): what SQL would say.
    pub(super) fn evaluate(&self, row: &Map<String, Value>) -> Option<bool> {
        let value = row.get(self.column.name)?;
        let outcome = self.test.evaluate(value, self.column.column_type)?;
        Some(outcome != self.negated)
    }

    pub(super) fn required_value(&self) -> Option<(&'static Column, &Scalar)> {
        match &self.test {
            Test::Compare(Comparison::Equal, scalar) if !self.negated => Some((self.column, scalar)),
            _ => None,
        }
    }
}

impl Test {
    fn parse(operator: &str, operand: &str, column: &Column) -> Result<Self, String> {
        let compare =
            |comparison| Ok::<_, String>(Self::Compare(comparison, scalar(&unquoted(operand)?, column)?));
        match operator {
            "eq" => compare(Comparison::Equal),
            "neq" => compare(Comparison::NotEqual),
            "lt" => compare(Comparison::Less),
            "lte" => compare(Comparison::LessOrEqual),
            "gt" => compare(Comparison::Greater),
            "gte" => compare(Comparison::GreaterOrEqual),
            "in" => Self::parse_in(operand, column),
            "is" => Self::parse_is(operand, column),
            "isdistinct" => Ok(Self::IsDistinctFrom(scalar(&unquoted(operand)?, column)?)),
            "like" => pattern(&like_to_regex(&unquoted(operand)?), false, column),
            "ilike" => pattern(&like_to_regex(&unquoted(operand)?), true, column),
            "match" => pattern(&unquoted(operand)?, false, column),
            "imatch" => pattern(&unquoted(operand)?, true, column),
            _ => Err(format!("`{operator}` is not an operator")),
        }
    }

    fn parse_in(operand: &str, column: &Column) -> Result<Self, String> {
        let list = operand
            .trim()
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .ok_or("`in` needs its values in parentheses")?;
        if list.trim().is_empty() {
            return Ok(Self::In(Vec::new()));
        }
        let values = split_top_level(list).ok_or("a quote or a parenthesis is not closed")?;
        if values.len() > IN_VALUES_MAX {
            return Err(format!(
                "`in` takes at most {IN_VALUES_MAX} values, not {}",
                values.len()
            ));
        }
        let scalars = values
            .into_iter()
            .map(|value| scalar(&unquoted(value.trim())?, column))
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Self::In(scalars))
    }

    fn parse_is(operand: &str, column: &Column) -> Result<Self, String> {
        let truth = match operand.to_ascii_lowercase().as_str() {
            "null" => Truth::Null,
            "true" => Truth::True,
            "false" => Truth::False,
            "unknown" => Truth::Unknown,
            _ => {
                return Err(format!(
                    "`is` takes null, true, false or unknown, not `{operand}`"
                ));
            }
        };
        if !matches!(truth, Truth::Null) && column.column_type != ColumnType::Bool {
            return Err(format!(
                "`{}` is not a boolean column, it can only be compared with null",
                column.name
            ));
        }
        Ok(Self::Is(truth))
    }

    fn evaluate(&self, value: &Value, column_type: ColumnType) -> Option<bool> {
        match self {
            Self::Is(Truth::Null | Truth::Unknown) => Some(value.is_null()),
            Self::Is(Truth::True) => Some(value.as_bool() == Some(true)),
            Self::Is(Truth::False) => Some(value.as_bool() == Some(false)),
            Self::IsDistinctFrom(_) if value.is_null() => Some(true),
            Self::IsDistinctFrom(operand) => Some(Scalar::from_row(value, column_type)? != *operand),
            Self::Compare(comparison, operand) => {
                Some(comparison.holds(Scalar::from_row(value, column_type)?.cmp(operand)))
            }
            Self::In(operands) => Some(operands.contains(&Scalar::from_row(value, column_type)?)),
            Self::Matches(pattern) => Some(pattern.is_match(value.as_str()?)),
        }
    }
}

impl Comparison {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

fn unquoted(value: &str) -> Result<String, String> {
    unquote(value).ok_or_else(|| format!("the quotes of {value} do not enclose the whole value"))
}

fn scalar(literal: &str, column: &Column) -> Result<Scalar, String> {
    Scalar::from_literal(literal, column.column_type).ok_or_else(|| {
        let typname = column.column_type.typname();
        format!(
            "`{literal}` cannot be compared with `{}`, which is {typname}",
            column.name
        )
    })
}

fn pattern(regex: &str, case_insensitive: bool, column: &Column) -> Result<Test, String> {
    if column.column_type != ColumnType::Text {
        return Err(format!(
            "`{}` is not a text column, it cannot be matched with a pattern",
            column.name
        ));
    }
    RegexBuilder::new(regex)
        .case_insensitive(case_insensitive)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map(Test::Matches)
        .map_err(|error| format!("the pattern is not usable: {error}"))
}

/// LIKE's `%` (any text), `_` (any character) and `\` (the next character as it is), anchored on both ends.
fn like_to_regex(pattern: &str) -> String {
    let mut regex = String::from("(?s)^");
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match character {
            '%' => regex.push_str(".*"),
            '_' => regex.push('.'),
            '\\' => {
                let literal = characters.next().unwrap_or('\\');
                regex.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
            }
            other => regex.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}
