//! Putting the parts together, and taking them down again.

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::api::{App, router};
use crate::args::Args;
use crate::config::Config;
use crate::delivery::Sender;
use crate::error::Error;
use crate::ledger::Ledger;
use crate::listen::BoundedListener;
use crate::metrics::Metrics;
use crate::schedule::Schedule;
use crate::stop::asked_to_stop;
use crate::store::Store;
use crate::webhook_url::WebhookHosts;

/// How long requests may finish once the mock stops.
const GRACE: Duration = Duration::from_secs(2);

/// The whole program: binds, prints the ready line on standard output, serves, and stops on SIGTERM, Ctrl-C or,
/// with `--exit-with-stdin`, at the end of standard input.
///
/// # Errors
/// When the configuration is not usable, the address is taken, the ledger file cannot be opened, or the server fails.
pub async fn run(args: Args) -> Result<(), Error> {
    let (address, exit_with_stdin) = (args.listen, args.exit_with_stdin);
    let config = Config::try_from(args)?;
    let bind_failed = |source| Error::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind_failed)?;
    let bound = listener.local_addr().map_err(bind_failed)?;
    let shutdown = asked_to_stop(exit_with_stdin)?;
    announce(bound)?;
    serve(listener, config, shutdown).await
}

/// Serves on `listener` until `shutdown` resolves. Then requests and deliveries under way get two seconds each to
/// finish; webhooks that are not due yet are not sent any more, and the ledger shows them as planned only.
///
/// # Errors
/// When the ledger file or the HTTP client cannot be set up, or the server fails.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let metrics = Arc::new(Metrics::new());
    let schedule = Arc::new(Schedule::new());
    let hosts = WebhookHosts::new(config.allowed_webhook_hosts);
    let ledger = Arc::new(Ledger::open(
        config.ledger.as_deref(),
        config.ledger_records_max,
        Arc::clone(&metrics),
    )?);
    let sender = Arc::new(Sender::new(
        config.webhook_secret,
        hosts.clone(),
        config.in_flight_max,
        Arc::clone(&schedule),
        Arc::clone(&ledger),
        Arc::clone(&metrics),
    )?);
    let app = Arc::new(App {
        api_key: config.api_key,
        seed: config.seed,
        pending_jobs_max: config.pending_jobs_max,
        body_bytes_max: config.body_bytes_max,
        plan: RwLock::new(Arc::new(config.plan)),
        hosts,
        store: Store::new(config.jobs_max),
        schedule: Arc::clone(&schedule),
        ledger,
        metrics: Arc::clone(&metrics),
    });

    let (stop, stopped) = watch::channel(false);
    let deliveries = tokio::spawn(sender.run(stopped.clone()));
    let mut stopped_serving = stopped;
    let listener = BoundedListener::new(listener, config.connections_max, metrics);
    let server = axum::serve(listener, router(app)).with_graceful_shutdown(async move {
        // An error means that the sending half is gone, which is a reason to stop as well.
        let _ = stopped_serving.wait_for(|is_stopped| *is_stopped).await;
    });
    let stop_after_grace = async {
        shutdown.await;
        tracing::info!(pending = ?*schedule.pending().borrow(), "stopping");
        stop.send_replace(true);
        tokio::time::sleep(GRACE).await;
    };
    let served = tokio::select! {
        served = server => served.map_err(Error::Serve),
        () = stop_after_grace => Ok(()),
    };
    stop.send_replace(true);
    if deliveries.await.is_err() {
        tracing::error!("the task that delivers webhooks panicked");
    }
    served
}

#[derive(Serialize)]
struct ReadyLine {
    ready: bool,
    service: &'static str,
    url: String,
}

fn announce(bound: SocketAddr) -> Result<(), Error> {
    let line = ReadyLine {
        ready: true,
        service: "mock-classconnect",
        url: format!("http://{bound}"),
    };
    let text = serde_json::to_string(&line).map_err(|error| Error::ReadyLine(error.into()))?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(Error::ReadyLine)
}
