//! A database for each test, on every backend there is. PostgreSQL runs as one throw-away cluster for the whole test
//! process; each test gets a database of its own in it, copied from one that was migrated once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use practice_server::clock::Clock;
use practice_server::metrics::Metrics;
use practice_server::realtime::{CommitMoments, Hub, HubConfig};
use practice_server::store::{DatabaseUrl, PoolSettings, PostgresUrl, Store, StoreContext};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use throwaway_postgres::{Cluster, Settings};
use tokio::sync::OnceCell;

/// Runs each of the named tests once per backend. A test takes the backend it is to run on.
macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::databases::Backend::Sqlite).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($crate::databases::Backend::Postgres).await;
                }
            )+
        }
    };
}
pub(crate) use on_every_backend;

/// Where rows are kept in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// An empty database that outlives the servers on it.
pub(crate) struct Database {
    pub(crate) url: DatabaseUrl,
    _directory: Option<TempDir>,
}

impl Backend {
    /// An empty database with the present schema.
    pub(crate) async fn database(self) -> Database {
        match self {
            Self::Sqlite => {
                let directory = tempfile::tempdir().unwrap();
                Database {
                    url: DatabaseUrl::SqliteFile(directory.path().join("practice.sqlite")),
                    _directory: Some(directory),
                }
            }
            Self::Postgres => Database {
                url: DatabaseUrl::Postgres(postgres_database().await),
                _directory: None,
            },
        }
    }
}

/// What a store needs, with a clock that only tests move.
pub(crate) fn context(clock: &Clock, metrics: &Metrics) -> StoreContext {
    StoreContext {
        hub: Hub::new(HubConfig::new("0123456789abcdef0123456789abcdef", "anon")),
        metrics: metrics.clone(),
        clock: clock.clone(),
        commits: CommitMoments::default(),
        pool: patient_pool(),
    }
}

/// A pool whose waits are not what is tested: a busy machine may take its time.
pub(crate) fn patient_pool() -> PoolSettings {
    PoolSettings {
        wait: Duration::from_secs(20),
        ..PoolSettings::default()
    }
}

const TEMPLATE: &str = "practice_template";

/// The cluster of this process. It is removed when the process ends, however it ends.
pub(crate) async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    CLUSTER
        .get_or_init(|| async {
            // Many tests at once, each with connections of its own; and what they write need not survive a power cut.
            let settings = Settings {
                max_connections: 300,
                extra: vec![("fsync".to_owned(), "off".to_owned())],
                ..Settings::default()
            };
            let cluster = Cluster::start(settings).await.unwrap();
            cluster.create_database(TEMPLATE).await.unwrap();
            migrate(&cluster.url_of(TEMPLATE)).await;
            cluster
        })
        .await
}

/// Brings the schema of an empty database up to date.
pub(crate) async fn migrate(url: &str) {
    let url = DatabaseUrl::Postgres(PostgresUrl::parse(url).unwrap());
    let store = Store::open(&url, context(&Clock::system(), &Metrics::new()))
        .await
        .unwrap();
    store.close().await;
}

impl Database {
    /// A connection besides those of the servers, to look on or to get in the way. PostgreSQL only.
    pub(crate) async fn connect(&self) -> PgConnection {
        let DatabaseUrl::Postgres(url) = &self.url else {
            panic!("{} is not in PostgreSQL", self.url);
        };
        PgConnection::connect(url.expose()).await.unwrap()
    }

    /// Waits until this many of its connections wait for a lock.
    pub(crate) async fn until_waiting(&self, count: i64) {
        let mut onlooker = self.connect().await;
        let mut waiting = 0;
        while waiting < count {
            waiting = sqlx::query_scalar(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            )
            .fetch_one(&mut onlooker)
            .await
            .unwrap();
        }
    }
}

/// A new database with the present schema.
pub(crate) async fn postgres_database() -> PostgresUrl {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = cluster().await;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut administrator = PgConnection::connect(&cluster.url()).await.unwrap();
    let create = format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE}");
    administrator.execute(sqlx::AssertSqlSafe(create)).await.unwrap();
    administrator.close().await.unwrap();
    PostgresUrl::parse(&cluster.url_of(&name)).unwrap()
}
