//! The mock's ledger, read record by record while the run goes on.
//!
//! Records are read by key, not through the mock's own types: a mistake in one of them cannot cancel itself out.

use std::collections::HashMap;

use serde_json::Value;

use super::backlog::backlog;
use super::result::{Compared, JobResult};
use crate::clock::Moment;
use crate::metrics::Pending;

/// Names a piece of work at ClassConnect as its submitter does: the kind of job and the submitter's reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobKey {
    pub kind: String,
    pub reference: String,
}

/// What the ledger knows of one job.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Job {
    pub accepted: Option<Moment>,
    /// Planned from the start never to be sent.
    pub dropped: bool,
    /// What is compared of the result that its webhook carries.
    pub result: Option<JobResult>,
    /// When the first delivery was planned.
    pub planned: Option<Moment>,
    pub first_sent: Option<Moment>,
    pub acknowledged: Option<Moment>,
    /// When its retries had all failed.
    pub exhausted: Option<Moment>,
    pub attempts: u64,
    /// Whether the latest attempt was signed wrongly on purpose: to refuse it is right.
    pub(super) forged: bool,
}

impl Job {
    /// Whether its webhook is still to be acknowledged: it is due, and neither acknowledged nor given up.
    fn is_open(&self) -> bool {
        self.accepted.is_some() && !self.dropped && self.acknowledged.is_none() && self.exhausted.is_none()
    }
}

/// What a record means for the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerNews {
    /// A webhook is meant to be sent for the first time at this moment.
    Due { at: Moment },
    /// A delivery attempt got its answer (`true` = 2xx).
    Attempt { at: Moment, acknowledged: bool },
    /// A webhook was acknowledged for the first time, this long after its first attempt was sent.
    Acknowledged { at: Moment, first_sent: Moment },
    /// All retries failed.
    Exhausted { at: Moment },
}

/// All jobs of the run.
#[derive(Debug, Default)]
pub struct Ledger {
    compared: Compared,
    jobs: HashMap<String, (JobKey, Job)>,
    by_key: HashMap<JobKey, Vec<String>>,
    by_submission: HashMap<(String, String), Vec<String>>,
    last_seq: u64,
    missing: u64,
    accepted: u64,
    dropped: u64,
    /// Counted as records come: all jobs of a long run are too many to be looked through each second.
    open: u64,
    lateness_us: Vec<u32>,
}

/// First sends whose lateness is kept: enough for its percentiles, bounded for long runs.
const LATENESS_MAX: usize = 1_000_000;

impl Ledger {
    /// An empty ledger that keeps of each result what is compared.
    pub fn new(compared: Compared) -> Self {
        Self {
            compared,
            ..Self::default()
        }
    }

    /// The number to ask for next: records after it are new.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Notes that the mock no longer holds `count` records that were never read.
    pub fn note_missing(&mut self, count: u64) {
        self.missing += count;
    }

    /// Records that could not be read: gaps in the numbering, records without the keys they need.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// Jobs accepted.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Jobs that were never to be delivered.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Jobs whose webhook is still to be acknowledged.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Actual first send minus planned send at a quantile, in milliseconds.
    pub fn lateness_ms(&self, quantile: f64) -> Option<f64> {
        let mut sorted = self.lateness_us.clone();
        sorted.sort_unstable();
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted
            .get(rank.saturating_sub(1))
            .map(|micros| f64::from(*micros) / 1e3)
    }

    /// Takes in one record.
    pub fn absorb(&mut self, record: &Value) -> Vec<LedgerNews> {
        let text = |key: &str| record.get(key).and_then(Value::as_str);
        let Some(seq) = record.get("seq").and_then(Value::as_u64) else {
            self.missing += 1;
            return Vec::new();
        };
        if self.last_seq > 0 && seq > self.last_seq + 1 {
            self.missing += seq - self.last_seq - 1;
        }
        self.last_seq = self.last_seq.max(seq);
        let (Some(kind), Some(at)) = (text("kind"), record.get("monotonic_ns").and_then(Value::as_u64))
        else {
            self.missing += 1;
            return Vec::new();
        };
        let at = Moment::from_nanos(at);
        // Refused submissions have no job.
        let Some(job_id) = text("job_id") else {
            return Vec::new();
        };
        let is_open = |ledger: &Self| ledger.jobs.get(job_id).is_some_and(|(_, job)| job.is_open());
        let was_open = is_open(self);
        let news = self.apply(job_id, kind, at, record);
        match (was_open, is_open(self)) {
            (false, true) => self.open += 1,
            (true, false) => self.open -= 1,
            (true, true) | (false, false) => {}
        }
        news
    }

