//! The connections that units of work run on: a bounded number, each used by one at a time, waited for in the order of
//! arrival and not for long.
//!
//! sqlx's own pool is not used for them: it asks each connection whether it is alive whenever it comes back, which is one
//! more round trip per transaction, and it keeps trying to connect while the database is down, for as long as its caller
//! may wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::outage::{Availability, IsDown};
use crate::clock::Stopwatch;
use crate::error::with_causes;
use crate::metrics::Metrics;
use crate::store::{DriverError, PoolSettings, StoreError};

const DOING: &str = "getting a connection";
/// The longest that opening a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two looks whether the database answers again.
const PROBE_PAUSE: Duration = Duration::from_millis(100);

/// Cloning shares the connections.
#[derive(Clone)]
pub(super) struct Pool(Arc<Inner>);

struct Inner {
    options: PgConnectOptions,
    settings: PoolSettings,
    places: Arc<Semaphore>,
    /// The connection used last is used next, so that few are warm when few are needed.
    idle: Mutex<Vec<Open>>,
    open: Arc<AtomicUsize>,
    availability: Availability,
    metrics: Metrics,
}

/// An open connection.
struct Open {
    connection: PgConnection,
    epoch: u64,
    _counted: Counted,
}

/// Counts a connection for as long as it is open.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection that is in use. Unless it is given back it is closed, so that nobody gets one with an unfinished
/// transaction on it.
pub(super) struct Lease {
    open: Open,
    pool: Pool,
    place: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(options: PgConnectOptions, settings: PoolSettings, metrics: Metrics) -> Self {
        let places = settings.connections.get() as usize;
        metrics
            .pool_connections_max
            .set(i64::from(settings.connections.get()));
        Self(Arc::new(Inner {
            options,
            settings,
            places: Arc::new(Semaphore::new(places)),
            idle: Mutex::default(),
            open: Arc::default(),
            availability: Availability::new(),
            metrics,
        }))
    }

    /// A connection of one's own, as soon as there is one.
    ///
    /// # Errors
    /// A database that is down, at once; no connection within the time that a caller may wait.
    pub(super) async fn acquire(&self) -> Result<Lease, StoreError> {
        let inner = &*self.0;
        let started = Stopwatch::start();
        // The database may come into doubt while somebody waits for a place; until that is settled is a part of the wait.
        let placed = async {
            let place = self.place().await?;
            let epoch = inner.availability.epoch().await.map_err(is_down)?;
            Ok((place, epoch))
        };
        let placed = timeout(inner.settings.wait, placed).await;
        inner.metrics.pool_wait.observe(started.elapsed_seconds());
        let (place, epoch) = placed.unwrap_or_else(|_| {
            inner.metrics.pool_timeouts.inc();
            Err(StoreError::new(
                DOING,
                DriverError::PoolExhausted {
                    connections: inner.settings.connections.get(),
                    wait: inner.settings.wait,
                },
            ))
        })?;
        let open = match self.idle_of(epoch) {
            Some(open) => open,
            None => self.connect(epoch).await?,
        };
        Ok(Lease {
            open,
            pool: self.clone(),
            place,
        })
    }

    /// The right to one of the connections.
    async fn place(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let Inner {
            places, availability, ..
        } = &*self.0;
        availability.epoch().await.map_err(is_down)?;
        // Who waits while the database goes down need not wait any longer.
        tokio::select! {
            biased;
            place = Arc::clone(places).acquire_owned() => place.map_err(|_| closed()),
            () = availability.fails() => Err(is_down(IsDown)),
        }
    }

    /// An idle connection of this epoch. Those of earlier ones are closed.
    fn idle_of(&self, epoch: u64) -> Option<Open> {
        let mut idle = self.idle();
        while let Some(open) = idle.pop() {
            if open.epoch == epoch {
                return Some(open);
            }
        }
        None
    }

    async fn connect(&self, epoch: u64) -> Result<Open, StoreError> {
        let inner = &*self.0;
        match timeout(CONNECT_TIMEOUT, inner.options.connect()).await {
            Ok(Ok(connection)) => Ok(Open {
                connection,
                epoch,
                _counted: Counted::new(&inner.open),
            }),
            Ok(Err(error)) => {
                let error = DriverError::from(error);
                if error.ends_the_connection() {
                    self.doubt(epoch);
                }
                Err(StoreError::unavailable(DOING, error))
            }
            Err(_) => {
                self.doubt(epoch);
                let error = std::io::Error::from(std::io::ErrorKind::TimedOut);
                Err(StoreError::new(DOING, error))
            }
        }
    }

