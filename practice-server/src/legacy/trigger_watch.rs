//! What the legacy backend does between its write and its answer: it waits until the triggered function has done its work.
//!
//! One task looks for everybody who waits, with one query per look, so that no request has a query in a loop. That is the
//! cheapest way a backend can wait without a change feed of its own; a real one would hardly do better, so the choice errs
//! in favour of the trigger architecture.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::pool::PoolConnection;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::clock::Stopwatch;
use crate::domain::SubmissionKind;
use crate::metrics::LegacyMetrics;

/// The pause between two looks. It adds 5 ms on average to a wait that the queue makes some hundred milliseconds long, and
/// costs a hundred small queries per second while anybody waits.
const PAUSE_BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// The pause after a look that failed; the database is likely to be down.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(250);
/// How many waits one look asks about: those that have waited longest. Who comes after them is asked about when they have
/// gone, and counted until then, since such a wait is the model's doing and not the trigger architecture's.
const ASKED_AT_ONCE_MAX: usize = 2_000;

/// What a triggered function writes, in the transaction in which it sets the status: the call to ClassConnect. The status
/// alone would not do, since a second recording finds the session `analyzing` already.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Awaited {
    /// The session's id, or the attempt's.
    pub client_reference_id: String,
    pub kind: SubmissionKind,
}

/// The triggered function has not done its work in time: its request was lost, or the queue is overrun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the work was written down, but the triggered function did not begin it within {waited:?}; its request may be lost, \
     since the queue sends each request at most once"
)]
pub struct TriggerOverdue {
    pub waited: Duration,
}

/// Cloning shares it.
#[derive(Debug, Clone)]
pub struct TriggerWatch(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    waits: Mutex<Waits>,
    /// How many wait, for whoever wants to know whether anybody does.
    count: AtomicUsize,
    /// Wakes the task that looks.
    begun: Notify,
    /// Wakes the queue's worker, which looks rarely while nobody waits.
    wanted: Notify,
    longest_wait: Duration,
    metrics: LegacyMetrics,
}

/// Who waits for what, in the order in which the waits began.
#[derive(Debug, Default)]
struct Waits {
    by_awaited: HashMap<Awaited, Awaiting>,
    /// The same by the number of the wait that began first.
    oldest_first: BTreeMap<u64, Awaited>,
    begun: u64,
}

/// All who wait for the same.
#[derive(Debug)]
struct Awaiting {
    number: u64,
    senders: Vec<oneshot::Sender<()>>,
}

impl Waits {
    fn begin(&mut self, awaited: &Awaited, sender: oneshot::Sender<()>) {
        if let Some(awaiting) = self.by_awaited.get_mut(awaited) {
            awaiting.senders.push(sender);
            return;
        }
        let number = self.begun;
        self.begun += 1;
        self.oldest_first.insert(number, awaited.clone());
        let awaiting = Awaiting {
            number,
            senders: vec![sender],
        };
        self.by_awaited.insert(awaited.clone(), awaiting);
    }

    /// What has been waited for longest, at most `most` of it, and how much is left out.
    fn oldest(&self, most: usize) -> (Vec<String>, usize) {
        let oldest = self.oldest_first.values().take(most);
        let references = oldest.map(|awaited| awaited.client_reference_id.clone());
        (references.collect(), self.oldest_first.len().saturating_sub(most))
    }

    /// Ends all waits for this.
    fn end(&mut self, awaited: &Awaited) -> Vec<oneshot::Sender<()>> {
        match self.by_awaited.remove(awaited) {
            Some(awaiting) => {
                self.oldest_first.remove(&awaiting.number);
                awaiting.senders
            }
            None => Vec::new(),
        }
    }

    /// Forgets who has given up.
    fn tidy(&mut self, awaited: &Awaited) {
        let Some(awaiting) = self.by_awaited.get_mut(awaited) else {
            return;
        };
        awaiting.senders.retain(|sender| !sender.is_closed());
        if awaiting.senders.is_empty() {
            self.end(awaited);
        }
    }
}

impl TriggerWatch {
    pub fn new(longest_wait: Duration, metrics: LegacyMetrics) -> Self {
        Self(Arc::new(Inner {
            waits: Mutex::default(),
            count: AtomicUsize::new(0),
            begun: Notify::new(),
            wanted: Notify::new(),
            longest_wait,
            metrics,
        }))
    }

