//! `loadtest capacity`.

use std::path::PathBuf;

use clap::Args;

use super::run::{ProgressChoice, executable, exit_code};
use super::{ScenarioArgs, check, describe, print, say};
use crate::capacity::{
    CapacityError, CapacityResult, Estimate, STEPS_FOLDER, StepError, Surroundings, find, notes,
};
use crate::clock::wall_clock_now;
use crate::plan::CapacityPlan;
use crate::report::{Format, capacity_file_name, render_capacity};
use crate::run::{BetweenRuns, ProgressMode, RunFolder};
use crate::scenario::Loaded;
use crate::serve::log_to_stderr;
use crate::sla::ExitCode;
use crate::units::Rate;

/// Exit codes of a search, for `--help`.
pub(super) const CAPACITY_EXIT_CODES: &str = "Exit codes:
    0  a capacity was found: a rate that held and a higher one that failed, or the highest rate held;
       with --expect-at-least: the rate that held is at least that
    1  internal error
    2  usage error, the scenario is invalid, or the search cannot be made
    3  a step could not be run
   10  it holds at no tested rate; with --expect-at-least: the rate that held is below that
   11  the time box ended before a rate had failed
   12  the load generator was the limit: no rate failed that it could bring
  130  stopped by the user; what was found until then is reported";

#[derive(Debug, Args)]
pub(super) struct CapacityArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// The lowest rate to try, such as 5/s [default: a quarter of the load's highest rate]
    #[arg(long, value_name = "RATE")]
    from: Option<String>,
    /// The highest rate to try [default: sixteen times the load's highest rate]
    #[arg(long, value_name = "RATE")]
    to: Option<String>,
    /// How long each rate is held and judged [default: 15s]
    #[arg(long, value_name = "DURATION")]
    hold: Option<String>,
    /// How far the lowest rate that failed may lie above the highest that held [default: 10%]
    #[arg(long, value_name = "PERCENT")]
    resolution: Option<String>,
    /// No step begins that might end later than this [default: 15m]
    #[arg(long, value_name = "DURATION")]
    time_box: Option<String>,
    /// Exit with 0 when at least this rate held, and with 10 when not: a gate for CI
    #[arg(long, value_name = "RATE")]
    expect_at_least: Option<Rate>,
    /// Write all files to exactly this folder [default: reports/<scenario>-capacity-<UTC time>/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How progress is shown: each step's run live on a terminal, a line for each step elsewhere, or not at all
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressChoice,
}

pub(super) fn execute(args: &CapacityArgs) -> ExitCode {
    log_to_stderr();
    match search(args) {
        Ok(code) => code,
        Err((code, sentence)) => {
            say(&sentence);
            code
        }
    }
}

fn search(args: &CapacityArgs) -> Result<ExitCode, (ExitCode, String)> {
    let loaded = check::load(&args.with_options())
        .map_err(|diagnostics| (ExitCode::Usage, diagnostics.to_string().trim_end().to_owned()))?;
    let capacity = loaded.plan.capacity.clone().ok_or_else(|| {
        (
            ExitCode::Usage,
            format!(
                "the executor `{}` has no rate that could be searched; give the scenario an arrival rate",
                loaded.plan.load.executor.name()
            ),
        )
    })?;
    if let Some(obstacle) = capacity.obstacle() {
        let sentence = CapacityError::Impossible(obstacle).to_string();
        return Err((ExitCode::Usage, sentence));
    }
    let name = format!("{}-capacity", loaded.plan.name);
    let folder = RunFolder::create(args.out.as_deref(), &name, wall_clock_now())
        .and_then(|folder| folder.remove(STEPS_FOLDER).map(|()| folder))
        .map_err(|error| (ExitCode::CouldNotStart, describe(&error)))?;
    let mode = args.progress.mode();
    announce(&loaded, &capacity, mode);
    let mut interrupts = BetweenRuns::listen()
        .map_err(|error| (ExitCode::Internal, format!("cannot listen for signals: {error}")))?;
    let mut tell = |line: &str| {
        if mode != ProgressMode::None {
            say(line);
        }
    };
    let mut checkpoint = |so_far: &CapacityResult| {
        if let Err(sentence) = write(&folder, &loaded, so_far) {
            tracing::warn!(sentence, "what is known so far could not be written");
        }
    };
    let mut surroundings = Surroundings {
        executable: executable()?,
        progress: match mode {
            ProgressMode::Tui => ProgressMode::Tui,
            ProgressMode::Plain | ProgressMode::None => ProgressMode::None,
        },
        folder: folder.path().to_owned(),
        interrupts: &mut interrupts,
        say: &mut tell,
        checkpoint: &mut checkpoint,
    };
    let result = find(&loaded, &capacity, &mut surroundings)
        .map_err(|error| (exit_code_of(&error), describe(&error)))?;
    conclude(args, &folder, &loaded, &result)
}

/// Says what will be done, and how long it takes.
fn announce(loaded: &Loaded, capacity: &CapacityPlan, mode: ProgressMode) {
    if mode != ProgressMode::None {
        say(&format!("capacity of {}: {capacity}", loaded.plan.name));
        say(&format!("this takes {}", Estimate::of(capacity)));
        for note in notes(&loaded.plan, capacity) {
            say(&format!("note: {note}"));
        }
    }
}

/// Writes the reports, prints the summary with the answer as its last line, and gives the exit code.
fn conclude(
    args: &CapacityArgs,
    folder: &RunFolder,
    loaded: &Loaded,
    result: &CapacityResult,
) -> Result<ExitCode, (ExitCode, String)> {
    let internal = |sentence: String| (ExitCode::Internal, sentence);
    let record = result.record(loaded);
    let text = render_capacity(Format::Text, &record).map_err(|error| internal(describe(&error)))?;
    let written = write(folder, loaded, result);
    print(&folder.path().display().to_string());
    print(text.trim_end());
    written.map_err(|sentence| internal(format!("the report could not be written: {sentence}")))?;
    let code = result.exit_code(args.expect_at_least);
    if let Some(expected) = args.expect_at_least {
        let held = result
            .bracket
            .held
            .map_or("none".to_owned(), |held| held.to_string());
        say(&format!(
            "expected was at least {expected}; the highest rate that held: {held}"
        ));
    }
    Ok(code)
}

fn write(folder: &RunFolder, loaded: &Loaded, result: &CapacityResult) -> Result<(), String> {
    let record = result.record(loaded);
    for format in Format::ALL {
        if let Some(name) = capacity_file_name(format) {
            let text = render_capacity(format, &record).map_err(|error| describe(&error))?;
            folder.write(name, &text).map_err(|error| describe(&error))?;
        }
    }
    Ok(())
}

fn exit_code_of(error: &CapacityError) -> ExitCode {
    match error {
        CapacityError::Impossible(_) => ExitCode::Usage,
        CapacityError::Step(StepError::Folder(_)) => ExitCode::CouldNotStart,
        CapacityError::Step(StepError::Run(error)) => exit_code(error),
    }
}

impl CapacityArgs {
    /// The scenario with the options put in their places of its `[capacity]` section; they come last and so win.
    fn with_options(&self) -> ScenarioArgs {
        let mut scenario = self.scenario.clone();
        let options = [
            ("capacity.rates.from", &self.from),
            ("capacity.rates.to", &self.to),
            ("capacity.step_hold", &self.hold),
            ("capacity.resolution", &self.resolution),
            ("capacity.time_box", &self.time_box),
        ];
        let given = options
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        scenario.sets.extend(given);
        scenario
    }
}
