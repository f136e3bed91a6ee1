//! Where committed changes go.

use tokio::sync::broadcast;

use super::Change;

const HISTORY_MAX: usize = 1024;

/// Fans committed changes out to whoever listens. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Hub(broadcast::Sender<Change>);

impl Hub {
    pub fn new() -> Self {
        Self(broadcast::channel(HISTORY_MAX).0)
    }

    /// Hands changes over, in commit order. It never waits; a listener that lags loses the oldest.
    pub fn publish(&self, changes: &[Change]) {
        for change in changes {
            // No listener is no error.
            let _ = self.0.send(change.clone());
        }
    }
}

impl Default for Hub {
    fn default() -> Self {
        Self::new()
    }
}
