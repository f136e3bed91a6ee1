//! Bringing the target up: the mock and the reference server as child processes, or the addresses of a deployment.

use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::about::About;
use super::children::{Child, ChildError};
use super::database::ThrowAwayDatabase;
use super::mock::MockControl;
use super::operator::Operator;
use super::postgres::postgres_arguments;
use super::probe::{ControlError, TargetProbe};
use crate::chance::Chance;
use crate::clock::wall_clock_now;
use crate::identity::Identities;
use crate::plan::{
    Database, HttpVersion, Plan, Postgres, PostgresPlace, ReferenceServer, RemoteTarget, TargetKind, Tokens,
    Transport,
};
use crate::protocol::{ConnectError, Connector, Dialing, Origin, TlsClient, TlsSettingsError};
use crate::units::format_duration;

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
}

/// A target that is up.
#[derive(Debug)]
pub struct Started {
    pub endpoints: Endpoints,
    pub probe: TargetProbe,
    /// Who acts on the target beside the load.
    pub operator: Operator,
    pub mock: Option<MockControl>,
    /// In the order in which they are stopped.
    pub children: Vec<Child>,
    /// The run's own database, removed when the children have ended.
    pub database: Option<ThrowAwayDatabase>,
    /// Path that answers 2xx when the target is up.
    pub health_path: Option<String>,
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
    let target = Child::start(
        executable,
        "practice-server",
        &server_arguments(plan, server, mock.url()),
        &all_secrets,
        folder.join("practice-server.log"),
    )
    .await?;

    let chance = Chance::new(plan.seed);
    let now_s = wall_clock_now().as_second();
    let identities = Identities::signed(chance, Some(&secrets.api_key), &secrets.jwt, now_s);
    let dialing = dialing(
        plan,
        target.url(),
        &Transport::default(),
        HttpVersion::Http1,
        None,
    )?;
    let connector = Connector::resolve(&dialing).await?;
    let probe = TargetProbe::new(target.url(), connector, identities.clone());
    let about = About::ask(server, database.as_ref(), &probe).await;
    let endpoints = Endpoints {
        base_url: target.url().to_owned(),
        http: dialing.clone(),
        base_path: String::new(),
        realtime: dialing,
        realtime_path: format!("/realtime/v1/websocket?apikey={}&vsn=2.0.0", secrets.api_key),
        identities,
        description: about.description,
        notes: about.notes,
    };
    let operator = Operator::new(probe.clone(), target.url(), endpoints.identities.clone(), url);
    Ok(Started {
        probe,
        operator,
        mock: Some(MockControl::new(mock.url())?),
        endpoints,
        // The server first: a mock that is still there can take its last webhooks' answers.
        children: vec![target, mock],
        database,
        health_path: Some("/readyz".to_owned()),
    })
}

