//! When an incident began and when it was over, and how long it took to be noticed, acted on and recovered from.
//!
//! The watch sees an incident as it grows; here it is looked at again when all its seconds are complete.

use std::ops::Range;

use super::context::Context;
use super::measure::Measure;
use super::window::{bad_events_needed, calm_condition, whole_seconds};
use crate::metrics::{ActionOutcome, ActionRun, Evidence, Incident, IncidentKind, Measurements, Timeline};
use crate::plan::{Condition, Criteria, StepInfo, WindowPolicy};

/// Seconds between two looks at the windows.
const LOOK_EVERY_S: f64 = 1.0;

/// A stretch of time in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Timing {
    Seconds(f64),
    /// It was not over when the run stopped looking (censored): longer than this.
    MoreThan(f64),
    /// Nothing says when it began, or that it should have happened at all.
    Unknown,
}

/// The moments of one incident, in seconds from the start of the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IncidentTimeline {
    /// When the fault began that a drill injects; `None` when no action injected one before the detection. A fault that
    /// stands before the load has no moment of its own: what is raised later may have another cause.
    pub injected_s: Option<f64>,
    /// First bad second.
    pub onset_s: Option<f64>,
    /// When it was raised.
    pub detected_s: f64,
    /// When what the rollback does was done.
    pub rolled_back_s: Option<f64>,
    /// First clean second of a stretch as long as the window.
    pub recovered_s: Option<f64>,
    /// When the windows were clean again.
    pub cleared_s: Option<f64>,
    /// First second that is watched: what goes on before it cannot be detected.
    pub watched_from_s: f64,
    /// End of the load: nobody would have noticed a recovery after it.
    pub observed_until_s: f64,
    /// Whether the rollback did anything, finished or not.
    pub acted: bool,
    /// What the formula says of the time from the onset to the detection (see [`detection_time_s`]), the looks that the
    /// policy demands included. `None` when it says that the detection was not certain, or is about no share of events.
    pub detection_theoretical_s: Option<f64>,
}

impl IncidentTimeline {
    /// The timeline of an incident that was [`dated`].
    pub fn of(incident: &Incident, criteria: &Criteria, evidence: &Evidence, context: &Context) -> Self {
        // Nothing is done about an alert.
        let action = evidence
            .rollback_action
            .as_ref()
            .filter(|_| incident.kind == IncidentKind::Rollback);
        let timeline = &evidence.timeline;
        let theoretical = policy_of(incident.kind, criteria)
            .and_then(|policy| theoretical_s(incident, policy, &context.steps, evidence));
        Self {
            injected_s: injected_s(incident, evidence),
            onset_s: incident.onset_s,
            detected_s: incident.detected_at_s,
            rolled_back_s: action.and_then(done_at),
            recovered_s: incident.recovered_at_s,
            cleared_s: incident.cleared_at_s,
            watched_from_s: timeline.measured_from_s,
            observed_until_s: timeline.load_ended_s.max(incident.detected_at_s),
            acted: action.is_some(),
            detection_theoretical_s: theoretical,
        }
    }

    /// From the fault that was injected, or else from the first bad second, to the detection. What began before anything
    /// was watched counts from when the watch began.
    pub fn time_to_detect(&self) -> Timing {
        self.injected_s.or(self.onset_s).map_or(Timing::Unknown, |began| {
            Timing::Seconds((self.detected_s - began.max(self.watched_from_s)).max(0.0))
        })
    }

    /// From the detection to the end of what the rollback did.
    pub fn time_to_act(&self) -> Timing {
        match self.rolled_back_s {
            Some(done) => Timing::Seconds((done - self.detected_s).max(0.0)),
            None if self.acted => self.more_than(),
            None => Timing::Unknown,
        }
    }

    /// From the detection to the first clean second of a stretch; 0 when it was over before it was noticed.
    pub fn time_to_recover(&self) -> Timing {
        match self.recovered_s {
            Some(recovered) => Timing::Seconds((recovered - self.detected_s).max(0.0)),
            None => self.more_than(),
        }
    }

