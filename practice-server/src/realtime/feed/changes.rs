//! From the log's messages to the changes of the published tables.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::json::typed;
use super::pgoutput::{Begin, Datum, Message, Relation, Tuple};
use crate::realtime::change::{Change, Operation, Table};
use crate::realtime::columns::Column;

/// What a message amounts to.
#[derive(Debug)]
pub(super) enum Event {
    /// A row of a published table was changed by the transaction under way.
    Changed(Box<Row>),
    /// A published table was announced: it, its privileges or its policies may have changed since.
    Announced,
    /// The transaction has ended.
    Committed,
    /// Nothing that subscribers see.
    Nothing,
}

/// A changed row.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) table: Table,
    pub(super) operation: Operation,
    pub(super) record: Option<Map<String, Value>>,
    pub(super) old_record: Option<Map<String, Value>>,
}

/// When a transaction was committed, on the host's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    /// When COMMIT returned, if this server committed.
    pub(super) returned_ns: Option<u64>,
    /// The time of the commit record.
    pub(super) recorded_ns: u64,
}

impl Row {
    pub(super) fn into_change(self, begin: Begin, moments: Moments) -> Change {
        Change {
            table: self.table,
            operation: self.operation,
            record: self.record,
            old_record: self.old_record,
            committed_monotonic_ns: moments.returned_ns,
            commit_record_monotonic_ns: Some(moments.recorded_ns),
            committed_unix_us: begin.committed_unix_us,
        }
    }
}

/// Messages that cannot follow on those before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutOfOrder {
    #[error("a row belongs to a table ({0}) that was not announced")]
    UnknownRelation(u32),
    #[error("a row has {found} values, but its table has {expected} columns")]
    WrongWidth { expected: usize, found: usize },
    #[error("a row lies outside a transaction")]
    OutsideTransaction,
}

/// Where a published table's columns stand in its rows.
#[derive(Debug)]
struct Layout {
    table: Table,
    /// Per column of the database: the published column it is, and its type there. Columns that are not published are
    /// internal.
    columns: Vec<Option<(&'static Column, u32)>>,
}

/// Follows the messages of one stream.
#[derive(Debug, Default)]
pub(super) struct Follower {
    /// Announced tables by their id; `None` for those that are not published here.
    layouts: HashMap<u32, Option<Layout>>,
    transaction: Option<Begin>,
}

impl Follower {
    /// The transaction whose messages are coming.
    pub(super) fn transaction(&self) -> Option<Begin> {
        self.transaction
    }

    /// # Errors
    /// A message that makes no sense after those before.
    pub(super) fn follow(&mut self, message: Message<'_>) -> Result<Event, OutOfOrder> {
        match message {
            Message::Begin(begin) => {
                self.transaction = Some(begin);
                Ok(Event::Nothing)
            }
            Message::Commit => {
                self.transaction = None;
                Ok(Event::Committed)
            }
            Message::Relation(relation) => Ok(self.announce(&relation)),
            Message::Insert { relation, new } => self.row(relation, Operation::Insert, None, Some(new)),
            Message::Update { relation, old, new } => self.row(relation, Operation::Update, old, Some(new)),
            Message::Delete { relation, old } => self.row(relation, Operation::Delete, Some(old), None),
            // The real server does not tell clients about a truncation either.
            Message::Truncate | Message::Other => Ok(Event::Nothing),
        }
    }

    fn announce(&mut self, relation: &Relation<'_>) -> Event {
        let table = Table::from_name(relation.name).filter(|_| relation.schema == "public");
        let layout = table.map(|table| Layout {
            table,
            columns: relation
                .columns
                .iter()
                .map(|column| Some((table.column(column.name)?, column.type_oid)))
                .collect(),
        });
        let event = match layout {
            Some(_) => Event::Announced,
            None => Event::Nothing,
        };
        self.layouts.insert(relation.id, layout);
        event
    }

    fn row(
        &self,
        relation: u32,
        operation: Operation,
        old: Option<Tuple<'_>>,
        new: Option<Tuple<'_>>,
    ) -> Result<Event, OutOfOrder> {
        if self.transaction.is_none() {
            return Err(OutOfOrder::OutsideTransaction);
        }
        let Some(layout) = self
            .layouts
            .get(&relation)
            .ok_or(OutOfOrder::UnknownRelation(relation))?
        else {
            return Ok(Event::Nothing);
        };
        for tuple in old.iter().chain(&new) {
            layout.check_width(tuple)?;
        }
        let mut before = old.as_ref().map(|tuple| layout.values(tuple));
        let record = new.map(|tuple| layout.record(&tuple, before.as_ref()));
        if operation == Operation::Update {
            // The log repeats the key only if it changed; clients get it always.
            before = before.or_else(|| record.as_ref().map(key_of));
        }
        Ok(Event::Changed(Box::new(Row {
            table: layout.table,
            operation,
            record,
            old_record: before,
        })))
    }
}

impl Layout {
    fn check_width(&self, tuple: &Tuple<'_>) -> Result<(), OutOfOrder> {
        let (expected, found) = (self.columns.len(), tuple.values.len());
        if expected == found {
            return Ok(());
        }
        Err(OutOfOrder::WrongWidth { expected, found })
    }

    /// The published columns of an old row, as far as the log holds them.
    fn values(&self, tuple: &Tuple<'_>) -> Map<String, Value> {
        let mut values = Map::new();
        for (column, datum) in self.columns.iter().zip(&tuple.values) {
            let Some((column, type_oid)) = column else {
                continue;
            };
            match datum {
                // In the image of a key, nulls stand for what is not part of it.
                Datum::Null if tuple.key_only => {}
                Datum::Null => drop(values.insert(column.name.to_owned(), Value::Null)),
                Datum::Unchanged => {}
                Datum::Text(text) => drop(values.insert(column.name.to_owned(), typed(*type_oid, text))),
            }
        }
        values
    }

    /// The new row; a large value that the update did not touch comes from the old one, if it is there.
    fn record(&self, tuple: &Tuple<'_>, before: Option<&Map<String, Value>>) -> Map<String, Value> {
        let mut record = self.values(tuple);
        for (column, datum) in self.columns.iter().zip(&tuple.values) {
            if let (Some((column, _)), Datum::Unchanged) = (column, datum)
                && let Some(value) = before.and_then(|before| before.get(column.name))
            {
                record.insert(column.name.to_owned(), value.clone());
            }
        }
        record
    }
}

fn key_of(record: &Map<String, Value>) -> Map<String, Value> {
    let key = record
        .get(Table::KEY)
        .map(|key| (Table::KEY.to_owned(), key.clone()));
    key.into_iter().collect()
}

#[cfg(test)]
mod tests;
