//! The feed: what any program commits to the database reaches the hub, in the order of the commits.
//!
//! PostgreSQL's own log tells about it, through the plug-in pgoutput: `stream` has it streamed, `poll` asks for it;
//! `pgoutput` and `json` decode it, `changes` makes row changes of it, `publisher` hands them to the hub. When the feed
//! breaks off, changes may be missed: subscribers are told so, nobody can subscribe meanwhile, and the feed connects
//! again.

mod address;
mod changes;
mod error;
mod json;
mod pgoutput;
mod poll;
mod publisher;
mod stream;

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, sleep, timeout};

pub use error::FeedError;
#[cfg(test)]
pub(crate) use json::typed;

use self::address::Address;
use self::pgoutput::Message;
use self::poll::LogPoller;
use self::publisher::Publisher;
use self::stream::{LogStream, Received};
use super::access::Judge;
use super::commits::CommitMoments;
use super::hub::Hub;
use crate::error::with_causes;
use crate::store::PostgresUrl;

/// Privileges and policies are read this often even if nothing says that they have changed: the attributes of a role
/// can change unannounced.
const RULES_INTERVAL: Duration = Duration::from_secs(60);

/// Longest wait for the farewell.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

const RECONNECT_PAUSE_MIN: Duration = Duration::from_millis(100);
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How the log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum FeedMode {
    /// Streamed: an event follows its commit at once.
    #[default]
    Wal,
    /// Polled at the pace of the hosted product.
    Poll,
}

/// Follows the changes of one database.
#[derive(Clone)]
pub struct Feed {
    address: Address,
    mode: FeedMode,
    hub: Hub,
    commits: CommitMoments,
}

/// A feed that is connected.
pub struct LiveFeed {
    source: Source,
    publisher: Publisher,
}

enum Source {
    Stream(LogStream),
    Poller(LogPoller),
}

impl Feed {
    /// A feed that is not connected yet: until it is, nobody can subscribe.
    pub fn new(url: &PostgresUrl, mode: FeedMode, hub: Hub, commits: CommitMoments) -> Self {
        hub.await_feed();
        Self {
            address: Address::new(url),
            mode,
            hub,
            commits,
        }
    }

    /// Connects. From here on no change is missed, and clients can subscribe.
    ///
    /// # Errors
    /// A database that cannot be reached, or that does not let its log be read.
    pub async fn connect(&self) -> Result<LiveFeed, FeedError> {
        let judge = Judge::new(self.address.connect().await?)
            .await
            .map_err(FeedError::database("preparing to judge rows"))?;
        let source = match self.mode {
            FeedMode::Wal => Source::Stream(LogStream::open(&self.address).await?),
            FeedMode::Poll => Source::Poller(LogPoller::open(&self.address).await?),
        };
        let mut publisher = Publisher::new(self.hub.clone(), self.commits.clone(), judge);
        // After the slot exists: what changes from here on is announced.
        publisher.go_live().await?;
        Ok(LiveFeed { source, publisher })
    }

    /// Publishes changes until told to stop, and connects again whenever the connection is lost.
    pub async fn run(self, first: LiveFeed, mut stop: watch::Receiver<bool>) {
        let mut live = first;
        loop {
            let result = live.publish(&mut stop).await;
            let Err(error) = result else {
                self.hub.await_feed();
                return live.close().await;
            };
            // Subscribers are told before anything else is waited for.
            self.hub.interrupt();
            tracing::warn!(error = with_causes(&error), "the feed of changes broke off");
            live.close().await;
            match self.reconnect(&mut stop).await {
                Some(again) => live = again,
                None => return,
            }
        }
    }

    /// Tries until it succeeds; `None` when told to stop.
    async fn reconnect(&self, stop: &mut watch::Receiver<bool>) -> Option<LiveFeed> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(RECONNECT_PAUSE_MIN)
            .with_max_delay(RECONNECT_PAUSE_MAX)
            .without_max_times()
            .build();
        for pause in pauses {
            tokio::select! {
                () = stopped(stop) => return None,
                () = sleep(pause) => {}
            }
            match self.connect().await {
                Ok(live) => {
                    tracing::info!("the feed of changes is live again");
                    return Some(live);
                }
                Err(error) => {
                    tracing::warn!(error = with_causes(&error), "the feed of changes cannot connect")
                }
            }
        }
        None
    }
}

impl LiveFeed {
    /// Publishes until told to stop.
    async fn publish(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), FeedError> {
        let Self { source, publisher } = self;
        match source {
            Source::Stream(stream) => publish_stream(stream, publisher, stop).await,
            Source::Poller(poller) => publish_polls(poller, publisher, stop).await,
        }
    }

    /// Ends the sessions, as far as the database listens; slots and functions end with them.
    async fn close(self) {
        let farewell = async {
            match self.source {
                Source::Stream(stream) => stream.close().await,
                Source::Poller(poller) => poller.close().await,
            }
            self.publisher.close().await;
        };
        let _ = timeout(CLOSE_TIMEOUT, farewell).await;
    }
}

async fn publish_stream(
    stream: &mut LogStream,
    publisher: &mut Publisher,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), FeedError> {
    let mut rules = interval_at(Instant::now() + RULES_INTERVAL, RULES_INTERVAL);
    loop {
        // Nothing is awaited in here but what may be dropped at any time: the work is done below.
        let received = tokio::select! {
            biased;
            () = stopped(stop) => return Ok(()),
            _ = rules.tick() => None,
            received = stream.next() => Some(received?),
        };
        match received {
            None => publisher.refresh_rules().await?,
            Some(Received::Begin(begin)) => drop(publisher.take(Message::Begin(begin)).await?),
            Some(Received::Data(bytes)) => drop(publisher.take_bytes(&bytes).await?),
            Some(Received::Commit(place)) => {
                publisher.take(Message::Commit).await?;
                stream.acknowledge(place);
            }
            Some(Received::Idle(place)) if !publisher.is_inside_transaction() => stream.acknowledge(place),
            Some(Received::Idle(_) | Received::Nothing) => {}
        }
    }
}

async fn publish_polls(
    poller: &mut LogPoller,
    publisher: &mut Publisher,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), FeedError> {
    let mut rules_read = Instant::now();
    loop {
        let poll = async {
            let pause = poller.poll(publisher).await?;
            if rules_read.elapsed() >= RULES_INTERVAL {
                publisher.refresh_rules().await?;
                rules_read = Instant::now();
            }
            sleep(pause).await;
            Ok::<(), FeedError>(())
        };
        // A poll that is given up leaves a session that only ends, and it ends with the server.
        match unless_stopped(stop, poll).await {
            Some(polled) => polled?,
            None => return Ok(()),
        }
    }
}

/// Does `work`, unless told to stop before it is done: a database that hangs must not hold up the end of the server.
async fn unless_stopped<T>(stop: &mut watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = stopped(stop) => None,
        done = work => Some(done),
    }
}

/// Completes when the feed is to stop. Nobody left to say so means the same.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_that_hangs_does_not_hold_up_the_end() {
        let (stop, mut stopping) = watch::channel(false);
        assert_eq!(unless_stopped(&mut stopping, async { 7 }).await, Some(7));
        let hanging = std::future::pending::<()>();
        let (done, ()) = tokio::join!(unless_stopped(&mut stopping, hanging), async {
            stop.send_replace(true);
        });
        assert_eq!(done, None);
    }
}
