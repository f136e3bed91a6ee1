//! `loadtest run`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::baseline::BaselineArgs;
use super::{RequireArgs, ScenarioArgs, VerdictArgs, check, columns, describe, github, print, say};
use crate::clock::wall_clock_now;
use crate::dashboard::Dashboard;
use crate::recording::{RecordingError, Shown, run_recorded};
use crate::report::{Format, RunRecord, Screen, render, render_for_screen};
use crate::run::{OtlpEndpoint, ProgressMode, RunFolder, RunOptions};
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
    /// Serve the figures of the run at http://ADDR/metrics while it goes on, for Prometheus
    #[arg(long, value_name = "ADDR")]
    metrics: Option<SocketAddr>,
    /// Send the same figures to a collector of OpenTelemetry's (OTLP over HTTP), every few seconds and at the end
    #[arg(long, value_name = "URL")]
    otlp: Option<OtlpEndpoint>,
    /// Show the report in a browser at http://ADDR/ while the run goes on
    #[arg(long, value_name = "ADDR")]
    dashboard: Option<SocketAddr>,
    #[command(flatten)]
    baseline: BaselineArgs,
    #[command(flatten)]
    require: RequireArgs,
    #[command(flatten)]
    verdict: VerdictArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ProgressChoice {
    Auto,
    Tui,
    Plain,
    None,
}

impl ProgressChoice {
    /// What was chosen, decided by where standard error goes when that is left open.
    pub(super) fn mode(self) -> ProgressMode {
        match self {
            ProgressChoice::Auto => ProgressMode::automatic(),
            ProgressChoice::Tui => ProgressMode::Tui,
            ProgressChoice::Plain => ProgressMode::Plain,
            ProgressChoice::None => ProgressMode::None,
        }
    }
}

pub(super) fn execute(args: &RunArgs) -> ExitCode {
    log_to_stderr();
    let loaded = match check::load(&args.require.apply(&args.scenario)) {
        Ok(loaded) => loaded,
        Err(diagnostics) => {
            say(diagnostics.to_string().trim_end());
            return ExitCode::Usage;
        }
    };
    // Before the folder is made: it may be the one that the baseline is in.
    let baseline = match args.baseline.read_for(&loaded.plan.criteria.targets) {
        Ok(baseline) => baseline,
        Err(sentence) => {
            say(&sentence);
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
    let dashboard = match args.dashboard.map(serve_dashboard).transpose() {
        Ok(dashboard) => dashboard,
        Err(sentence) => {
            say(&sentence);
            return ExitCode::CouldNotStart;
        }
    };
    let result = executable().and_then(|executable| {
        let options = RunOptions {
            executable,
            progress: args.progress.mode(),
            metrics: args.metrics,
            otlp: args.otlp.clone(),
        };
        let shown = Shown {
            dashboard: dashboard.as_ref(),
            baseline: baseline.as_ref(),
        };
        run_recorded(&loaded, &options, &folder, &shown)
            .map_err(|error| (exit_code(&error), describe(&error)))
    });
    let recorded = match result {
        Ok(recorded) => recorded,
        Err((code, sentence)) => {
            say(&sentence);
            return code;
        }
    };
    let code = args.verdict.exit_code(recorded.result.judgement.verdict);
    github::tell(&recorded.record, code, folder.path());
    match summarise(&recorded.record, folder.path()) {
        Ok(()) => code,
        Err(sentence) => {
            say(&sentence);
            ExitCode::Internal
        }
    }
}

/// Prints the summary. On a screen the verdict is the last thing; in a log the folder is, for scripts to take.
fn summarise(record: &RunRecord, folder: &Path) -> Result<(), String> {
    if let Some(columns) = columns() {
        let folder = Some(folder);
        print(render_for_screen(record, Screen { columns, folder }).trim_end());
        return Ok(());
    }
    let text = render(Format::Text, record).map_err(|error| describe(&error))?;
    print(text.trim_end());
    print(&folder.display().to_string());
    Ok(())
}

fn serve_dashboard(address: SocketAddr) -> Result<Dashboard, String> {
    let dashboard = Dashboard::default();
    let bound = dashboard.serve(address).map_err(|error| {
        format!("the dashboard cannot be served at {address}: {error}; choose a free address of this machine")
    })?;
    say(&format!("dashboard at http://{bound}/"));
    Ok(dashboard)
}

/// The exit code that goes with a run without a record.
pub(super) fn exit_code(error: &RecordingError) -> ExitCode {
    match error {
        RecordingError::Run(error) => error.exit_code(),
        RecordingError::Report { .. } | RecordingError::Folder { .. } => ExitCode::Internal,
    }
}

/// This program's own file: it is started again for the reference server and the mock.
pub(super) fn executable() -> Result<PathBuf, (ExitCode, String)> {
    std::env::current_exe().map_err(|error| {
        (
            ExitCode::Internal,
            format!("cannot find this program's own executable: {error}"),
        )
    })
}
