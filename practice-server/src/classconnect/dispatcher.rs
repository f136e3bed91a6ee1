//! The dispatcher empties the outbox: claim under a lease, send, write how it ended.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use classconnect_api::JobAccepted;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{ClassConnect, RetrySchedule, SubmitError};
use crate::clock::{Clock, Stopwatch};
use crate::metrics::{Metrics, OutcomeLabel};
use crate::service::{ClaimCalls, CompleteCall, Completed, PollSchedule};
use crate::store::{Abort, CallCompletion, ClaimedCall, Store};

/// How often the dispatcher looks for calls whose time has come when nothing wakes it.
const TICK: Duration = Duration::from_millis(100);
/// Tries right after one another, before a call goes back into the outbox. Together with the client's timeouts they
/// stay well below the lease, so a lease only expires when its holder is gone.
const QUICK_RETRIES: usize = 2;
const QUICK_RETRY_PAUSE: Duration = Duration::from_millis(50);

/// How calls are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchSettings {
    /// Calls under way at once.
    pub concurrency: u32,
    /// How long a claim holds.
    pub lease: Duration,
    pub retry_schedule: RetrySchedule,
    pub poll_schedule: PollSchedule,
}

/// Cloning shares everything.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

struct Inner {
    store: Store,
    client: ClassConnect,
    settings: DispatchSettings,
    metrics: Metrics,
    clock: Clock,
}

