//! The mock as a program of its own.

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(version, about)]
struct Command {
    #[command(flatten)]
    args: mock_classconnect::Args,
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = Command::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .init();
    match mock_classconnect::run(command.args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With nobody left to read standard error, the exit code has to do.
            let _ = writeln!(stderr(), "mock-classconnect: {:#}", anyhow::Error::from(error));
            ExitCode::FAILURE
        }
    }
}
