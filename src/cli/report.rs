//! `loadtest report`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{describe, print, say};
use crate::report::{Format, RunRecord, render};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The run.json of a run
    run: PathBuf,
    /// What to render to standard output: text, markdown, html or json
    #[arg(long, default_value = "text")]
    format: Format,
    /// Write to this file instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn execute(args: &ReportArgs) -> ExitCode {
    let rendered = read(&args.run).and_then(|record| {
        render(args.format, &record).map_err(|error| format!("{}: {}", args.run.display(), describe(&error)))
    });
    match rendered {
        Ok(text) => deliver(&text, args.out.as_deref()),
        Err(sentence) => {
            say(&sentence);
            ExitCode::Usage
        }
    }
}

fn deliver(text: &str, out: Option<&Path>) -> ExitCode {
    let Some(path) = out else {
        print(text.trim_end());
        return ExitCode::Go;
    };
    match std::fs::write(path, text) {
        Ok(()) => ExitCode::Go,
        Err(error) => {
            say(&format!("cannot write the report to {}: {error}", path.display()));
            ExitCode::Usage
        }
    }
}

/// Reads a stored run; the error is a sentence.
pub(super) fn read(path: &Path) -> Result<RunRecord, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read the run {}: {error}", path.display()))?;
    RunRecord::from_json(&text).map_err(|error| format!("{}: {}", path.display(), describe(&error)))
}
