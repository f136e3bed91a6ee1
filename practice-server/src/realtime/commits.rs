//! When this server's own transactions were committed: the moment COMMIT returned, by transaction.
//!
//! The write-ahead log dates a commit before its flush and on the database's clock. The moment that counts for
//! whoever waits for an event is the one at which COMMIT returned, and only the connection that committed knows it.
//! The store writes it down here; the change feed, which sees the same transaction in the log, picks it up. Other
//! programs' transactions have no such moment.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

/// Moments that are kept for the feed. Transactions that touch no published table never reach the feed, and their
/// moments are pushed out by later ones; a feed that is further behind than this delivers without moments.
const FINISHED_MAX: usize = 8 * 1024;

/// The log may show a commit before the answer to COMMIT has come back over the other connection. Longer than this
/// the feed does not wait for it.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(5);

/// The moments of this server's commits. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct CommitMoments(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    books: Mutex<Books>,
    /// Woken whenever a transaction ends.
    ended: Notify,
}

#[derive(Debug, Default)]
struct Books {
    transactions: HashMap<u32, State>,
    /// Committed transactions, oldest first, some of which the feed has taken already.
    finished: VecDeque<u32>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    UnderWay,
    /// COMMIT returned at this moment: `CLOCK_MONOTONIC`, nanoseconds.
    Committed(u64),
}

impl CommitMoments {
    /// Announces a transaction by its id, before anything of it can be in the log. The id is that of PostgreSQL's
    /// log: the lower half of an `xid8`.
    #[must_use = "a transaction is under way for as long as this is held"]
    pub fn begin(&self, xid: u32) -> InFlight {
        self.0.books().transactions.insert(xid, State::UnderWay);
        InFlight {
            shared: Arc::clone(&self.0),
            xid,
            committed_monotonic_ns: None,
        }
    }

    /// Takes the moment at which a transaction's COMMIT returned (`CLOCK_MONOTONIC`, nanoseconds). `None` at once for
    /// a transaction of another program, and after a short wait for one whose COMMIT does not return.
    pub async fn moment_of(&self, xid: u32) -> Option<u64> {
        timeout(ANSWER_TIMEOUT, self.0.wait_for(xid))
            .await
            .unwrap_or(None)
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for(&self, xid: u32) -> Option<u64> {
        loop {
            // Listens before it looks: the transaction may end in between.
            let ended = self.ended.notified();
            match self.books().transactions.entry(xid) {
                Entry::Vacant(_) => return None,
                Entry::Occupied(entry) => {
                    if let State::Committed(moment) = *entry.get() {
                        entry.remove();
                        return Some(moment);
                    }
                }
            }
            ended.await;
        }
    }

    fn end(&self, xid: u32, committed_monotonic_ns: Option<u64>) {
        let mut books = self.books();
        match committed_monotonic_ns {
            None => drop(books.transactions.remove(&xid)),
            Some(moment) => {
                books.transactions.insert(xid, State::Committed(moment));
                books.finished.push_back(xid);
                if books.finished.len() > FINISHED_MAX
                    && let Some(oldest) = books.finished.pop_front()
                {
                    books.transactions.remove(&oldest);
                }
            }
        }
        drop(books);
        self.ended.notify_waiters();
    }
}

/// A transaction of this server that has not ended. Dropping it unfinished means that it was not committed, or that
/// nobody knows when: its events then carry no moment.
#[derive(Debug)]
pub struct InFlight {
    shared: Arc<Shared>,
    xid: u32,
    committed_monotonic_ns: Option<u64>,
}

impl InFlight {
    /// COMMIT has returned, at this moment: `CLOCK_MONOTONIC`, nanoseconds.
    pub fn committed(mut self, monotonic_ns: u64) {
        self.committed_monotonic_ns = Some(monotonic_ns);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.shared.end(self.xid, self.committed_monotonic_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_moment_is_there_once_for_the_transaction_it_belongs_to() {
        let moments = CommitMoments::default();
        moments.begin(7).committed(70);
        moments.begin(8).committed(80);
        assert_eq!(moments.moment_of(8).await, Some(80));
        assert_eq!(moments.moment_of(7).await, Some(70));
        assert_eq!(moments.moment_of(7).await, None, "it has been taken");
    }

    #[tokio::test(start_paused = true)]
    async fn another_programs_transaction_is_not_waited_for() {
        let started = tokio::time::Instant::now();
        assert_eq!(CommitMoments::default().moment_of(7).await, None);
        assert_eq!(started.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn the_feed_may_come_before_the_answer_to_commit() {
        let moments = CommitMoments::default();
        let transaction = moments.begin(7);
        let (moment, ()) = tokio::join!(moments.moment_of(7), async {
            tokio::task::yield_now().await;
            transaction.committed(70);
        });
        assert_eq!(moment, Some(70));
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_does_not_end_is_waited_for_shortly() {
        let moments = CommitMoments::default();
        let _stuck = moments.begin(7);
        let started = tokio::time::Instant::now();
        assert_eq!(moments.moment_of(7).await, None);
        assert_eq!(started.elapsed(), ANSWER_TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_was_given_up_is_not_waited_for() {
        let moments = CommitMoments::default();
        let transaction = moments.begin(7);
        let started = tokio::time::Instant::now();
        let (moment, ()) = tokio::join!(moments.moment_of(7), async { drop(transaction) });
        assert_eq!((moment, started.elapsed()), (None, Duration::ZERO));
    }

    #[tokio::test]
    async fn moments_that_nobody_takes_are_bounded() {
        let moments = CommitMoments::default();
        let count = u32::try_from(FINISHED_MAX).unwrap() + 1;
        for xid in 0..count {
            moments.begin(xid).committed(u64::from(xid));
        }
        assert_eq!(moments.0.books().transactions.len(), FINISHED_MAX);
        assert_eq!(moments.moment_of(0).await, None, "the oldest was pushed out");
        assert_eq!(moments.moment_of(1).await, Some(1));
    }
}
