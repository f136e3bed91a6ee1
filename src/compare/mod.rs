//! A comparison from start to end: pairs of runs in turn, each with a target of its own, and what comes of them.
//!
//! In the first pair the baseline runs first, in the second the candidate, and so on (ABBA): what drifts on this machine
//! meets both arms alike. [`run_comparison`] reads from top to bottom as it happens.

mod outline;
mod record;
mod stored;

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;

pub use outline::Outline;
pub use stored::{StoredError, StoredRun, compare_stored, read_stored};

use crate::capacity::{self, CapacityError, CapacityResult, Ended, SearchEnd};
use crate::chance::Chance;
use crate::clock::{Moment, RunClock, wall_clock_now};
use crate::comparison::{Capacity, Case, OpenEnd, Pair, REPLICATES, Resampling, Trial};
use crate::plan::{ClaimTest, Side, Sides};
use crate::recording::{Recorded, RecordingError, Shown, run_recorded};
use crate::report::model::comparison::{ArmRecord, ComparisonRecord};
use crate::run::{BetweenRuns, FolderError, ProgressMode, RunError, RunFolder, RunOptions};
use crate::scenario::{Loaded, LoadedComparison};
use crate::sla::{Severity, Verdict};
use crate::units::format_duration;

/// Pairs in a row whose runs could not take place before the comparison gives up.
const FAILED_PAIRS_MAX: usize = 2;

/// What a comparison is made with, besides its scenarios.
pub struct Surroundings<'a> {
    /// The executable that is started for the reference server and the mock: this one.
    pub executable: PathBuf,
    /// How the progress of each run is shown.
    pub progress: ProgressMode,
    /// The folder that the runs' folders are created in.
    pub folder: &'a RunFolder,
    pub interrupts: &'a mut BetweenRuns,
    /// Tells the user what goes on, in lines.
    pub say: &'a mut dyn FnMut(&str),
    /// Is given what is known after each pair, so that it is kept whatever happens.
    pub checkpoint: &'a mut dyn FnMut(&ComparisonRecord),
}

/// Why there is no comparison: its very first run could not take place.
#[derive(Debug, thiserror::Error)]
pub enum ComparisonError {
    #[error("the run of {arm} could not take place")]
    Run {
        arm: String,
        #[source]
        source: RecordingError,
    },
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// Runs a comparison.
///
/// # Errors
/// When its very first run could not take place. What fails later makes its pair say nothing.
pub fn run_comparison(
    loaded: &LoadedComparison,
    quick: bool,
    surroundings: &mut Surroundings<'_>,
) -> Result<ComparisonRecord, ComparisonError> {
    clear(surroundings.folder, loaded.comparison.pairs)?;
    let mut course = Course::new(loaded, quick);
    for number in 1..=loaded.comparison.pairs {
        if let Some(reason) = course.reason_to_end(number) {
            (surroundings.say)(&reason);
            course.ended_early = Some(reason);
            break;
        }
        course.pair(number, surroundings)?;
        (surroundings.checkpoint)(&course.record());
        if course.case.interrupted {
            break;
        }
    }
    Ok(course.record())
}

/// A folder that is used again must not show pairs of the comparison before this one.
fn clear(folder: &RunFolder, pairs: u32) -> Result<(), FolderError> {
    // Comparisons before may have had more pairs.
    for number in (1..)
        .take_while(|number| *number <= pairs || folder.file(&run_name(*number, Side::Baseline)).exists())
    {
        for side in Side::BOTH {
            folder.remove(&run_name(number, side))?;
            folder.remove(&search_name(number, side))?;
        }
    }
    Ok(())
}

/// The name of the folder of a search for a capacity.
fn search_name(pair: u32, side: Side) -> String {
    format!("{}-capacity", run_name(pair, side))
}

/// The name of a run's folder: `pair-1-a` is the baseline's.
pub fn run_name(pair: u32, side: Side) -> String {
    let letter = match side {
        Side::Baseline => 'a',
        Side::Candidate => 'b',
    };
    format!("pair-{pair}-{letter}")
}

/// A comparison under way.
struct Course<'a> {
    loaded: &'a LoadedComparison,
    clock: RunClock,
    started: Moment,
    started_at: Timestamp,
    case: Case,
    /// What the runs say of each arm; nothing before its first run.
    arms: Sides<Option<ArmRecord>>,
    notes: Vec<String>,
    slowest_pair: Duration,
    ended_early: Option<String>,
}

/// What became of a part of a pair.
enum Part<T> {
    Done(T),
    /// It could not be done, as a sentence.
    Failed(String),
    Interrupted,
}

