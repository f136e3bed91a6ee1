//! The worker of the asynchronous HTTP queue: when it looks, what it takes, what it waits for. Pure scheduling over a
//! [`RequestQueue`]; it runs in virtual time in its tests.
//!
//! Both generations take at most 200 requests, send all of them at once, and wait for the last one before anything else
//! happens: a slow edge function holds up everybody behind it. Nothing is ever sent twice because it failed.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::profile::{BATCH, LATCH_TIMEOUT, QueueProfile};
use super::queue::{Delivery, QueuedRequest, RequestQueue, Taking};

/// What the worker needs besides its queue. Cloned for every request that is sent.
pub(crate) trait Surroundings: Clone + Send + Sync + 'static {
    /// Sends one request and waits for its end.
    fn deliver(&self, request: QueuedRequest) -> impl Future<Output = Delivery> + Send;

    /// Waits until the queue is to be looked into again for a commit that pg_net's latch would have told of.
    ///
    /// pg_net is woken in the committing backend, which only an extension can do. NOTIFY would be the obvious substitute,
    /// but a transaction that notifies takes a lock on the whole cluster at its commit, which costs concurrent writers
    /// 97 % of their throughput: that would be our own invention at the expense of the architecture that is measured.
    /// Looking costs a query per look and at most this much delay.
    fn until_next_look(&self) -> impl Future<Output = ()> + Send;

    /// A batch was taken: how many requests waited before, and how many it holds.
    fn batch_taken(&self, waiting: u64, taken: usize);
}

/// Works until `stop` says true, and then finishes the batch under way.
///
/// # Errors
/// A queue that cannot be read or written.
pub(crate) async fn work<Q: RequestQueue, S: Surroundings>(
    profile: QueueProfile,
    queue: &mut Q,
    surroundings: &S,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), Q::Error> {
    match profile {
        QueueProfile::PgNet014 => work_each_second(queue, surroundings, stop).await,
        QueueProfile::PgNet020 => work_when_woken(queue, surroundings, stop).await,
    }
}

async fn work_each_second<Q: RequestQueue, S: Surroundings>(
    queue: &mut Q,
    surroundings: &S,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), Q::Error> {
    loop {
        let stopped = tokio::select! {
            () = stopped(stop) => true,
            () = sleep(LATCH_TIMEOUT) => false,
        };
        if stopped {
            return Ok(());
        }
        queue.delete_expired().await?;
        let waiting = queue.waiting(u64::MAX).await?;
        let requests = queue.take(BATCH, Taking::CommittedFirst).await?;
        surroundings.batch_taken(waiting, requests.len());
        let mut sending = send_all(surroundings, requests);
        let mut deliveries = Vec::new();
        while let Some(delivery) = next_delivery(&mut sending).await {
            deliveries.push(delivery);
        }
        queue.finish(&deliveries).await?;
    }
}

async fn work_when_woken<Q: RequestQueue, S: Surroundings>(
    queue: &mut Q,
    surroundings: &S,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), Q::Error> {
    let mut wake = Wake::restarted();
    while !*stop.borrow() {
        if !wake.should_wake {
            wait_for_latch(&mut wake, None, queue, surroundings, stop).await?;
            continue;
        }
        wake.clear(queue.waiting(u64::MAX).await?);
        loop {
            let expired = queue.delete_expired().await?;
            let waiting = queue.waiting(u64::MAX).await?;
            wake.observe(waiting);
            let requests = queue.take(BATCH, Taking::WithTheAnswers).await?;
            let consumed = requests.len();
            surroundings.batch_taken(waiting, consumed);
            let deliveries = send_and_watch(&mut wake, requests, queue, surroundings).await?;
            queue.finish(&deliveries).await?;
            wake.removed(consumed);
            wait_for_latch(&mut wake, Some(LATCH_TIMEOUT), queue, surroundings, stop).await?;
            if *stop.borrow() || (consumed == 0 && expired == 0) {
                break;
            }
        }
    }
    Ok(())
}

