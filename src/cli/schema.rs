//! `loadtest schema`.

use clap::{Args, ValueEnum};

use super::{print, say};
use crate::report::{self, StoredKind};
use crate::scenario;
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// The file whose schema is printed
    #[arg(value_enum, default_value = "scenario")]
    file: File,
    /// Print every key of a scenario as Markdown, for people: docs/scenario-reference.md
    #[arg(long)]
    markdown: bool,
}

/// The files that have a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum File {
    /// A scenario, for editors
    Scenario,
    /// run.json, as a run leaves it
    Run,
    /// compare.json, as a comparison leaves it
    Compare,
    /// capacity.json, as a search for capacity leaves it
    Capacity,
}

pub(super) fn execute(args: &SchemaArgs) -> ExitCode {
    if args.markdown {
        return execute_markdown(args.file);
    }
    let schema = match args.file {
        File::Scenario => scenario::schema_json(),
        File::Run => report::schema_json(StoredKind::Run),
        File::Compare => report::schema_json(StoredKind::Comparison),
        File::Capacity => report::schema_json(StoredKind::Capacity),
    };
    print(schema.trim_end());
    ExitCode::Go
}

fn execute_markdown(file: File) -> ExitCode {
    if file != File::Scenario {
        say("--markdown is for scenarios: the other files have their JSON Schema only");
        return ExitCode::Usage;
    }
    match scenario::reference_markdown() {
        Ok(text) => {
            print(text.trim_end());
            ExitCode::Go
        }
        Err(sentence) => {
            say(&sentence);
            ExitCode::Internal
        }
    }
}
