//! Serving until told to stop: the listener, the workers in the background, and an orderly end.

use std::future::Future;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::app::App;
use crate::config::Config;
use crate::error::ServeError;
use crate::legacy::give_up_orphans;

/// Serves on `listener` until `shutdown` completes, then lets open requests and calls finish, within the configured
/// time, and closes the database.
///
/// # Errors
/// A server that cannot start, or a listener that fails.
pub async fn serve(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let address = listener.local_addr().map_err(ServeError::LocalAddress)?;
    serve_app(listener, App::open(config, address).await?, shutdown).await
}

/// Serves an application that is open already.
pub(crate) async fn serve_app(
    listener: TcpListener,
    app: App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let workers = match Workers::start(&app).await {
        Ok(workers) => workers,
        Err(error) => {
            app.store().close().await;
            return Err(error);
        }
    };
    let served = answer_requests(listener, &app, shutdown).await;
    workers.stop(&app).await;
    app.store().close().await;
    served
}

async fn answer_requests(
    listener: TcpListener,
    app: &App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (draining, drain_begins) = oneshot::channel();
    let hub = app.hub().clone();
    let graceful = async move {
        shutdown.await;
        let _ = draining.send(());
        // Sockets are not requests: serving would not wait for them, so they are closed first.
        hub.close_all().await;
    };
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set");
        }
    });
    let server = axum::serve(listener, app.router()).with_graceful_shutdown(graceful);
    let shutdown_timeout = app.background().shutdown_timeout;
    let drain_timeout = async {
        // An error means that serving ended without a shutdown; then the other branch has the answer.
        if drain_begins.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(shutdown_timeout).await;
    };
    tokio::select! {
        served = async { server.await } => served.map_err(ServeError::Serve),
        () = drain_timeout => {
            tracing::warn!("requests were still open at the end of the time for shutting down");
            Ok(())
        }
    }
}

/// The feed of changes, the dispatcher, the sweep, the poller, and what the trigger architecture needs.
struct Workers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Workers {
    /// # Errors
    /// A database whose changes cannot be followed. The first requests come only when they are, so that nobody has to
    /// subscribe twice.
    async fn start(app: &App) -> Result<Self, ServeError> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if let Some(feed) = app.feed() {
            let live = feed.connect().await?;
            tasks.spawn(feed.clone().run(live, stopped.clone()));
        }
        tasks.spawn(app.dispatcher().clone().run(stopped.clone()));
        tasks.spawn(sweep_repeatedly(app.clone(), stopped.clone()));
        tasks.spawn(app.rollout().clone().run(stopped.clone()));
        if let Some(legacy) = app.legacy() {
            legacy.start(&mut tasks, &stopped);
            tasks.spawn(give_up_orphans(app.clone()));
        }
        if app.background().poll_classconnect {
            tasks.spawn(app.poller().clone().run(stopped));
        }
        Ok(Self { stop, tasks })
    }

    /// Lets the workers finish what they have begun, within the configured time.
    async fn stop(mut self, app: &App) {
        // Nobody listening means that the workers have ended.
        let _ = self.stop.send(true);
        let finish = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(app.background().shutdown_timeout, finish)
            .await
            .is_err()
        {
            tracing::warn!("workers were still busy at the end of the time for shutting down");
            self.tasks.shutdown().await;
        }
    }
}

async fn sweep_repeatedly(app: App, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        if let Err(error) = app.sweep().await {
            tracing::error!(%error, "the sweep failed");
        }
        tokio::select! {
            _ = stop.changed() => {}
            () = tokio::time::sleep(app.background().sweep_interval) => {}
        }
    }
}