    /// Takes in what a record says of a job.
    fn apply(&mut self, job_id: &str, kind: &str, at: Moment, record: &Value) -> Vec<LedgerNews> {
        if kind == "accepted" {
            self.open_job(job_id, record);
        }
        let Some((_, job)) = self.jobs.get_mut(job_id) else {
            self.missing += 1;
            return Vec::new();
        };
        match kind {
            "accepted" => {
                job.accepted = Some(at);
                self.accepted += 1;
                Vec::new()
            }
            "planned" => {
                job.result = record.get("result").map(|result| self.compared.take_from(result));
                if has_fault(record, "drop") {
                    job.dropped = true;
                    self.dropped += 1;
                }
                let delay_us = record.get("delay_us").and_then(Value::as_u64).unwrap_or(0);
                job.planned = job
                    .accepted
                    .map(|accepted| accepted.plus(std::time::Duration::from_micros(delay_us)));
                let due = job.planned.filter(|_| !job.dropped);
                due.map(|at| LedgerNews::Due { at }).into_iter().collect()
            }
            "sent" => {
                job.attempts += 1;
                job.forged = has_fault(record, "wrong_signature");
                if job.first_sent.is_none() {
                    job.first_sent = Some(at);
                    if let Some(planned) = job.planned
                        && self.lateness_us.len() < LATENESS_MAX
                    {
                        let lateness = at.since(planned).as_micros();
                        self.lateness_us.push(u32::try_from(lateness).unwrap_or(u32::MAX));
                    }
                }
                Vec::new()
            }
            "response" => {
                let status = record.get("status").and_then(Value::as_u64);
                take_response(job, status.is_some_and(|status| (200..300).contains(&status)), at)
            }
            "exhausted" => {
                job.exhausted = Some(at);
                vec![LedgerNews::Exhausted { at }]
            }
            _ => Vec::new(),
        }
    }

    fn open_job(&mut self, job_id: &str, record: &Value) {
        let text = |key: &str| {
            record
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let key = JobKey {
            kind: text("submission"),
            reference: text("client_reference_id"),
        };
        self.by_key
            .entry(key.clone())
            .or_default()
            .push(job_id.to_owned());
        let submission = (key.kind.clone(), text("submission_key"));
        self.by_submission
            .entry(submission)
            .or_default()
            .push(job_id.to_owned());
        self.jobs.insert(job_id.to_owned(), (key, Job::default()));
    }

    /// The jobs of one submission; more than one is an effect that happened twice.
    pub fn jobs_of(&self, key: &JobKey) -> impl Iterator<Item = &Job> {
        self.by_key
            .get(key)
            .into_iter()
            .flatten()
            .filter_map(|id| self.jobs.get(id))
            .map(|(_, job)| job)
    }

    /// Submissions for which ClassConnect was asked more than once: kind, reference of the first, number of jobs.
    pub fn submitted_twice(&self) -> impl Iterator<Item = (&JobKey, usize)> {
        self.by_submission
            .values()
            .filter(|jobs| jobs.len() > 1)
            .filter_map(|jobs| self.jobs.get(&jobs[0]).map(|(key, _)| (key, jobs.len())))
    }

    /// Webhooks that were due and are neither acknowledged nor given up: at the end of the drain they are failures.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().map(|(_, job)| job).filter(|job| job.is_open())
    }

    /// The results that were still to come at the end of each of the first `seconds` seconds after `epoch`.
    pub fn pending(&self, epoch: Moment, seconds: u32) -> Vec<Pending> {
        let jobs = self.jobs.values().filter(|(_, job)| !job.dropped);
        let spans = jobs.filter_map(|(_, job)| Some((job.accepted?, job.acknowledged.or(job.exhausted))));
        backlog(spans, epoch, seconds)
    }
}

/// Whether a record says that something went wrong on purpose.
fn has_fault(record: &Value, fault: &str) -> bool {
    record
        .get("faults")
        .and_then(Value::as_array)
        .is_some_and(|faults| faults.iter().any(|name| name == fault))
}

