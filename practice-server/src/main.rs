//! The reference practice server as a program of its own.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use practice_server::error::with_causes;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    args: practice_server::Args,
}

#[tokio::main]
async fn main() -> ExitCode {
    match practice_server::run(Cli::parse().args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if standard error is gone.
            let _ = writeln!(std::io::stderr(), "practice-server: {}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}
