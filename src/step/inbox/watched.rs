//! The columns that anything in the plan looks at, and what is kept of a row because of that.
//!
//! A row is some kilobytes, and a user may have a hundred events: what no step can ask for is not kept. Of the columns
//! that are kept there is a digest, so that an event has the same size whatever its row holds.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_128;

use crate::plan::{EventMatch, Plan, Step};
use crate::protocol::RawRow;
use crate::step::render::{VariableValue, render};

/// The tables and columns that the awaits and feedbacks of a plan name: known before the first user starts, and the
/// same for all of them.
#[derive(Debug, Default)]
pub(in crate::step) struct WatchedColumns {
    tables: Vec<WatchedTable>,
}

#[derive(Debug)]
struct WatchedTable {
    name: String,
    /// Each name once.
    columns: Vec<String>,
}

/// What is kept of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptRow {
    /// Position in [`WatchedColumns::tables`]; `None` = nothing looks at this table.
    table: Option<u16>,
    /// A digest for each watched column of the table.
    columns: Box<[Digest]>,
}

/// A row change that is looked for, with its columns rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::step) struct Wanted {
    table: Option<u16>,
    /// Position among the table's watched columns, and the value.
    columns: Box<[(u16, Digest)]>,
}

/// A hash of a value's text. With 128 bits, two texts that share one are not to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Digest(u128);

impl Digest {
    /// Stands for a column that a row does not have.
    const ABSENT: Self = Self(0);

    fn of(text: &str) -> Self {
        Self(xxh3_128(text.as_bytes()))
    }
}

impl WatchedColumns {
    /// The columns that the journeys of a plan look at.
    pub(in crate::step) fn of(plan: &Plan) -> Self {
        let mut matches = Vec::new();
        for journey in &plan.journeys {
            collect(&journey.steps, &mut matches);
        }
        Self::named_by(matches)
    }

    pub(super) fn named_by<'a>(matches: impl IntoIterator<Item = &'a EventMatch>) -> Self {
        let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for event in matches {
            let columns = tables.entry(&event.table).or_default();
            for (column, _) in &event.columns {
                if !columns.contains(column) {
                    columns.push(column.clone());
                }
            }
        }
        let tables = tables.into_iter().map(|(name, columns)| WatchedTable {
            name: name.to_owned(),
            columns,
        });
        Self {
            tables: tables.collect(),
        }
    }

    /// What one of the plan's steps looks for, for a user with these values.
    pub(in crate::step) fn wanted(&self, event: &EventMatch, values: &[VariableValue]) -> Wanted {
        let place = self.place(&event.table);
        let watched = self.table(place);
        let columns = event.columns.iter().map(|(column, template)| {
            let place = position(watched, |name| name == column).unwrap_or(u16::MAX);
            (place, Digest::of(&render(template, values)))
        });
        Wanted {
            table: place,
            columns: columns.collect(),
        }
    }

    /// What is kept of a row.
    pub(super) fn keep(&self, table: &str, row: RawRow<'_>) -> KeptRow {
        let place = self.place(table);
        let watched = self.table(place);
        let mut columns = vec![Digest::ABSENT; watched.len()].into_boxed_slice();
        let mut missing = watched.len();
        for (name, value) in row.columns() {
            if missing == 0 {
                break;
            }
            let slot = watched.iter().position(|column| *column == name);
            if let Some(slot) = slot.and_then(|place| columns.get_mut(place))
                && *slot == Digest::ABSENT
            {
                *slot = Digest::of(&value.text());
                missing -= 1;
            }
        }
        KeptRow {
            table: place,
            columns,
        }
    }

    fn place(&self, table: &str) -> Option<u16> {
        position(&self.tables, |watched| watched.name == table)
    }

    fn table(&self, place: Option<u16>) -> &[String] {
        place
            .and_then(|place| self.tables.get(usize::from(place)))
            .map_or(&[], |table| &table.columns)
    }
}

impl Wanted {
    pub(super) fn matches(&self, row: &KeptRow) -> bool {
        self.table.is_some()
            && self.table == row.table
            && self
                .columns
                .iter()
                .all(|(place, digest)| row.columns.get(usize::from(*place)) == Some(digest))
    }
}

fn position<T>(list: &[T], is_it: impl Fn(&T) -> bool) -> Option<u16> {
    u16::try_from(list.iter().position(is_it)?).ok()
}

fn collect<'a>(steps: &'a [Step], matches: &mut Vec<&'a EventMatch>) {
    for step in steps {
        match step {
            Step::Request(request) => matches.extend(&request.feedback),
            Step::Await(wait) => matches.push(&wait.event),
            Step::Repeat { steps, .. } | Step::Parallel { steps, .. } => collect(steps, matches),
            Step::Subscribe(_) | Step::Think(_) => {}
        }
    }
}
