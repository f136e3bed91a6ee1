//! `loadtest report`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::baseline::BaselineArgs;
use super::{columns, describe, print, say};
use crate::report::model::CapacityRecord;
use crate::report::model::comparison::ComparisonRecord;
use crate::report::{
    Format, ReportError, RunRecord, Screen, StoredKind, render, render_capacity, render_comparison,
    render_for_screen, stored_kind,
};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The run.json of a run, the compare.json of a comparison, or the capacity.json of a search
    run: PathBuf,
    /// What to render to standard output: text, markdown, html, json, junit, hlog or github
    #[arg(long, default_value = "text")]
    format: Format,
    /// Write to this file instead
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    baseline: BaselineArgs,
}

pub(super) fn execute(args: &ReportArgs) -> ExitCode {
    match rendered(args) {
        Ok(text) => deliver(&text, args.out.as_deref()),
        Err(sentence) => {
            say(&sentence);
            ExitCode::Usage
        }
    }
}

fn rendered(args: &ReportArgs) -> Result<String, String> {
    let text = read_text(&args.run)?;
    let baseline = args.baseline.read()?;
    let kind = stored_kind(&text);
    if baseline.is_some() && kind != StoredKind::Run {
        return Err(format!(
            "{} is no run, and only a run can be shown beside a baseline; leave --baseline out",
            args.run.display()
        ));
    }
    let again = |text: &str| -> Result<String, ReportError> {
        match kind {
            StoredKind::Run => {
                let mut record = RunRecord::from_json(text)?;
                // Without one, the run keeps the baseline that it was made with.
                record.baseline = baseline.or(record.baseline);
                match columns().filter(|_| args.format == Format::Text && args.out.is_none()) {
                    Some(columns) => Ok(render_for_screen(
                        &record,
                        Screen {
                            columns,
                            folder: None,
                        },
                    )),
                    None => render(args.format, &record),
                }
            }
            StoredKind::Comparison => render_comparison(args.format, &ComparisonRecord::from_json(text)?),
            StoredKind::Capacity => render_capacity(args.format, &CapacityRecord::from_json(text)?),
        }
    };
    again(&text).map_err(|error| format!("{}: {}", args.run.display(), describe(&error)))
}

fn read_text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read the run {}: {error}", path.display()))
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
    let text = read_text(path)?;
    RunRecord::from_json(&text).map_err(|error| format!("{}: {}", path.display(), describe(&error)))
}
