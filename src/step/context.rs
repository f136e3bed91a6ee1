//! What every step of every user on one worker shares.

use std::sync::Arc;

use super::inbox::WatchedColumns;
use crate::chance::Chance;
use crate::clock::{Moment, RunClock};
use crate::identity::Identities;
use crate::metrics::{EventSample, Recorder, Sample, SeriesKind};
use crate::pacing::Pacer;
use crate::plan::{Plan, StepId, VariableId, Variables};
use crate::protocol::{Connector, HeaderBlock, InvalidText};

/// The surroundings of a worker's virtual users.
#[derive(Debug)]
pub struct Context {
    pub plan: Arc<Plan>,
    /// What the plan's steps look at in row changes.
    pub watched: WatchedColumns,
    pub clock: RunClock,
    /// What arrivals and think times wait by.
    pub pacer: Pacer,
    /// The start of the load: offsets of tickets count from here.
    pub epoch: Moment,
    pub chance: Chance,
    pub identities: Identities,
    pub recorder: Recorder,
    pub http: Connector,
    /// Prefix of every path: the path of the target's base URL, without a trailing slash.
    pub base_path: String,
    /// The headers that every request carries.
    pub headers: CommonHeaders,
    /// The built-in variables that the plan's templates name.
    pub built_ins: Vec<VariableId>,
    /// Where realtime sockets are opened.
    pub realtime: Connector,
    /// Path and query of the realtime endpoint, with API key and protocol version.
    pub realtime_path: String,
}

/// The headers that all requests share, written once.
#[derive(Debug, Clone, Default)]
pub struct CommonHeaders {
    pub without_body: HeaderBlock,
    pub with_json: HeaderBlock,
}

impl CommonHeaders {
    /// The headers of requests to `authority`.
    ///
    /// # Errors
    /// When the authority or the key holds what a header cannot.
    pub fn new(authority: &str, api_key: Option<&str>) -> Result<Self, InvalidText> {
        let mut without_body = HeaderBlock::default();
        without_body.push("host", authority)?;
        without_body.push("accept", "application/json")?;
        if let Some(api_key) = api_key {
            without_body.push("apikey", api_key)?;
        }
        let mut with_json = without_body.clone();
        with_json.push("content-type", "application/json")?;
        Ok(Self {
            without_body,
            with_json,
        })
    }
}

impl Context {
    /// The built-in variables that `plan` names.
    pub fn built_ins_of(plan: &Plan) -> Vec<VariableId> {
        let built_in = |id: &VariableId| id.index() < Variables::BUILT_IN.len();
        plan.variables_used().into_iter().filter(built_in).collect()
    }

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
