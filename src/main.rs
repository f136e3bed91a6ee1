//! The `loadtest` program: parse, do, exit with the verdict.

use std::process::ExitCode;

use clap::Parser;
use loadtest::cli::Cli;

fn main() -> ExitCode {
    // A usage error ends with 2 inside `parse`, as the table of exit codes says.
    ExitCode::from(Cli::parse().execute().code())
}
