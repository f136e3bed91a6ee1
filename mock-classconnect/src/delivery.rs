//! Sending webhooks: one task watches the schedule, a bounded number of senders does the work.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use classconnect_api::WebhookSecret;
use classconnect_api::signature::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Moment;
use crate::error::Error;
use crate::fate::signs_wrongly;
use crate::job::Job;
use crate::ledger::{Entry, Event, Ledger, Response};
use crate::metrics::{AttemptOutcome, Bound, Metrics};
use crate::results::data_of;
use crate::retry::{FollowUp, follow_up};
use crate::schedule::{DUPLICATE, Delivery, Next, Schedule};
use crate::webhook_url::WebhookHosts;

/// How much of a receiver's answer is read so that its connection can be used again.
const ANSWER_BYTES_MAX: usize = 20_000;
/// How long senders may finish their work once the mock stops.
const GRACE: Duration = Duration::from_secs(2);

/// Delivers what the schedule says is due.
#[derive(Debug)]
pub(crate) struct Sender {
    client: reqwest::Client,
    secret: WebhookSecret,
    /// Signs the attempts that are to be refused.
    foreign_secret: WebhookSecret,
    senders: Arc<Semaphore>,
    senders_max: u32,
    schedule: Arc<Schedule>,
    ledger: Arc<Ledger>,
    metrics: Arc<Metrics>,
}

/// The body of a webhook. The data is already serialised, because its text is what the ledger holds.
#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    data: &'a RawValue,
}

