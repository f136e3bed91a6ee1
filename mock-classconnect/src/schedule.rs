//! When which delivery is due: one ordered queue for all of them, and the count of what is pending.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch};

use crate::clock::Moment;
use crate::job::Job;

/// The number of a job's webhook among its deliveries.
pub(crate) const WEBHOOK: u8 = 1;
/// The number of a planned duplicate.
pub(crate) const DUPLICATE: u8 = 2;

/// One delivery attempt to make.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) job: Arc<Job>,
    /// [`WEBHOOK`] or [`DUPLICATE`].
    pub(crate) number: u8,
    /// From 1.
    pub(crate) attempt: u32,
}

/// What is not finished yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Pending {
    /// Jobs whose webhook is neither acknowledged nor given up nor dropped.
    #[serde(rename = "pending_jobs")]
    pub(crate) jobs: usize,
    /// Deliveries that wait or are under way, planned duplicates included.
    #[serde(rename = "pending_deliveries")]
    pub(crate) deliveries: usize,
    /// Delivery attempts under way.
    pub(crate) in_flight: usize,
}

impl Pending {
    pub(crate) const fn is_nothing(self) -> bool {
        self.jobs == 0 && self.deliveries == 0 && self.in_flight == 0
    }
}

/// The queue, shared by the submit calls that fill it and the one task that empties it.
#[derive(Debug)]
pub(crate) struct Schedule {
    queue: Mutex<DueQueue>,
    earlier: Notify,
    pending: watch::Sender<Pending>,
}

/// What the queue's head says.
#[derive(Debug)]
pub(crate) enum Next {
    Due { delivery: Delivery, due_ns: u64 },
    In(Duration),
    Nothing,
}

impl Schedule {
    pub(crate) fn new() -> Self {
        Self {
            queue: Mutex::default(),
            earlier: Notify::new(),
            pending: watch::Sender::default(),
        }
    }

    /// Makes room for one more job, unless `jobs_max` are pending.
    pub(crate) fn try_reserve(&self, jobs_max: usize) -> bool {
        self.pending.send_if_modified(|pending| {
            let has_room = pending.jobs < jobs_max;
            pending.jobs += usize::from(has_room);
            has_room
        })
    }

    /// Gives back the room of a job that was not accepted after all.
    pub(crate) fn release(&self) {
        self.pending
            .send_modify(|pending| pending.jobs = pending.jobs.saturating_sub(1));
    }

    /// Queues a job's webhook and its planned duplicate. The room was reserved before.
    pub(crate) fn plan(&self, job: &Arc<Job>) {
        let due = job.due();
        let duplicate_due = job.fate.duplicate_after.map(|gap| due.plus(gap));
        self.pending
            .send_modify(|pending| pending.deliveries += 1 + usize::from(duplicate_due.is_some()));
        self.enqueue(
            Delivery {
                job: Arc::clone(job),
                number: WEBHOOK,
                attempt: 1,
            },
            due,
        );
        if let Some(due) = duplicate_due {
            self.enqueue(
                Delivery {
                    job: Arc::clone(job),
                    number: DUPLICATE,
                    attempt: 1,
                },
                due,
            );
        }
    }

    /// Queues the next attempt of a delivery that failed.
    pub(crate) fn retry(&self, failed: Delivery, due: Moment) {
        self.enqueue(
            Delivery {
                attempt: failed.attempt + 1,
                ..failed
            },
            due,
        );
    }

    /// Counts a delivery as finished, whatever its end.
    pub(crate) fn settle(&self, delivery: &Delivery) {
        self.pending.send_modify(|pending| {
            pending.deliveries = pending.deliveries.saturating_sub(1);
            if delivery.number == WEBHOOK {
                pending.jobs = pending.jobs.saturating_sub(1);
            }
        });
    }

    pub(crate) fn attempt_started(&self) {
        self.pending.send_modify(|pending| pending.in_flight += 1);
    }

    pub(crate) fn attempt_ended(&self) {
        self.pending
            .send_modify(|pending| pending.in_flight = pending.in_flight.saturating_sub(1));
    }

    /// Takes the next delivery if it is due.
    pub(crate) fn take(&self, now: Moment) -> Next {
        self.lock().take(now.monotonic_ns)
    }

    /// Returns once something was queued that is due before everything else.
    pub(crate) async fn earlier(&self) {
        self.earlier.notified().await;
    }

