//! `loadtest run`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ScenarioArgs, VerdictArgs, check, describe, print, say};
use crate::clock::wall_clock_now;
use crate::plan::{Plan, TargetKind};
use crate::report::model::{EnvironmentRecord, ScenarioFileRecord, ScenarioRecord, TargetRecord};
use crate::report::{Format, RunFacts, RunRecord, render};
use crate::run::{ProgressMode, RunFolder, RunOptions, RunResult, run};
use crate::scenario::Loaded;
use crate::serve::log_to_stderr;
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Write the run's files to exactly this folder [default: reports/<scenario>-<UTC time>/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How progress is shown: live on a terminal, plain lines elsewhere, or not at all
    #[arg(long, value_enum, default_value = "auto")]
    progress: ProgressChoice,
    #[command(flatten)]
    verdict: VerdictArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgressChoice {
    Auto,
    Tui,
    Plain,
    None,
}

pub(super) fn execute(args: &RunArgs) -> ExitCode {
    log_to_stderr();
    let loaded = match check::load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            say(diagnostics.to_string().trim_end());
            return ExitCode::Usage;
        }
    };
    let folder = match RunFolder::create(args.out.as_deref(), &loaded.plan.name, wall_clock_now()) {
        Ok(folder) => folder,
        Err(error) => {
            say(&describe(&error));
            return ExitCode::CouldNotStart;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("cannot start a runtime: {error}"));
            return ExitCode::Internal;
        }
    };
    let result = executable().and_then(|executable| {
        let progress = match args.progress {
            ProgressChoice::Auto => ProgressMode::automatic(),
            ProgressChoice::Tui => ProgressMode::Tui,
            ProgressChoice::Plain => ProgressMode::Plain,
            ProgressChoice::None => ProgressMode::None,
        };
        let options = RunOptions { executable, progress };
        let mut checkpoint = |so_far: RunResult| write_checkpoint(&loaded, &folder, &so_far);
        runtime
            .block_on(run(loaded.plan.clone(), &options, &folder, &mut checkpoint))
            .map_err(|error| (error.exit_code(), describe(&error)))
    });
    match result {
        Ok(result) => conclude(args, &loaded, &folder, &result),
        Err((code, sentence)) => {
            say(&sentence);
            code
        }
    }
}

fn executable() -> Result<PathBuf, (ExitCode, String)> {
    std::env::current_exe().map_err(|error| {
        (
            ExitCode::Internal,
            format!("cannot find this program's own executable: {error}"),
        )
    })
}

/// Writes the result so far as `run.json`. A checkpoint that cannot be written must not end the run.
fn write_checkpoint(loaded: &Loaded, folder: &RunFolder, so_far: &RunResult) {
    let written = record(loaded, folder, so_far).and_then(|record| {
        let text = render(Format::Json, &record).map_err(|error| describe(&error))?;
        folder.write("run.json", &text).map_err(|error| describe(&error))
    });
    if let Err(sentence) = written {
        tracing::warn!(sentence, "no checkpoint");
    }
}

fn record(loaded: &Loaded, folder: &RunFolder, result: &RunResult) -> Result<RunRecord, String> {
    let facts = facts(loaded, folder, result);
    RunRecord::new(
        facts,
        &loaded.plan.criteria,
        &result.context,
        &result.evidence,
        &result.judgement,
    )
    .map_err(|error| describe(&error))
}

/// Writes the reports, prints the summary, and gives the exit code.
fn conclude(args: &RunArgs, loaded: &Loaded, folder: &RunFolder, result: &RunResult) -> ExitCode {
    let written = record(loaded, folder, result).and_then(|record| {
        for format in Format::ALL {
            let text = render(format, &record).map_err(|error| describe(&error))?;
            match format.file_name() {
                Some(name) => drop(folder.write(name, &text).map_err(|error| describe(&error))?),
                None => print(text.trim_end()),
            }
        }
        Ok(())
    });
    if let Err(sentence) = written {
        say(&format!(
            "the verdict is {}, but its report could not be written: {sentence}",
            result.judgement.verdict
        ));
        return ExitCode::Internal;
    }
    let code = args.verdict.exit_code(result.judgement.verdict);
    print(&folder.path().display().to_string());
    code
}

fn facts(loaded: &Loaded, folder: &RunFolder, result: &RunResult) -> RunFacts {
    let plan: &Plan = &loaded.plan;
    let files = loaded.files.iter().skip(1);
    let system = rustix::system::uname();
    RunFacts {
        run_id: folder
            .path()
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        started_at: result.started_at,
        seed: plan.seed,
        scenario: ScenarioRecord {
            name: plan.name.clone(),
            description: plan.description.clone(),
            text: loaded.text_unexpanded.clone(),
            files: files
                .map(|file| ScenarioFileRecord {
                    path: file.path.clone(),
                    text: file.text.clone(),
                })
                .collect(),
        },
        target: TargetRecord {
            description: result.target.clone(),
            version: plan.target.version.clone(),
            notes: result.target_notes.clone(),
            built_in: matches!(plan.target.kind, TargetKind::Reference(_)),
        },
        environment: EnvironmentRecord {
            host_cores: std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32),
            os: system.sysname().to_string_lossy().into_owned(),
            kernel: system.release().to_string_lossy().into_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            command_line: std::env::args().collect(),
        },
    }
}
