//! Sliding windows: alerts and rollback thresholds, looked at once a second.
//!
//! A request belongs to the second it was intended for and is known only when it is done, so the newest seconds are
//! still filling. Such a second can show a breach, because bad events stay bad; it can never show that a breach is
//! over. An incident is over once no window was in breach for a whole window's length; it is then dated to the
//! first of those clean seconds, so that a value that hovers at the limit is one incident and not twenty.

use std::ops::Range;

use super::context::Context;
use super::measure::Measure;
use crate::metrics::{Evidence, Incident, IncidentKind, Measurements, SeriesKind};
use crate::plan::{Condition, StepInfo, WindowPolicy};

/// Seconds that must pass before a second counts as complete.
const SETTLING_S: u32 = 1;
/// Windows in a row without any sample, although samples were due, that count as a breach.
const SILENT_WINDOWS: u32 = 2;
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
    window_s: u32,
    samples_min: u64,
    measured_from: u32,
    conditions: Vec<Watched>,
    incidents: Vec<Incident>,
    incidents_uncounted: u64,
}

/// One condition with its state.
#[derive(Debug, Clone)]
struct Watched {
    condition: Condition,
    /// `None` when the condition cannot be computed; the plan refuses such conditions.
    measure: Option<Measure>,
    /// The incident that is open, and since when its windows have been clean.
    open: Option<Open>,
    silent_windows: u32,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    incident: usize,
    clean_since: Option<u32>,
}

/// What one window says.
enum Finding {
    Breach {
        value: f64,
        samples: u64,
        from: u32,
    },
    Clean,
    /// Too few samples to tell.
    Undecided,
}

impl WindowWatch {
    /// A watch over `policy` for a run whose judged part begins at `measured_from_s`.
    pub fn new(kind: IncidentKind, policy: &WindowPolicy, steps: &[StepInfo], measured_from_s: f64) -> Self {
        let conditions = policy
            .conditions
            .iter()
            .map(|condition| Watched {
                condition: condition.clone(),
                measure: Measure::of(condition, steps).ok(),
                open: None,
                silent_windows: 0,
            })
            .collect();
        Self {
            kind,
            window_s: u32::try_from(policy.window.as_secs()).unwrap_or(u32::MAX).max(1),
            samples_min: policy.samples_min.max(1),
            measured_from: measured_from_s.max(0.0) as u32,
            conditions,
            incidents: Vec::new(),
            incidents_uncounted: 0,
        }
    }

    /// Looks at the windows after second `ended` has passed. `due` is the number of arrivals that were due in the
    /// window of this policy's length that ends with it. Must be called once for every second, in order.
    pub fn tick(&mut self, measurements: &Measurements, ended: u32, due: u64) -> Vec<Change> {
        if ended < self.measured_from {
            return Vec::new();
        }
        (0..self.conditions.len())
            .filter_map(|index| {
                let finding = self.look(index, measurements, ended, due);
                self.update(index, finding, ended)
            })
            .collect()
    }

    /// What was found so far, in order of detection.
    pub fn incidents(&self) -> &[Incident] {
        &self.incidents
    }

    /// Incidents beyond the number that is kept.
    pub fn incidents_uncounted(&self) -> u64 {
        self.incidents_uncounted
    }

    /// Length of the window in seconds.
    pub fn window_s(&self) -> u32 {
        self.window_s
    }

