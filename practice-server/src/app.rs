//! The server put together: what handlers and workers share.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use classconnect_api::Verifier;
use reqwest::Url;

use crate::auth::Authenticator;
use crate::classconnect::{ClassConnect, ClassConnectSettings, Dispatcher, Gate, Poller};
use crate::clock::Clock;
use crate::config::Config;
use crate::degradation::Degradation;
use crate::error::ServeError;
use crate::fault::FaultSettings;
use crate::legacy::{Architectures, Legacy, LegacySettings};
use crate::metrics::Metrics;
use crate::realtime::{CommitMoments, Feed, Hub, HubConfig};
use crate::rollout::Rollout;
use crate::routes;
use crate::service::{PracticeService, Sweep, SweepSettings, Swept};
use crate::store::{Abort, DatabaseUrl, Store, StoreContext, StoreError};

/// What every handler and worker shares. Cloning shares it.
#[derive(Clone)]
pub struct App(Arc<Inner>);

struct Inner {
    store: Store,
    service: PracticeService,
    hub: Hub,
    /// Where changes come from, if the store does not publish them itself.
    feed: Option<Feed>,
    metrics: Metrics,
    clock: Clock,
    authenticator: Authenticator,
    verifier: Verifier,
    faults: FaultSettings,
    degradation: Degradation,
    body_bytes_max: usize,
    version: String,
    dispatcher: Dispatcher,
    poller: Poller,
    sweep: SweepSettings,
    background: BackgroundSettings,
    rollout: Rollout,
    legacy: Option<Legacy>,
}

/// What runs besides the requests, and how it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BackgroundSettings {
    pub(crate) poll_classconnect: bool,
    pub(crate) sweep_interval: Duration,
    pub(crate) shutdown_timeout: Duration,
}

impl App {
    /// Opens the database and prepares the way to ClassConnect. `address` is where this server listens; results are
    /// sent there unless the configuration names a public URL. Nothing runs in the background yet.
    ///
    /// # Errors
    /// A database that cannot be opened.
    pub async fn open(config: Config, address: SocketAddr) -> Result<Self, ServeError> {
        let metrics = Metrics::new();
        let hub = Hub::new(HubConfig::new(
            config.secrets.jwt.expose(),
            config.secrets.api_key.expose(),
        ));
        let clock = config.clock.clone();
        let commits = CommitMoments::default();
        let context = StoreContext {
            hub: hub.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            commits: commits.clone(),
            pool: config.pool,
        };
        let failed = |source| ServeError::Store {
            database: config.database.clone(),
            source,
        };
        let store = Store::open(&config.database, context).await.map_err(failed)?;
        let (architectures, legacy) = architectures(&store, &config.legacy, address, &metrics)
            .await
            .map_err(failed)?;
        let feed = match &config.database {
            DatabaseUrl::Postgres(url) => Some(Feed::new(url, config.realtime, hub.clone(), commits)),
            DatabaseUrl::SqliteTemporary | DatabaseUrl::SqliteFile(_) => None,
        };
        let settings = ClassConnectSettings {
            url: config.classconnect_url,
            api_key: config.secrets.classconnect_api_key.clone(),
            webhook_url: webhook_url(config.public_url.as_ref(), address),
        };
        let gate = Gate::new(config.breaker, clock.clone(), metrics.clone());
        let client = ClassConnect::new(settings, gate)?;
        let poll_schedule = config.dispatch.poll_schedule;
        let dispatcher = Dispatcher::new(
            store.clone(),
            client.clone(),
            config.dispatch,
            metrics.clone(),
            clock.clone(),
        );
        let poller = Poller::new(store.clone(), client, poll_schedule, metrics.clone());
        Ok(Self(Arc::new(Inner {
            rollout: architectures.rollout.clone(),
            legacy,
            service: PracticeService::new(store.clone(), config.result_deadline, architectures),
            store,
            hub,
            feed,
            metrics,
            clock,
            authenticator: Authenticator::new(&config.secrets),
            verifier: config.secrets.webhook,
            faults: config.faults,
            degradation: Degradation::new(config.drills),
            body_bytes_max: config.body_bytes_max,
            version: config.version,
            dispatcher,
            poller,
            sweep: config.sweep,
            background: BackgroundSettings {
                poll_classconnect: config.poll_classconnect,
                sweep_interval: config.sweep_interval,
                shutdown_timeout: config.shutdown_timeout,
            },
        })))
    }

