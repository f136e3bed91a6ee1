//! A run that leaves its record: checkpoints while it goes on, and at its end `run.json` and the reports.

use crate::dashboard::Dashboard;
use crate::plan::{Plan, TargetKind};
use crate::report::model::{EnvironmentRecord, RunDigest, ScenarioFileRecord, ScenarioRecord, TargetRecord};
use crate::report::{Format, ReportError, RunFacts, RunRecord, render};
use crate::run::{FolderError, RunError, RunFolder, RunOptions, RunResult, run_apart};
use crate::scenario::Loaded;
use crate::sla::{Verdict, judge};

/// A run that is over.
#[derive(Debug)]
pub struct Recorded {
    pub result: RunResult,
    /// What `run.json` in its folder holds.
    pub record: RunRecord,
}

/// Where a run is shown, and beside what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// Shows each checkpoint in a browser.
    pub dashboard: Option<&'a Dashboard>,
    /// The stored run that every report shows it beside.
    pub baseline: Option<&'a RunDigest>,
}

/// Why a run left no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// There was no run: nothing was measured.
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("the verdict is {verdict}, but its report could not be rendered")]
    Report {
        verdict: Verdict,
        #[source]
        source: ReportError,
    },
    #[error("the verdict is {verdict}, but its report could not be written")]
    Folder {
        verdict: Verdict,
        #[source]
        source: FolderError,
    },
}

/// Runs the plan of a scenario on a thread of its own, and writes its record and its reports to `folder`.
///
/// # Errors
/// When nothing could be measured, or what was measured could not be written. A missed target is a result.
pub fn run_recorded(
    loaded: &Loaded,
    options: &RunOptions,
    folder: &RunFolder,
    shown: &Shown<'_>,
) -> Result<Recorded, RecordingError> {
    let mut checkpoint = |so_far: RunResult| {
        write_checkpoint(loaded, folder, shown, &so_far);
        if let Some(dashboard) = shown.dashboard {
            show(loaded, folder, shown, so_far, dashboard);
        }
    };
    let result = run_apart(loaded.plan.clone(), options, folder, &mut checkpoint)?;
    let verdict = result.judgement.verdict;
    let not_rendered = |source| RecordingError::Report { verdict, source };
    let record = record(loaded, folder, shown, &result).map_err(not_rendered)?;
    for format in Format::ALL {
        if let Some(name) = format.file_name() {
            let text = render(format, &record).map_err(not_rendered)?;
            folder
                .write(name, &text)
                .map_err(|source| RecordingError::Folder { verdict, source })?;
        }
    }
    Ok(Recorded { result, record })
}

/// Writes the result so far as `run.json`. A checkpoint that cannot be written must not end the run.
fn write_checkpoint(loaded: &Loaded, folder: &RunFolder, shown: &Shown<'_>, so_far: &RunResult) {
    let text = record(loaded, folder, shown, so_far).and_then(|record| render(Format::Json, &record));
    match text {
        Ok(text) => {
            if let Err(error) = folder.write("run.json", &text) {
                tracing::warn!(%error, "no checkpoint");
            }
        }
        Err(error) => tracing::warn!(%error, "no checkpoint"),
    }
}

/// Shows the result so far: a checkpoint is written as what a run that was killed would leave, but this one goes on.
fn show(
    loaded: &Loaded,
    folder: &RunFolder,
    shown: &Shown<'_>,
    mut so_far: RunResult,
    dashboard: &Dashboard,
) {
    so_far.evidence.interruption = None;
    so_far.judgement = judge(&loaded.plan.criteria, &so_far.evidence, &so_far.context);
    match record(loaded, folder, shown, &so_far) {
        Ok(record) => dashboard.show(record),
        Err(error) => tracing::warn!(%error, "the dashboard shows what it showed before"),
    }
}

fn record(
    loaded: &Loaded,
    folder: &RunFolder,
    shown: &Shown<'_>,
    result: &RunResult,
) -> Result<RunRecord, ReportError> {
    RunRecord::new(
        facts(loaded, folder, shown, result),
        &loaded.plan.criteria,
        &result.context,
        &result.evidence,
        &result.judgement,
    )
}

fn facts(loaded: &Loaded, folder: &RunFolder, shown: &Shown<'_>, result: &RunResult) -> RunFacts {
    let plan: &Plan = &loaded.plan;
    RunFacts {
        run_id: folder.name(),
        started_at: result.started_at,
        seed: plan.seed,
        scenario: scenario(loaded),
        target: TargetRecord {
            description: result.target.clone(),
            version: plan.target.version.clone(),
            notes: result.target_notes.clone(),
            built_in: matches!(plan.target.kind, TargetKind::Reference(_)),
        },
        environment: environment(),
        traces: result.traces,
        baseline: shown.baseline.cloned(),
    }
}

/// The scenario as it was written, for a record.
pub fn scenario(loaded: &Loaded) -> ScenarioRecord {
    let files = loaded.files.iter().skip(1);
    ScenarioRecord {
        name: loaded.plan.name.clone(),
        description: loaded.plan.description.clone(),
        path: loaded
            .files
            .first()
            .map(|file| file.path.clone())
            .unwrap_or_default(),
        text: loaded.text_unexpanded.clone(),
        files: files
            .map(|file| ScenarioFileRecord {
                path: file.path.clone(),
                text: file.text.clone(),
            })
            .collect(),
    }
}

/// Where the load comes from, for a record.
pub fn environment() -> EnvironmentRecord {
    let system = rustix::system::uname();
    EnvironmentRecord {
        host_cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
        os: system.sysname().to_string_lossy().into_owned(),
        kernel: system.release().to_string_lossy().into_owned(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        command_line: std::env::args().collect(),
    }
}
