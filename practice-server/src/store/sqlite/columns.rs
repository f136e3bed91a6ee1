//! Reading columns into values, and values into columns.

use std::fmt::Display;
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use crate::store::StoreError;

/// A column as the type the driver reads it as.
pub(super) fn read<'r, T>(
    row: &'r SqliteRow,
    column: &'static str,
    doing: &'static str,
) -> Result<T, StoreError>
where
    T: Decode<'r, Sqlite> + Type<Sqlite>,
{
    row.try_get(column).map_err(|error| StoreError::new(doing, error))
}

/// A column of text that parses into a value, such as an id.
pub(super) fn parsed<T>(row: &SqliteRow, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr,
    T::Err: Display,
{
    let text: &str = read(row, column, "reading a row")?;
    text.parse().map_err(|error| StoreError::corrupt(column, error))
}

/// A column that holds one of a closed set of words.
pub(super) fn word<T>(
    row: &SqliteRow,
    column: &'static str,
    from_word: impl Fn(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: &str = read(row, column, "reading a row")?;
    from_word(text).ok_or_else(|| StoreError::corrupt(column, format!("{text:?} is no known word")))
}

/// A nullable column of JSON text.
pub(super) fn optional_json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = read(row, column, "reading a row")?;
    text.map(|text| serde_json::from_str(text).map_err(|error| StoreError::corrupt(column, error)))
        .transpose()
}

/// A value as JSON text.
pub(super) fn json_text(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt("a value for a JSON column", error))
}
