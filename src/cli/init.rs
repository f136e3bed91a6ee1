//! `loadtest init`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{check, print, say};
use crate::init::{Answer, Pipeline, ask, scenario_text};
use crate::scenario::{self, LoadOptions};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The scenario to write [default: <name>.toml]; with --ci, the scenario that the pipeline runs
    file: Option<PathBuf>,
    /// Write a pipeline for this CI system instead of a scenario
    #[arg(long, value_enum)]
    ci: Option<CiChoice>,
    /// Name of the scenario
    #[arg(long)]
    name: Option<String>,
    /// Address of the service, such as http://127.0.0.1:8080
    #[arg(long)]
    url: Option<String>,
    /// A request that users send, such as "GET /api/items"
    #[arg(long)]
    request: Option<String>,
    /// New users per second, such as 10/s
    #[arg(long)]
    rate: Option<String>,
    /// How long the load lasts, such as 30s
    #[arg(long)]
    duration: Option<String>,
    /// 95 % of the answers must come within this, such as 150ms
    #[arg(long, value_name = "DURATION")]
    response_time: Option<String>,
    /// At most this share of the requests may fail, such as 1%
    #[arg(long, value_name = "PERCENT")]
    error_rate: Option<String>,
    /// Ask nothing: take the defaults for what is not given
    #[arg(long)]
    yes: bool,
    /// Write over a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CiChoice {
    Github,
    Gitlab,
}

pub(super) fn execute(args: &InitArgs) -> ExitCode {
    let done = match args.ci {
        Some(choice) => pipeline(args, choice),
        None => first_scenario(args),
    };
    match done {
        Ok(lines) => {
            print(&lines);
            ExitCode::Go
        }
        Err(sentence) => {
            say(&sentence);
            ExitCode::Usage
        }
    }
}

fn first_scenario(args: &InitArgs) -> Result<String, String> {
    let given = Answer {
        name: args.name.clone(),
        url: args.url.clone(),
        request: args.request.clone(),
        rate: args.rate.clone(),
        duration: args.duration.clone(),
        response_time: args.response_time.clone(),
        error_rate: args.error_rate.clone(),
    };
    // Nobody answers where nobody sits.
    let asks = !args.yes && std::io::stdin().is_terminal();
    let answers = if asks {
        ask(given, &mut std::io::stdin().lock(), &mut std::io::stderr().lock())
            .map_err(|error| format!("cannot ask: {error}; give the answers as options, or --yes"))?
    } else {
        given
    };
    let service = answers.complete()?;
    let path = args
        .file
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("{}.toml", service.name)));
    let text = scenario_text(&service, &path.display().to_string());
    can_be_run(&path, &text)?;
    write_new(&path, &text, args.force)?;
    let shown = path.display();
    Ok(format!(
        "{shown} is written. Look at what it comes to with\n    loadtest check {shown}\nand run it with\n    \
         loadtest run {shown}"
    ))
}

/// What an answer makes impossible is told before a file is left behind.
fn can_be_run(path: &Path, text: &str) -> Result<(), String> {
    let read = |_: &Path| Ok(text.to_owned());
    let options = LoadOptions {
        read: &read,
        ..check::load_options(&[], None)
    };
    scenario::load(path, &options)
        .map(drop)
        .map_err(|diagnostics| diagnostics.to_string().trim_end().to_owned())
}

fn pipeline(args: &InitArgs, choice: CiChoice) -> Result<String, String> {
    let scenario = args
        .file
        .as_ref()
        .ok_or("name the scenario that the pipeline runs: loadtest init --ci github scenarios/peak.toml")?;
    let scenario = scenario.to_str().ok_or("the scenario's path is not UTF-8")?;
    if !scenario
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter))
    {
        return Err(format!(
            "a pipeline's commands hold the path as it is: name a scenario of letters, digits and . _ - /, not \
             \"{scenario}\""
        ));
    }
    let pipeline = match choice {
        CiChoice::Github => Pipeline::GitHub,
        CiChoice::Gitlab => Pipeline::GitLab,
    };
    let path = Path::new(pipeline.path());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    }
    write_new(path, &pipeline.text(scenario), args.force)?;
    Ok(format!("{} is written. {}", path.display(), pipeline.next()))
}

fn write_new(path: &Path, text: &str, force: bool) -> Result<(), String> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => format!(
            "{} is there already; choose another name, or write over it with --force",
            path.display()
        ),
        _ => format!("cannot write {}: {error}", path.display()),
    })
}
