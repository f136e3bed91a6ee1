//! Where a worker's users leave their samples: a batch that is handed over whole, several times a second.
//!
//! One writer, one thread: no lock, no channel per sample, no histogram per user. Recording is a push onto a vector
//! whose memory is used again.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::Notify;

use super::evidence::Iterations;
use super::history::HistoryRecord;
use super::sample::Sample;
use super::users::UserTally;

/// Samples collected since the last hand-over.
#[derive(Debug, Default)]
pub struct Batch {
    pub samples: Vec<Sample>,
    pub history: Vec<HistoryRecord>,
    /// Counts since the last hand-over.
    pub iterations: Iterations,
    pub counters: Counters,
    /// Users with patience; empty without them.
    pub users: UserTally,
}

/// Things that are counted and never judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub polls: u64,
    pub initial_reads: u64,
    pub events_discarded: u64,
    pub sockets_lost: u64,
    /// Channels that the server had lost and that were joined again.
    pub channels_rejoined: u64,
    /// Frames that were not of the protocol.
    pub frames_malformed: u64,
    /// Row changes whose moment of commit is not known.
    pub events_without_commit: u64,
}

impl Counters {
    /// Adds another worker's counts.
    pub fn add(&mut self, other: &Counters) {
        self.polls += other.polls;
        self.initial_reads += other.initial_reads;
        self.events_discarded += other.events_discarded;
        self.sockets_lost += other.sockets_lost;
        self.channels_rejoined += other.channels_rejoined;
        self.frames_malformed += other.frames_malformed;
        self.events_without_commit += other.events_without_commit;
    }
}

/// A worker's recorder; clones share one batch. It stays on its worker's thread.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    batch: Rc<RefCell<Batch>>,
    full: Rc<Notify>,
}

/// Samples after which a batch asks to be handed over: to take it in is then a matter of some tens of microseconds,
/// and holds up nobody who shares the core.
const FULL: usize = 512;

impl Recorder {
    /// Records one sample.
    pub fn sample(&self, sample: Sample) {
        let mut batch = self.batch.borrow_mut();
        batch.samples.push(sample);
        if batch.samples.len() == FULL {
            self.full.notify_one();
        }
    }

    /// Waits until a batch is full, or returns at once when one has become so since the last call.
    pub async fn full(&self) {
        self.full.notified().await;
    }

    /// Records one line of history.
    pub fn history(&self, record: HistoryRecord) {
        self.batch.borrow_mut().history.push(record);
    }

    /// Changes the iteration counts.
    pub fn iterations(&self, change: impl FnOnce(&mut Iterations)) {
        change(&mut self.batch.borrow_mut().iterations);
    }

    /// Changes the counters.
    pub fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.batch.borrow_mut().counters);
    }

    /// Changes the counts of users with patience.
    pub fn users(&self, change: impl FnOnce(&mut UserTally)) {
        change(&mut self.batch.borrow_mut().users);
    }

    /// Takes what was collected. The next batch starts with room for as many samples.
    pub fn take(&self) -> Batch {
        let mut batch = self.batch.borrow_mut();
        let room = batch.samples.len().next_power_of_two().max(256);
        std::mem::replace(
            &mut *batch,
            Batch {
                samples: Vec::with_capacity(room),
                ..Batch::default()
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Moment;
    use crate::metrics::{EventSample, SeriesKind};

    #[tokio::test]
    async fn a_full_batch_says_so_once() {
        let recorder = Recorder::default();
        let sample = Sample::Event(EventSample {
            kind: SeriesKind::SchedulingLag,
            step: None,
            warm_up: false,
            at: Moment::from_nanos(1),
            value_ns: Some(1),
        });
        let is_full = async || {
            tokio::time::timeout(Duration::ZERO, recorder.full())
                .await
                .is_ok()
        };
        for _ in 1..FULL {
            recorder.sample(sample);
        }
        assert!(!is_full().await);
        recorder.sample(sample);
        recorder.sample(sample);
        assert!(is_full().await);
        assert!(!is_full().await);
    }

    #[test]
    fn a_batch_is_handed_over_once() {
        let recorder = Recorder::default();
        recorder.clone().iterations(|iterations| iterations.due += 2);
        recorder.count(|counters| counters.polls += 1);
        let first = recorder.take();
        assert_eq!((first.iterations.due, first.counters.polls), (2, 1));
        assert_eq!(recorder.take().iterations, Iterations::default());
    }
}
