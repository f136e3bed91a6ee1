//! Bringing the target up: the mock and the reference server as child processes, or the addresses of a deployment.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::about::About;
use super::arguments::{common_arguments, first_server, other_server};
use super::children::{Child, ChildError};
use super::database::ThrowAwayDatabase;
use super::forwarder::Forwarder;
use super::mock::MockControl;
use super::operator::Operator;
use super::probe::{ControlError, TargetProbe};
use super::remote::connect_remote;
use super::standby::{Standby, StandbyEndpoints};
use crate::chance::Chance;
use crate::clock::wall_clock_now;
use crate::identity::Identities;
use crate::plan::{
    Database, HttpVersion, Plan, Postgres, PostgresPlace, ReferenceServer, TargetKind, Transport,
};
use crate::protocol::{ConnectError, Connector, Dialing, Origin, TlsClient, TlsSettingsError, TrafficSwitch};

/// Where the load goes and where questions are asked.
#[derive(Debug, Clone)]
pub struct Endpoints {
    /// `http://host:port[/path]`, without a trailing slash.
    pub base_url: String,
    /// How connections to the base URL are made.
    pub http: Dialing,
    /// Path of the base URL, without a trailing slash.
    pub base_path: String,
    /// How connections to the realtime endpoint are made.
    pub realtime: Dialing,
    /// Path and query of the realtime endpoint.
    pub realtime_path: String,
    pub identities: Identities,
    /// What is tested, in words, for the report.
    pub description: String,
    /// What a reader must know of it, in sentences.
    pub notes: Vec<String>,
    /// A second server; `None` for a target with one.
    pub standby: Option<StandbyEndpoints>,
}

/// A target that is up.
#[derive(Debug)]
pub struct Started {
    pub endpoints: Endpoints,
    pub probe: TargetProbe,
    /// Who acts on the target beside the load.
    pub operator: Operator,
    /// A second server that is ready to take over.
    pub standby: Option<Standby>,
    pub mock: Option<MockControl>,
    /// In the order in which they are stopped.
    pub children: Vec<Child>,
    /// The run's own database, removed when the children have ended.
    pub database: Option<ThrowAwayDatabase>,
    /// Path that answers 2xx when the target is up.
    pub health_path: Option<String>,
}

impl Started {
    /// Asks each of the target's servers.
    pub fn probes(&self) -> Vec<TargetProbe> {
        let standby = self.standby.iter().map(Standby::probe);
        std::iter::once(&self.probe).chain(standby).cloned().collect()
    }

    /// Asks the server that traffic goes to.
    pub fn serving(&self) -> &TargetProbe {
        match &self.standby {
            Some(standby) if standby.has_taken_over() => standby.probe(),
            Some(_) | None => &self.probe,
        }
    }
}

