//! An open transaction: the rows that units of work read and write, whatever the backend.

mod books;
mod outbox;
mod practice;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::domain::Timestamp;
use crate::realtime::{Change, Operation, Table};
use crate::store::StoreError;
use crate::store::postgres::{self, Work};
use crate::store::sqlite::Connection;

enum Backend<'c> {
    Sqlite(&'c mut Connection),
    Postgres(&'c mut Work),
}

/// A change that is not committed yet.
struct Draft {
    table: Table,
    operation: Operation,
    record: Map<String, Value>,
    old_record: Option<Map<String, Value>>,
}

/// One open transaction. What it writes to sessions and attempts becomes changes once it is committed.
pub struct Tx<'c> {
    backend: Backend<'c>,
    now: Timestamp,
    drafts: Vec<Draft>,
    calls_enqueued: bool,
}

/// What a transaction leaves behind for the moment after its commit.
#[derive(Default)]
pub(super) struct Effects {
    drafts: Vec<Draft>,
    pub(super) calls_enqueued: bool,
}

impl Effects {
    /// Stamps the drafts with the moment the commit returned.
    pub(super) fn into_changes(self, committed_monotonic_ns: u64, committed_at: Timestamp) -> Arc<[Change]> {
        let stamp = |draft: Draft| Change {
            table: draft.table,
            operation: draft.operation,
            record: Some(draft.record),
            old_record: draft.old_record,
            committed_monotonic_ns: Some(committed_monotonic_ns),
            commit_record_monotonic_ns: None,
            committed_unix_us: committed_at.unix_us(),
        };
        self.drafts.into_iter().map(stamp).collect()
    }
}

impl<'c> Tx<'c> {
    pub(super) fn sqlite(connection: &'c mut Connection, now: Timestamp) -> Self {
        Self::on(Backend::Sqlite(connection), now)
    }

    pub(super) fn postgres(work: &'c mut Work, now: Timestamp) -> Self {
        Self::on(Backend::Postgres(work), now)
    }

    fn on(backend: Backend<'c>, now: Timestamp) -> Self {
        Self {
            backend,
            now,
            drafts: Vec::new(),
            calls_enqueued: false,
        }
    }

    /// Writes what a backend has kept back. Called once the unit of work has said what it wants.
    pub(super) async fn flush(&mut self) -> Result<(), StoreError> {
        match &mut self.backend {
            Backend::Sqlite(_) => Ok(()),
            Backend::Postgres(work) => postgres::pending::flush(work).await,
        }
    }

    pub(super) fn into_effects(self) -> Effects {
        Effects {
            drafts: self.drafts,
            calls_enqueued: self.calls_enqueued,
        }
    }

    /// The moment this transaction began; every row it writes carries it.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}