    fn look(&mut self, index: usize, measurements: &Measurements, ended: u32, due: u64) -> Finding {
        let newest = self.window_ending_with(ended);
        let settled = ended
            .checked_sub(SETTLING_S)
            .filter(|second| *second >= self.measured_from)
            .map(|second| self.window_ending_with(second));
        let samples_min = self.samples_min;
        let watched = &mut self.conditions[index];
        let Some(measure) = &watched.measure else {
            return Finding::Undecided;
        };
        let judge = |window: Range<u32>| {
            let counts = measure.counts(measurements, window.clone());
            let span = f64::from(window.end - window.start);
            match measure.side(&counts, span) {
                Some(side) if counts.total >= samples_min && side.satisfies(&watched.condition) => measure
                    .read(measurements, window.clone())
                    .map_or(Finding::Undecided, |reading| Finding::Breach {
                        value: reading.value,
                        samples: reading.samples,
                        from: window.start,
                    }),
                Some(_) if counts.total >= samples_min => Finding::Clean,
                Some(_) | None => Finding::Undecided,
            }
        };
        let settled = settled.map_or(Finding::Undecided, judge);
        if matches!(settled, Finding::Breach { .. }) {
            return settled;
        }
        // A rate over a second that is still filling is too low by nature.
        let fresh = if measure.is_rate() {
            Finding::Undecided
        } else {
            judge(newest.clone())
        };
        if matches!(fresh, Finding::Breach { .. }) {
            return fresh;
        }
        // Every arrival that is due leaves a sample of a request; what comes later in a journey may rightly be absent.
        let silent = measure.kind == SeriesKind::Response
            && due >= samples_min
            && measure.counts(measurements, newest.clone()).total == 0;
        watched.silent_windows = if silent { watched.silent_windows + 1 } else { 0 };
        if watched.silent_windows >= SILENT_WINDOWS {
            return Finding::Breach {
                value: f64::INFINITY,
                samples: 0,
                from: newest.start,
            };
        }
        settled
    }

    fn update(&mut self, index: usize, finding: Finding, ended: u32) -> Option<Change> {
        let now = ended.saturating_add(1);
        let watched = &mut self.conditions[index];
        match (finding, &mut watched.open) {
            (Finding::Breach { value, samples, from }, None) => {
                if self.incidents.len() >= INCIDENTS_MAX {
                    self.incidents_uncounted += 1;
                    return None;
                }
                let incident = Incident {
                    kind: self.kind,
                    condition: watched.condition.clone(),
                    window_from_s: f64::from(from),
                    detected_at_s: f64::from(now),
                    cleared_at_s: None,
                    value,
                    samples,
                };
                watched.open = Some(Open {
                    incident: self.incidents.len(),
                    clean_since: None,
                });
                self.incidents.push(incident.clone());
                Some(Change::Opened(incident))
            }
            (Finding::Breach { .. }, Some(open)) => {
                open.clean_since = None;
                None
            }
            (Finding::Clean, Some(open)) => {
                let since = *open.clean_since.get_or_insert(now);
                if now - since + 1 < self.window_s {
                    return None;
                }
                let incident = &mut self.incidents[open.incident];
                incident.cleared_at_s = Some(f64::from(since));
                watched.open = None;
                Some(Change::Cleared(incident.clone()))
            }
            (Finding::Clean | Finding::Undecided, None) | (Finding::Undecided, Some(_)) => None,
        }
    }

    /// The window that ends with `second`, cut at the end of the warm-up.
    fn window_ending_with(&self, second: u32) -> Range<u32> {
        let end = second.saturating_add(1);
        end.saturating_sub(self.window_s).max(self.measured_from)..end
    }
}

/// Runs a policy over a stored run. After a run every arrival has left its sample, so data cannot be missing, and a
/// breach may be found earlier than it was live.
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
        watch.tick(&evidence.measurements, second, 0);
    }
    watch.incidents
}

/// The first second within the incident's window in which the condition was breached on its own: when the trouble
/// began, as well as whole seconds can tell.
pub fn onset_s(incident: &Incident, measurements: &Measurements, steps: &[StepInfo]) -> Option<u32> {
    let measure = Measure::of(&incident.condition, steps).ok()?;
    let window = incident.window_from_s as u32..incident.detected_at_s as u32;
    window.clone().find(|second| {
        measure
            .read(measurements, *second..second + 1)
            .is_some_and(|reading| reading.satisfies(&incident.condition))
    })
}

#[cfg(test)]
mod tests;
