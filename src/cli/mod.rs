//! The command line: what can be typed. What each command does is in the file of its name.

mod baseline;
mod capacity;
mod check;
mod compare;
mod completions;
mod github;
mod history;
mod init;
mod judge;
mod manual;
mod report;
mod run;
mod schema;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plan::JudgeMode;
use crate::serve::{ServeCommand, serve};
use crate::sla::{ExitCode, Verdict};

/// Exit codes, for `--help`: people script against them.
const EXIT_CODES: &str = "Exit codes:
    0  GO            every target was met
    1                internal error
    2                usage error, or the scenario is invalid
    3                could not start; nothing was measured
   10  NO-GO         a target was missed, or accepted work was lost
   11  INCONCLUSIVE  too little evidence to say
   12  INVALID       the plan was not delivered, or trouble of the generator or the mock explains the result
   13  ROLLBACK      a rollback threshold tripped
  130  INTERRUPTED   stopped by the user";

/// Exit codes of commands that only read a file.
const READING_EXIT_CODES: &str = "Exit codes:
    0                done
    2                usage error, or the file cannot be used; standard error says why";

/// Load testing and SLA verification for webhook-driven services: a run ends in a defensible go or no-go.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario: drive the load, audit, judge, write the reports
    #[command(after_help = EXIT_CODES)]
    Run(run::RunArgs),
    /// Validate a scenario and print its plan: rates, users at once, duration, what each target can prove
    #[command(after_help = READING_EXIT_CODES)]
    Check(check::CheckArgs),
    /// Render a stored run again
    #[command(after_help = READING_EXIT_CODES)]
    Report(report::ReportArgs),
    /// Judge a stored run again, with other targets if wanted
    #[command(after_help = EXIT_CODES)]
    Judge(judge::JudgeArgs),
    /// Find the highest arrival rate at which all targets hold, by stepping up and bisecting
    #[command(after_help = capacity::CAPACITY_EXIT_CODES)]
    Capacity(capacity::CapacityArgs),
    /// Compare two arms of a scenario in interleaved pairs, two scenarios, or stored runs
    #[command(after_help = compare::COMPARISON_EXIT_CODES)]
    Compare(compare::CompareArgs),
    /// Show how the targets of each scenario went from run to run, and what the newest run made worse
    #[command(after_help = READING_EXIT_CODES)]
    History(history::HistoryArgs),
    /// Print the JSON Schema of scenarios, or of the files that are left behind
    #[command(after_help = READING_EXIT_CODES)]
    Schema(schema::SchemaArgs),
    /// Write a first scenario for a service of your own, or the pipeline that runs one in CI
    #[command(after_help = READING_EXIT_CODES)]
    Init(init::InitArgs),
    /// Print the completions of this program for a shell
    Completions(completions::CompletionsArgs),
    /// Write the manual pages of this program
    #[command(name = "man")]
    Manual(manual::ManualArgs),
    /// Run one of the built-in servers by itself
    #[command(subcommand)]
    Serve(ServeCommand),
}

/// What a scenario is read with.
#[derive(Debug, Clone, Args)]
struct ScenarioArgs {
    /// The scenario file
    scenario: PathBuf,
    /// Override a key of the scenario, such as `load.max_vus=500` or `load.rate=80/s` (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = parse_set)]
    sets: Vec<(String, String)>,
    /// The seed of all chance in the run, in place of the scenario's
    #[arg(long)]
    seed: Option<u64>,
}

/// How sure a verdict must be, whatever the scenario says.
#[derive(Debug, Clone, Copy, Args)]
struct RequireArgs {
    /// Judge in this mode whatever the scenario says: a GO is then a certified one
    #[arg(long, value_enum, value_name = "MODE")]
    require: Option<Require>,
}

/// What can be required of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Require {
    /// Every target is met only when its 95 % bound meets it
    Certified,
}

impl RequireArgs {
    /// The mode that is required.
    fn mode(self) -> Option<JudgeMode> {
        self.require.map(|Require::Certified| JudgeMode::Certified)
    }

    /// The scenario, judged as required: the same as the setting of its own key, after all others.
    fn apply(self, scenario: &ScenarioArgs) -> ScenarioArgs {
        let mut scenario = scenario.clone();
        if self.require.is_some() {
            scenario
                .sets
                .push(("judge.mode".to_owned(), "certified".to_owned()));
        }
        scenario
    }
}

/// How a verdict becomes an exit code.
#[derive(Debug, Args)]
struct VerdictArgs {
    /// Exit with 0 when this is the verdict and with 10 otherwise: for drills that must trip
    #[arg(long, value_name = "VERDICT", value_parser = parse_verdict)]
    expect: Option<Verdict>,
    /// What INCONCLUSIVE means for the exit code: 11 (fail), or 0 with or without a warning
    #[arg(long, value_enum, default_value = "fail")]
    inconclusive: Inconclusive,
}

