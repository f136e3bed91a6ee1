//! The trigger architecture that the migration plan replaces, as a model (docs/decisions/0014).
//!
//! A row with `architecture = 'trigger'` fires a database trigger, which puts an HTTP request into a queue (migration
//! 0004). The queue's worker takes it, in batches and with the pauses of pg_net, and sends it to an edge function, which
//! does what the service methods do for a direct call. The backend answers when the function has set the status.
//!
//! What is real: rows, triggers, queue, batches, HTTP requests, transactions. What is modelled: that the worker lives in
//! this process and learns of new requests by looking. What is injected: nothing, unless asked for; see [`BootProfile`].

mod about;
mod architectures;
mod boot;
mod edge;
mod edge_settings;
mod orphans;
mod postgres_queue;
mod profile;
mod queue;
mod queue_worker;
mod sender;
mod settings;
mod trigger_watch;
mod worker;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use about::About;
pub use architectures::Architectures;
pub use boot::{BootProfile, InjectedDelays};
pub(crate) use edge::router;
pub(crate) use orphans::give_up_orphans;
pub use profile::QueueProfile;
pub use settings::LegacySettings;
pub use trigger_watch::{Awaited, TriggerOverdue, TriggerWatch};

use self::edge_settings::EdgeSettings;
use self::sender::Sender;
use self::worker::QueueWorker;
use crate::metrics::LegacyMetrics;
use crate::store::{PostgresStore, StoreError};

/// The model at work. Cloning shares it.
#[derive(Clone)]
pub struct Legacy(Arc<Inner>);

struct Inner {
    settings: LegacySettings,
    worker: QueueWorker,
    database: PgPool,
    /// Digests are compared, not keys: how long that takes tells nothing about the key.
    key_digest: [u8; 32],
    watch: TriggerWatch,
    metrics: LegacyMetrics,
}

impl Legacy {
    /// Tells the database where the edge functions of this server are and under which key they are called. Requests that
    /// were queued for a server that has gone are lost, like those for a function whose platform is down.
    ///
    /// # Errors
    /// A database that cannot be written, or an HTTP client that cannot be set up.
    pub(crate) async fn open(
        store: &PostgresStore,
        address: SocketAddr,
        settings: LegacySettings,
        architectures: &Architectures,
    ) -> Result<Self, StoreError> {
        let database = store.pool();
        let edge = EdgeSettings::new(address, settings.queue_timeout);
        edge.write_unless_taken(&database)
            .await
            .map_err(|error| StoreError::new("telling the triggers where the edge functions are", error))?;
        let key_digest = Sha256::digest(edge.key.expose().as_bytes()).into();
        let sender = Sender::new(&edge.base_url).map_err(|error| {
            StoreError::Unsuitable(format!("the worker of the HTTP queue cannot be set up: {error}"))
        })?;
        let connect = store.url().connect_options();
        let worker = QueueWorker::new(connect, settings.queue, edge, sender, architectures.clone());
        Ok(Self(Arc::new(Inner {
            settings,
            worker,
            database,
            key_digest,
            watch: architectures.watch.clone(),
            metrics: architectures.metrics.clone(),
        })))
    }

    /// Why the model cannot be used with this database; `None` if it can.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub(crate) async fn obstacle(database: &PgPool) -> Result<Option<String>, StoreError> {
        let is_ours: bool = sqlx::query_scalar(
            "SELECT coalesce(bool_and(obj_description(to_regnamespace(name), 'pg_namespace') LIKE 'practice-server:%'), \
             false) FROM unnest(ARRAY['net', 'supabase_functions']) AS names (name)",
        )
        .fetch_one(database)
        .await
        .map_err(|error| StoreError::new("looking for the model of pg_net", error))?;
        Ok((!is_ours).then(|| {
            "the trigger architecture here is a model, and this database has schemas net or supabase_functions of its own \
             (Supabase's pg_net, for instance); use a database without them"
                .to_owned()
        }))
    }

    pub(crate) fn settings(&self) -> &LegacySettings {
        &self.0.settings
    }

    /// Starts the queue's worker and the watch over triggered functions.
    pub(crate) fn start(&self, tasks: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        tasks.spawn(self.0.worker.clone().run(stop.clone()));
        let watch = self.0.watch.clone();
        tasks.spawn(watch.run(self.0.database.clone(), stop.clone()));
    }

    /// Whether a request comes from the queue, with the key that the triggers were given.
    fn is_authentic(&self, headers: &HeaderMap) -> bool {
        let key = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        key.is_some_and(|key| <[u8; 32]>::from(Sha256::digest(key)) == self.0.key_digest)
    }

    fn metrics(&self) -> &LegacyMetrics {
        &self.0.metrics
    }
}
