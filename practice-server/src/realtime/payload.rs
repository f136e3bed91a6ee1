//! The `postgres_changes` payload: what a change looks like to clients.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::binding::BindingId;
use super::change::{Change, Operation, Table};
use super::columns::{Column, ColumnSet};

/// The largest encoded change; realtime-py accepts no frame above 1 MiB, and the envelope needs some room.
const CHANGE_BYTES_MAX: usize = 1024 * 1024 - 16 * 1024;

/// The largest value, encoded, that a change over [`CHANGE_BYTES_MAX`] keeps.
const KEPT_VALUE_BYTES_MAX: usize = 64;

/// A change frame's payload: whose bindings it is for, and the change, which is encoded only once.
#[derive(Serialize)]
pub(crate) struct ChangePayload<'a> {
    #[serde(serialize_with = "serialize_ids")]
    pub(crate) ids: &'a [BindingId],
    pub(crate) data: &'a RawValue,
}

fn serialize_ids<S: Serializer>(ids: &[BindingId], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ids.iter().map(|id| id.get()))
}

/// Encodes what a role that may see these columns is told of a change. A change that is too large for clients keeps
/// only its small values and says so in `errors`.
pub(crate) fn encode_change(change: &Change, columns: ColumnSet) -> Box<RawValue> {
    let whole = encode(change, columns, None);
    if whole.get().len() <= CHANGE_BYTES_MAX {
        return whole;
    }
    encode(change, columns, Some(KEPT_VALUE_BYTES_MAX))
}

fn encode(change: &Change, columns: ColumnSet, value_bytes_max: Option<usize>) -> Box<RawValue> {
    let row = |values| Row {
        table: change.table,
        values,
        columns,
        value_bytes_max,
    };
    let columns = change
        .row()
        .map(|values| row(values).columns())
        .unwrap_or_default();
    let data = ChangeData {
        schema: "public",
        table: change.table.name(),
        commit_timestamp: commit_timestamp(change.committed_unix_us),
        change_type: change.operation.name(),
        columns,
        record: change
            .record
            .as_ref()
            .filter(|_| change.operation != Operation::Delete)
            .map(row),
        old_record: change
            .old_record
            .as_ref()
            .filter(|_| change.operation != Operation::Insert)
            .map(row),
        errors: value_bytes_max.map(|_| ["Error 413: Payload Too Large"]),
        commit_timestamp_us: change.committed_unix_us,
        committed_monotonic_ns: change.committed_monotonic_ns,
        commit_record_monotonic_ns: change.commit_record_monotonic_ns,
    };
    serde_json::value::to_raw_value(&data).expect("text keys and JSON values always serialise")
}

/// Keys that do not apply are left out: realtime-py drops a message whose `old_record` is null.
#[derive(Serialize)]
struct ChangeData<'a> {
    schema: &'static str,
    table: &'static str,
    commit_timestamp: String,
    #[serde(rename = "type")]
    change_type: &'static str,
    columns: Vec<ColumnHeader>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<Row<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_record: Option<Row<'a>>,
    errors: Option<[&'static str; 1]>,
    /// Beyond the real server: the commit's wall-clock time in full precision.
    commit_timestamp_us: i64,
    /// Beyond the real server: when the commit returned, on the host's monotonic clock, if this server committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    committed_monotonic_ns: Option<u64>,
    /// Beyond the real server: the commit record's time, before the flush to disk, on the same clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_record_monotonic_ns: Option<u64>,
}

#[derive(Serialize)]
struct ColumnHeader {
    name: &'static str,
    #[serde(rename = "type")]
    typname: &'static str,
}

/// A row's visible columns in the order of the table's definition.
struct Row<'a> {
    table: Table,
    values: &'a Map<String, Value>,
    columns: ColumnSet,
    value_bytes_max: Option<usize>,
}

impl<'a> Row<'a> {
    fn present(&self) -> impl Iterator<Item = (&'static Column, &'a Value)> {
        let Self { values, columns, .. } = *self;
        let visible = self.table.columns().iter().enumerate();
        visible
            .filter(move |(position, _)| columns.contains(*position))
            .filter_map(move |(_, column)| values.get(column.name).map(|value| (column, value)))
    }

    fn columns(&self) -> Vec<ColumnHeader> {
        let header = |(column, _): (&'static Column, _)| ColumnHeader {
            name: column.name,
            typname: column.column_type.typname(),
        };
        self.present().map(header).collect()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (column, value) in self.present() {
            if self
                .value_bytes_max
                .is_none_or(|limit| encoded_length(value) <= limit)
            {
                map.serialize_entry(column.name, value)?;
            }
        }
        map.end()
    }
}

fn encoded_length(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(_) | Value::Object(_) => value.to_string().len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// UTC, cut to milliseconds, as the real server writes it.
fn commit_timestamp(unix_us: i64) -> String {
    jiff::Timestamp::from_microsecond(unix_us)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S.%3fZ")
        .to_string()
}

impl Operation {
    /// The operation's name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

impl Change {
    /// The row that filters and columns are about: the new one, or the old one of a delete.
    pub(crate) fn row(&self) -> Option<&Map<String, Value>> {
        match self.operation {
            Operation::Insert | Operation::Update => self.record.as_ref(),
            Operation::Delete => self.old_record.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests;
