//! The database's log, asked for again and again, at the pace of the hosted product.
//!
//! Supabase Realtime polls: `poll_interval_ms` is 100; while changes for subscribers come it asks again at once; after
//! changes for nobody it waits those 100 ms and 50 to 100 ms more; without any change it waits five times as long
//! (supabase/realtime v2.129.8, `lib/extensions/postgres_cdc_rls/replication_poller.ex`; the idle pace since commit
//! 8d87c2fc of April 2026). So the event of a lone change is 0 to 500 ms late.

use std::time::Duration;

use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use xxhash_rust::xxh3::xxh3_64;

use super::FeedError;
use super::address::{Address, PUBLICATION, slot_name};
use super::publisher::{Published, Publisher};

const PAUSE: Duration = Duration::from_millis(100);
const IDLE_FACTOR: u32 = 5;
const JITTER_MS_MIN: u64 = 50;
const JITTER_MS_MAX: u64 = 100;

/// Changes after which a poll ends with the transaction (`poll_max_changes` of the hosted product).
const CHANGES_MAX: i32 = 100;

/// Longest wait for a slot, which waits for the transactions that are under way.
const SLOT_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest wait for the next change of a poll. The database reads its log to the end before it shows the first one, so
/// this is far more than a poll takes that has to catch up; a database that is silent for longer hangs, and subscribers
/// must be told.
const POLL_TIMEOUT: Duration = Duration::from_secs(30);

/// A session with a temporary slot.
pub(super) struct LogPoller {
    connection: PgConnection,
    slot: String,
    /// Polls so far, which the jitter is derived from.
    polls: u64,
}

impl LogPoller {
    /// Creates a slot.
    pub(super) async fn open(address: &Address) -> Result<Self, FeedError> {
        let doing = "creating a slot to poll";
        let mut connection = address.connect().await?;
        let slot = slot_name();
        let create = sqlx::query("SELECT pg_create_logical_replication_slot($1, 'pgoutput', true)")
            .bind(&slot)
            .execute(&mut connection);
        match timeout(SLOT_TIMEOUT, create).await {
            Ok(created) => created.map_err(FeedError::database(doing))?,
            Err(_) => {
                return Err(FeedError::Silent {
                    doing,
                    limit: SLOT_TIMEOUT,
                    advice: "end transactions that stay open, since a new slot waits for them",
                });
            }
        };
        Ok(Self {
            connection,
            slot,
            polls: 0,
        })
    }

    /// Publishes what has been committed since the last poll; how long to wait before the next one.
    pub(super) async fn poll(&mut self, publisher: &mut Publisher) -> Result<Duration, FeedError> {
        let doing = "polling the log";
        self.polls += 1;
        let mut published = Published::default();
        let mut messages = sqlx::query_scalar::<_, Vec<u8>>(
            "SELECT data FROM pg_logical_slot_get_binary_changes($1, NULL, $2, 'proto_version', '1', \
             'publication_names', $3)",
        )
        .bind(&self.slot)
        .bind(CHANGES_MAX)
        .bind(PUBLICATION)
        .fetch(&mut self.connection);
        while let Some(message) = answered(doing, messages.try_next()).await? {
            published += publisher.take_bytes(&message).await?;
        }
        Ok(pause_after(published, self.polls))
    }
}

impl LogPoller {
    pub(super) async fn close(self) {
        // The session is over either way, and the slot with it.
        let _ = self.connection.close().await;
    }
}

/// The answer of a database that does not hang.
async fn answered<T>(
    doing: &'static str,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, FeedError> {
    match timeout(POLL_TIMEOUT, answer).await {
        Ok(answer) => answer.map_err(FeedError::database(doing)),
        Err(_) => Err(FeedError::Silent {
            doing,
            limit: POLL_TIMEOUT,
            advice: "the feed connects again",
        }),
    }
}

/// The hosted product's pause after a poll that published this.
fn pause_after(published: Published, poll: u64) -> Duration {
    let jitter_ms = JITTER_MS_MIN + xxh3_64(&poll.to_le_bytes()) % (JITTER_MS_MAX - JITTER_MS_MIN + 1);
    match published {
        Published { deliveries: 1.., .. } => Duration::ZERO,
        Published { changes: 1.., .. } => PAUSE + Duration::from_millis(jitter_ms),
        Published { .. } => PAUSE * IDLE_FACTOR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(changes: usize, deliveries: usize, poll: u64) -> Duration {
        pause_after(Published { changes, deliveries }, poll)
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_hangs_is_given_up() {
        let hanging = std::future::pending::<Result<(), sqlx::Error>>();
        let waited = tokio::time::Instant::now();
        let error = answered("polling the log", hanging).await.unwrap_err();
        assert_eq!(waited.elapsed(), POLL_TIMEOUT);
        assert!(
            error
                .to_string()
                .contains("did not answer within 30s while polling the log"),
            "{error}"
        );
        assert_eq!(answered("polling the log", async { Ok(3) }).await.unwrap(), 3);
    }

    #[test]
    fn the_pace_is_that_of_the_hosted_product() {
        assert_eq!(pause(3, 2, 1), Duration::ZERO);
        assert_eq!(pause(0, 0, 1), Duration::from_millis(500));
        let pauses: Vec<_> = (0..1_000).map(|poll| pause(3, 0, poll).as_millis()).collect();
        assert_eq!(pauses.iter().min(), Some(&150));
        assert_eq!(pauses.iter().max(), Some(&200));
    }
}