    fn more_than(&self) -> Timing {
        Timing::MoreThan((self.observed_until_s - self.detected_s).max(0.0))
    }
}

/// When an action was done; `None` when it failed, or was not over when the run ended.
fn done_at(action: &ActionRun) -> Option<f64> {
    match action.outcome {
        ActionOutcome::Done(_) => action.ended_s,
        ActionOutcome::NotBegun | ActionOutcome::UnderWay | ActionOutcome::Failed(_) => None,
    }
}

fn policy_of(kind: IncidentKind, criteria: &Criteria) -> Option<&WindowPolicy> {
    match kind {
        IncidentKind::Alert => criteria.alerts.as_ref(),
        IncidentKind::Rollback => criteria.rollback.as_ref().map(|rollback| &rollback.policy),
    }
}

/// When the latest fault was injected before the detection, by an action that says so.
fn injected_s(incident: &Incident, evidence: &Evidence) -> Option<f64> {
    evidence
        .actions
        .iter()
        .filter(|action| action.injects)
        .filter_map(|action| action.begun_s)
        .filter(|begun| *begun <= incident.detected_at_s)
        .max_by(f64::total_cmp)
}

/// An incident with its first bad second and its recovery, looked up in the complete measurements.
pub fn dated(
    incident: Incident,
    policy: &WindowPolicy,
    steps: &[StepInfo],
    measurements: &Measurements,
    timeline: &Timeline,
) -> Incident {
    let Ok(measure) = Measure::of(&incident.condition, steps) else {
        return incident;
    };
    let onset = onset(&incident, &measure, measurements);
    let from = onset.unwrap_or(incident.window_from_s as u32);
    let seconds = from..timeline.load_ended_s.max(0.0) as u32;
    let recovered = recovery(&incident, policy)
        .and_then(|recovery| recovery.first_clean(&measure, steps, measurements, seconds));
    Incident {
        onset_s: onset.map(f64::from),
        recovered_at_s: recovered.map(f64::from),
        ..incident
    }
}

/// As [`dated`], for all incidents of a run.
pub fn all_dated(
    incidents: Vec<Incident>,
    criteria: &Criteria,
    steps: &[StepInfo],
    measurements: &Measurements,
    timeline: &Timeline,
) -> Vec<Incident> {
    incidents
        .into_iter()
        .map(|incident| match policy_of(incident.kind, criteria) {
            Some(policy) => dated(incident, policy, steps, measurements, timeline),
            None => incident,
        })
        .collect()
}

/// The first bad second: the beginning of that stretch up to the detection which has the most bad events beyond what the
/// level allows (Page's cumulative sum, read backwards). A single unlucky second long before the trouble is not taken for
/// its beginning, as it would be if the first second beyond the level counted.
fn onset(incident: &Incident, measure: &Measure, measurements: &Measurements) -> Option<u32> {
    let mut seconds = incident.window_from_s as u32..incident.detected_at_s as u32;
    let found = match measure.budget() {
        None => seconds
            .clone()
            .find(|second| is_bad(incident, measure, measurements, *second)),
        Some(level) => {
            let (mut excess, mut largest, mut onset) = (0.0, 0.0, None);
            for second in seconds.clone().rev() {
                let counts = measure.counts(measurements, second..second + 1);
                excess += counts.against as f64 - level * counts.total as f64;
                if excess > largest {
                    (largest, onset) = (excess, Some(second));
                }
            }
            onset
        }
    };
    // Where nothing came at all, the first second without an answer is the first bad one.
    found.or_else(|| seconds.next().filter(|_| incident.samples == 0))
}

/// Whether a second is a breach on its own.
fn is_bad(incident: &Incident, measure: &Measure, measurements: &Measurements, second: u32) -> bool {
    measure
        .side(&measure.counts(measurements, second..second + 1), 1.0)
        .is_some_and(|side| side.satisfies(&incident.condition))
}

