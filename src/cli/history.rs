//! `loadtest history`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{describe, print, say};
use crate::report::model::RunDigest;
use crate::report::{History, render_history_html, render_history_text};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Folders of runs, or run.json files [default: reports]
    paths: Vec<PathBuf>,
    /// Only the runs of this scenario
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Write a page with charts to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Exit with 10 when the newest run of a scenario made a target worse
    #[arg(long)]
    fail_on_regression: bool,
}

pub(super) fn execute(args: &HistoryArgs) -> ExitCode {
    let histories = match histories(args) {
        Ok(histories) => histories,
        Err(sentence) => {
            say(&sentence);
            return ExitCode::Usage;
        }
    };
    print(render_history_text(&histories).trim_end());
    if let Some(path) = &args.html {
        let written = render_history_html(&histories)
            .map_err(|error| describe(&error))
            .and_then(|page| std::fs::write(path, page).map_err(|error| error.to_string()));
        if let Err(error) = written {
            say(&format!("cannot write the page to {}: {error}", path.display()));
            return ExitCode::Usage;
        }
        print(&path.display().to_string());
    }
    let worse = histories
        .iter()
        .any(|history| history.regressions().next().is_some());
    if args.fail_on_regression && worse {
        return ExitCode::NoGo;
    }
    ExitCode::Go
}

fn histories(args: &HistoryArgs) -> Result<Vec<History>, String> {
    let default = [PathBuf::from("reports")];
    let paths = if args.paths.is_empty() {
        &default[..]
    } else {
        &args.paths
    };
    let mut files = Vec::new();
    for path in paths {
        find(path, &mut files)?;
    }
    files.sort();
    let mut seen = BTreeSet::new();
    let mut runs = Vec::new();
    for file in files {
        match std::fs::read_to_string(&file)
            .map_err(|error| error.to_string())
            .and_then(|text| RunDigest::from_json(&text).map_err(|error| describe(&error)))
        {
            // A checkpoint of a run that was killed has no verdict on its target.
            Ok(run) if run.interruption.is_some() => {
                say(&format!("left out: {} was interrupted", file.display()));
            }
            // The same run, by another path. Its name alone is that of its folder, which others may have as well.
            Ok(run)
                if !seen.insert((
                    run.scenario.name.clone(),
                    run.run_id.clone(),
                    run.started_at.clone(),
                )) => {}
            Ok(run)
                if args
                    .scenario
                    .as_ref()
                    .is_none_or(|name| *name == run.scenario.name) =>
            {
                runs.push(run)
            }
            Ok(_) => {}
            Err(error) => say(&format!("left out: {}: {error}", file.display())),
        }
    }
    if runs.is_empty() {
        let places: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(format!(
            "there is no stored run in {}; `loadtest run SCENARIO` leaves one in reports/",
            places.join(", ")
        ));
    }
    Ok(History::of(runs))
}

/// The run files at `path`: itself, its own, or those of the folders in it. A link such as `latest` is not followed,
/// so that no run counts twice.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot look for runs in {}: {error}", path.display());
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let own = path.join("run.json");
    if own.is_file() {
        files.push(own);
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let file = entry.path().join("run.json");
        if entry.file_type().map_err(failed)?.is_dir() && file.is_file() {
            files.push(file);
        }
    }
    Ok(())
}
