//! Running as a process: logs, the ready line, signals.

use std::io::{Read, Write};

use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::app::App;
use crate::args::{Args, LogFormat};
use crate::error::ServeError;
use crate::open_files;
use crate::serve::serve_app;

/// Binds, prints one ready line of JSON on standard output, serves, and stops on SIGTERM, Ctrl-C or, if asked for,
/// at the end of standard input.
///
/// # Errors
/// A configuration that cannot be used, or a server that cannot start.
pub async fn run(args: Args) -> Result<(), ServeError> {
    start_logging(&args.log, args.log_format)?;
    open_files::raise_limit();
    let (address, exit_with_stdin) = (args.listen, args.exit_with_stdin);
    let config = args.into_config(|name| std::env::var(name).ok())?;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address, source })?;
    let bound = listener.local_addr().map_err(ServeError::LocalAddress)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let stdin_ended = exit_with_stdin.then(stdin_end);
    let shutdown = async move {
        let stdin_ended = async {
            match stdin_ended {
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin_ended => {}
        }
    };
    let app = App::open(config, bound).await?;
    // Connections wait in the listener's queue until serving begins, so the line may come first.
    print_ready_line(&format!("http://{bound}"), app.version()).map_err(ServeError::ReadyLine)?;
    serve_app(listener, app, shutdown).await
}

fn print_ready_line(url: &str, version: &str) -> std::io::Result<()> {
    let line = json!({ "ready": true, "service": "practice-server", "url": url, "version": version });
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

/// Completes when standard input ends. A plain thread reads it, since it could not be cancelled on the runtime and
/// would keep the process from ending.
fn stdin_end() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut ignored = [0; 256];
        while matches!(stdin.read(&mut ignored), Ok(read) if read > 0) {}
        let _ = ended.send(());
    });
    end
}

fn start_logging(filter: &str, format: LogFormat) -> Result<(), ServeError> {
    let filter = EnvFilter::try_new(filter).map_err(|error| ServeError::LogFilter(error.to_string()))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that the process has a subscriber already, which then serves us too.
    let _ = match format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
    Ok(())
}
