//! `loadtest completions`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, print};
use crate::sla::ExitCode;

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell; put what is printed where it looks for completions
    shell: Shell,
}

pub(super) fn execute(args: &CompletionsArgs) -> ExitCode {
    let mut text = Vec::new();
    generate(args.shell, &mut Cli::command(), "loadtest", &mut text);
    print(String::from_utf8_lossy(&text).trim_end());
    ExitCode::Go
}