    pub(crate) fn pending(&self) -> watch::Receiver<Pending> {
        self.pending.subscribe()
    }

    fn enqueue(&self, delivery: Delivery, due: Moment) {
        let is_first = self.lock().insert(due.monotonic_ns, delivery);
        if is_first {
            self.earlier.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, DueQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Deliveries by due time; those due at the same time leave in the order in which they came.
#[derive(Debug, Default)]
struct DueQueue {
    by_due: BTreeMap<(u64, u64), Delivery>,
    arrivals: u64,
}

impl DueQueue {
    /// Whether the new entry is now the head.
    fn insert(&mut self, due_ns: u64, delivery: Delivery) -> bool {
        self.arrivals += 1;
        let key = (due_ns, self.arrivals);
        self.by_due.insert(key, delivery);
        self.by_due
            .first_key_value()
            .is_some_and(|(first, _)| *first == key)
    }

    fn take(&mut self, now_ns: u64) -> Next {
        match self.by_due.first_entry() {
            None => Next::Nothing,
            Some(head) if head.key().0 > now_ns => Next::In(Duration::from_nanos(head.key().0 - now_ns)),
            Some(head) => {
                let ((due_ns, _), delivery) = head.remove_entry();
                Next::Due { delivery, due_ns }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use classconnect_api::SentenceExtractionRequest;

    use super::*;
    use crate::decision::Draws;
    use crate::job::JobInput;
    use crate::plan::Plan;

    fn job(plan: &str) -> Arc<Job> {
        let input = JobInput::Extraction(SentenceExtractionRequest {
            client_reference_id: "ref".to_owned(),
            webhook_url: String::new(),
            transcript: "Hi.".to_owned(),
            language: "en-US".to_owned(),
        });
        Arc::new(Job::accept(
            input.clone(),
            reqwest::Url::parse("http://127.0.0.1/hook").unwrap(),
            "key".to_owned(),
            Draws::new(1, input.kind(), input.submission_key()),
            Arc::new(Plan::parse(plan.as_bytes()).unwrap()),
            Moment {
                monotonic_ns: 0,
                unix_us: 0,
            },
        ))
    }

    fn delivery(attempt: u32) -> Delivery {
        Delivery {
            job: job("{}"),
            number: WEBHOOK,
            attempt,
        }
    }

    #[test]
    fn deliveries_leave_by_due_time_and_then_by_arrival() {
        let mut queue = DueQueue::default();
        assert!(matches!(queue.take(0), Next::Nothing));
        assert!(queue.insert(30, delivery(1)));
        assert!(queue.insert(10, delivery(2)), "an earlier one becomes the head");
        assert!(!queue.insert(10, delivery(3)), "an equal one stands behind");
        assert!(!queue.insert(20, delivery(4)));

        assert!(matches!(queue.take(9), Next::In(wait) if wait == Duration::from_nanos(1)));
        let mut order = Vec::new();
        while let Next::Due { delivery, due_ns } = queue.take(u64::MAX) {
            order.push((due_ns, delivery.attempt));
        }
        assert_eq!(order, [(10, 2), (10, 3), (20, 4), (30, 1)]);
    }

    #[test]
    fn room_is_reserved_up_to_the_bound_and_given_back() {
        let schedule = Schedule::new();
        assert!(schedule.try_reserve(2) && schedule.try_reserve(2));
        assert!(!schedule.try_reserve(2));
        schedule.release();
        assert!(schedule.try_reserve(2));
    }

    #[test]
    fn a_planned_duplicate_is_a_second_delivery_of_the_same_job() {
        let schedule = Schedule::new();
        assert!(schedule.try_reserve(1));
        let job = job(r#"{"faults":{"duplicate":1}}"#);
        schedule.plan(&job);
        let pending = schedule.pending();
        assert_eq!(
            *pending.borrow(),
            Pending {
                jobs: 1,
                deliveries: 2,
                in_flight: 0
            }
        );

        let far = Moment {
            monotonic_ns: u64::MAX,
            unix_us: 0,
        };
        let mut numbers = Vec::new();
        while let Next::Due { delivery, .. } = schedule.take(far) {
            numbers.push(delivery.number);
            schedule.settle(&delivery);
        }
        assert_eq!(numbers, [WEBHOOK, DUPLICATE]);
        assert!(pending.borrow().is_nothing());
    }
}
