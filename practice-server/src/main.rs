//! The reference practice server as a program of its own.

use clap::Parser;

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(flatten)]
    args: practice_server::Args,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    Ok(practice_server::run(Cli::parse().args).await?)
}
