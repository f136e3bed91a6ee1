//! The ledger: an append-only account of everything that was accepted, planned, sent and answered.
//!
//! The newest records stay in memory for `GET /_mock/ledger`; the file, if there is one, gets all of them as one
//! JSON object per line, with the single values of each result only. Records of the same call are appended together, so they
//! stand next to each other.

mod record;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

pub(crate) use record::{Entry, Event, Response, Subject};

use crate::error::Error;
use crate::metrics::{Bound, Metrics};

/// One answer holds at most this much, however many records were asked for.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    records_max: usize,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct State {
    /// The newest records, without gaps.
    recent: VecDeque<Entry>,
    last_seq: u64,
    file: Option<File>,
    /// Up to the end of the last whole record.
    file_bytes: u64,
}

/// Answer to `GET /_mock/ledger`.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    pub(crate) records: Vec<Box<RawValue>>,
    /// Where to continue: the number of the last record on this page, or `after` if there is none.
    pub(crate) last_seq: u64,
    /// The number of the newest record of all.
    pub(crate) newest_seq: u64,
    /// Records before this number are no longer in memory; absent as long as none was dropped.
    pub(crate) truncated_before: Option<u64>,
}

impl Ledger {
    /// # Errors
    /// When the file cannot be opened, or already holds records: two runs in one file could not be told apart.
    pub(crate) fn open(
        path: Option<&Path>,
        records_max: usize,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let file = path.map(open_empty).transpose()?;
        let state = State {
            recent: VecDeque::new(),
            last_seq: 0,
            file,
            file_bytes: 0,
        };
        Ok(Self {
            state: Mutex::new(state),
            records_max,
            metrics,
        })
    }

    /// Appends records in one write, or none of them.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn append(&self, entries: impl IntoIterator<Item = Entry>) -> io::Result<()> {
        let mut state = self.lock();
        let (entries, lines) = number(&state, entries)?;
        self.write(&mut state, &lines)?;
        self.keep(&mut state, entries);
        Ok(())
    }

    /// Appends a record of something that has happened and cannot be taken back, so it stays in memory even if the
    /// file cannot be written; that is counted and logged.
    pub(crate) fn note(&self, entry: Entry) {
        let mut state = self.lock();
        match number(&state, [entry]) {
            Ok((entries, lines)) => {
                // The failure is counted and logged where it occurs.
                let _ = self.write(&mut state, &lines);
                self.keep(&mut state, entries);
            }
            Err(error) => tracing::error!(%error, "cannot write a ledger record as JSON"),
        }
    }

    fn write(&self, state: &mut State, lines: &[u8]) -> io::Result<()> {
        let Some(file) = &mut state.file else {
            return Ok(());
        };
        let written = file.write_all(lines);
        match &written {
            Ok(()) => state.file_bytes += lines.len() as u64,
            Err(error) => {
                self.metrics.ledger_write_failures.inc();
                tracing::error!(%error, "cannot write the ledger file");
                // Half a line would spoil the next one.
                if let Err(error) = file.set_len(state.file_bytes) {
                    tracing::error!(%error, "cannot cut the ledger file to its last whole record");
                }
            }
        }
        written
    }

    fn keep(&self, state: &mut State, entries: Vec<Entry>) {
        state.last_seq += entries.len() as u64;
        state.recent.extend(entries);
        let excess = state.recent.len().saturating_sub(self.records_max);
        state.recent.drain(..excess);
        self.metrics.count_bound_hit(Bound::LedgerRecords, excess as u64);
    }

    /// The records that follow `after`, oldest first. A page may be shorter than `limit`; it is empty only when
    /// there are no more.
    ///
    /// # Errors
    /// When a record cannot be serialised.
    pub(crate) fn page(&self, after: u64, limit: usize) -> serde_json::Result<Page> {
        let (entries, newest_seq, oldest_seq) = {
            let state = self.lock();
            let oldest_seq = state.recent.front().map_or(state.last_seq + 1, |entry| entry.seq);
            let skipped = usize::try_from((after + 1).saturating_sub(oldest_seq)).unwrap_or(usize::MAX);
            let entries: Vec<Entry> = state.recent.iter().skip(skipped).take(limit).cloned().collect();
            (entries, state.last_seq, oldest_seq)
        };
        // Rendering computes results, so it happens outside the lock.
        let mut page = Page {
            records: Vec::new(),
            last_seq: after,
            newest_seq,
            truncated_before: None,
        };
        page.truncated_before = (oldest_seq > 1).then_some(oldest_seq);
        let mut size_bytes = 0;
        for entry in entries {
            let record = to_raw_value(&entry.render())?;
            size_bytes += record.get().len();
            page.last_seq = entry.seq;
            page.records.push(record);
            if size_bytes >= PAGE_BYTES_MAX {
                break;
            }
        }
        Ok(page)
    }

    /// A panic elsewhere must not lose the account, and each field is valid by itself.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Numbers the entries and, if there is a file, renders them as its next lines.