/// Starts the run's own database, when the plan has one.
async fn database(server: &ReferenceServer) -> Result<Option<ThrowAwayDatabase>, throwaway_postgres::Error> {
    match &server.database {
        Database::Postgres(Postgres {
            place: PostgresPlace::ThrowAway { commit_delay },
            pool,
            ..
        }) => ThrowAwayDatabase::start(pool.connections, *commit_delay)
            .await
            .map(Some),
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

fn classconnect_secrets<'a>(api_key: &'a str, webhook_secret: &'a str) -> [(&'static str, &'a str); 2] {
    [
        ("CLASSCONNECT_API_KEY", api_key),
        ("CLASSCONNECT_WEBHOOK_SECRET", webhook_secret),
    ]
}

async fn start_mock(
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

fn server_arguments(plan: &Plan, server: &ReferenceServer, mock_url: &str) -> Vec<String> {
    let mut arguments: Vec<String> = ["--listen", "127.0.0.1:0", "--classconnect-url", mock_url]
        .map(str::to_owned)
        .into();
    match &server.database {
        Database::Sqlite => arguments.extend(["--database".to_owned(), "sqlite::memory:".to_owned()]),
        // Its address goes by the environment: it holds a password.
        Database::Postgres(postgres) => arguments.extend(postgres_arguments(postgres, plan.seed)),
    }
    arguments.extend([
        "--poll-classconnect".to_owned(),
        server.poll_classconnect.to_string(),
    ]);
    arguments.extend(["--version-name".to_owned(), plan.target.version.clone()]);
    if !server.answer_delay.is_zero() {
        arguments.extend(["--fault-delay".to_owned(), format_duration(server.answer_delay)]);
    }
    if !plan.actions.is_empty() || plan.rollback_action.is_some() {
        // Whoever does something to the target may make it worse on purpose.
        arguments.push("--drills".to_owned());
    }
    if server.error_rate.get() > 0.0 {
        arguments.extend(["--fault-error-rate".to_owned(), server.error_rate.to_string()]);
        arguments.extend(["--fault-seed".to_owned(), plan.seed.to_string()]);
    }
    arguments
}

async fn connect_remote(
    plan: &Plan,
    remote: &RemoteTarget,
    executable: &Path,
    folder: &Path,
) -> Result<Started, StartError> {
    let mut children = Vec::new();
    let mut mock = None;
    if let Some(attachment) = plan
        .classconnect
        .as_ref()
        .and_then(|mock| mock.attachment.as_ref())
    {
        let secrets = classconnect_secrets(&attachment.api_key, &attachment.webhook_secret);
        let child = start_mock(plan, &attachment.listen.to_string(), &secrets, executable, folder).await?;
        mock = Some(MockControl::new(child.url())?);
        children.push(child);
    }
    let chance = Chance::new(plan.seed);
    let key = remote.api_key.as_deref();
    let identities = match &remote.tokens {
        Tokens::None => Identities::anonymous(chance, key),
        Tokens::Signed { jwt_secret } => {
            Identities::signed(chance, key, jwt_secret, wall_clock_now().as_second())
        }
        Tokens::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| StartError::TokensFile {
                path: path.clone(),
                source,
            })?;
            let tokens = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned);
            Identities::listed(chance, key, tokens.collect())
        }
    };
    let realtime_path = path_of(&remote.realtime_url);
    let separator = if realtime_path.contains('?') { '&' } else { '?' };
    let key_part = key.map(|key| format!("apikey={key}&")).unwrap_or_default();
    let (http, realtime) = dial_remote(plan, remote)?;
    let connector = Connector::resolve(&http).await?;
    let endpoints = Endpoints {
        base_url: remote.base_url.clone(),
        http,
        base_path: path_of(&remote.base_url),
        realtime,
        realtime_path: format!("{realtime_path}{separator}{key_part}vsn=2.0.0"),
        identities: identities.clone(),
        notes: Vec::new(),
        description: if plan.target.is_unverified() {
            format!("{} (certificate not verified)", remote.base_url)
        } else {
            remote.base_url.clone()
        },
    };
    let probe = TargetProbe::new(&remote.base_url, connector, identities.clone());
    Ok(Started {
        operator: Operator::new(probe.clone(), &remote.base_url, identities, None),
        probe,
        endpoints,
        mock,
        children,
        database: None,
        health_path: remote.health_path.clone(),
    })
}

/// How the load's two kinds of connections are made: for requests and for realtime sockets.
fn dial_remote(plan: &Plan, remote: &RemoteTarget) -> Result<(Dialing, Dialing), StartError> {
    let transport = &remote.transport;
    let has_tls = [&remote.base_url, &remote.realtime_url]
        .into_iter()
        .any(|url| Origin::parse(url).is_some_and(|origin| origin.is_secure()));
    let tls = if has_tls {
        Some(TlsClient::new(&transport.certificates)?)
    } else {
        None
    };
    let dial = |url, version| dialing(plan, url, transport, version, tls.as_ref());
    let http = dial(&remote.base_url, transport.http_version)?;
    // A realtime socket begins as a request of HTTP/1.1, whatever the other requests are.
    let realtime = dial(&remote.realtime_url, HttpVersion::Http1)?;
    Ok((http, realtime))
}

fn dialing(
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

/// Path and query of a URL, without a trailing slash.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |start| {
        rest[start..].trim_end_matches('/').to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_off_their_addresses() {
        assert_eq!(path_of("http://127.0.0.1:8080/api/"), "/api");
        assert_eq!(path_of("http://127.0.0.1:8080"), "");
        assert_eq!(
            path_of("ws://h/realtime/v1/websocket?x=1"),
            "/realtime/v1/websocket?x=1"
        );
    }

    #[test]
    fn every_run_has_secrets_of_its_own() {
        let (first, second) = (Secrets::new(), Secrets::new());
        assert_ne!(first.jwt, second.jwt);
        assert!(first.jwt.len() >= 32 && first.webhook.starts_with("whsec_"));
    }
}