fn take_response(job: &mut Job, is_success: bool, at: Moment) -> Vec<LedgerNews> {
    if job.forged && !is_success {
        return Vec::new();
    }
    let mut news = vec![LedgerNews::Attempt {
        at,
        acknowledged: is_success,
    }];
    if is_success && job.acknowledged.is_none() {
        job.acknowledged = Some(at);
        if let Some(first_sent) = job.first_sent {
            news.push(LedgerNews::Acknowledged { at, first_sent });
        }
    }
    news
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(seq: u64, kind: &str, at_ms: u64, more: Value) -> Value {
        let mut record = json!({
            "seq": seq, "kind": kind, "job_id": "job_1", "submission": "recording-analyses",
            "client_reference_id": "a1", "submission_key": "url", "monotonic_ns": at_ms * 1_000_000,
        });
        if let (Value::Object(record), Value::Object(more)) = (&mut record, more) {
            record.extend(more);
        }
        record
    }

    fn at(millis: u64) -> Moment {
        Moment::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_webhook_is_processed_from_its_first_attempt_to_its_first_success() {
        let mut ledger = Ledger::default();
        ledger.absorb(&record(1, "accepted", 0, json!({})));
        ledger.absorb(&record(
            2,
            "planned",
            0,
            json!({ "delay_us": 100_000, "result": { "score": 7 } }),
        ));
        ledger.absorb(&record(3, "sent", 101, json!({ "attempt": 1 })));
        let failed = ledger.absorb(&record(4, "response", 111, json!({ "status": 503 })));
        assert_eq!(
            failed,
            [LedgerNews::Attempt {
                at: at(111),
                acknowledged: false
            }]
        );
        ledger.absorb(&record(5, "sent", 1_111, json!({ "attempt": 2 })));
        let done = ledger.absorb(&record(6, "response", 1_121, json!({ "status": 200 })));
        assert_eq!(
            done[1],
            LedgerNews::Acknowledged {
                at: at(1_121),
                first_sent: at(101)
            }
        );
        assert_eq!(ledger.lateness_ms(0.5), Some(1.0));
        let key = JobKey {
            kind: "recording-analyses".into(),
            reference: "a1".into(),
        };
        let job = ledger.jobs_of(&key).next().unwrap();
        assert_eq!((job.attempts, job.acknowledged), (2, Some(at(1_121))));
        assert_eq!(ledger.unacknowledged().count(), 0);
    }

    #[test]
    fn a_forged_webhook_that_is_refused_is_no_failure() {
        let mut ledger = Ledger::default();
        ledger.absorb(&record(1, "accepted", 0, json!({})));
        ledger.absorb(&record(2, "sent", 1, json!({ "faults": ["wrong_signature"] })));
        assert_eq!(
            ledger.absorb(&record(3, "response", 2, json!({ "status": 401 }))),
            []
        );
        ledger.absorb(&record(4, "sent", 3, json!({ "faults": [] })));
        assert_eq!(
            ledger
                .absorb(&record(5, "response", 4, json!({ "status": 200 })))
                .len(),
            2
        );
    }

    #[test]
    fn a_gap_in_the_numbering_is_counted() {
        let mut ledger = Ledger::default();
        ledger.absorb(&record(1, "accepted", 0, json!({})));
        ledger.absorb(&record(4, "sent", 1, json!({})));
        assert_eq!(ledger.missing(), 2);
        ledger.absorb(&json!({ "nonsense": true }));
        assert_eq!(ledger.missing(), 3);
    }

    #[test]
    fn what_is_open_is_what_is_not_acknowledged_whatever_order_its_records_have() {
        let mut ledger = Ledger::default();
        let mut seq = 0;
        let mut open_after = |job: &str, kind: &str, more: Value| {
            seq += 1;
            let mut record = record(seq, kind, seq, more);
            record["job_id"] = job.into();
            ledger.absorb(&record);
            assert_eq!(ledger.open(), ledger.unacknowledged().count() as u64, "{record}");
            ledger.open()
        };
        for job in ["given up", "never sent", "twice"] {
            open_after(job, "accepted", json!({}));
        }
        assert_eq!(
            open_after("never sent", "planned", json!({ "faults": ["drop"] })),
            2
        );
        open_after("given up", "planned", json!({}));
        assert_eq!(open_after("given up", "exhausted", json!({})), 1);
        // An attempt that was under way when its job was given up may still succeed: it is not taken off again.
        open_after("given up", "sent", json!({}));
        assert_eq!(open_after("given up", "response", json!({ "status": 200 })), 1);
        // The record of the attempt is missing: the job is acknowledged all the same.
        assert_eq!(open_after("twice", "response", json!({ "status": 200 })), 0);
        assert_eq!(open_after("twice", "response", json!({ "status": 200 })), 0);
        // It was accepted a second time under the same name.
        assert_eq!(open_after("twice", "accepted", json!({})), 1);
        assert_eq!(open_after("twice", "accepted", json!({})), 1);
    }

    #[test]
    fn a_planned_drop_is_not_due_and_a_second_job_is_noticed() {
        let mut ledger = Ledger::default();
        ledger.absorb(&record(1, "accepted", 0, json!({})));
        assert_eq!(ledger.unacknowledged().count(), 1);
        ledger.absorb(&record(
            2,
            "planned",
            0,
            json!({ "delay_us": 5, "faults": ["drop"] }),
        ));
        assert_eq!(ledger.unacknowledged().count(), 0);
        assert_eq!(ledger.submitted_twice().count(), 0);
        ledger.absorb(&record(
            3,
            "accepted",
            5,
            json!({ "job_id": "job_2", "client_reference_id": "a2" }),
        ));
        assert_eq!(
            ledger.submitted_twice().map(|(_, jobs)| jobs).collect::<Vec<_>>(),
            [2]
        );
    }
}