/// What counts as a recovery.
struct Recovery {
    /// How long it must be clean, in seconds.
    length: u32,
    /// What must not hold in its first second.
    breach: Condition,
    /// What must not hold any more over that time.
    calm: Condition,
}

fn recovery(incident: &Incident, policy: &WindowPolicy) -> Option<Recovery> {
    let (length, calm) = match &incident.burn_rate {
        None => (
            policy.window,
            calm_condition(&incident.condition, policy.clear_at),
        ),
        Some(burn_rate) => (
            burn_rate.short,
            burn_rate.breach_at(burn_rate.above * policy.clear_at)?,
        ),
    };
    Some(Recovery {
        length: whole_seconds(length),
        breach: incident.condition.clone(),
        calm,
    })
}

impl Recovery {
    /// The first clean second after the first of `seconds` from which on a whole stretch, up to the last of them at most,
    /// is clear of the level.
    fn first_clean(
        &self,
        measure: &Measure,
        steps: &[StepInfo],
        measurements: &Measurements,
        seconds: Range<u32>,
    ) -> Option<u32> {
        let calm = Measure::of(&self.calm, steps).ok()?;
        let is_clear = |measure: &Measure, condition: &Condition, stretch: Range<u32>| {
            let span = f64::from(stretch.end - stretch.start);
            measure
                .side(&measure.counts(measurements, stretch), span)
                .is_some_and(|side| !side.satisfies(condition))
        };
        let last = seconds.end.checked_sub(self.length)?;
        (seconds.start.saturating_add(1)..=last).find(|second| {
            is_clear(measure, &self.breach, *second..second + 1)
                && is_clear(&calm, &self.calm, *second..second + self.length)
        })
    }
}

/// How long a window of length `window_s` takes to show a step of the bad share from `before` to `during`, beyond a level:
/// `W · (θ − r₀) / (r − r₀)`. `None` when the step does not cross the level. A percentile is the case with
/// `θ = 1 − p`; with none slow before it comes to `W · (1 − p) / f`.
pub fn detection_time_s(window_s: f64, level: f64, before: f64, during: f64) -> Option<f64> {
    (before < level && during > level).then(|| window_s * (level - before) / (during - before))
}

/// The formula for an incident: the shares before and during it as they were measured, at the level that this many
/// samples need, plus the looks that it takes.
fn theoretical_s(
    incident: &Incident,
    policy: &WindowPolicy,
    steps: &[StepInfo],
    evidence: &Evidence,
) -> Option<f64> {
    let measure = Measure::of(&incident.condition, steps).ok()?;
    let level = measure.budget()?;
    let timeline = &evidence.timeline;
    let onset = incident.onset_s? as u32;
    let recovered = incident.recovered_at_s.unwrap_or(timeline.load_ended_s);
    let until = recovered.max(incident.detected_at_s) as u32;
    let share = |seconds: Range<u32>| {
        let counts = measure.counts(&evidence.measurements, seconds);
        (counts.total, counts.against as f64 / counts.total.max(1) as f64)
    };
    let (_, before) = share(timeline.measured_from_s.max(0.0) as u32..onset);
    let (events, during) = share(onset..until.max(onset + 1));
    let per_second = events as f64 / f64::from(until.max(onset + 1) - onset);
    let windows = match &incident.burn_rate {
        None => vec![policy.window],
        Some(burn_rate) => vec![burn_rate.long, burn_rate.short],
    };
    let mut slowest = 0.0_f64;
    for window in windows {
        let samples = (per_second * window.as_secs_f64()).round() as u64;
        let needed = bad_events_needed(samples, level)? as f64 / samples as f64;
        slowest = slowest.max(detection_time_s(window.as_secs_f64(), needed, before, during)?);
    }
    let looks = policy.sustained.as_secs_f64().max(LOOK_EVERY_S);
    Some(slowest + looks)
}

#[cfg(test)]
mod tests;