impl Dispatcher {
    pub fn new(
        store: Store,
        client: ClassConnect,
        settings: DispatchSettings,
        metrics: Metrics,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            store,
            client,
            settings,
            metrics,
            clock,
        }))
    }

    /// Sends what is due until `stop` says true, then finishes the calls under way.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let enqueued = self.0.store.calls_enqueued();
        let mut under_way = JoinSet::new();
        while !*stop.borrow() {
            let backlog = match self.claim_into(&mut under_way).await {
                Ok(backlog) => backlog,
                Err(error) => {
                    tracing::error!(%error, "due calls could not be claimed");
                    false
                }
            };
            // A finished call makes room, which matters only if something waits for room.
            tokio::select! {
                _ = stop.changed() => {}
                () = enqueued.notified() => {}
                Some(_) = under_way.join_next(), if backlog && !under_way.is_empty() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            while under_way.try_join_next().is_some() {}
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Sends everything that is due now and waits until it is done. Answers how many calls were sent.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub async fn dispatch_due(&self) -> Result<usize, Abort> {
        let mut sent = 0;
        loop {
            let mut under_way = JoinSet::new();
            self.claim_into(&mut under_way).await?;
            if under_way.is_empty() {
                return Ok(sent);
            }
            sent += under_way.len();
            while under_way.join_next().await.is_some() {}
        }
    }

    /// Claims as many due calls as there is room for and the breaker lets through. `true`: more may be due.
    async fn claim_into(&self, under_way: &mut JoinSet<()>) -> Result<bool, Abort> {
        let Inner {
            store,
            client,
            settings,
            ..
        } = &*self.0;
        let busy = u32::try_from(under_way.len()).unwrap_or(u32::MAX);
        let room = settings.concurrency.saturating_sub(busy);
        let limit = room.min(client.gate().available());
        if limit == 0 {
            return Ok(room == 0);
        }
        let claimed = store
            .write(ClaimCalls {
                limit,
                lease: settings.lease,
            })
            .await?
            .output;
        let backlog = claimed.len() >= limit as usize;
        for claim in claimed {
            let dispatcher = self.clone();
            under_way.spawn(async move { dispatcher.send(claim).await });
        }
        Ok(backlog)
    }

    async fn send(&self, claimed: ClaimedCall) {
        let Inner { store, metrics, .. } = &*self.0;
        metrics.calls_in_flight.inc();
        let started = Stopwatch::start();
        let (outcome, completion) = self.completion(&claimed).await;
        metrics.calls_in_flight.dec();
        metrics
            .call_duration
            .get_or_create(&OutcomeLabel { outcome })
            .observe(started.elapsed_seconds());
        let call_id = claimed.call.id;
        let is_dead = matches!(completion, CallCompletion::Dead { .. });
        if let CallCompletion::Retry { error, .. } | CallCompletion::Dead { error } = &completion {
            tracing::warn!(call = %call_id, attempts = claimed.call.attempts, outcome, error, "a call failed");
        }
        match store.write(CompleteCall { claimed, completion }).await {
            Ok(committed) if committed.output == Completed::Written => {
                metrics.count_call(outcome);
                if is_dead {
                    metrics.count_dead_letter("call");
                }
            }
            Ok(_) => metrics.count_call("fenced"),
            // The lease will expire, and the call will be sent again under the same idempotency key.
            Err(error) => tracing::error!(call = %call_id, %error, "the end of a call could not be written"),
        }
    }

    /// Sends a call, with quick retries, and decides what that means for the outbox.
    async fn completion(&self, claimed: &ClaimedCall) -> (&'static str, CallCompletion) {
        let Inner {
            client,
            settings,
            clock,
            ..
        } = &*self.0;
        let call = &claimed.call;
        let attempts_max = settings.retry_schedule.attempts_max();
        if call.attempts > attempts_max {
            let error = format!("given up after {attempts_max} attempts that never came to an end");
            return ("exhausted", CallCompletion::Dead { error });
        }
        let backoff = ExponentialBuilder::default()
            .with_min_delay(QUICK_RETRY_PAUSE)
            .with_max_times(QUICK_RETRIES);
        // Only while calls pass freely, and never against a Retry-After.
        let is_quick = |error: &SubmitError| {
            matches!(
                error,
                SubmitError::Unavailable {
                    retry_after: None,
                    ..
                }
            ) && client.gate().is_closed()
        };
        let result = (|| client.submit(call)).retry(backoff).when(is_quick).await;
        match result {
            Ok(accepted) => ("accepted", self.accepted(&accepted)),
            Err(SubmitError::NotPermitted) => {
                let run_at = clock.now().plus(client.gate().pause_left());
                ("deferred", CallCompletion::Deferred { run_at })
            }
            Err(SubmitError::Unavailable { reason, retry_after }) => {
                match settings
                    .retry_schedule
                    .pause_after(call.attempts, call.id, retry_after)
                {
                    Some(pause) => (
                        "retry",
                        CallCompletion::Retry {
                            run_at: clock.now().plus(pause),
                            error: reason,
                        },
                    ),
                    None => {
                        let error = format!("given up after {} attempts: {reason}", call.attempts);
                        ("exhausted", CallCompletion::Dead { error })
                    }
                }
            }
            Err(rejected @ SubmitError::Rejected(_)) => self.rejected(claimed, &rejected).await,
        }
    }

    /// A repeated call may be refused because an earlier one was accepted and its answer lost, for instance when the
    /// webhook's address has changed since. So the job is looked for before the call is given up.
    async fn rejected(
        &self,
        claimed: &ClaimedCall,
        rejected: &SubmitError,
    ) -> (&'static str, CallCompletion) {
        let Inner {
            client,
            settings,
            clock,
            ..
        } = &*self.0;
        if claimed.call.attempts > 1
            && let Ok(Some(job)) = client.find_job(&claimed.call).await
        {
            let poll_at = clock
                .now()
                .plus(settings.poll_schedule.first_pause(Duration::ZERO));
            return (
                "accepted",
                CallCompletion::Accepted {
                    job_id: job.job_id,
                    poll_at,
                },
            );
        }
        (
            "rejected",
            CallCompletion::Dead {
                error: rejected.to_string(),
            },
        )
    }

    fn accepted(&self, accepted: &JobAccepted) -> CallCompletion {
        let Inner { settings, clock, .. } = &*self.0;
        let estimate = Duration::from_millis(accepted.estimated_completion_ms);
        let poll_at = clock.now().plus(settings.poll_schedule.first_pause(estimate));
        CallCompletion::Accepted {
            job_id: accepted.job_id.clone(),
            poll_at,
        }
    }
}
