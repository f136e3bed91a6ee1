//! The connections that only read. A read runs on the runtime's threads for blocking work.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::connection::Connection;
use crate::store::StoreError;

/// Reads are short; more connections than this only wait for the same two or four cores.
const READERS_MAX: usize = 4;
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// A bounded pool. Connections are opened when they are first needed.
pub(super) struct Readers {
    path: PathBuf,
    places: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            places: Arc::new(Semaphore::new(READERS_MAX)),
            idle: Arc::default(),
        }
    }

    /// Runs `read` on a connection of its own.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let doing = "waiting for a reader connection";
        let unavailable = || StoreError::Unavailable { doing, source: None };
        let acquired = tokio::time::timeout(ACQUIRE_TIMEOUT, Arc::clone(&self.places).acquire_owned()).await;
        let place = acquired.map_err(|_| unavailable())?.map_err(|_| unavailable())?;
        let (path, idle) = (self.path.clone(), Arc::clone(&self.idle));
        let reading = tokio::task::spawn_blocking(move || {
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| Connection::open_read_only(&path), Ok)?;
            let result = read(&connection);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            drop(place);
            result
        });
        // It fails only if the read panicked or the runtime is shutting down.
        reading.await.map_err(|_| unavailable())?
    }

    /// Open connections, and those of them that nobody uses.
    pub(super) fn connections(&self) -> (usize, usize) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).len();
        let in_use = READERS_MAX.saturating_sub(self.places.available_permits());
        (idle + in_use, idle)
    }

    /// Refuses later reads and closes the connections once the reads under way are done.
    pub(super) async fn close(&self) {
        let all = u32::try_from(READERS_MAX).unwrap_or(u32::MAX);
        let finished = self.places.acquire_many(all).await;
        self.places.close();
        drop(finished);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