fn number(state: &State, entries: impl IntoIterator<Item = Entry>) -> io::Result<(Vec<Entry>, Vec<u8>)> {
    let mut lines = Vec::new();
    let mut numbered = Vec::new();
    for (mut entry, seq) in entries.into_iter().zip(state.last_seq + 1..) {
        entry.seq = seq;
        if state.file.is_some() {
            serde_json::to_writer(&mut lines, &entry.render_for_file())?;
            lines.push(b'\n');
        }
        numbered.push(entry);
    }
    Ok((numbered, lines))
}

fn open_empty(path: &Path) -> Result<File, Error> {
    let failed = |source| Error::OpenLedger {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > 0 {
        return Err(Error::LedgerNotEmpty {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Moment;
    use crate::schedule::Pending;

    fn entry(reference: &str) -> Entry {
        Entry::new(
            Moment {
                monotonic_ns: 5,
                unix_us: 6,
            },
            Subject::Reference(reference.to_owned()),
            Event::Polled { status: 200 },
        )
    }

    fn open(path: Option<&Path>, records_max: usize) -> Result<Ledger, Error> {
        Ledger::open(path, records_max, Arc::new(Metrics::new()))
    }

    fn references(page: &Page) -> Vec<String> {
        let name = |record: &RawValue| {
            let value: serde_json::Value = serde_json::from_str(record.get()).unwrap();
            format!(
                "{}{}",
                value["seq"],
                value["client_reference_id"].as_str().unwrap()
            )
        };
        page.records.iter().map(|record| name(record)).collect()
    }

    #[test]
    fn pages_continue_where_the_last_one_ended() {
        let ledger = open(None, 100).unwrap();
        ledger.append([entry("a"), entry("b")]).unwrap();
        ledger.append([entry("c")]).unwrap();

        let first = ledger.page(0, 2).unwrap();
        assert_eq!(references(&first), ["1a", "2b"]);
        assert_eq!(
            (first.last_seq, first.newest_seq, first.truncated_before),
            (2, 3, None)
        );
        let second = ledger.page(first.last_seq, 2).unwrap();
        assert_eq!(references(&second), ["3c"]);
        let end = ledger.page(second.last_seq, 2).unwrap();
        assert_eq!((end.records.len(), end.last_seq), (0, 3));
        assert_eq!(ledger.page(99, 2).unwrap().records.len(), 0);
    }

    #[test]
    fn memory_is_bounded_and_says_what_is_gone_while_the_file_keeps_all() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.jsonl");
        let ledger = open(Some(&path), 2).unwrap();
        for name in ["a", "b", "c", "d"] {
            ledger.append([entry(name)]).unwrap();
        }
        let page = ledger.page(0, 10).unwrap();
        assert_eq!(references(&page), ["3c", "4d"]);
        assert_eq!(page.truncated_before, Some(3));

        let text = std::fs::read_to_string(&path).unwrap();
        let seqs: Vec<u64> = text
            .lines()
            .map(|line| {
                serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"]
                    .as_u64()
                    .unwrap()
            })
            .collect();
        assert_eq!(seqs, [1, 2, 3, 4]);
    }

    #[test]
    fn what_cannot_be_written_is_not_accepted_but_what_happened_is_kept() {
        let ledger = open(Some(Path::new("/dev/full")), 10).unwrap();
        assert!(ledger.append([entry("a"), entry("b")]).is_err());
        assert_eq!(references(&ledger.page(0, 10).unwrap()), Vec::<String>::new());
        ledger.note(entry("c"));
        assert_eq!(references(&ledger.page(0, 10).unwrap()), ["1c"]);
        let metrics = ledger.metrics.render(Pending::default()).unwrap();
        assert!(
            metrics.contains("mock_classconnect_ledger_write_failures_total 2"),
            "{metrics}"
        );
    }

    #[test]
    fn a_file_with_records_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        assert!(matches!(open(Some(&path), 2), Err(Error::LedgerNotEmpty { .. })));
        let missing = directory.path().join("missing/ledger.jsonl");
        assert!(matches!(open(Some(&missing), 2), Err(Error::OpenLedger { .. })));
    }
}
