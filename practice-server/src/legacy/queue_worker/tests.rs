//! Both generations in virtual time, with a queue in memory. Times are milliseconds since the worker started.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use super::*;
use crate::legacy::queue::{DeliveryEnd, Method};

const LOOK: Duration = Duration::from_millis(1);

#[derive(Clone, Default)]
struct FakeQueue(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: Vec<QueuedRequest>,
    /// Taken in a transaction that has not committed: others still see them.
    uncommitted: u64,
    finished: Vec<Delivery>,
}

impl FakeQueue {
    /// Puts a request in whose answer takes `answer_ms`.
    fn put(&self, id: i64, answer_ms: u64) {
        self.0.lock().unwrap().waiting.push(QueuedRequest {
            id,
            method: Method::Post,
            url: answer_ms.to_string(),
            headers: Vec::new(),
            body: None,
            timeout: Duration::from_secs(5),
        });
    }
}

impl RequestQueue for FakeQueue {
    type Error = Infallible;

    async fn waiting(&mut self, limit: u64) -> Result<u64, Infallible> {
        let state = self.0.lock().unwrap();
        Ok((state.waiting.len() as u64 + state.uncommitted).min(limit))
    }

    async fn delete_expired(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    async fn take(&mut self, limit: u32, taking: Taking) -> Result<Vec<QueuedRequest>, Infallible> {
        let mut state = self.0.lock().unwrap();
        let count = state.waiting.len().min(limit as usize);
        let taken: Vec<_> = state.waiting.drain(..count).collect();
        if taking == Taking::WithTheAnswers {
            state.uncommitted = count as u64;
        }
        Ok(taken)
    }

    async fn finish(&mut self, deliveries: &[Delivery]) -> Result<(), Infallible> {
        let mut state = self.0.lock().unwrap();
        state.uncommitted = 0;
        state.finished.extend_from_slice(deliveries);
        Ok(())
    }
}

#[derive(Clone)]
struct FakeSurroundings {
    started: Instant,
    /// Request and the moment it was sent.
    sent: Arc<Mutex<Vec<(i64, u64)>>>,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl Surroundings for FakeSurroundings {
    async fn deliver(&self, request: QueuedRequest) -> Delivery {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap();
        self.sent.lock().unwrap().push((request.id, now));
        sleep(Duration::from_millis(request.url.parse().unwrap())).await;
        Delivery {
            request_id: request.id,
            end: DeliveryEnd::Failed {
                message: "nobody there".to_owned(),
            },
        }
    }

    async fn until_next_look(&self) {
        sleep(LOOK).await;
    }

    fn batch_taken(&self, _waiting: u64, taken: usize) {
        self.batches.lock().unwrap().push(taken);
    }
}

struct Outcome {
    /// Request and the moment it was sent, in order of sending.
    sent: Vec<(i64, u64)>,
    /// Sizes of the batches that were not empty.
    batches: Vec<usize>,
    finished: Vec<i64>,
}

/// Runs the worker while `requests` (moment, id, duration of the answer) arrive, until `until_ms`.
async fn run(profile: QueueProfile, requests: &[(u64, i64, u64)], until_ms: u64) -> Outcome {
    let queue = FakeQueue::default();
    let surroundings = FakeSurroundings {
        started: Instant::now(),
        sent: Arc::default(),
        batches: Arc::default(),
    };
    let (stop, mut stopped) = watch::channel(false);
    let worker = {
        let (mut queue, surroundings) = (queue.clone(), surroundings.clone());
        tokio::spawn(async move { work(profile, &mut queue, &surroundings, &mut stopped).await })
    };
    for together in requests.chunk_by(|one, next| one.0 == next.0) {
        sleep_until(surroundings.started + Duration::from_millis(together[0].0)).await;
        for &(_, id, answer_ms) in together {
            queue.put(id, answer_ms);
        }
    }
    sleep_until(surroundings.started + Duration::from_millis(until_ms)).await;
    stop.send(true).unwrap();
    let Ok(()) = worker.await.unwrap();
    let finished = std::mem::take(&mut queue.0.lock().unwrap().finished);
    let (sent, batches) = (
        surroundings.sent.lock().unwrap(),
        surroundings.batches.lock().unwrap(),
    );
    Outcome {
        sent: sent.clone(),
        batches: batches.iter().copied().filter(|size| *size > 0).collect(),
        finished: finished.into_iter().map(|delivery| delivery.request_id).collect(),
    }
}

/// The delay of each request from its arrival to its sending, in the order of arrival.
async fn delays(profile: QueueProfile, requests: &[(u64, i64, u64)], until_ms: u64) -> Vec<u64> {
    let outcome = run(profile, requests, until_ms).await;
    requests
        .iter()
        .map(|(at, id, _)| {
            let (_, sent) = outcome.sent.iter().find(|(sent, _)| sent == id).unwrap();
            sent - at
        })
        .collect()
}

#[track_caller]
fn assert_close(actual: &[u64], expected: &[u64]) {
    let close = actual.len() == expected.len()
        && actual
            .iter()
            .zip(expected)
            .all(|(actual, expected)| actual.abs_diff(*expected) <= 4);
    assert!(close, "{actual:?} is not about {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn the_old_worker_looks_once_a_second() {
    let requests = [(300, 1, 0), (999, 2, 0), (1_001, 3, 0), (2_500, 4, 0)];
    assert_close(
        &delays(QueueProfile::PgNet014, &requests, 5_000).await,
        &[700, 1, 999, 500],
    );
}

#[tokio::test(start_paused = true)]
async fn the_old_worker_waits_for_the_slowest_request_and_then_a_second() {
    let requests = [(0, 1, 700), (1, 2, 0), (1_100, 3, 0)];
    // Sent at 1000 and 1000; the slow one ends at 1700; the next batch is due at 2700.
    assert_close(
        &delays(QueueProfile::PgNet014, &requests, 5_000).await,
        &[1_000, 999, 1_600],
    );
}

#[tokio::test(start_paused = true)]
async fn no_batch_is_larger_than_two_hundred() {
    let requests: Vec<_> = (0..450).map(|id| (500, id, 0)).collect();
    for (profile, moments) in [
        (QueueProfile::PgNet014, [1_000, 2_000, 3_000]),
        // The first commit sets the latch once; the rest of the burst waits out the second.
        (QueueProfile::PgNet020, [500, 1_500, 2_500]),
    ] {
        let outcome = run(profile, &requests, 5_000).await;
        assert_eq!(outcome.batches, [200, 200, 50], "{profile:?}");
        let sent: Vec<u64> = [0, 200, 449].map(|n: usize| outcome.sent[n].1).to_vec();
        assert_close(&sent, &moments);
        assert!(outcome.sent.is_sorted_by_key(|(id, _)| *id), "oldest first");
    }
}

#[tokio::test(start_paused = true)]
async fn the_new_worker_starts_isolated_requests_at_once() {
    let requests = [(3_000, 1, 20), (7_000, 2, 20), (11_500, 3, 20)];
    assert_close(
        &delays(QueueProfile::PgNet020, &requests, 15_000).await,
        &[1, 1, 1],
    );
}

#[tokio::test(start_paused = true)]
async fn the_new_worker_wakes_early_once_and_then_waits_out_the_second() {
    let requests = [(3_000, 1, 10), (3_200, 2, 10), (3_400, 3, 10), (3_600, 4, 10)];
    // 2 ends the pause after 1. From then on the flag is up, so 3 and 4 wake nobody: they wait until a second has passed
    // since the end of 2.
    assert_close(
        &delays(QueueProfile::PgNet020, &requests, 8_000).await,
        &[1, 1, 812, 612],
    );
}

#[tokio::test(start_paused = true)]
async fn the_new_worker_sleeps_through_a_commit_that_comes_while_the_flag_is_up() {
    // 2 comes while 1 is being sent: the latch is set, so 2 follows at once. The flag stays up until the inner loop has
    // found nothing and waited once more; what comes in between waits.
    let requests = [(3_000, 1, 100), (3_050, 2, 100), (4_300, 3, 10)];
    let delays = delays(QueueProfile::PgNet020, &requests, 8_000).await;
    // 2 ends at 3200, an empty batch follows at 4200, and the next look is at 5200.
    assert_close(&delays, &[1, 50, 900]);
}

#[tokio::test(start_paused = true)]
async fn a_steady_stream_comes_in_batches_of_a_second_with_either_worker() {
    let requests: Vec<_> = (0..50).map(|n| (5_000 + n * 100, n as i64, 5)).collect();
    for profile in [QueueProfile::PgNet014, QueueProfile::PgNet020] {
        let delays = delays(profile, &requests, 15_000).await;
        let steady = &delays[20..];
        let mean = steady.iter().sum::<u64>() / steady.len() as u64;
        assert!(
            (400..=600).contains(&mean),
            "{profile:?}: mean {mean} ms of {steady:?}"
        );
        assert!(
            delays.iter().all(|delay| *delay <= 1_015),
            "{profile:?}: {delays:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_failed_is_never_sent_again() {
    for profile in [QueueProfile::PgNet014, QueueProfile::PgNet020] {
        let outcome = run(profile, &[(100, 1, 10), (2_000, 2, 10)], 10_000).await;
        let sent: Vec<i64> = outcome.sent.iter().map(|(id, _)| *id).collect();
        assert_eq!((sent, outcome.finished), (vec![1, 2], vec![1, 2]), "{profile:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_finishes_its_batch() {
    for profile in [QueueProfile::PgNet014, QueueProfile::PgNet020] {
        let outcome = run(profile, &[(100, 1, 3_000)], 1_500).await;
        assert_eq!(outcome.finished, [1], "{profile:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_somebody_else_takes_away_do_not_deafen_the_new_worker() {
    let mut wake = Wake::restarted();
    wake.clear(3);
    wake.observe(0);
    assert!(!wake.should_wake);
    wake.observe(1);
    assert!(wake.should_wake && wake.latch);
}
