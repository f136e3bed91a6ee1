//! Sliding windows: alerts and rollback thresholds, looked at once a second.
//!
//! A request belongs to the second it was intended for and is known only when it is done, so the newest seconds are
//! still filling. Such a second can show a breach, because bad events stay bad; it can never show that a breach is
//! over. A window is in breach when its value is beyond the level and chance does not explain it (`chance`). A breach is
//! raised when it was seen for as long as the policy asks, and over once it stayed clear of the level for a whole
//! window's length (`alarm`); it is then dated to the first of those looks, so that a value that hovers at the limit is
//! one incident and not twenty. Missing samples are a breach where samples were due (`due`).

mod alarm;
mod chance;
mod due;
mod watched;

use std::ops::Range;

use self::alarm::{Seen, Turn};
pub(crate) use self::chance::bad_events_needed;
pub use self::due::Due;
use self::watched::{Frame, Look, Watched};
pub(crate) use self::watched::{calm_condition, whole_seconds};
use super::context::Context;
use super::incident::dated;
use crate::metrics::{Evidence, Incident, IncidentKind, Measurements};
use crate::plan::{StepInfo, WindowPolicy};

/// Incidents kept per policy; further ones are counted only.
const INCIDENTS_MAX: usize = 500;

/// What a second changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Opened(Incident),
    Cleared(Incident),
}

/// Watches the conditions of one policy.
#[derive(Debug, Clone)]
pub struct WindowWatch {
    kind: IncidentKind,
    samples_min: u64,
    measured_from: u32,
    conditions: Vec<Watched>,
    incidents: Vec<Incident>,
    incidents_uncounted: u64,
}

impl WindowWatch {
    /// A watch over `policy` for a run whose judged part begins at `measured_from_s`.
    pub fn new(kind: IncidentKind, policy: &WindowPolicy, steps: &[StepInfo], measured_from_s: f64) -> Self {
        let plain = policy
            .conditions
            .iter()
            .map(|condition| Watched::plain(condition, policy, steps));
        let burning = policy
            .burn_rates
            .iter()
            .filter_map(|burn_rate| Watched::burning(burn_rate, policy, steps));
        Self {
            kind,
            samples_min: policy.samples_min.max(1),
            measured_from: measured_from_s.max(0.0) as u32,
            conditions: plain.chain(burning).collect(),
            incidents: Vec::new(),
            incidents_uncounted: 0,
        }
    }

    /// Looks at the windows after second `ended` has passed. `due` tells what was due in a stretch of seconds. Must be
    /// called once for every second, in order.
    pub fn tick(
        &mut self,
        measurements: &Measurements,
        ended: u32,
        due: &dyn Fn(Range<u32>) -> Due,
    ) -> Vec<Change> {
        if ended < self.measured_from {
            return Vec::new();
        }
        (0..self.conditions.len())
            .filter_map(|index| self.look(index, measurements, ended, due))
            .collect()
    }

    /// What was found so far, in order of detection. When each began and ended is not known before the run is over; see
    /// [`super::dated`].
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Incidents beyond the number that is kept.
    pub fn incidents_uncounted(&self) -> u64 {
        self.incidents_uncounted
    }

    fn look(
        &mut self,
        index: usize,
        measurements: &Measurements,
        ended: u32,
        due: &dyn Fn(Range<u32>) -> Due,
    ) -> Option<Change> {
        let frame = Frame {
            measurements,
            measured_from: self.measured_from,
            samples_min: self.samples_min,
        };
        let watched = &mut self.conditions[index];
        let look = watched.look(&frame, ended, due);
        let seen = match &look {
            Look::Breach(windows) => Seen::Breach(windows.clone()),
            Look::Silence(window) => Seen::Breach(vec![window.clone()]),
            Look::Calm => Seen::Calm,
            Look::Between => Seen::Between,
            Look::Nothing => Seen::Nothing,
        };
        match watched.alarm.take(ended, seen)? {
            Turn::Raised { from } => {
                let window = match look {
                    // The one that is complete, if there is one.
                    Look::Breach(windows) => windows.into_iter().next(),
                    Look::Silence(_) | Look::Calm | Look::Between | Look::Nothing => None,
                };
                // What never came is later than everything.
                let (value, samples) =
                    window.map_or((f64::INFINITY, 0), |window| watched.read(measurements, window));
                if self.incidents.len() >= INCIDENTS_MAX {
                    self.incidents_uncounted += 1;
                    return None;
                }
                let incident = Incident {
                    kind: self.kind,
                    condition: watched.condition.clone(),
                    burn_rate: watched.burn_rate.clone(),
                    window_from_s: f64::from(from),
                    onset_s: None,
                    detected_at_s: after(ended),
                    recovered_at_s: None,
                    cleared_at_s: None,
                    value,
                    samples,
                };
                watched.incident = Some(self.incidents.len());
                self.incidents.push(incident.clone());
                Some(Change::Opened(incident))
            }
            Turn::Cleared { since } => {
                let incident = &mut self.incidents[watched.incident.take()?];
                incident.cleared_at_s = Some(after(since));
                Some(Change::Cleared(incident.clone()))
            }
        }
    }
}

/// The moment at which a second has passed.
fn after(second: u32) -> f64 {
    f64::from(second) + 1.0
}

/// Runs a policy over a stored run. After a run every arrival has left its sample, so of the arrivals none is missing, and
/// a breach may be found earlier than it was live.
pub fn replay(
    kind: IncidentKind,
    policy: &WindowPolicy,
    evidence: &Evidence,
    context: &Context,
) -> Vec<Incident> {
    let timeline = &evidence.timeline;
    let mut watch = WindowWatch::new(kind, policy, &context.steps, timeline.measured_from_s);
    let ended = timeline.drained_s.max(timeline.load_ended_s).max(0.0) as u32;
    for second in watch.measured_from..=ended {
        watch.tick(&evidence.measurements, second, &|_| Due::default());
    }
    watch
        .incidents
        .into_iter()
        .map(|incident| dated(incident, policy, &context.steps, &evidence.measurements, timeline))
        .collect()
}

#[cfg(test)]
mod tests;
