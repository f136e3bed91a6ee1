//! One record of the ledger: compact in memory, flat as JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use classconnect_api::SubmissionKind;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::clock::Moment;
use crate::job::{Job, JobInput};
use crate::results::data_of;

/// A record as it is kept: jobs are shared, and results are computed when the record is rendered.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Given by the ledger, from 1 without gaps.
    pub(super) seq: u64,
    at: Moment,
    subject: Subject,
    event: Event,
}

/// What a record is about.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Job(Arc<Job>),
    /// A submission that did not become a job.
    Submission(Arc<JobInput>),
    /// A look-up by reference that found nothing.
    Reference(String),
}

/// What happened. Attempts count from 1; delivery 1 is the webhook and 2 its planned duplicate.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    Accepted,
    Planned,
    Sent {
        delivery: u8,
        attempt: u32,
        is_signed_wrongly: bool,
    },
    Response {
        delivery: u8,
        attempt: u32,
        response: Response,
    },
    Dropped,
    Exhausted {
        attempt: u32,
        response: Response,
    },
    Polled {
        status: u16,
    },
    Rejected {
        status: u16,
        reason: &'static str,
    },
}

/// What came back from a delivery attempt: a status, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Response {
    Status(u16),
    TransportError(Arc<str>),
}

impl Entry {
    pub(crate) fn new(at: Moment, subject: Subject, event: Event) -> Self {
        Self {
            seq: 0,
            at,
            subject,
            event,
        }
    }

    pub(crate) fn of_job(at: Moment, job: &Arc<Job>, event: Event) -> Self {
        Self::new(at, Subject::Job(Arc::clone(job)), event)
    }

    pub(super) fn render(&self) -> Record<'_> {
        let mut record = Record::new(self.seq, self.at, self.event.kind());
        let job = match &self.subject {
            Subject::Job(job) => {
                record.describe(&job.input);
                record.job_id = Some(&job.id);
                record.webhook_id = Some(&job.webhook_id);
                Some(job.as_ref())
            }
            Subject::Submission(input) => {
                record.describe(input);
                None
            }
            Subject::Reference(reference) => {
                record.client_reference_id = Some(reference);
                None
            }
        };
        record.report(&self.event, job);
        record
    }

    /// As in the file, which is kept: of a result its single values, which are what a row is compared with. Its lists and
    /// objects name every sound of every word and would be most of the file; the seed gives them again.
    pub(super) fn render_for_file(&self) -> Record<'_> {
        let mut record = self.render();
        record.result = record
            .result
            .map(|result| single_values(&result).unwrap_or(result));
        record
    }
}

/// An object without its lists and objects, but with its error, which says why there is no result.
fn single_values(object: &RawValue) -> serde_json::Result<Box<RawValue>> {
    let mut values: BTreeMap<&str, &RawValue> = serde_json::from_str(object.get())?;
    values.retain(|key, value| *key == "error" || !value.get().starts_with(['{', '[']));
    to_raw_value(&values)
}

impl Event {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Planned => "planned",
            Self::Sent { .. } => "sent",
            Self::Response { .. } => "response",
            Self::Dropped => "dropped",
            Self::Exhausted { .. } => "exhausted",
            Self::Polled { .. } => "polled",
            Self::Rejected { .. } => "rejected",
        }
    }
}

/// A record as it is read. What does not apply is null; `result` stands in planned records only, whole in answers and with its
/// single values in the file.
#[derive(Debug, Serialize)]
pub(super) struct Record<'a> {
    seq: u64,
    kind: &'static str,
    job_id: Option<&'a str>,
    client_reference_id: Option<&'a str>,
    submission: Option<SubmissionKind>,
    submission_key: Option<&'a str>,
    webhook_id: Option<&'a str>,
    delivery: Option<u8>,
    attempt: Option<u32>,
    monotonic_ns: u64,
    unix_us: i64,
    status: Option<u16>,
    error: Option<&'a str>,
    delay_us: Option<u64>,
    faults: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
}

impl<'a> Record<'a> {
    fn new(seq: u64, at: Moment, kind: &'static str) -> Self {
        Self {
            seq,
            kind,
            job_id: None,
            client_reference_id: None,
            submission: None,
            submission_key: None,
            webhook_id: None,
            delivery: None,
            attempt: None,
            monotonic_ns: at.monotonic_ns,
            unix_us: at.unix_us,
            status: None,
            error: None,
            delay_us: None,
            faults: Vec::new(),
            result: None,
        }
    }

    fn describe(&mut self, input: &'a JobInput) {
        self.client_reference_id = Some(input.client_reference_id());
        self.submission = Some(input.kind());
        self.submission_key = Some(input.submission_key());
    }

    fn report(&mut self, event: &'a Event, job: Option<&'a Job>) {
        let delay_us = job.map(|job| job.fate.delay.as_micros().try_into().unwrap_or(u64::MAX));
        match event {
            Event::Accepted => {
                self.status = Some(202);
                self.delay_us = delay_us;
            }
            Event::Planned => {
                self.delay_us = delay_us;
                self.faults = job.map(|job| job.fate.fault_names()).unwrap_or_default();
                self.result = job.and_then(|job| data_of(&job.event()).ok());
            }
            Event::Sent {
                delivery,
                attempt,
                is_signed_wrongly,
            } => {
                self.delivery = Some(*delivery);
                self.attempt = Some(*attempt);
                self.faults.extend(is_signed_wrongly.then_some("wrong_signature"));
            }
            Event::Response {
                delivery,
                attempt,
                response,
            } => {
                self.delivery = Some(*delivery);
                self.attempt = Some(*attempt);
                self.answer(response);
            }
            Event::Exhausted { attempt, response } => {
                self.attempt = Some(*attempt);
                self.answer(response);
            }
            Event::Dropped => self.faults.push("drop"),
            Event::Polled { status } => self.status = Some(*status),
            Event::Rejected { status, reason } => {
                self.status = Some(*status);
                self.error = Some(reason);
            }
        }
    }

    fn answer(&mut self, response: &'a Response) {
        match response {
            Response::Status(status) => self.status = Some(*status),
            Response::TransportError(error) => self.error = Some(error),
        }
    }
}