impl Sender {
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(
        secret: WebhookSecret,
        hosts: WebhookHosts,
        senders_max: usize,
        schedule: Arc<Schedule>,
        ledger: Arc<Ledger>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Error> {
        let client = reqwest::Client::builder()
            // A proxy named by the environment would take webhooks off the host.
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .dns_resolver(Arc::new(hosts))
            .user_agent(concat!("mock-classconnect/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(Error::Client)?;
        let foreign_secret = WebhookSecret::from_key(b"a key that no receiver is given")
            .map_err(|error| Error::Config(error.into()))?;
        let senders_max = u32::try_from(senders_max).unwrap_or(u32::MAX);
        let senders = Arc::new(Semaphore::new(senders_max as usize));
        Ok(Self {
            client,
            secret,
            foreign_secret,
            senders,
            senders_max,
            schedule,
            ledger,
            metrics,
        })
    }

    /// Runs until `stopped` says so or its sender is gone, then lets the attempts under way finish.
    pub(crate) async fn run(self: Arc<Self>, mut stopped: watch::Receiver<bool>) {
        loop {
            let step = async {
                match self.schedule.take(Moment::now()) {
                    Next::Due { delivery, due_ns } => self.start(delivery, due_ns).await,
                    Next::In(wait) => {
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            () = self.schedule.earlier() => {}
                        }
                    }
                    Next::Nothing => self.schedule.earlier().await,
                }
            };
            tokio::select! {
                biased;
                _ = stopped.wait_for(|is_stopped| *is_stopped) => break,
                () = step => {}
            }
        }
        let idle = self.senders.acquire_many(self.senders_max);
        if tokio::time::timeout(GRACE, idle).await.is_err() {
            tracing::warn!("stopped while webhooks were under way");
        }
    }

    async fn start(self: &Arc<Self>, delivery: Delivery, due_ns: u64) {
        if delivery.job.fate.is_dropped {
            self.metrics.webhooks_dropped.inc();
            self.ledger
                .note(Entry::of_job(Moment::now(), &delivery.job, Event::Dropped));
            self.schedule.settle(&delivery);
            return;
        }
        let Some(permit) = self.permit().await else { return };
        let sender = Arc::clone(self);
        tokio::spawn(async move {
            sender.schedule.attempt_started();
            sender.attempt(delivery, due_ns).await;
            sender.schedule.attempt_ended();
            drop(permit);
        });
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.senders).try_acquire_owned() {
            return Some(permit);
        }
        self.metrics.count_bound_hit(Bound::Senders, 1);
        // The semaphore is never closed, so waiting ends with a permit.
        Arc::clone(&self.senders).acquire_owned().await.ok()
    }

    async fn attempt(&self, delivery: Delivery, due_ns: u64) {
        let job = &delivery.job;
        let response = match body_of(job) {
            Ok(body) => self.post(&delivery, body, due_ns).await,
            Err(error) => Response::TransportError(format!("cannot write the body: {error}").into()),
        };
        let answered = Moment::now();
        self.ledger.note(Entry::of_job(
            answered,
            job,
            Event::Response {
                delivery: delivery.number,
                attempt: delivery.attempt,
                response: response.clone(),
            },
        ));
        let follow_up = follow_up(&response, delivery.attempt, job.plan.retry_schedule());
        self.metrics.count_attempt(match &response {
            _ if follow_up == FollowUp::Acknowledged => AttemptOutcome::Acknowledged,
            Response::Status(_) => AttemptOutcome::Refused,
            Response::TransportError(_) => AttemptOutcome::Error,
        });
        if delivery.number == DUPLICATE {
            // The copy is an extra: its end says nothing about whether the webhook arrived.
            self.schedule.settle(&delivery);
            return;
        }
        match follow_up {
            FollowUp::Acknowledged => {
                self.metrics.webhooks_acknowledged.inc();
                self.schedule.settle(&delivery);
            }
            FollowUp::RetryAfter(pause) => {
                self.metrics.retries.inc();
                self.schedule.retry(delivery, answered.plus(pause));
            }
            FollowUp::GiveUp => {
                self.metrics.webhooks_exhausted.inc();
                let event = Event::Exhausted {
                    attempt: delivery.attempt,
                    response,
                };
                self.ledger.note(Entry::of_job(answered, job, event));
                self.schedule.settle(&delivery);
            }
        }
    }

    /// Signs at the moment of sending, because a receiver refuses a timestamp that is minutes old.
    async fn post(&self, delivery: &Delivery, body: Vec<u8>, due_ns: u64) -> Response {
        let job = &delivery.job;
        let is_signed_wrongly = signs_wrongly(&job.plan, job.draws, delivery.attempt);
        let secret = if is_signed_wrongly {
            &self.foreign_secret
        } else {
            &self.secret
        };
        let sent = Moment::now();
        let request = self
            .client
            .post(job.webhook_url.clone())
            .timeout(job.plan.delivery_timeout().get())
            .header(CONTENT_TYPE, "application/json")
            .header(WEBHOOK_ID, &job.webhook_id)
            .header(WEBHOOK_TIMESTAMP, sent.unix_seconds())
            .header(
                WEBHOOK_SIGNATURE,
                secret.sign(&job.webhook_id, sent.unix_seconds(), &body),
            )
            .body(body);
        self.metrics
            .observe_lateness(sent.monotonic_ns.saturating_sub(due_ns));
        self.ledger.note(Entry::of_job(
            sent,
            job,
            Event::Sent {
                delivery: delivery.number,
                attempt: delivery.attempt,
                is_signed_wrongly,
            },
        ));
        match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                discard(answer);
                Response::Status(status)
            }
            Err(error) => Response::TransportError(describe(error).into()),
        }
    }
}

fn body_of(job: &Job) -> serde_json::Result<Vec<u8>> {
    let event = job.event();
    serde_json::to_vec(&Body {
        r#type: event.type_name(),
        timestamp: &job.due().rfc3339(),
        data: &data_of(&event)?,
    })
}

/// Reads the rest of an answer, within limits, apart from the attempt: the status line has acknowledged it already,
/// and a connection that was read to its end can be used again.
fn discard(mut answer: reqwest::Response) {
    tokio::spawn(async move {
        let mut read_bytes = 0;
        while let Ok(Some(chunk)) = answer.chunk().await {
            read_bytes += chunk.len();
            if read_bytes > ANSWER_BYTES_MAX {
                break;
            }
        }
    });
}

/// The innermost cause says what happened; the outer layers only say that sending failed.
fn describe(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let stage = if error.is_connect() {
        "cannot connect"
    } else {
        "cannot send"
    };
    let mut cause: Option<&dyn std::error::Error> = error.source();
    while let Some(next) = cause.and_then(std::error::Error::source) {
        cause = Some(next);
    }
    cause.map_or_else(|| stage.to_owned(), |cause| format!("{stage}: {cause}"))
}
