//! Events that must come because their cause was committed, each until it came or its deadline is over.

use std::time::Duration;

use super::watched::{KeptRow, Wanted};
use crate::clock::Moment;
use crate::plan::StepId;

/// How long after its cause was committed an event may take: later is a realtime failure.
const DELIVERY_DEADLINE: Duration = Duration::from_secs(5);

/// What a user expects.
#[derive(Debug, Default)]
pub(super) struct Expectations {
    open: Vec<Expectation>,
    next_id: u64,
}

/// An event that is looked for.
#[derive(Debug)]
struct Expectation {
    id: u64,
    wanted: Wanted,
    purpose: ExpectationPurpose,
    /// Events received before this are others.
    since: Moment,
    /// When the cause was known to be committed; before that nothing is expected yet.
    committed: Option<Moment>,
    received: Option<Moment>,
}

/// What an expectation measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::step) struct ExpectationPurpose {
    pub(in crate::step) step: StepId,
    /// Whether the time from `since` to the event is a feedback latency, besides the event being due.
    pub(in crate::step) feedback: bool,
}

/// How an expectation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::step) struct Settled {
    pub(in crate::step) purpose: ExpectationPurpose,
    pub(in crate::step) since: Moment,
    pub(in crate::step) committed: Moment,
    /// `None` = it did not come in time.
    pub(in crate::step) received: Option<Moment>,
}

impl Expectations {
    /// Begins to look for an event, which may have been `received` already.
    pub(super) fn add(
        &mut self,
        wanted: Wanted,
        purpose: ExpectationPurpose,
        since: Moment,
        received: Option<Moment>,
    ) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.open.push(Expectation {
            id,
            wanted,
            purpose,
            since,
            committed: None,
            received,
        });
        id
    }

    pub(super) fn commit(&mut self, id: u64, at: Moment) {
        if let Some(expectation) = self.open.iter_mut().find(|expectation| expectation.id == id) {
            expectation.committed = Some(at);
        }
    }

    pub(super) fn cancel(&mut self, id: u64) {
        self.open.retain(|expectation| expectation.id != id);
    }

    /// Takes note of an event.
    pub(super) fn meet(&mut self, row: &KeptRow, at: Moment) {
        for expectation in &mut self.open {
            if expectation.received.is_none() && at >= expectation.since && expectation.wanted.matches(row) {
                expectation.received = Some(at);
            }
        }
    }

    /// Ends every committed expectation that was met, or whose deadline is over at `now`.
    pub(super) fn settle(&mut self, now: Moment) -> Vec<Settled> {
        let mut settled = Vec::new();
        self.open.retain(|expectation| {
            let Some(committed) = expectation.committed else {
                return true;
            };
            let deadline = committed.plus(DELIVERY_DEADLINE);
            let in_time = expectation.received.filter(|received| *received <= deadline);
            if in_time.is_none() && now < deadline {
                return true;
            }
            settled.push(Settled {
                purpose: expectation.purpose,
                since: expectation.since,
                committed,
                received: in_time,
            });
            false
        });
        settled
    }

    pub(super) fn next_deadline(&self) -> Option<Moment> {
        self.open
            .iter()
            .filter_map(|expectation| expectation.committed)
            .min()
            .map(|committed| committed.plus(DELIVERY_DEADLINE))
    }
}