/// What to make of an inconclusive run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Inconclusive {
    Fail,
    Warn,
    Pass,
}

fn parse_set(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, such as load.max_vus=500".to_owned()),
    }
}

fn parse_verdict(text: &str) -> Result<Verdict, String> {
    Verdict::from_name(&text.to_uppercase()).ok_or_else(|| {
        let names: Vec<&str> = Verdict::ALL.iter().map(|verdict| verdict.name()).collect();
        format!("write one of {}", names.join(", "))
    })
}

impl VerdictArgs {
    /// The exit code for a verdict, with a word on standard error where it is not the verdict's own.
    fn exit_code(&self, verdict: Verdict) -> ExitCode {
        if let Some(expected) = self.expect {
            if verdict == expected {
                say(&format!("the verdict is {verdict}, as expected"));
                return ExitCode::Go;
            }
            say(&format!("the verdict is {verdict}, expected was {expected}"));
            return ExitCode::NoGo;
        }
        match (verdict, self.inconclusive) {
            (Verdict::Inconclusive, Inconclusive::Pass) => ExitCode::Go,
            (Verdict::Inconclusive, Inconclusive::Warn) => {
                say("warning: the run is inconclusive and passes because of --inconclusive warn");
                ExitCode::Go
            }
            _ => verdict.exit_code(),
        }
    }
}

impl Cli {
    /// Does what was typed; the exit code is the result.
    pub fn execute(self) -> ExitCode {
        match self.command {
            Command::Run(args) => run::execute(&args),
            Command::Check(args) => check::execute(&args),
            Command::Report(args) => report::execute(&args),
            Command::Judge(args) => judge::execute(&args),
            Command::Capacity(args) => capacity::execute(&args),
            Command::Compare(args) => compare::execute(&args),
            Command::History(args) => history::execute(&args),
            Command::Schema(args) => schema::execute(&args),
            Command::Init(args) => init::execute(&args),
            Command::Completions(args) => completions::execute(&args),
            Command::Manual(args) => manual::execute(&args),
            Command::Serve(command) => match serve(command) {
                Ok(()) => ExitCode::Go,
                Err(error) => {
                    say(&format!("{error:#}"));
                    ExitCode::CouldNotStart
                }
            },
        }
    }
}

/// Writes a line to standard output; a closed pipe (`| head`) is no error.
fn print(text: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.write_all(b"\n"));
}

/// The columns of the terminal that standard output goes to; `None` when it goes elsewhere.
fn columns() -> Option<usize> {
    use std::io::IsTerminal;
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let (columns, _) = ratatui::crossterm::terminal::size().ok()?;
    (columns > 0).then_some(usize::from(columns))
}

/// Writes a line to standard error.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// An error with all its causes, as one sentence after another.
fn describe(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // A transparent error repeats its cause.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn expectation_and_inconclusive_decide_the_exit_code() {
        let plain = VerdictArgs {
            expect: None,
            inconclusive: Inconclusive::Fail,
        };
        for verdict in Verdict::ALL {
            assert_eq!(plain.exit_code(verdict), verdict.exit_code());
        }
        let drill = VerdictArgs {
            expect: Some(Verdict::Rollback),
            inconclusive: Inconclusive::Fail,
        };
        assert_eq!(drill.exit_code(Verdict::Rollback), ExitCode::Go);
        assert_eq!(drill.exit_code(Verdict::Go), ExitCode::NoGo);
        let lenient = VerdictArgs {
            expect: None,
            inconclusive: Inconclusive::Warn,
        };
        assert_eq!(lenient.exit_code(Verdict::Inconclusive), ExitCode::Go);
        assert_eq!(lenient.exit_code(Verdict::NoGo), ExitCode::NoGo);
    }

    #[test]
    fn what_is_required_wins_over_what_is_set() {
        let scenario = ScenarioArgs {
            scenario: PathBuf::from("s.toml"),
            sets: vec![("judge.mode".to_owned(), "observed".to_owned())],
            seed: None,
        };
        let required = RequireArgs {
            require: Some(Require::Certified),
        };
        let last = required.apply(&scenario).sets.pop();
        assert_eq!(last, Some(("judge.mode".to_owned(), "certified".to_owned())));
        assert_eq!(required.mode(), Some(JudgeMode::Certified));
        let free = RequireArgs { require: None };
        assert_eq!((free.apply(&scenario).sets, free.mode()), (scenario.sets, None));
    }

    #[test]
    fn settings_need_a_key_and_a_value() {
        assert_eq!(
            parse_set("load.rate=80/s"),
            Ok(("load.rate".into(), "80/s".into()))
        );
        assert!(parse_set("load.rate").is_err());
        assert!(parse_set("=3").is_err());
    }
}
