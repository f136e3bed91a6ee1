//! What every step of every user on one worker shares.

use std::sync::Arc;
use std::time::Duration;

use super::commit_clock::CommitClock;
use super::inbox::WatchedColumns;
use crate::chance::Chance;
use crate::clock::{Moment, RunClock};
use crate::identity::Identities;
use crate::metrics::{EventSample, Recorder, Sample, SeriesKind};
use crate::pacing::Pacer;
use crate::plan::{Plan, StepId, VariableId, Variables};
use crate::protocol::{Connector, HeaderBlock, InvalidText, Server, Stay, TrafficSwitch};
use crate::traces::Traces;

/// What a worker's virtual users share.
#[derive(Debug)]
pub struct Context {
    pub plan: Arc<Plan>,
    pub clock: RunClock,
    /// What arrivals and think times wait by.
    pub pacer: Pacer,
    /// The start of the load: offsets of tickets count from here.
    pub epoch: Moment,
    pub chance: Chance,
    pub identities: Identities,
    pub recorder: Recorder,
    http: Connector,
    pub(super) base_path: String,
    realtime: Connector,
    /// Where users go once traffic is switched; `None` for a target with one server.
    standby: Option<StandbyConnectors>,
    pub(super) realtime_path: String,
    pub(super) commit_clock: CommitClock,
    /// What the traces that requests name have in common; `None` = they name none.
    pub(super) traces: Option<Traces>,
    /// The headers that every request carries.
    pub(super) headers: CommonHeaders,
    /// The built-in variables that the plan's templates name.
    pub(super) built_ins: Vec<VariableId>,
    /// What the plan's steps look at in row changes.
    pub(super) watched: WatchedColumns,
    /// For each journey, how long its user-visible steps take at their targets; empty without users with patience.
    pub(super) waits_at_target: Vec<Vec<Duration>>,
}

/// A second server: how it is connected to, and who goes there.
#[derive(Debug)]
pub struct StandbyConnectors {
    pub http: Connector,
    pub realtime: Connector,
    pub traffic: TrafficSwitch,
}

/// What a context is made of; the rest follows from the plan.
#[derive(Debug)]
pub struct Surroundings {
    pub plan: Arc<Plan>,
    pub clock: RunClock,
    pub pacer: Pacer,
    /// The start of the load.
    pub epoch: Moment,
    pub identities: Identities,
    pub recorder: Recorder,
    pub http: Connector,
    /// Prefix of every path: the path of the target's base URL, without a trailing slash.
    pub base_path: String,
    /// Where realtime sockets are opened.
    pub realtime: Connector,
    /// Path and query of the realtime endpoint, with API key and protocol version.
    pub realtime_path: String,
    /// `None` for a target with one server.
    pub standby: Option<StandbyConnectors>,
    /// How the moment of a row change's commit is known.
    pub commit_clock: CommitClock,
    /// What the traces that requests name have in common; `None` = they name none.
    pub traces: Option<Traces>,
}

/// The headers that all requests share, written once.
#[derive(Debug)]
pub(super) struct CommonHeaders {
    pub(super) without_body: HeaderBlock,
    pub(super) with_json: HeaderBlock,
}

impl CommonHeaders {
    fn new(authority: &str, api_key: Option<&str>) -> Result<Self, InvalidText> {
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
    /// Prepares once what every iteration would have to do again.
    ///
    /// # Errors
    /// When the target's authority or the API key cannot be sent as a header.
    pub fn new(surroundings: Surroundings) -> Result<Self, InvalidText> {
        let Surroundings { plan, http, .. } = surroundings;
        let built_in = |id: &VariableId| id.index() < Variables::BUILT_IN.len();
        Ok(Self {
            headers: CommonHeaders::new(http.authority(), surroundings.identities.api_key())?,
            built_ins: plan.variables_used().into_iter().filter(built_in).collect(),
            watched: WatchedColumns::of(&plan),
            waits_at_target: plan.users.as_ref().map_or_else(Vec::new, |users| {
                let journeys = plan.journeys.iter();
                journeys.map(|journey| users.waits_at_target(journey)).collect()
            }),
            chance: Chance::new(plan.seed),
            plan,
            clock: surroundings.clock,
            pacer: surroundings.pacer,
            epoch: surroundings.epoch,
            identities: surroundings.identities,
            recorder: surroundings.recorder,
            http,
            base_path: surroundings.base_path,
            realtime: surroundings.realtime,
            standby: surroundings.standby,
            realtime_path: surroundings.realtime_path,
            commit_clock: surroundings.commit_clock,
            traces: surroundings.traces,
        })
    }

    /// A user comes: where they stay to their end; `None` when there is nowhere else to go.
    pub(super) fn enter(&self) -> Option<Stay> {
        self.standby.as_ref().map(|standby| standby.traffic.enter())
    }

    /// How the user of a stay connects, for requests.
    pub(super) fn http(&self, stay: Option<&Stay>) -> &Connector {
        self.standby_of(stay).map_or(&self.http, |standby| &standby.http)
    }

    /// How the user of a stay connects, for realtime.
    pub(super) fn realtime(&self, stay: Option<&Stay>) -> &Connector {
        self.standby_of(stay)
            .map_or(&self.realtime, |standby| &standby.realtime)
    }

    fn standby_of(&self, stay: Option<&Stay>) -> Option<&StandbyConnectors> {
        let is_there = stay.is_some_and(|stay| stay.server() == Server::Standby);
        self.standby.as_ref().filter(|_| is_there)
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
