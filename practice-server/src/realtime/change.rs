//! One committed row change: what storage hands to realtime, in commit order.

use serde_json::{Map, Value};

/// What happened to the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Insert,
    Update,
    Delete,
}

/// The tables whose changes are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Table {
    PracticeSessions,
    PracticeAttempts,
}

/// A row change that has been committed. SQLite's writer publishes the changes of a transaction after its commit has
/// returned, PostgreSQL's come from its log; both in commit order.
#[derive(Debug, Clone)]
pub struct Change {
    pub table: Table,
    pub operation: Operation,
    /// The row after the change (absent for a delete): column name to JSON-typed value.
    pub record: Option<Map<String, Value>>,
    /// The row before the change (absent for an insert): its primary key, and what else the database told.
    pub old_record: Option<Map<String, Value>>,
    /// The moment the commit returned: `CLOCK_MONOTONIC`, nanoseconds. Processes on one host can compare it. `None`
    /// when another program committed the change.
    pub committed_monotonic_ns: Option<u64>,
    /// The time of the commit record in PostgreSQL's log, taken before the flush to disk and mapped onto the same clock.
    /// It is as good as the two hosts' clocks agree; `None` where there is no such record.
    pub commit_record_monotonic_ns: Option<u64>,
    /// The commit on the wall clock, microseconds since the Unix epoch. From PostgreSQL it is the commit record's
    /// time, which is taken before the flush to disk.
    pub committed_unix_us: i64,
}
