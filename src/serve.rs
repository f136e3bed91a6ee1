//! `loadtest serve …`: the built-in servers, run by the same executable.
//!
//! This is the only file that names the servers' crates: everything else knows them over HTTP.

use clap::Subcommand;

/// The built-in servers.
#[derive(Debug, Subcommand)]
pub enum ServeCommand {
    /// The reference practice server
    PracticeServer(Box<practice_server::Args>),
    /// The mock of ClassConnect, which fires delayed, signed webhooks
    MockClassconnect(Box<mock_classconnect::Args>),
}

/// Runs a server until it is asked to stop.
///
/// # Errors
/// When the settings are wrong, the address is taken, or the server fails.
pub fn serve(command: ServeCommand) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match command {
        ServeCommand::PracticeServer(args) => runtime.block_on(practice_server::run(*args))?,
        ServeCommand::MockClassconnect(args) => {
            log_to_stderr();
            runtime.block_on(mock_classconnect::run(*args))?;
        }
    }
    Ok(())
}

/// Logs go to standard error: standard output belongs to ready lines and results. The level is `warn`, or what
/// `RUST_LOG` says.
pub fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}
