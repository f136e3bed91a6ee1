//! What the practice actions need to serve two architectures side by side.

use std::time::Duration;

use super::settings::LegacySettings;
use super::trigger_watch::TriggerWatch;
use crate::metrics::LegacyMetrics;
use crate::rollout::Rollout;
use crate::store::{PostgresStore, StoreError};

/// Who is served by which architecture, and how the legacy one is waited for. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Architectures {
    pub rollout: Rollout,
    pub watch: TriggerWatch,
    pub metrics: LegacyMetrics,
}

impl Architectures {
    /// Both, on a database that can serve both. The flag decides, and is set first if the settings say so.
    ///
    /// # Errors
    /// A database that cannot be read or written.
    pub(crate) async fn both(
        store: &PostgresStore,
        settings: &LegacySettings,
        metrics: LegacyMetrics,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            rollout: Rollout::open(store.pool(), settings.direct_percent, metrics.clone()).await?,
            watch: TriggerWatch::new(settings.trigger_wait, metrics.clone()),
            metrics,
        })
    }

    /// Direct calls for everybody; `reason` says why there is nothing else.
    pub fn direct_only(reason: &str, metrics: LegacyMetrics) -> Self {
        Self {
            rollout: Rollout::fixed(reason, metrics.clone()),
            // Nobody will ever wait.
            watch: TriggerWatch::new(Duration::ZERO, metrics.clone()),
            metrics,
        }
    }
}
