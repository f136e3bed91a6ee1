//! What a search found, and how it ended.

use std::time::Duration;

use jiff::Timestamp;

use super::search::{Bracket, SearchEnd};
use crate::plan::CapacityPlan;
use crate::recording;
use crate::report::capacity_sentence;
use crate::report::model::{
    CAPACITY_KIND, CAPACITY_SCHEMA_VERSION, CapacityRecord, CapacityResultRecord, CapacitySearchRecord,
    CapacityStepRecord, TargetRecord,
};
use crate::scenario::Loaded;
use crate::sla::ExitCode;
use crate::units::Rate;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Searched(SearchEnd),
    /// There was no time for another step.
    TimeBox,
    /// The user stopped it.
    Interrupted,
    /// A step could not be run.
    Broken,
    /// It has not ended: this is what is known between two steps.
    UnderWay,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct CapacityResult {
    pub plan: CapacityPlan,
    pub bracket: Bracket,
    pub ended: Ended,
    /// What kept the search from its end, as a sentence.
    pub problem: Option<String>,
    pub steps: Vec<CapacityStepRecord>,
    /// What was tested; `None` when no step got so far.
    pub target: Option<TargetRecord>,
    pub started_at: Timestamp,
    pub took: Duration,
}

impl CapacityResult {
    /// The exit code of the search. `expected` is the rate that must have held, when there is such a gate.
    pub fn exit_code(&self, expected: Option<Rate>) -> ExitCode {
        match self.ended {
            Ended::Interrupted | Ended::UnderWay => return ExitCode::Interrupted,
            Ended::Broken => return ExitCode::CouldNotStart,
            Ended::Searched(_) | Ended::TimeBox => {}
        }
        let Bracket { held, not_held, .. } = self.bracket;
        let generator_failed = self.ended == Ended::Searched(SearchEnd::GeneratorLimit);
        let is_met = match expected {
            Some(expected) if held.is_some_and(|held| held >= expected) => Some(true),
            // The expected rate or a lower one failed, or the search has said all that it can.
            Some(expected) if self.is_whole() || not_held.is_some_and(|failed| failed <= expected) => {
                Some(false)
            }
            Some(_) => None,
            None if held.is_none() && not_held.is_some() => Some(false),
            None => (self.is_whole() || held.is_some() && not_held.is_some()).then_some(true),
        };
        match is_met {
            Some(true) => ExitCode::Go,
            Some(false) => ExitCode::NoGo,
            None if generator_failed => ExitCode::Invalid,
            None => ExitCode::Inconclusive,
        }
    }

    /// Whether the search came to its own end, and not to that of the generator.
    fn is_whole(&self) -> bool {
        matches!(
            self.ended,
            Ended::Searched(SearchEnd::Found | SearchEnd::AtLeast | SearchEnd::NotEvenLowest)
        )
    }

    /// What `capacity.json` holds.
    pub fn record(&self, loaded: &Loaded) -> CapacityRecord {
        let per_second = |rate: Option<Rate>| rate.map(Rate::as_per_second);
        let mut record = CapacityRecord {
            schema_version: CAPACITY_SCHEMA_VERSION,
            kind: CAPACITY_KIND.to_owned(),
            scenario: recording::scenario(loaded),
            target: self.target.clone(),
            seed: loaded.plan.seed,
            started_at: self.started_at.to_string(),
            duration_s: self.took.as_secs_f64(),
            environment: recording::environment(),
            search: CapacitySearchRecord::from(&self.plan),
            result: CapacityResultRecord {
                held_per_s: per_second(self.bracket.held),
                not_held_per_s: per_second(self.bracket.not_held),
                not_brought_per_s: per_second(self.bracket.not_brought),
                resolution: self.bracket.resolution(),
                confirmed: self.bracket.is_confirmed,
                ended: self.ended.key().to_owned(),
                problem: self.problem.clone(),
                sentence: String::new(),
            },
            steps: self.steps.clone(),
        };
        record.result.sentence = capacity_sentence(&record);
        record
    }
}

impl Ended {
    /// The word for it in `capacity.json`.
    pub fn key(self) -> &'static str {
        match self {
            Ended::Searched(SearchEnd::Found) => "found",
            Ended::Searched(SearchEnd::AtLeast) => "at_least",
            Ended::Searched(SearchEnd::NotEvenLowest) => "not_even_lowest",
            Ended::Searched(SearchEnd::GeneratorLimit) => "generator_limit",
            Ended::TimeBox => "time_box",
            Ended::Interrupted => "interrupted",
            Ended::Broken => "broken",
            Ended::UnderWay => "under_way",
        }
    }
}

#[cfg(test)]
mod tests;
