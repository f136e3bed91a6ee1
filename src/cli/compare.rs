//! `loadtest compare`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::run::{ProgressChoice, executable, exit_code};
use super::{VerdictArgs, check, describe, parse_set, print, say};
use crate::clock::wall_clock_now;
use crate::compare::{ComparisonError, Outline, Surroundings, compare_stored, read_stored, run_comparison};
use crate::plan::{Claim, Sides};
use crate::report::model::comparison::ComparisonRecord;
use crate::report::{Format, comparison_file_name, render_comparison};
use crate::run::{BetweenRuns, ProgressMode, RunFolder};
use crate::scenario::{LoadedComparison, load, load_comparison, load_two};
use crate::serve::log_to_stderr;
use crate::sla::{ExitCode, Verdict};
use crate::units::parse_duration;

/// Exit codes of a comparison, for `--help`.
pub(super) const COMPARISON_EXIT_CODES: &str = "Exit codes:
    0  GO            every claim that was judged holds
    1                internal error
    2                usage error, or a scenario is invalid
    3                the first run could not start; nothing was measured
   10  NO-GO         a claim does not hold, or the candidate lost accepted work
   11  INCONCLUSIVE  too little evidence to say: always after --quick, and after a single pair unless a claim fails
   12  INVALID       no pair can be compared
  130  INTERRUPTED   stopped by the user; what was found until then is reported";

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// A scenario with a section [compare]; or the baseline: a scenario, a run.json, or a folder of one run or several
    baseline: PathBuf,
    /// The candidate, of the same kind as the baseline
    candidate: Option<PathBuf>,
    /// How many pairs to run, in place of the scenario's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pairs: Option<u32>,
    /// One short pair, for a first look: observed ratios that claim nothing more
    #[arg(long, conflicts_with = "pairs")]
    quick: bool,
    /// Begin no pair that would not be over within this time, in place of the scenario's
    #[arg(long, value_name = "DURATION", value_parser = parse_time_box)]
    time_box: Option<Duration>,
    /// Judge by the claims of this scenario's [compare] section
    #[arg(long, value_name = "SCENARIO")]
    claims: Option<PathBuf>,
    /// Write all files to exactly this folder [default: reports/<scenario>-compare-<UTC time>/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Override a key of the scenario in both arms; what an arm sets itself wins (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_set)]
    sets: Vec<(String, String)>,
    /// The seed of all chance in the first pair, in place of the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// How progress is shown: live on a terminal, plain lines elsewhere, or not at all
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressChoice,
    #[command(flatten)]
    verdict: VerdictArgs,
}

/// Why there is no comparison: an exit code and a sentence.
type Refusal = (ExitCode, String);