/// Sends a batch and, while it is under way, notices the commit that sets the latch.
async fn send_and_watch<Q: RequestQueue, S: Surroundings>(
    wake: &mut Wake,
    requests: Vec<QueuedRequest>,
    queue: &mut Q,
    surroundings: &S,
) -> Result<Vec<Delivery>, Q::Error> {
    let mut sending = send_all(surroundings, requests);
    let mut deliveries = Vec::new();
    let mut next_look = pin!(surroundings.until_next_look());
    loop {
        tokio::select! {
            delivery = next_delivery(&mut sending) => match delivery {
                Some(delivery) => deliveries.push(delivery),
                None => return Ok(deliveries),
            },
            () = &mut next_look, if !wake.should_wake => {
                wake.observe(queue.waiting(wake.enough_to_notice()).await?);
                next_look.set(surroundings.until_next_look());
            }
        }
    }
}

/// Waits until the latch is set, `timeout` has passed or the worker is to stop; takes the latch back.
async fn wait_for_latch<Q: RequestQueue, S: Surroundings>(
    wake: &mut Wake,
    timeout: Option<Duration>,
    queue: &mut Q,
    surroundings: &S,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), Q::Error> {
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    loop {
        if std::mem::take(&mut wake.latch) {
            return Ok(());
        }
        let time_is_up = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stopped(stop) => return Ok(()),
            () = time_is_up => return Ok(()),
            () = surroundings.until_next_look(), if !wake.should_wake => {}
        }
        wake.observe(queue.waiting(wake.enough_to_notice()).await?);
    }
}

fn send_all<S: Surroundings>(surroundings: &S, requests: Vec<QueuedRequest>) -> JoinSet<Delivery> {
    let mut sending = JoinSet::new();
    for request in requests {
        let surroundings = surroundings.clone();
        sending.spawn(async move { surroundings.deliver(request).await });
    }
    sending
}

/// The next end of a request; `None` once all have ended. A request whose task came to grief has no end to report, just as
/// a request whose answer pg_net cannot store.
async fn next_delivery(sending: &mut JoinSet<Delivery>) -> Option<Delivery> {
    loop {
        match sending.join_next().await? {
            Ok(delivery) => return Some(delivery),
            Err(error) => tracing::error!(%error, "a request of the HTTP queue came to no end"),
        }
    }
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody is left who could say stop, which is the end as well.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What a commit does to a sleeping worker from 0.19 on: the first one since the flag was cleared raises it and sets the
/// latch, every further one finds it raised and does nothing.
struct Wake {
    should_wake: bool,
    latch: bool,
    /// Requests that this worker has taken out for good.
    removed: u64,
    /// Requests ever put in, as far as has been noticed.
    arrived: u64,
}

impl Wake {
    /// A worker that has just started assumes that something was left lying.
    fn restarted() -> Self {
        Self {
            should_wake: true,
            latch: false,
            removed: 0,
            arrived: 0,
        }
    }

    /// Takes the flag back. What waits at this moment will be in the batch that follows and wakes nobody.
    fn clear(&mut self, waiting: u64) {
        self.should_wake = false;
        self.arrived = self.removed + waiting;
    }

    /// Compares what waits with what is known to. More means a commit. Fewer means that somebody else took requests away.
    fn observe(&mut self, waiting: u64) {
        let arrived = self.removed + waiting;
        if arrived > self.arrived && !self.should_wake {
            self.should_wake = true;
            self.latch = true;
        }
        self.arrived = arrived;
    }

    fn removed(&mut self, requests: usize) {
        self.removed += requests as u64;
    }

    /// How far waiting requests must be counted to tell whether there is a new one.
    fn enough_to_notice(&self) -> u64 {
        self.arrived.saturating_sub(self.removed) + 1
    }
}

#[cfg(test)]
mod tests;
