//! The poller fetches results whose webhook never came.

use std::sync::Arc;
use std::time::Duration;

use classconnect_api::Job;
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

use super::{ClassConnect, LookupError};
use crate::domain::{Call, check_result};
use crate::metrics::Metrics;
use crate::service::{Applied, ApplyPolledResult, ClaimPolls, PollSchedule};
use crate::store::{Abort, Store};

const TICK: Duration = Duration::from_millis(250);
const BATCH: u32 = 64;
const CONCURRENCY: usize = 8;

/// Cloning shares everything.
#[derive(Clone)]
pub struct Poller(Arc<Inner>);

struct Inner {
    store: Store,
    client: ClassConnect,
    schedule: PollSchedule,
    metrics: Metrics,
}

impl Poller {
    pub fn new(store: Store, client: ClassConnect, schedule: PollSchedule, metrics: Metrics) -> Self {
        Self(Arc::new(Inner {
            store,
            client,
            schedule,
            metrics,
        }))
    }

    /// Looks overdue jobs up until `stop` says true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            if let Err(error) = self.poll_due().await {
                tracing::error!(%error, "overdue results could not be claimed");
            }
            tokio::select! {
                _ = stop.changed() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Looks up what is overdue now. Answers how many results were applied.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub async fn poll_due(&self) -> Result<usize, Abort> {
        let Inner {
            store,
            client,
            schedule,
            ..
        } = &*self.0;
        if client.gate().available() == 0 {
            return Ok(0);
        }
        let due = store
            .write(ClaimPolls {
                limit: BATCH,
                schedule: *schedule,
            })
            .await?
            .output;
        let outcomes: Vec<&'static str> = stream::iter(due)
            .map(|call| self.poll(call))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        for outcome in &outcomes {
            self.0.metrics.count_poll(outcome);
        }
        Ok(outcomes
            .into_iter()
            .filter(|outcome| *outcome == "applied")
            .count())
    }

    /// Looks one job up; answers the outcome's label.
    async fn poll(&self, call: Call) -> &'static str {
        let Inner { store, client, .. } = &*self.0;
        let event = match client.find_job(&call).await {
            Ok(Some(Job {
                result: Some(event), ..
            })) => event,
            Ok(Some(_)) => return "pending",
            Ok(None) => return "unknown",
            Err(LookupError::NotPermitted) => return "failed",
            Err(LookupError::Unavailable(error)) => {
                tracing::warn!(call = %call.id, error, "a job could not be looked up");
                return "failed";
            }
        };
        if event.submission() != call.kind {
            tracing::warn!(call = %call.id, event = event.type_name(), "a job's result is of another kind");
            return "failed";
        }
        if let Err(fault) = check_result(&event) {
            tracing::warn!(call = %call.id, %fault, "a job's result cannot be stored");
            return "failed";
        }
        match store
            .write(ApplyPolledResult {
                call_id: call.id,
                event,
            })
            .await
        {
            Ok(committed) => match committed.output {
                Applied::Applied => "applied",
                Applied::Superseded => "superseded",
            },
            Err(error) => {
                tracing::error!(call = %call.id, %error, "a result that was looked up could not be applied");
                "failed"
            }
        }
    }
}
