//! Reading columns into values, and values into columns.

use std::fmt::Display;
use std::str::FromStr;

use rusqlite::Row;
use rusqlite::types::FromSql;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

const DOING: &str = "reading a row";

/// A column as the type the driver reads it as.
pub(super) fn read<T: FromSql>(
    row: &Row<'_>,
    column: &'static str,
    doing: &'static str,
) -> Result<T, StoreError> {
    row.get(column).map_err(|error| StoreError::new(doing, error))
}

/// A column of text, without a copy of it.
fn text<'r>(row: &'r Row<'_>, column: &'static str) -> Result<&'r str, StoreError> {
    optional_text(row, column)?.ok_or_else(|| StoreError::corrupt(column, "it is null"))
}

fn optional_text<'r>(row: &'r Row<'_>, column: &'static str) -> Result<Option<&'r str>, StoreError> {
    row.get_ref(column)
        .map_err(|error| StoreError::new(DOING, error))?
        .as_str_or_null()
        .map_err(|error| StoreError::corrupt(column, error))
}

/// A column of text that parses into a value, such as an id.
pub(super) fn parsed<T>(row: &Row<'_>, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    text(row, column)?
        .parse()
        .map_err(|error| StoreError::corrupt(column, error))
}

/// The same where the column may be null.
pub(super) fn optional_parsed<T>(row: &Row<'_>, column: &'static str) -> Result<Option<T>, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    optional_text(row, column)?
        .map(|text| text.parse().map_err(|error| StoreError::corrupt(column, error)))
        .transpose()
}

/// A column that holds one of a closed set of words.
pub(super) fn word<T>(
    row: &Row<'_>,
    column: &'static str,
    from_word: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text = text(row, column)?;
    from_word(text).ok_or_else(|| StoreError::corrupt(column, format!("{text:?} is no known word")))
}

/// A nullable column of JSON text.
pub(super) fn optional_json<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    optional_text(row, column)?
        .map(|text| serde_json::from_str(text).map_err(|error| StoreError::corrupt(column, error)))
        .transpose()
}

/// A value as JSON text.
pub(super) fn json_text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt("a value for a JSON column", error))
}
