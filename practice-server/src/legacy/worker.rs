//! The queue's worker as a task: connections, reconnection, figures.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::sync::watch;
use tokio::time::sleep;

use super::architectures::Architectures;
use super::edge_settings::EdgeSettings;
use super::postgres_queue::PostgresQueue;
use super::profile::QueueProfile;
use super::queue::{Delivery, QueuedRequest};
use super::queue_worker::{Surroundings, work};
use super::sender::Sender;

/// How long PostgreSQL waits before it starts a background worker again (`bgw_restart_time` of pg_net), and how often we ask
/// whether another server's worker has gone.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// The pause between looks while the trigger architecture serves anybody. The runtime's timer adds up to as much again.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// The pause between looks while it serves nobody, so that direct calls do not pay for the model.
const LOOK_EVERY_WHEN_UNUSED: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct QueueWorker {
    connect: PgConnectOptions,
    profile: QueueProfile,
    edge: EdgeSettings,
    surroundings: Real,
}

#[derive(Clone)]
struct Real {
    sender: Sender,
    architectures: Architectures,
}

impl QueueWorker {
    pub(super) fn new(
        connect: PgConnectOptions,
        profile: QueueProfile,
        edge: EdgeSettings,
        sender: Sender,
        architectures: Architectures,
    ) -> Self {
        Self {
            // A batch may take as long as its requests' timeout, and its transaction is idle meanwhile, as pg_net's is.
            connect: connect
                .application_name("practice-server queue worker")
                .options([("idle_in_transaction_session_timeout", "0")]),
            profile,
            edge,
            surroundings: Real {
                sender,
                architectures,
            },
        }
    }

    /// Works until `stop` says true; begins anew whenever the database ends it.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow() {
            match self.serve(&mut stop).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(%error, "the worker of the HTTP queue was interrupted; it begins anew")
                }
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = sleep(RESTART_AFTER) => {}
            }
        }
    }

    async fn serve(&self, stop: &mut watch::Receiver<bool>) -> Result<(), sqlx::Error> {
        let Some(mut queue) = PostgresQueue::open(&self.connect, &self.edge).await? else {
            return Ok(());
        };
        let result = work(self.profile, &mut queue, &self.surroundings, stop).await;
        queue.close().await;
        result
    }
}

impl Surroundings for Real {
    async fn deliver(&self, request: QueuedRequest) -> Delivery {
        let delivery = self.sender.send(request).await;
        if let Some(reason) = delivery.end.lost_because() {
            self.architectures.metrics.count_lost(reason);
            tracing::warn!(
                request = delivery.request_id,
                reason,
                "a request of the HTTP queue is lost"
            );
        }
        delivery
    }

    async fn until_next_look(&self) {
        let Architectures { rollout, watch, .. } = &self.architectures;
        if !rollout.percent().is_everybody() || watch.is_anybody_waiting() {
            return sleep(LOOK_EVERY).await;
        }
        tokio::select! {
            () = sleep(LOOK_EVERY_WHEN_UNUSED) => {}
            () = watch.somebody_waits() => {}
        }
    }

    fn batch_taken(&self, waiting: u64, taken: usize) {
        self.architectures.metrics.observe_batch(waiting, taken);
    }
}