    /// Every route with its middleware.
    pub fn router(&self) -> Router {
        routes::router(self).layer(DefaultBodyLimit::max(self.0.body_bytes_max))
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn service(&self) -> &PracticeService {
        &self.0.service
    }

    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Where changes come from, if the store does not publish them itself. Until it is connected nobody can subscribe.
    pub fn feed(&self) -> Option<&Feed> {
        self.0.feed.as_ref()
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn authenticator(&self) -> &Authenticator {
        &self.0.authenticator
    }

    pub fn verifier(&self) -> &Verifier {
        &self.0.verifier
    }

    pub fn faults(&self) -> FaultSettings {
        self.0.faults
    }

    /// What an operator has made of the direct architecture.
    pub fn degradation(&self) -> &Degradation {
        &self.0.degradation
    }

    pub fn body_bytes_max(&self) -> usize {
        self.0.body_bytes_max
    }

    pub fn version(&self) -> &str {
        &self.0.version
    }

    pub(crate) fn background(&self) -> BackgroundSettings {
        self.0.background
    }

    pub fn rollout(&self) -> &Rollout {
        &self.0.rollout
    }

    /// The model of the trigger architecture, where there is one.
    pub fn legacy(&self) -> Option<&Legacy> {
        self.0.legacy.as_ref()
    }

    pub fn dispatcher(&self) -> &Dispatcher {
        &self.0.dispatcher
    }

    pub fn poller(&self) -> &Poller {
        &self.0.poller
    }

    /// Picks up what was left lying; see [`Sweep`].
    ///
    /// # Errors
    /// A store that cannot be written.
    pub async fn sweep(&self) -> Result<Swept, Abort> {
        let swept = self.0.store.write(Sweep(self.0.sweep)).await?.output;
        for _ in 0..swept.calls_timed_out {
            self.0.metrics.count_dead_letter("call");
        }
        for _ in 0..swept.webhooks_dead {
            self.0.metrics.count_dead_letter("webhook");
        }
        if swept != Swept::default() {
            tracing::info!(?swept, "the sweep found work");
        }
        Ok(swept)
    }
}

/// Where ClassConnect delivers results.
fn webhook_url(public_url: Option<&Url>, address: SocketAddr) -> String {
    let base = public_url.map_or_else(|| format!("http://{address}/"), ToString::to_string);
    format!("{}{}", base.trim_end_matches('/'), routes::WEBHOOK_PATH)
}

/// The architectures that this database can serve: both on PostgreSQL, direct calls elsewhere.
async fn architectures(
    store: &Store,
    settings: &LegacySettings,
    address: SocketAddr,
    metrics: &Metrics,
) -> Result<(Architectures, Option<Legacy>), StoreError> {
    let metrics = metrics.legacy.clone();
    let Store::Postgres(store) = store else {
        let reason = "the trigger architecture needs PostgreSQL, and this database is SQLite";
        return Ok((Architectures::direct_only(reason, metrics), None));
    };
    if let Some(obstacle) = Legacy::obstacle(&store.pool()).await? {
        return match settings.direct_percent {
            Some(percent) if !percent.is_everybody() => Err(StoreError::Unsuitable(obstacle)),
            _ => Ok((Architectures::direct_only(&obstacle, metrics), None)),
        };
    }
    let architectures = Architectures::both(store, settings, metrics).await?;
    let legacy = Legacy::open(store, address, *settings, &architectures).await?;
    Ok((architectures, Some(legacy)))
}
