//! How the trigger architecture is modelled, as configured.

use std::time::Duration;

use super::boot::InjectedDelays;
use super::profile::QueueProfile;
use crate::rollout::DirectPercent;

/// The settings of the model and of the roll-out's first step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LegacySettings {
    /// The flag is set to this when the server starts; `None` leaves it as the database has it.
    pub direct_percent: Option<DirectPercent>,
    pub queue: QueueProfile,
    /// How long a queued request may take; written to the database for the triggers.
    pub queue_timeout: Duration,
    pub delays: InjectedDelays,
    /// How long the backend waits for a triggered function before it gives up.
    pub trigger_wait: Duration,
}

impl LegacySettings {
    /// Five seconds are the default of `net.http_post`. Supabase's generated triggers often say one second, in which a
    /// slow boot loses the request: that would count against the trigger architecture, so it has to be asked for.
    pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
    /// Ten times the longest time a request waits in the queue before its batch starts, so that a request is given up only
    /// if it is lost or the queue is overrun.
    pub const TRIGGER_WAIT: Duration = Duration::from_secs(10);
}

impl Default for LegacySettings {
    fn default() -> Self {
        Self {
            direct_percent: None,
            queue: QueueProfile::default(),
            queue_timeout: Self::QUEUE_TIMEOUT,
            delays: InjectedDelays::default(),
            trigger_wait: Self::TRIGGER_WAIT,
        }
    }
}
