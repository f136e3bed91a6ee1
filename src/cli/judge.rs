//! `loadtest judge`.

use std::path::PathBuf;

use clap::Args;
use jiff::civil::Date;

use super::{RequireArgs, VerdictArgs, check, describe, print, report, say};
use crate::clock::{day_of, wall_clock_now};
use crate::report::{Format, render};
use crate::scenario;
use crate::sla::{ExitCode, Verdict};

#[derive(Debug, Args)]
pub(super) struct JudgeArgs {
    /// The run.json of a run
    run: PathBuf,
    /// A file of targets ([sla] keys at its top level) to judge by, in place of the run's own
    #[arg(long, value_name = "FILE")]
    sla: Option<PathBuf>,
    /// Judge as of this day (UTC), which decides what waivers hold [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    day: Option<Date>,
    /// What to print: text, markdown, html, json, junit, hlog or github
    #[arg(long, default_value = "text")]
    format: Format,
    #[command(flatten)]
    require: RequireArgs,
    #[command(flatten)]
    verdict: VerdictArgs,
}

pub(super) fn execute(args: &JudgeArgs) -> ExitCode {
    match judge(args) {
        Ok((text, verdict)) => {
            print(text.trim_end());
            args.verdict.exit_code(verdict)
        }
        Err(sentence) => {
            say(&sentence);
            ExitCode::Usage
        }
    }
}

fn judge(args: &JudgeArgs) -> Result<(String, Verdict), String> {
    let broken = |error: &dyn std::error::Error| format!("{}: {error}", args.run.display());
    let record = report::read(&args.run)?;
    let mut criteria = record.criteria().map_err(|error| broken(&error))?;
    if let Some(path) = &args.sla {
        let context = record.context().map_err(|error| broken(&error))?;
        criteria.targets = scenario::load_targets(path, &context.steps, &check::load_options(&[], None))
            .map_err(|diagnostics| diagnostics.to_string().trim_end().to_owned())?;
    }
    if let Some(mode) = args.require.mode() {
        criteria.mode = mode;
    }
    // A judgement of today is a decision of today: a risk that was accepted until last week is not accepted any more.
    let day = args.day.unwrap_or_else(|| day_of(wall_clock_now()));
    let judged = record
        .judged_again(&criteria, Some(day))
        .map_err(|error| broken(&error))?;
    let verdict = Verdict::from_name(&judged.verdict).ok_or("the judge gave no verdict")?;
    let text = render(args.format, &judged).map_err(|error| describe(&error))?;
    Ok((text, verdict))
}