impl<'a> Course<'a> {
    fn new(loaded: &'a LoadedComparison, quick: bool) -> Self {
        let clock = RunClock::start();
        let comparison = &loaded.comparison;
        let case = Case {
            arms: comparison.arms.as_ref().map(|arm| arm.name.clone()),
            paired: true,
            pairs: Vec::new(),
            claims: comparison.claims.clone(),
            resampling: Resampling {
                chance: Chance::new(loaded.scenario.plan.seed),
                replicates: REPLICATES,
            },
            run_to_run: comparison.run_to_run.map(|share| share.get()),
            observed_only: quick,
            interrupted: false,
        };
        Self {
            loaded,
            clock,
            started: clock.now(),
            started_at: wall_clock_now(),
            case,
            arms: Sides::default(),
            notes: Vec::new(),
            slowest_pair: Duration::ZERO,
            ended_early: None,
        }
    }

    fn elapsed(&self) -> Duration {
        self.clock.now().since(self.started)
    }

    /// Why no further pair is begun; `None` when the next one is.
    fn reason_to_end(&self, number: u32) -> Option<String> {
        let comparison = &self.loaded.comparison;
        let time_box = comparison.time_box;
        if number > 1 && self.elapsed() + self.slowest_pair > time_box {
            return Some(format!(
                "Of {} pairs, {} were run: another one takes about {}, and the time box of {} has {} left.",
                comparison.pairs,
                number - 1,
                whole_seconds(self.slowest_pair),
                format_duration(time_box),
                whole_seconds(time_box.saturating_sub(self.elapsed()))
            ));
        }
        let failed = |pair: &Pair| pair.failed.iter().any(Option::is_some);
        let in_a_row = self
            .case
            .pairs
            .iter()
            .rev()
            .take_while(|pair| failed(pair))
            .count();
        (in_a_row >= FAILED_PAIRS_MAX).then(|| {
            format!(
                "Of {} pairs, {} were begun: the runs of the last {in_a_row} could not take place.",
                comparison.pairs,
                number - 1
            )
        })
    }

    /// Runs both arms once, and searches for their capacities when a claim asks for them.
    fn pair(&mut self, number: u32, surroundings: &mut Surroundings<'_>) -> Result<(), ComparisonError> {
        let begun = self.elapsed();
        let first = if number % 2 == 1 {
            Side::Baseline
        } else {
            Side::Candidate
        };
        let order = [first, first.other()];
        let mut pair = Pair {
            first: Some(first),
            ..Pair::default()
        };
        for side in order {
            if self.was_interrupted(surroundings) {
                break;
            }
            match self.run(number, side, surroundings)? {
                Part::Done(trial) => *pair.trials.get_mut(side) = Some(trial),
                Part::Failed(sentence) => *pair.failed.get_mut(side) = Some(sentence),
                Part::Interrupted => self.case.interrupted = true,
            }
        }
        if self.needs_capacity() {
            for (done, side) in order.into_iter().enumerate() {
                if self.was_interrupted(surroundings) {
                    break;
                }
                let left = order.len() - done;
                match self.capacity(number, side, left, surroundings) {
                    Part::Done(capacity) => *pair.capacities.get_mut(side) = capacity,
                    Part::Failed(sentence) => (surroundings.say)(&sentence),
                    Part::Interrupted => self.case.interrupted = true,
                }
            }
        }
        self.case.pairs.push(pair);
        self.slowest_pair = self.slowest_pair.max(self.elapsed().saturating_sub(begun));
        Ok(())
    }

    fn was_interrupted(&mut self, surroundings: &mut Surroundings<'_>) -> bool {
        self.case.interrupted |= surroundings.interrupts.was_interrupted();
        self.case.interrupted
    }

    fn needs_capacity(&self) -> bool {
        let claims = self.loaded.comparison.claims.iter();
        claims
            .into_iter()
            .any(|claim| matches!(claim.test, ClaimTest::Capacity(_)))
    }

    fn run(
        &mut self,
        number: u32,
        side: Side,
        surroundings: &mut Surroundings<'_>,
    ) -> Result<Part<Trial>, ComparisonError> {
        let name = run_name(number, side);
        let arm = self.case.arms.get(side).clone();
        let pairs = self.loaded.comparison.pairs;
        (surroundings.say)(&format!("pair {number} of {pairs}: {arm} ({name})"));
        let folder = RunFolder::create(Some(&surroundings.folder.file(&name)), &name, self.started_at)?;
        let options = RunOptions {
            executable: surroundings.executable.clone(),
            progress: surroundings.progress,
            metrics: None,
            otlp: None,
        };
        let scenario = with_seed_of_pair(self.loaded.arms.get(side), number);
        match run_recorded(&scenario, &options, &folder, &Shown::default()) {
            Ok(recorded) => {
                let is_cut = recorded.result.judgement.verdict == Verdict::Interrupted;
                self.case.interrupted |= is_cut;
                self.note_arm(side, &recorded);
                Ok(Part::Done(trial(name, recorded)))
            }
            Err(RecordingError::Run(RunError::Interrupted)) => Ok(Part::Interrupted),
            Err(source) if self.arms.iter().all(Option::is_none) => Err(ComparisonError::Run { arm, source }),
            Err(error) => {
                let sentence = in_full(&error);
                (surroundings.say)(&format!("the run of {arm} could not take place: {sentence}"));
                Ok(Part::Failed(sentence))
            }
        }
    }

