//! The database's log, streamed: what was committed arrives as soon as it is flushed.
//!
//! The slot is temporary: it ends with the connection, so that a server that died never makes the database keep its log.
//! What is committed while nobody is connected is therefore missed.

use std::time::Duration;

use bytes::Bytes;
use pgwire_replication::{Lsn, PgWireError, ReplicationClient, ReplicationEvent};
use tokio::time::timeout;

use super::FeedError;
use super::address::{Address, slot_name};
use super::pgoutput::Begin;

/// Longest wait until the stream starts. Creating a slot waits for the transactions that are under way.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// An open stream.
pub(super) struct LogStream {
    client: ReplicationClient,
}

/// What comes next in the log.
pub(super) enum Received {
    Begin(Begin),
    /// A message that is to be decoded.
    Data(Bytes),
    /// The transaction ends; everything up to this place has been received.
    Commit(Lsn),
    /// Nothing up to this place is of interest.
    Idle(Lsn),
    Nothing,
}

impl LogStream {
    /// Creates a slot and starts to stream from it.
    pub(super) async fn open(address: &Address) -> Result<Self, FeedError> {
        match timeout(START_TIMEOUT, Self::start(address)).await {
            Ok(started) => started,
            Err(_) => Err(FeedError::Silent {
                doing: "starting to stream the log",
                limit: START_TIMEOUT,
                advice: "end transactions that stay open, since a new slot waits for them",
            }),
        }
    }

    async fn start(address: &Address) -> Result<Self, FeedError> {
        let slot = slot_name();
        let mut client = ReplicationClient::connect_gated(address.replication(&slot))
            .await
            .map_err(FeedError::Stream)?;
        client
            .simple_query(&format!(
                "CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')"
            ))
            .await
            .map_err(|error| {
                let advice = "it needs wal_level = logical, a user with the right to replicate and a free slot \
                              (max_replication_slots, max_wal_senders)";
                refused("a replication slot", advice, error)
            })?;
        client.start().await.map_err(FeedError::Stream)?;
        client.wait_started().await.map_err(|error| {
            let advice = "the publication supabase_realtime must exist";
            refused("to stream its log", advice, error)
        })?;
        Ok(Self { client })
    }

    /// Waits for what comes next. Dropping the wait loses nothing.
    pub(super) async fn next(&mut self) -> Result<Received, FeedError> {
        let event = self.client.recv().await.map_err(FeedError::Stream)?;
        Ok(match event.ok_or(FeedError::Ended)? {
            ReplicationEvent::Begin {
                xid,
                commit_time_micros,
                ..
            } => Received::Begin(Begin::new(xid, commit_time_micros)),
            ReplicationEvent::Commit { end_lsn, .. } => Received::Commit(end_lsn),
            ReplicationEvent::XLogData { data, .. } => Received::Data(data),
            ReplicationEvent::KeepAlive { wal_end, .. } => Received::Idle(wal_end),
            ReplicationEvent::Message { .. } | ReplicationEvent::StoppedAt { .. } => Received::Nothing,
        })
    }

    /// Everything up to this place need not be sent again, and its log need not be kept.
    pub(super) fn acknowledge(&self, place: Lsn) {
        self.client.update_applied_lsn(place);
    }

    pub(super) async fn close(mut self) {
        // The connection is over either way, and the slot with it.
        let _ = self.client.shutdown().await;
    }
}

/// An answer of the database, or trouble on the way to it.
fn refused(doing: &'static str, advice: &'static str, error: PgWireError) -> FeedError {
    if error.is_server() {
        return FeedError::Refused {
            doing,
            advice,
            source: error,
        };
    }
    FeedError::Stream(error)
}
