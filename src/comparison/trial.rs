//! The runs of a comparison, and which of them can be compared.

use std::collections::BTreeMap;

use crate::metrics::{Evidence, SeriesKind, Slice};
use crate::plan::{Side, Sides};
use crate::sla::{Verdict, by_second};

/// Loads that differ by more than this part are not the same load.
const LOAD_TOLERANCE: f64 = 0.01;

/// One run of one arm.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Names the run, such as `pair-1-a`.
    pub label: String,
    pub verdict: Verdict,
    /// Why the run is invalid; empty when it is not.
    pub invalid: Vec<String>,
    /// Arrivals of its schedule; `None` for closed models.
    pub arrivals_planned: Option<u64>,
    pub evidence: Evidence,
}

/// The highest rate at which an arm kept all its targets, as a search found it. Rates are new users per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// The highest rate that held; `None` when none did.
    pub held: Option<f64>,
    /// The lowest rate above it that did not hold; `None` when none is known.
    pub not_held: Option<f64>,
    /// Why no rate is known that did not hold; it says nothing where one is.
    pub open_end: OpenEnd,
    /// The lowest rate that was tried.
    pub lowest_tried: f64,
}

/// Why a search knows no rate that did not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenEnd {
    /// The highest rate that was to be tried held.
    HighestHeld,
    /// The generator could not bring a higher rate.
    Generator,
    /// The time was up.
    TimeBox,
    /// It was stopped, or a step could not be run.
    CutShort,
}

/// What was run together. Of an unpaired comparison, each holds one run of one arm, or of each.
#[derive(Debug, Clone, Default)]
pub struct Pair {
    /// The arm that ran first; `None` when they did not run in turn.
    pub first: Option<Side>,
    pub trials: Sides<Option<Trial>>,
    pub capacities: Sides<Option<Capacity>>,
    /// What kept a run of the pair from taking place.
    pub failed: Sides<Option<String>>,
}

impl Trial {
    /// Why nothing can be concluded from the run; `None` when something can.
    pub fn unusable(&self) -> Option<String> {
        let timeline = &self.evidence.timeline;
        match self.verdict {
            Verdict::Interrupted => Some("it was interrupted".to_owned()),
            Verdict::Invalid => Some(format!(
                "it is INVALID: {}",
                self.invalid.first().map_or("a check failed", String::as_str)
            )),
            _ if timeline.load_ended_s + 1.0 < timeline.load_planned_s && self.arrivals_planned.is_some() => {
                Some(format!(
                    "its load was stopped after {:.0} s of {:.0} s",
                    timeline.load_ended_s, timeline.load_planned_s
                ))
            }
            _ if self.total(SeriesKind::Response).total == 0 => {
                Some("no request was measured in it".to_owned())
            }
            _ => None,
        }
    }

    pub(super) fn total(&self, kind: SeriesKind) -> Slice {
        self.evidence.measurements.total(kind, None)
    }

    pub(super) fn seconds(&self, kind: SeriesKind) -> BTreeMap<u32, Slice> {
        by_second(&self.evidence.measurements, kind)
    }

    /// Time spent in database queries per journey that succeeded, over the whole run, in milliseconds. `None` without
    /// either.
    pub(super) fn query_time_per_journey_ms(&self) -> Option<f64> {
        let journeys = self.evidence.iterations.succeeded;
        let series = &self.evidence.measurements.series;
        let slices = series
            .iter()
            .filter(|(key, _)| key.kind == SeriesKind::DbQuery)
            .flat_map(|(_, series)| series.warm_up.values().chain(series.measured.values()));
        let (queries, sum_us) = slices.fold((0, 0_u64), |(queries, sum_us), slice| {
            (queries + slice.total, sum_us.saturating_add(slice.sum_us))
        });
        (queries > 0 && journeys > 0 && sum_us != Slice::SUM_UNKNOWN)
            .then(|| sum_us as f64 / 1e3 / journeys as f64)
    }
}

impl Pair {
    /// Why the pair says nothing; `None` when both its runs can be compared.
    pub fn unusable(&self, arms: &Sides<String>) -> Option<String> {
        for side in Side::BOTH {
            let name = arms.get(side);
            if let Some(sentence) = self.failed.get(side) {
                return Some(format!("the run of {name} did not take place: {sentence}"));
            }
            match self.trials.get(side) {
                None => return Some(format!("the run of {name} did not take place")),
                Some(trial) => {
                    if let Some(reason) = trial.unusable() {
                        return Some(format!("the run of {name} cannot be used: {reason}"));
                    }
                }
            }
        }
        self.trials
            .as_ref()
            .map(Option::as_ref)
            .both()
            .and_then(different_load)
    }
}

/// Whether two runs were sent different loads: then their figures are not comparable.
fn different_load(trials: Sides<&Trial>) -> Option<String> {
    let planned = trials.map(|trial| trial.arrivals_planned);
    match (planned.baseline, planned.candidate) {
        (Some(before), Some(after)) => {
            let difference = (after as f64 / (before as f64).max(1.0) - 1.0).abs();
            (difference > LOAD_TOLERANCE)
                .then(|| format!("its runs were sent different loads: {before} and {after} planned arrivals"))
        }
        (None, None) => None,
        _ => Some("one of its runs has a schedule of arrivals and the other has none".to_owned()),
    }
}
