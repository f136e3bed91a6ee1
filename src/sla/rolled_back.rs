//! How a rollback went: how long it took to notice the trouble, to act and to be well again, and whether that was soon enough.

use std::time::Duration;

use super::context::Context;
use super::incident::{IncidentTimeline, Timing};
use super::wording::quantity;
use crate::metrics::{ActionOutcome, ActionRun, Evidence, Incident, IncidentKind};
use crate::plan::{Criteria, RollbackLimits, Unit};
use crate::units::format_duration;

/// The three parts of a rollback. Each counts from the tripping of the first threshold, but for its detection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RollbackTimes {
    /// From the injected fault, or else the first bad second, to the tripping.
    pub detect: Paced,
    /// To the end of the rollback action; unknown when the scenario has none.
    pub act: Paced,
    /// To the first second after which all thresholds that tripped were kept.
    pub recover: Paced,
}

/// A time, and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paced {
    pub took: Timing,
    pub limit: Option<Duration>,
}

impl Paced {
    /// Whether the limit was kept; `None` without a limit, or when nobody can tell.
    pub fn kept(&self) -> Option<bool> {
        let limit = self.limit?.as_secs_f64();
        match self.took {
            Timing::Seconds(seconds) => Some(seconds <= limit),
            Timing::MoreThan(seconds) if seconds >= limit => Some(false),
            Timing::MoreThan(_) | Timing::Unknown => None,
        }
    }
}

impl RollbackTimes {
    /// The times of a run; `None` when no rollback threshold tripped.
    pub fn of(criteria: &Criteria, evidence: &Evidence, context: &Context) -> Option<Self> {
        let limits = criteria
            .rollback
            .as_ref()
            .map_or_else(RollbackLimits::default, |rollback| rollback.limits);
        let timelines: Vec<IncidentTimeline> = tripped(evidence)
            .map(|incident| IncidentTimeline::of(incident, criteria, evidence, context))
            .collect();
        // In the order of detection: the first one is what was acted on.
        let first = timelines.first()?;
        let since_first = |timeline: &IncidentTimeline| {
            let later = timeline.detected_s - first.detected_s;
            match timeline.time_to_recover() {
                Timing::Seconds(seconds) => Timing::Seconds(seconds + later),
                Timing::MoreThan(seconds) => Timing::MoreThan(seconds + later),
                Timing::Unknown => Timing::Unknown,
            }
        };
        let slowest = timelines.iter().map(since_first).reduce(later);
        Some(Self {
            detect: Paced {
                took: first.time_to_detect(),
                limit: limits.detect,
            },
            act: Paced {
                took: first.time_to_act(),
                limit: limits.act,
            },
            recover: Paced {
                took: slowest.unwrap_or(Timing::Unknown),
                limit: limits.recover,
            },
        })
    }

    /// The parts with what was being done, in the order in which they happen.
    pub(super) fn parts(&self) -> [(&'static str, Paced); 3] {
        [
            ("detecting the trouble", self.detect),
            ("rolling back", self.act),
            ("recovering", self.recover),
        ]
    }
}

/// Which of two recoveries took longer. One that did not happen took longer than any that did.
fn later(one: Timing, other: Timing) -> Timing {
    match (one, other) {
        (Timing::Unknown, _) | (_, Timing::Unknown) => Timing::Unknown,
        (Timing::MoreThan(a), Timing::MoreThan(b)) => Timing::MoreThan(a.max(b)),
        (open @ Timing::MoreThan(_), Timing::Seconds(_))
        | (Timing::Seconds(_), open @ Timing::MoreThan(_)) => open,
        (Timing::Seconds(a), Timing::Seconds(b)) => Timing::Seconds(a.max(b)),
    }
}

fn tripped(evidence: &Evidence) -> impl Iterator<Item = &Incident> {
    let incidents = evidence.incidents.iter();
    incidents.filter(|incident| incident.kind == IncidentKind::Rollback)
}

/// What a reader of the verdict must know of the rollback, in sentences: what failed comes first, and in capitals.
pub(super) fn sentences(criteria: &Criteria, evidence: &Evidence, context: &Context) -> Vec<String> {
    let Some(times) = RollbackTimes::of(criteria, evidence, context) else {
        return Vec::new();
    };
    let Some(action) = &evidence.rollback_action else {
        return too_slow(&times);
    };
    let mut sentences = vec![what_was_done(action)];
    let load_went_on = criteria
        .rollback
        .as_ref()
        .is_some_and(|rollback| !rollback.stop_load);
    sentences.push(match times.recover.took {
        Timing::Seconds(seconds) => {
            format!("All was well again {seconds:.0} s after the threshold tripped, for a window's length at least.")
        }
        Timing::MoreThan(_) | Timing::Unknown if !load_went_on => {
            "Whether it helped is not known: the load ended when the threshold tripped.".to_owned()
        }
        Timing::MoreThan(seconds) => format!(
            "NOTHING RECOVERED: a threshold was still broken when the load ended, {seconds:.0} s after it tripped."
        ),
        Timing::Unknown => "Whether it helped is not known.".to_owned(),
    });
    sentences.extend(too_slow(&times));
    sentences
}

fn what_was_done(action: &ActionRun) -> String {
    let name = &action.name;
    let took = |action: &ActionRun| {
        let (begun, ended) = (action.begun_s?, action.ended_s?);
        Some(ended - begun)
    };
    match &action.outcome {
        ActionOutcome::Done(_) => format!(
            "The rollback \"{name}\" was carried out in {}.",
            quantity(took(action).unwrap_or_default() * 1e3, Unit::Time)
        ),
        ActionOutcome::Failed(reason) => {
            format!("THE ROLLBACK FAILED: \"{name}\" was not carried out: {reason}.")
        }
        ActionOutcome::NotBegun | ActionOutcome::UnderWay => {
            format!("THE ROLLBACK FAILED: \"{name}\" was not over when the run ended.")
        }
    }
}

fn too_slow(times: &RollbackTimes) -> Vec<String> {
    let parts = times.parts().into_iter();
    parts
        .filter(|(_, paced)| paced.kept() == Some(false))
        .map(|(doing, paced)| {
            let limit = format_duration(paced.limit.unwrap_or_default());
            match paced.took {
                Timing::MoreThan(seconds) => {
                    format!("TOO SLOW: {doing} took more than {seconds:.0} s; the limit is {limit}.")
                }
                Timing::Seconds(seconds) => {
                    format!("TOO SLOW: {doing} took {seconds:.1} s; the limit is {limit}.")
                }
                Timing::Unknown => format!("TOO SLOW: {doing} was not seen; the limit is {limit}."),
            }
        })
        .collect()
}