    /// Has it found out whether the database is down, if nobody has asked for that yet.
    pub(super) fn doubt(&self, epoch: u64) {
        if self.0.availability.doubt(epoch) {
            let pool = self.clone();
            tokio::spawn(async move { pool.probe().await });
        }
    }

    /// Asks until the database answers or nobody needs it any more.
    async fn probe(&self) {
        let Inner {
            options,
            places,
            availability,
            ..
        } = &*self.0;
        let mut was_down = false;
        loop {
            let answer = async {
                let mut connection = options.connect().await?;
                connection.ping().await?;
                connection.close().await
            };
            let error = match timeout(CONNECT_TIMEOUT, answer)
                .await
                .map(|answer| answer.map_err(DriverError::from))
            {
                Ok(Ok(())) => break,
                // It refuses this one connection, for instance since it has as many as it can, and so it is there.
                Ok(Err(error)) if !error.ends_the_connection() => break,
                Ok(Err(error)) => with_causes(&error),
                Err(_) => format!("it did not answer within {CONNECT_TIMEOUT:?}"),
            };
            if availability.did_not_answer() {
                was_down = true;
                tracing::error!(
                    kind = "unavailable",
                    error,
                    "the database is down; requests are answered 503 until it answers again"
                );
            }
            sleep(PROBE_PAUSE).await;
            if places.is_closed() {
                return;
            }
        }
        availability.answered();
        if was_down {
            tracing::warn!("the database answers again");
        }
    }

    /// Brings the gauges of the pool up to date.
    pub(super) fn refresh_gauges(&self) {
        let Inner { open, metrics, .. } = &*self.0;
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.pool_connections.set(gauge(open.load(Ordering::Relaxed)));
        metrics.pool_connections_idle.set(gauge(self.idle().len()));
    }

    /// Refuses later work, and closes the connections once the work under way is done.
    pub(super) async fn close(&self) {
        let Inner { places, settings, .. } = &*self.0;
        // Fails if it is closed already.
        let finished = places.acquire_many(settings.connections.get()).await;
        places.close();
        drop(finished);
        let idle = std::mem::take(&mut *self.idle());
        for open in idle {
            open.close().await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Open>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Says good-bye, so that the server does not log a lost client.
    async fn close(self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "a connection could not be closed cleanly");
        }
    }
}

impl Lease {
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        &mut self.open.connection
    }

    /// Takes note of an error on this connection: it may be the first to say that the database is down.
    pub(super) fn notice(&self, error: &StoreError) {
        if error.ends_the_connection() {
            self.pool.doubt(self.open.epoch);
        }
    }

    /// The epoch the connection belongs to.
    pub(super) fn epoch(&self) -> u64 {
        self.open.epoch
    }

    /// Lets the next one have the connection. No transaction is open on it.
    pub(super) fn give_back(self) {
        let Self { open, pool, place } = self;
        pool.idle().push(open);
        // Only now, so that whoever gets the place finds the connection.
        drop(place);
    }
}

fn closed() -> StoreError {
    StoreError::new(DOING, sqlx::Error::PoolClosed)
}

fn is_down(_: IsDown) -> StoreError {
    StoreError::new(DOING, DriverError::Down)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    /// A pool of one connection that nobody will ever open.
    fn pool(wait: Duration) -> Pool {
        let settings = PoolSettings {
            connections: NonZeroU32::MIN,
            wait,
        };
        Pool::new(PgConnectOptions::new(), settings, Metrics::new())
    }

    #[tokio::test(start_paused = true)]
    async fn a_doubt_that_comes_up_during_the_wait_does_not_make_it_longer() {
        let pool = pool(Duration::from_millis(50));
        let inner = Arc::clone(&pool.0);
        let taken = Arc::clone(&inner.places).acquire_owned().await.unwrap();
        let waiting = timeout(Duration::from_secs(60), pool.acquire());
        let doubting = async {
            // Nobody finds out whether the database is there.
            assert!(inner.availability.doubt(0));
            drop(taken);
        };
        let (refused, ()) = tokio::join!(waiting, doubting);
        let Ok(Err(error)) = refused else {
            panic!("the wait went on");
        };
        assert!(with_causes(&error).contains("50ms"), "{}", with_causes(&error));
        assert_eq!(inner.metrics.pool_timeouts.get(), 1);
        assert_eq!(inner.places.available_permits(), 1, "the place is free again");
    }
}
