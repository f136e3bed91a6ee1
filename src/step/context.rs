//! What every step of every user on one worker shares.

use std::sync::Arc;

use crate::chance::Chance;
use crate::clock::{Moment, RunClock};
use crate::identity::Identities;
use crate::metrics::{EventSample, Recorder, Sample, SeriesKind};
use crate::plan::{Plan, StepId};
use crate::protocol::Connector;

/// The surroundings of a worker's virtual users.
#[derive(Debug)]
pub struct Context {
    pub plan: Arc<Plan>,
    pub clock: RunClock,
    /// The start of the load: offsets of tickets count from here.
    pub epoch: Moment,
    pub chance: Chance,
    pub identities: Identities,
    pub recorder: Recorder,
    pub http: Connector,
    /// Prefix of every path: the path of the target's base URL, without a trailing slash.
    pub base_path: String,
    /// Where realtime sockets are opened.
    pub realtime: Connector,
    /// Path and query of the realtime endpoint, with API key and protocol version.
    pub realtime_path: String,
}

impl Context {
    /// Records how late the generator got to a ticket.
    pub fn record_lag(&self, intended: Moment) {
        self.recorder.sample(Sample::Event(EventSample {
            kind: SeriesKind::SchedulingLag,
            step: None,
            warm_up: self.is_warm_up(intended),
            at: intended,
            value_ns: Some(self.clock.now().signed_nanos_since(intended).max(0)),
        }));
    }

    /// Records that a step could not send what was due at `intended`, because the generator had no socket for it: no
    /// lag of its own is longer.
    pub fn record_unsent(&self, step: StepId, warm_up: bool, intended: Moment) {
        self.recorder.sample(Sample::Event(EventSample {
            kind: SeriesKind::SchedulingLag,
            step: Some(step),
            warm_up,
            at: intended,
            value_ns: None,
        }));
    }

    /// Whether a ticket scheduled at `intended` belongs to the warm-up.
    pub fn is_warm_up(&self, intended: Moment) -> bool {
        intended.since(self.epoch) < self.plan.load.warm_up
    }
}
