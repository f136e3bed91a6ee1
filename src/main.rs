//! The `loadtest` program: parse, do, exit with the verdict.

use std::process::ExitCode;

use clap::Parser;
use loadtest::cli::Cli;

/// The C library of the static build has an allocator with one lock, which every worker would queue at.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A usage error ends with 2 inside `parse`, as the table of exit codes says.
    ExitCode::from(Cli::parse().execute().code())
}