/// Why there is no target.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error(transparent)]
    Database(#[from] throwaway_postgres::Error),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("cannot read the tokens from {}", .path.display())]
    TokensFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{0} is not an address that load can be sent to")]
    Address(String),
    #[error("no address can be had for ClassConnect to deliver to")]
    Forwarder(#[source] std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsSettingsError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// Secrets of one run, made new each time and known only to this process and its children.
struct Secrets {
    jwt: String,
    api_key: String,
    classconnect_key: String,
    webhook: String,
}

impl Secrets {
    fn new() -> Self {
        use base64::Engine as _;
        let random = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let bytes = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
        Self {
            jwt: random(),
            api_key: random(),
            classconnect_key: random(),
            webhook: format!(
                "whsec_{}",
                base64::engine::general_purpose::STANDARD.encode(bytes)
            ),
        }
    }
}

/// Starts what the plan asks for. Logs of children go to `folder`.
///
/// # Errors
/// When a child does not start, or the deployment's settings cannot be used.
pub async fn start(plan: &Plan, executable: &Path, folder: &Path) -> Result<Started, StartError> {
    match &plan.target.kind {
        TargetKind::Reference(server) => start_reference(plan, server, executable, folder).await,
        TargetKind::Remote(remote) => connect_remote(plan, remote, executable, folder).await,
    }
}

async fn start_reference(
    plan: &Plan,
    server: &ReferenceServer,
    executable: &Path,
    folder: &Path,
) -> Result<Started, StartError> {
    let secrets = Secrets::new();
    let shared = classconnect_secrets(&secrets.classconnect_key, &secrets.webhook);
    // First of all, and so the last to go: the server must find it there to its end.
    let database = database(server).await?;
    let mock = start_mock(plan, "127.0.0.1:0", &shared, executable, folder).await?;
    let mut all_secrets = vec![
        shared[0],
        shared[1],
        ("PRACTICE_JWT_SECRET", secrets.jwt.as_str()),
        ("PRACTICE_API_KEY", secrets.api_key.as_str()),
    ];
    let url = database_url(server, database.as_ref());
    all_secrets.extend(url.as_deref().map(|url| ("PRACTICE_DATABASE_URL", url)));
    let servers = start_servers(plan, server, mock.url(), &all_secrets, executable, folder).await?;

    let chance = Chance::new(plan.seed);
    let now_s = wall_clock_now().as_second();
    let identities = Identities::signed(chance, Some(&secrets.api_key), &secrets.jwt, now_s);
    let (dialing, probe) = reach(plan, &servers.first, &identities).await?;
    let about = About::ask(server, database.as_ref(), &probe).await;
    let base_url = servers.first.url().to_owned();
    let mut endpoints = Endpoints {
        base_url: base_url.clone(),
        http: dialing.clone(),
        base_path: String::new(),
        realtime: dialing,
        realtime_path: format!("/realtime/v1/websocket?apikey={}&vsn=2.0.0", secrets.api_key),
        identities: identities.clone(),
        description: about.description,
        notes: about.notes,
        standby: None,
    };
    let mut operator = Operator::new(probe.clone(), identities, url);
    let mut children = vec![servers.first];
    let mut standby = None;
    if let Some((second, forwarder, traffic)) = servers.second {
        let ready = stand_by(
            plan,
            server,
            (&children[0], &second),
            forwarder,
            traffic,
            &mut endpoints,
        )
        .await?;
        operator = operator.with_standby(&ready);
        standby = Some(ready);
        children.push(second);
    }
    let mock_control = MockControl::new(mock.url())?;
    // The servers first: a mock that is still there can take its last webhooks' answers.
    children.push(mock);
    Ok(Started {
        probe,
        operator,
        standby,
        mock: Some(mock_control),
        endpoints,
        children,
        database,
        health_path: Some("/readyz".to_owned()),
    })
}

/// The practice servers of a run.
struct Servers {
    first: Child,
    /// The one that stands by, what stands before both, and what decides between them.
    second: Option<(Child, Forwarder, TrafficSwitch)>,
}

async fn start_servers(
    plan: &Plan,
    server: &ReferenceServer,
    mock_url: &str,
    secrets: &[(&str, &str)],
    executable: &Path,
    folder: &Path,
) -> Result<Servers, StartError> {
    const NAME: &str = "practice-server";
    let mut common = common_arguments(plan, server, mock_url);
    let mut before_both = None;
    if server.standby.is_some() {
        let traffic = TrafficSwitch::default();
        let forwarder = Forwarder::start(traffic.clone()).await;
        let forwarder = forwarder.map_err(StartError::Forwarder)?;
        common.extend(["--public-url".to_owned(), forwarder.url()]);
        before_both = Some((forwarder, traffic));
    }
    let arguments = first_server(&common, plan, server);
    let log = folder.join("practice-server.log");
    let first = Child::start(executable, NAME, &arguments, secrets, log).await?;
    let Some(((forwarder, traffic), standby)) = before_both.zip(server.standby.as_ref()) else {
        return Ok(Servers { first, second: None });
    };
    let executable = standby.executable.as_deref().unwrap_or(executable);
    let arguments = other_server(&common, &standby.version);
    let log = folder.join("practice-server-standby.log");
    let second = Child::start(executable, NAME, &arguments, secrets, log).await?;
    Ok(Servers {
        first,
        second: Some((second, forwarder, traffic)),
    })
}

/// Makes the second of the servers ready to take over.
async fn stand_by(
    plan: &Plan,
    server: &ReferenceServer,
    (first, second): (&Child, &Child),
    forwarder: Forwarder,
    traffic: TrafficSwitch,
    endpoints: &mut Endpoints,
) -> Result<Standby, StartError> {
    let (dialing, probe) = reach(plan, second, &endpoints.identities).await?;
    forwarder.lead_to(address_of(first)?, address_of(second)?);
    endpoints.standby = Some(StandbyEndpoints {
        http: dialing.clone(),
        realtime: dialing,
        traffic: traffic.clone(),
    });
    endpoints.notes.extend(about_standby(server));
    Ok(Standby {
        traffic,
        probe,
        first: first.leash().clone(),
        _forwarder: forwarder,
    })
}

/// How a server of the run's own is connected to, and asked.
async fn reach(
    plan: &Plan,
    server: &Child,
    identities: &Identities,
) -> Result<(Dialing, TargetProbe), StartError> {
    let dialing = dialing(
        plan,
        server.url(),
        &Transport::default(),
        HttpVersion::Http1,
        None,
    )?;
    let connector = Connector::resolve(&dialing).await?;
    let probe = TargetProbe::new(server.url(), connector, identities.clone());
    Ok((dialing, probe))
}

/// The address of a server of the run's own, which its ready line gives by number.
fn address_of(server: &Child) -> Result<SocketAddr, StartError> {
    let url = server.url();
    let address = url.strip_prefix("http://").and_then(|rest| rest.parse().ok());
    address.ok_or_else(|| StartError::Address(url.to_owned()))
}

fn about_standby(server: &ReferenceServer) -> Option<String> {
    let standby = server.standby.as_ref()?;
    let whose = match standby.executable {
        Some(_) => "another build",
        None => "the same build",
    };
    Some(format!(
        "A second server, version {}, {whose}, stands by on the same database; ClassConnect reaches both by a forwarder, virtual \
         users connect to each directly.",
        standby.version
    ))
}

/// Starts the run's own database, when the plan has one.
async fn database(server: &ReferenceServer) -> Result<Option<ThrowAwayDatabase>, throwaway_postgres::Error> {
    match &server.database {
        Database::Postgres(Postgres {
            place: PostgresPlace::ThrowAway { commit_delay },
            pool,
            ..
        }) => {
            let servers = if server.standby.is_some() { 2 } else { 1 };
            ThrowAwayDatabase::start(pool.connections, servers, *commit_delay)
                .await
                .map(Some)
        }
        Database::Postgres(_) | Database::Sqlite => Ok(None),
    }
}

/// The address that the server is told in secret; `None` for the embedded database.
fn database_url(server: &ReferenceServer, own: Option<&ThrowAwayDatabase>) -> Option<String> {
    match (&server.database, own) {
        (Database::Sqlite, _) => None,
        (Database::Postgres(postgres), own) => match &postgres.place {
            PostgresPlace::At(url) => Some(url.expose().to_owned()),
            PostgresPlace::ThrowAway { .. } => own.map(ThrowAwayDatabase::url),
        },
    }
}

pub(super) fn classconnect_secrets<'a>(
    api_key: &'a str,
    webhook_secret: &'a str,
) -> [(&'static str, &'a str); 2] {
    [
        ("CLASSCONNECT_API_KEY", api_key),
        ("CLASSCONNECT_WEBHOOK_SECRET", webhook_secret),
    ]
}

pub(super) async fn start_mock(
    plan: &Plan,
    listen: &str,
    secrets: &[(&str, &str)],
    executable: &Path,
    folder: &Path,
) -> Result<Child, ChildError> {
    // Without a [classconnect] section the mock behaves as it does by default.
    let delivery_plan = plan
        .classconnect
        .as_ref()
        .map_or("{}".to_owned(), |mock| mock.plan.to_string());
    let ledger = folder.join("ledger.jsonl");
    // The mock appends to an empty ledger only: a folder that is used again starts a new one.
    let _ = std::fs::remove_file(&ledger);
    let mut arguments: Vec<String> = ["--listen", listen, "--plan", &delivery_plan]
        .map(str::to_owned)
        .into();
    arguments.extend(["--seed".to_owned(), plan.seed.to_string()]);
    arguments.extend(["--ledger".to_owned(), ledger.display().to_string()]);
    for host in &plan.target.allow_hosts {
        arguments.extend(["--allow-webhook-host".to_owned(), host.clone()]);
    }
    let name = "mock-classconnect";
    Child::start(
        executable,
        name,
        &arguments,
        secrets,
        folder.join("mock-classconnect.log"),
    )
    .await
}

/// How connections to an address are made.
pub(super) fn dialing(
    plan: &Plan,
    url: &str,
    transport: &Transport,
    http_version: HttpVersion,
    tls: Option<&TlsClient>,
) -> Result<Dialing, StartError> {
    let origin = Origin::parse(url).ok_or_else(|| StartError::Address(url.to_owned()))?;
    Ok(Dialing {
        tls: tls
            .filter(|_| origin.is_secure())
            .map(|tls| tls.offering(http_version)),
        origin,
        timeout: plan.target.connect_timeout,
        http_version,
        source_addresses: transport.source_addresses.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_secrets_of_its_own() {
        let (first, second) = (Secrets::new(), Secrets::new());
        assert_ne!(first.jwt, second.jwt);
        assert!(first.jwt.len() >= 32 && first.webhook.starts_with("whsec_"));
    }
}
