//! Columns into values, and values into columns, in PostgreSQL's binary formats.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgRow, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::types::Json;
use sqlx::{Column, Decode, Encode, Postgres, Row, Type, ValueRef};
use uuid::Uuid;

use crate::domain::{Timestamp, UserId};
use crate::store::StoreError;

const DOING: &str = "reading a row";

/// `timestamptz`, as `pg_type` numbers it.
const TIMESTAMPTZ: Oid = Oid(1184);
/// From the Unix epoch to PostgreSQL's, 2000-01-01, in microseconds.
const EPOCH_US: i64 = 946_684_800_000_000;

/// PostgreSQL sends a moment as microseconds since 2000: exactly what a [`Timestamp`] is, counted from elsewhere.
impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }

    fn compatible(column: &PgTypeInfo) -> bool {
        column.oid() == Some(TIMESTAMPTZ)
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.unix_us().saturating_sub(EPOCH_US), buffer)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return Err("a moment is only read in the binary format".into());
        }
        let since_2000 = <i64 as Decode<'_, Postgres>>::decode(value)?;
        Ok(Self::from_unix_us(since_2000.saturating_add(EPOCH_US)))
    }
}

/// The columns of a row, taken one after another in the order in which the statement lists them.
pub(super) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r PgRow) -> Self {
        Self { row, next: 0 }
    }

    /// The next column, as the type the driver reads it as. Its name is for errors, and for finding out in a debug build
    /// that statement and reader list different columns.
    pub(super) fn take<T>(&mut self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Postgres> + Type<Postgres>,
    {
        let index = self.advance(column);
        self.row
            .try_get(index)
            .map_err(|error| StoreError::new(DOING, error))
    }

    /// A column that is never negative.
    pub(super) fn count(&mut self, column: &'static str) -> Result<u32, StoreError> {
        self.optional_count(column)?
            .ok_or_else(|| StoreError::corrupt(column, "it is null"))
    }

    pub(super) fn optional_count(&mut self, column: &'static str) -> Result<Option<u32>, StoreError> {
        let number: Option<i32> = self.take(column)?;
        number
            .map(|number| u32::try_from(number).map_err(|_| StoreError::corrupt(column, number)))
            .transpose()
    }

    /// A column of `uuid`.
    pub(super) fn id<T: From<Uuid>>(&mut self, column: &'static str) -> Result<T, StoreError> {
        self.take::<Uuid>(column).map(T::from)
    }

    pub(super) fn optional_id<T: From<Uuid>>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.take::<Option<Uuid>>(column)?.map(T::from))
    }

    /// A column of text whose value obeys a rule of the domain.
    pub(super) fn ruled<T, E: Display>(
        &mut self,
        column: &'static str,
        parse: impl FnOnce(String) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.take(column)?).map_err(|refusal| StoreError::corrupt(column, refusal))
    }

    pub(super) fn user_id(&mut self) -> Result<UserId, StoreError> {
        UserId::parse(self.take("user_id")?).map_err(|refusal| StoreError::corrupt("user_id", refusal))
    }

    /// A column that holds one of a closed set of words.
    pub(super) fn word<T>(
        &mut self,
        column: &'static str,
        from_word: impl Fn(&str) -> Option<T>,
    ) -> Result<T, StoreError> {
        let text: &str = self.take(column)?;
        from_word(text).ok_or_else(|| StoreError::corrupt(column, format!("{text:?} is no known word")))
    }

    /// A nullable column of `jsonb`.
    pub(super) fn optional_json<T: DeserializeOwned + 'static>(
        &mut self,
        column: &'static str,
    ) -> Result<Option<T>, StoreError> {
        let index = self.advance(column);
        let value = self
            .row
            .try_get_raw(index)
            .map_err(|error| StoreError::new(DOING, error))?;
        if value.is_null() {
            return Ok(None);
        }
        let Json(value) = <Json<T> as Decode<'_, Postgres>>::decode(value)
            .map_err(|error| StoreError::corrupt(column, error))?;
        Ok(Some(value))
    }

    fn advance(&mut self, column: &'static str) -> usize {
        let index = self.next;
        self.next += 1;
        debug_assert_eq!(
            self.row.columns().get(index).map(Column::name),
            Some(column),
            "column {index} of a statement"
        );
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_sent_as_microseconds_since_2000() {
        let mut buffer = PgArgumentBuffer::default();
        let moment = Timestamp::from_unix_us(EPOCH_US + 1);
        let _ = Encode::<Postgres>::encode(moment, &mut buffer).unwrap();
        assert_eq!(buffer.as_slice(), 1_i64.to_be_bytes());
    }
}
