//! The highest arrival rate at which all targets hold.
//!
//! [`find`] is the whole: the pure [`Search`] says which rate to try, [`run_step`] tries it with a run of its own against
//! a target of its own, until the search has ended, the time box is over, or the user has had enough. What was found
//! until then is the answer, with the resolution that it has.

mod estimate;
mod result;
mod search;
mod step;

use std::path::PathBuf;
use std::time::Duration;

pub use estimate::Estimate;
pub use result::{CapacityResult, Ended};
pub use search::{Aim, Answer, Bracket, Purpose, Search, SearchEnd};
pub use step::{Outcome, STEPS_FOLDER, Step, StepError, StepOptions, notes, run_step};

use crate::clock::{Moment, RunClock, wall_clock_now};
use crate::plan::{CapacityPlan, STEP_OVERHEAD};
use crate::recording::RecordingError;
use crate::report::capacity_step_line;
use crate::run::{BetweenRuns, ProgressMode, RunError};
use crate::scenario::Loaded;
use crate::units::format_duration;

/// What a search is made with, besides its scenario and its plan.
pub struct Surroundings<'a> {
    /// The executable that is started for the reference server and the mock: this one.
    pub executable: PathBuf,
    /// How the progress of each step's run is shown.
    pub progress: ProgressMode,
    /// The folder that the steps' folders are created in.
    pub folder: PathBuf,
    pub interrupts: &'a mut BetweenRuns,
    /// Tells the user what goes on, in lines.
    pub say: &'a mut dyn FnMut(&str),
    /// Is given what is known after each step, so that it is kept whatever happens.
    pub checkpoint: &'a mut dyn FnMut(&CapacityResult),
}

/// Why there is no result: no step could be run.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    #[error("the capacity cannot be searched for: {0}")]
    Impossible(String),
    #[error(transparent)]
    Step(#[from] StepError),
}

/// Searches for the capacity that `capacity` asks for.
///
/// # Errors
/// When the search cannot be made, or its very first step could not be run. What ends it later is part of the result.
pub fn find(
    loaded: &Loaded,
    capacity: &CapacityPlan,
    surroundings: &mut Surroundings<'_>,
) -> Result<CapacityResult, CapacityError> {
    if let Some(obstacle) = capacity.obstacle() {
        return Err(CapacityError::Impossible(obstacle));
    }
    let clock = RunClock::start();
    let mut course = Course {
        loaded,
        clock,
        started: clock.now(),
        search: Search::new(capacity),
        slowest_overhead: STEP_OVERHEAD,
        result: CapacityResult {
            plan: capacity.clone(),
            bracket: Bracket::default(),
            ended: Ended::UnderWay,
            problem: None,
            steps: Vec::new(),
            target: None,
            started_at: wall_clock_now(),
            took: Duration::ZERO,
        },
    };
    while course.result.ended == Ended::UnderWay {
        course.go_on(surroundings)?;
    }
    Ok(course.result)
}

/// A search under way.
struct Course<'a> {
    loaded: &'a Loaded,
    clock: RunClock,
    started: Moment,
    search: Search,
    /// What starting and stopping a target took at most until now.
    slowest_overhead: Duration,
    result: CapacityResult,
}

impl Course<'_> {
    /// One step, or the end.
    fn go_on(&mut self, surroundings: &mut Surroundings<'_>) -> Result<(), CapacityError> {
        if surroundings.interrupts.was_interrupted() {
            self.end(Ended::Interrupted, None);
            return Ok(());
        }
        let aim = match self.search.next() {
            Ok(aim) => aim,
            Err(end) => {
                let problem = self.result.problem.take();
                self.end(Ended::Searched(end), problem);
                return Ok(());
            }
        };
        if !self.has_time() {
            let time_box = format_duration(self.result.plan.time_box);
            let problem = format!(
                "the time box of {time_box} has no room for a step at {}",
                aim.rate
            );
            self.end(Ended::TimeBox, Some(problem));
            return Ok(());
        }
        let number = self.result.steps.len() as u32 + 1;
        (surroundings.say)(&format!("step {number}: {} ({})", aim.rate, aim.purpose));
        let options = StepOptions {
            executable: surroundings.executable.clone(),
            progress: surroundings.progress,
            folder: surroundings.folder.clone(),
        };
        let begun = self.clock.now();
        match run_step(self.loaded, &self.result.plan, aim, number, &options) {
            Ok(step) => {
                let ran = Duration::try_from_secs_f64(step.record.duration_s).unwrap_or_default();
                let overhead = self.clock.now().since(begun).saturating_sub(ran);
                self.slowest_overhead = self.slowest_overhead.max(overhead);
                (surroundings.say)(&capacity_step_line(&step.record));
                self.take(step);
                (surroundings.checkpoint)(&self.result);
                Ok(())
            }
            Err(error) => self.take_error(error),
        }
    }

    /// Takes in a step that was run.
    fn take(&mut self, step: Step) {
        self.result.target = Some(step.run.record.target);
        self.result.steps.push(step.record);
        match step.outcome {
            Outcome::Answered(answer) => self.search.feed(answer),
            Outcome::Interrupted => self.result.ended = Ended::Interrupted,
        }
        self.result.bracket = self.search.bracket();
        self.note_time();
    }

    /// A step that could not be run ends the search, unless a lower rate may be; the first one leaves nothing to be told.
    fn take_error(&mut self, error: StepError) -> Result<(), CapacityError> {
        match &error {
            StepError::Run(RecordingError::Run(RunError::Interrupted)) if !self.result.steps.is_empty() => {
                self.end(Ended::Interrupted, None);
            }
            StepError::Run(RecordingError::Run(RunError::Sockets(shortage))) => {
                // The generator's limit, known before anything has been sent. Lower rates need fewer sockets.
                self.search.cannot_bring();
                self.result.bracket = self.search.bracket();
                self.result.problem = Some(shortage.to_string());
            }
            _ if self.result.steps.is_empty() => return Err(CapacityError::Step(error)),
            _ => self.end(Ended::Broken, Some(in_full(&error))),
        }
        Ok(())
    }

    fn end(&mut self, ended: Ended, problem: Option<String>) {
        self.result.ended = ended;
        self.result.problem = problem;
        self.note_time();
    }

    fn note_time(&mut self) {
        self.result.took = self.clock.now().since(self.started);
    }

    /// Whether another step would be over within the time box, however long it takes.
    fn has_time(&self) -> bool {
        let plan = &self.result.plan;
        let step = plan.step_load() + plan.step_drain + self.slowest_overhead;
        self.clock.now().since(self.started) + step <= plan.time_box
    }
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