    /// Waits until the function has done its work.
    ///
    /// # Errors
    /// It has not within the time a request may wait for it.
    pub async fn until_done(&self, awaited: Awaited) -> Result<(), TriggerOverdue> {
        let started = Stopwatch::start();
        let (_waiting, done) = self.begin(awaited);
        let waited = self.0.longest_wait;
        // A sender that is gone means that the server is ending: then nobody looks any more.
        let result = match timeout(waited, done).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(TriggerOverdue { waited }),
        };
        self.0.metrics.observe_trigger_wait(started.elapsed_seconds());
        if result.is_err() {
            self.0.metrics.count_overdue();
        }
        result
    }

    fn begin(&self, awaited: Awaited) -> (Waiting, oneshot::Receiver<()>) {
        let (sender, receiver) = oneshot::channel();
        self.lock().begin(&awaited, sender);
        self.0.count.fetch_add(1, Ordering::Relaxed);
        self.0.begun.notify_one();
        self.0.wanted.notify_one();
        let waiting = Waiting {
            watch: self.clone(),
            awaited,
        };
        (waiting, receiver)
    }

    /// Whether anybody waits for a triggered function.
    pub fn is_anybody_waiting(&self) -> bool {
        self.0.count.load(Ordering::Relaxed) > 0
    }

    /// Completes when somebody begins to wait, or has begun since this was asked last.
    pub async fn somebody_waits(&self) {
        self.0.wanted.notified().await;
    }

    /// Looks until `stop` says true.
    pub async fn run(self, database: PgPool, mut stop: watch::Receiver<bool>) {
        loop {
            if !self.is_anybody_waiting() {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = self.0.begun.notified() => continue,
                }
            }
            let pause = match self.look_while_somebody_waits(&database, &mut stop).await {
                Ok(()) => continue,
                Err(error) => {
                    tracing::warn!(%error, "whether triggered functions have done their work could not be read");
                    PAUSE_AFTER_FAILURE
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// Holds one connection for as long as anybody waits, since taking one from a pool costs a round trip.
    async fn look_while_somebody_waits(
        &self,
        database: &PgPool,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), sqlx::Error> {
        let mut connection = database.acquire().await?;
        while self.is_anybody_waiting() && !*stop.borrow() {
            self.look(&mut connection).await?;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => {}
                () = sleep(PAUSE_BETWEEN_LOOKS) => {}
            }
        }
        Ok(())
    }

    async fn look(&self, connection: &mut PoolConnection<sqlx::Postgres>) -> Result<(), sqlx::Error> {
        let (references, left_out) = self.lock().oldest(ASKED_AT_ONCE_MAX);
        self.0.metrics.observe_left_out(left_out);
        let found: Vec<(String, String)> = sqlx::query_as(
            "SELECT client_reference_id, kind FROM classconnect_calls WHERE client_reference_id = ANY ($1)",
        )
        .bind(references)
        .fetch_all(&mut **connection)
        .await?;
        for (client_reference_id, word) in found {
            let kind = SubmissionKind::ALL.into_iter().find(|kind| kind.as_str() == word);
            let Some(kind) = kind else { continue };
            let awaited = Awaited {
                client_reference_id,
                kind,
            };
            for done in self.lock().end(&awaited) {
                // Whoever has given up meanwhile does not need to know.
                let _ = done.send(());
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Waits> {
        self.0.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait under way. It ends with its answer, with its deadline or with a client that hangs up.
struct Waiting {
    watch: TriggerWatch,
    awaited: Awaited,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.watch.0.count.fetch_sub(1, Ordering::Relaxed);
        self.watch.lock().tidy(&self.awaited);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaited(reference: &str) -> Awaited {
        Awaited {
            client_reference_id: reference.to_owned(),
            kind: SubmissionKind::TranscriptImprovements,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_in_bounded_time_and_leaves_nothing_behind() {
        let metrics = LegacyMetrics::default();
        let watch = TriggerWatch::new(Duration::from_secs(10), metrics);
        let result = watch.until_done(awaited("a")).await;
        let waited = Duration::from_secs(10);
        assert_eq!(result, Err(TriggerOverdue { waited }));
        assert!(!watch.is_anybody_waiting());
        assert!(watch.lock().by_awaited.is_empty() && watch.lock().oldest_first.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_waited_longest_is_asked_about_first() {
        let watch = TriggerWatch::new(Duration::from_secs(10), LegacyMetrics::default());
        let mut waiting: Vec<_> = (0..50)
            .map(|number| watch.begin(awaited(&number.to_string())))
            .collect();
        let first_three = (["0", "1", "2"].map(str::to_owned).to_vec(), 47);
        assert_eq!(watch.lock().oldest(3), first_three);
        // Another one for the same does not put it at the end.
        let _again = watch.begin(awaited("0"));
        assert_eq!(watch.lock().oldest(3), first_three);
        // Whose work is done, and who gives up, makes room.
        assert_eq!(watch.lock().end(&awaited("0")).len(), 2);
        let (second, second_done) = waiting.remove(1);
        drop(second_done);
        drop(second);
        let (next, left_out) = watch.lock().oldest(3);
        assert_eq!(
            (next, left_out),
            (["2", "3", "4"].map(str::to_owned).to_vec(), 45)
        );
        assert_eq!(watch.lock().oldest(ASKED_AT_ONCE_MAX).1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn one_who_gives_up_takes_nothing_away_from_another() {
        let watch = TriggerWatch::new(Duration::from_secs(10), LegacyMetrics::default());
        let (first, first_done) = watch.begin(awaited("a"));
        let (_second, second_done) = watch.begin(awaited("a"));
        // In this order, as when a request is given up.
        drop(first_done);
        drop(first);
        assert!(watch.is_anybody_waiting());
        for done in watch.lock().end(&awaited("a")) {
            done.send(()).unwrap();
        }
        second_done.await.unwrap();
    }
}