fn parse_time_box(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

fn usage(sentence: impl Into<String>) -> Refusal {
    (ExitCode::Usage, sentence.into())
}

pub(super) fn execute(args: &CompareArgs) -> ExitCode {
    log_to_stderr();
    match compare(args) {
        Ok(code) => code,
        Err((code, sentence)) => {
            say(sentence.trim_end());
            code
        }
    }
}

fn compare(args: &CompareArgs) -> Result<ExitCode, Refusal> {
    let (record, folder) = match &args.candidate {
        None if is_scenario(&args.baseline) => run(args, load_one(args)?)?,
        None => {
            return Err(usage(format!(
                "{} is no scenario: give a scenario with a section [compare], or two runs: loadtest compare BASELINE \
                 CANDIDATE",
                args.baseline.display()
            )));
        }
        Some(candidate) => match (is_scenario(&args.baseline), is_scenario(candidate)) {
            (true, true) => run(args, load_both(args, candidate)?)?,
            (false, false) => stored(args, candidate)?,
            _ => {
                return Err(usage(
                    "a scenario cannot be compared with a stored run: give two scenarios, or two runs",
                ));
            }
        },
    };
    conclude(args, &record, &folder)
}

fn is_scenario(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}

fn load_one(args: &CompareArgs) -> Result<LoadedComparison, Refusal> {
    load_comparison(
        &args.baseline,
        &check::load_options(&args.sets, args.seed),
        args.quick,
    )
    .map_err(|mistakes| usage(mistakes.to_string()))
}

fn load_both(args: &CompareArgs, candidate: &Path) -> Result<LoadedComparison, Refusal> {
    let paths = Sides {
        baseline: args.baseline.as_path(),
        candidate,
    };
    load_two(&paths, &check::load_options(&args.sets, args.seed), args.quick)
        .map_err(|mistakes| usage(mistakes.to_string()))
}

/// The claims that `--claims` names.
fn claims(args: &CompareArgs) -> Result<Option<Vec<Claim>>, Refusal> {
    let Some(path) = &args.claims else {
        return Ok(None);
    };
    let loaded =
        load(path, &check::load_options(&[], None)).map_err(|mistakes| usage(mistakes.to_string()))?;
    let comparison = loaded
        .comparison
        .ok_or_else(|| usage(format!("{} has no section [compare] with claims", path.display())))?;
    Ok(Some(comparison.claims))
}

/// Runs the comparison.
fn run(args: &CompareArgs, mut loaded: LoadedComparison) -> Result<(ComparisonRecord, RunFolder), Refusal> {
    if let Some(claims) = claims(args)? {
        loaded.comparison.claims = claims;
    }
    let comparison = &mut loaded.comparison;
    comparison.pairs = if args.quick {
        1
    } else {
        args.pairs.unwrap_or(comparison.pairs)
    };
    comparison.time_box = args.time_box.unwrap_or(comparison.time_box);
    let folder = new_folder(args, &loaded.scenario.plan.name)?;
    let mode = args.progress.mode();
    let mut tell = |line: &str| {
        if mode != ProgressMode::None {
            say(line);
        }
    };
    tell(Outline::of(&loaded).to_string().trim_end());
    let mut interrupts = BetweenRuns::listen()
        .map_err(|error| (ExitCode::Internal, format!("cannot listen for signals: {error}")))?;
    let mut checkpoint = |so_far: &ComparisonRecord| {
        if let Err(sentence) = write(&folder, so_far) {
            tracing::warn!(sentence, "what is known so far could not be written");
        }
    };
    let mut surroundings = Surroundings {
        executable: executable()?,
        progress: mode,
        folder: &folder,
        interrupts: &mut interrupts,
        say: &mut tell,
        checkpoint: &mut checkpoint,
    };
    let record = run_comparison(&loaded, args.quick, &mut surroundings).map_err(|error| {
        let code = match &error {
            ComparisonError::Run { source, .. } => exit_code(source),
            ComparisonError::Folder(_) => ExitCode::CouldNotStart,
        };
        (code, describe(&error))
    })?;
    Ok((record, folder))
}

/// Compares runs that were done before.
fn stored(args: &CompareArgs, candidate: &Path) -> Result<(ComparisonRecord, RunFolder), Refusal> {
    if args.quick
        || args.pairs.is_some()
        || args.time_box.is_some()
        || !args.sets.is_empty()
        || args.seed.is_some()
    {
        return Err(usage(
            "--quick, --pairs, --time-box, --set and --seed are for comparisons that are still to be run, not for stored \
             runs",
        ));
    }
    let read = |path: &Path| read_stored(path).map_err(|error| usage(describe(&error)));
    let runs = Sides {
        baseline: read(&args.baseline)?,
        candidate: read(candidate)?,
    };
    let claims = claims(args)?;
    let record = compare_stored(runs, claims, wall_clock_now()).map_err(|error| usage(describe(&error)))?;
    let folder = new_folder(args, &record.scenario.name)?;
    Ok((record, folder))
}

fn new_folder(args: &CompareArgs, scenario: &str) -> Result<RunFolder, Refusal> {
    let name = format!("{scenario}-compare");
    RunFolder::create(args.out.as_deref(), &name, wall_clock_now())
        .map_err(|error| (ExitCode::CouldNotStart, describe(&error)))
}

/// Writes the reports, prints the summary, and gives the exit code.
fn conclude(args: &CompareArgs, record: &ComparisonRecord, folder: &RunFolder) -> Result<ExitCode, Refusal> {
    let internal = |sentence: String| (ExitCode::Internal, sentence);
    let text = render_comparison(Format::Text, record).map_err(|error| internal(describe(&error)))?;
    print(text.trim_end());
    write(folder, record)
        .map_err(|sentence| internal(format!("the report could not be written: {sentence}")))?;
    let verdict = Verdict::from_name(&record.verdict)
        .ok_or_else(|| internal("the comparison gave no verdict".to_owned()))?;
    let code = args.verdict.exit_code(verdict);
    print(&folder.path().display().to_string());
    Ok(code)
}

fn write(folder: &RunFolder, record: &ComparisonRecord) -> Result<(), String> {
    for format in Format::ALL {
        if let Some(name) = comparison_file_name(format) {
            let text = render_comparison(format, record).map_err(|error| describe(&error))?;
            folder.write(name, &text).map_err(|error| describe(&error))?;
        }
    }
    Ok(())
}