    /// What the first run of an arm says of what was tested.
    fn note_arm(&mut self, side: Side, recorded: &Recorded) {
        if self.arms.get(side).is_some() {
            return;
        }
        let arm = self.loaded.comparison.arms.get(side);
        *self.arms.get_mut(side) = Some(record::arm(arm, &recorded.record));
        record::add_notes(&mut self.notes, &arm.name, &recorded.record.target.notes);
    }

    /// Searches for the capacity of an arm; `None` when the search said nothing about it. `searches_left` share what is
    /// left of the time box.
    fn capacity(
        &mut self,
        number: u32,
        side: Side,
        searches_left: usize,
        surroundings: &mut Surroundings<'_>,
    ) -> Part<Option<Capacity>> {
        let scenario = with_seed_of_pair(self.loaded.arms.get(side), number);
        let Some(mut plan) = scenario.plan.capacity.clone() else {
            return Part::Done(None);
        };
        let left = self.loaded.comparison.time_box.saturating_sub(self.elapsed());
        plan.time_box = plan.time_box.min(left / searches_left as u32);
        let name = search_name(number, side);
        let arm = self.case.arms.get(side);
        if let Some(obstacle) = plan.obstacle() {
            return Part::Failed(format!(
                "the capacity of {arm} is not searched for in pair {number}: {obstacle}"
            ));
        }
        (surroundings.say)(&format!("pair {number}: capacity of {arm} ({name}): {plan}"));
        let mut around = capacity::Surroundings {
            executable: surroundings.executable.clone(),
            progress: surroundings.progress,
            folder: surroundings.folder.file(&name),
            interrupts: &mut *surroundings.interrupts,
            say: &mut *surroundings.say,
            checkpoint: &mut |_| {},
        };
        match capacity::find(&scenario, &plan, &mut around) {
            Ok(found) if found.ended == Ended::Interrupted => Part::Interrupted,
            Ok(found) => Part::Done(of_search(&found)),
            Err(CapacityError::Step(capacity::StepError::Run(RecordingError::Run(
                RunError::Interrupted,
            )))) => Part::Interrupted,
            Err(error) => Part::Failed(format!(
                "the capacity of {arm} was not found: {}",
                in_full(&error)
            )),
        }
    }

    /// What is known so far.
    fn record(&self) -> ComparisonRecord {
        let facts = record::Facts {
            loaded: self.loaded,
            started_at: self.started_at,
            took: self.elapsed(),
            arms: &self.arms,
            notes: &self.notes,
            searched: self.needs_capacity(),
            ended_early: self.ended_early.clone(),
        };
        facts.record(&self.case)
    }
}

/// Each pair has a seed of its own, and both its runs the same: the same users come at the same moments.
fn with_seed_of_pair(arm: &Loaded, number: u32) -> Loaded {
    let mut scenario = arm.clone();
    scenario.plan.seed = scenario.plan.seed.wrapping_add(u64::from(number) - 1);
    scenario
}

fn trial(label: String, recorded: Recorded) -> Trial {
    let result = recorded.result;
    let invalid = result.judgement.validity.sentences(Severity::Invalid);
    Trial {
        label,
        verdict: result.judgement.verdict,
        invalid: invalid.map(str::to_owned).collect(),
        arrivals_planned: result.context.arrivals_planned,
        evidence: result.evidence,
    }
}

/// What a search says of the capacity; `None` when it ended before any rate had held or failed.
fn of_search(found: &CapacityResult) -> Option<Capacity> {
    let rate = |rate: Option<crate::units::Rate>| rate.map(|rate| rate.as_per_second());
    let (held, not_held) = (rate(found.bracket.held), rate(found.bracket.not_held));
    let nothing_held = found.ended == Ended::Searched(SearchEnd::NotEvenLowest);
    (held.is_some() || nothing_held).then(|| Capacity {
        held,
        not_held,
        open_end: match found.ended {
            Ended::Searched(SearchEnd::GeneratorLimit) => OpenEnd::Generator,
            Ended::Searched(SearchEnd::AtLeast | SearchEnd::Found | SearchEnd::NotEvenLowest) => {
                OpenEnd::HighestHeld
            }
            Ended::TimeBox => OpenEnd::TimeBox,
            Ended::Interrupted | Ended::Broken | Ended::UnderWay => OpenEnd::CutShort,
        },
        lowest_tried: found.plan.from.as_per_second(),
    })
}

fn whole_seconds(duration: Duration) -> String {
    format_duration(Duration::from_secs(duration.as_secs_f64().round() as u64))
}

/// An error with all its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // A transparent error repeats its cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
