//! The command line as written, and its one conversion into a [`Config`].

mod legacy;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

pub use legacy::LegacyArgs;

use clap::{ArgAction, Args as ClapArgs, ValueEnum};
use classconnect_api::{Verifier, WebhookSecret};
use reqwest::Url;

use crate::classconnect::{BreakerSettings, DispatchSettings, RetrySchedule};
use crate::clock::Clock;
use crate::config::{Config, Secret, Secrets};
use crate::fault::FaultSettings;
use crate::realtime::FeedMode;
use crate::service::{PollSchedule, SweepSettings};
use crate::store::{DatabaseUrl, PoolSettings, PostgresUrl, Retention};
use crate::units::{parse_duration, parse_share};

const DATABASE_URL: &str = "PRACTICE_DATABASE_URL";
const JWT_SECRET: &str = "PRACTICE_JWT_SECRET";
const API_KEY: &str = "PRACTICE_API_KEY";
const CLASSCONNECT_API_KEY: &str = "CLASSCONNECT_API_KEY";
const WEBHOOK_SECRET: &str = "CLASSCONNECT_WEBHOOK_SECRET";

/// The reference practice server.
///
/// Secrets come from the environment: PRACTICE_JWT_SECRET (at least 32 bytes), PRACTICE_API_KEY,
/// CLASSCONNECT_API_KEY, CLASSCONNECT_WEBHOOK_SECRET (whsec_…; several, separated by commas, while keys are rotated).
#[derive(Debug, Clone, ClapArgs)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// `sqlite::memory:` (a temporary file, removed at the end), `sqlite:PATH` or `postgres://USER@HOST:PORT/DATABASE`;
    /// a URL with a password belongs into the environment, where other users of the machine cannot read it
    #[arg(long, env = DATABASE_URL, hide_env_values = true, default_value = "sqlite::memory:")]
    pub database: Secret,

    /// Connections to PostgreSQL, at most
    #[arg(long, default_value_t = PoolSettings::default().connections)]
    pub pool_connections: NonZeroU32,

    /// Longest wait for a free connection to PostgreSQL, before a request is answered 503
    #[arg(long, default_value = "1s", value_parser = parse_duration)]
    pub pool_wait: Duration,

    /// How PostgreSQL's changes reach subscribers: streamed from its log, or polled at the hosted product's pace
    #[arg(long, value_enum, default_value_t = FeedMode::Wal)]
    pub realtime: FeedMode,

    /// Base URL of ClassConnect
    #[arg(long, default_value = "http://127.0.0.1:8090")]
    pub classconnect_url: String,

    /// Base URL under which ClassConnect reaches this server [default: the bound address]
    #[arg(long)]
    pub public_url: Option<String>,

    #[command(flatten)]
    pub legacy: LegacyArgs,

    /// Every answer of the practice API is this much later
    #[arg(long, default_value = "0ms", value_parser = parse_duration)]
    pub fault_delay: Duration,

    /// This share of the practice API's requests is answered 500
    #[arg(long, default_value = "0%", value_parser = parse_share)]
    pub fault_error_rate: f64,

    /// Seed of the choice of requests that are answered 500
    #[arg(long, default_value_t = 0)]
    pub fault_seed: u64,

    /// Let an operator make the direct architecture's actions slow and failing, for drills: PUT /admin/v1/degradation
    #[arg(long)]
    pub drills: bool,

    /// Look results up whose webhook does not come
    #[arg(long, default_value_t = true, action = ArgAction::Set, value_name = "BOOL")]
    pub poll_classconnect: bool,

    /// Pause before the first lookup of an overdue result
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub poll_first_after: Duration,

    /// Longest pause between lookups; it doubles up to this
    #[arg(long, default_value = "60s", value_parser = parse_duration)]
    pub poll_interval_max: Duration,

    /// A submission without a result fails after this time
    #[arg(long, default_value = "15m", value_parser = parse_duration)]
    pub result_deadline: Duration,

    /// Pauses before each attempt of a call to ClassConnect
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "0s,500ms,2s,8s,30s,2m,5m",
        value_parser = parse_duration
    )]
    pub retry_schedule: Vec<Duration>,

    /// Calls to ClassConnect under way at once
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub dispatch_concurrency: u32,

    /// Time after which a call that nobody finished is sent again
    #[arg(long, default_value = "30s", value_parser = parse_duration)]
    pub lease: Duration,

    /// Pause between sweeps
    #[arg(long, default_value = "5s", value_parser = parse_duration)]
    pub sweep_interval: Duration,

    /// A session nobody touches for this long is abandoned
    #[arg(long, default_value = "30m", value_parser = parse_duration)]
    pub session_idle: Duration,

    /// Time for which a webhook that matches no submission is tried again
    #[arg(long, default_value = "15m", value_parser = parse_duration)]
    pub unmatched_webhook: Duration,

    /// Largest request body, in bytes
    #[arg(long, default_value_t = 262_144)]
    pub body_bytes_max: usize,

    /// Longest wait for open requests and calls at the end
    #[arg(long, default_value = "10s", value_parser = parse_duration)]
    pub shutdown_timeout: Duration,

    /// Version to report
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    pub version_name: String,

    /// Least severe level that is logged: error, warn, info, debug, trace, or a filter per module
    #[arg(long, default_value = "warn")]
    pub log: String,

    /// Form of the log on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,

    /// Stop when standard input ends, and so with the parent process
    #[arg(long)]
    pub exit_with_stdin: bool,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Every mistake in the configuration at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n{}", .0.iter().map(|m| format!("  - {m}")).collect::<Vec<_>>().join("\n"))]
pub struct ConfigError(pub Vec<String>);

impl Args {
    /// Checks everything and takes the secrets from `environment`.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn into_config(self, environment: impl Fn(&str) -> Option<String>) -> Result<Config, ConfigError> {
        let mut mistakes = self.durations_that_must_not_be_zero();
        let database = keep(&mut mistakes, parse_database(self.database.expose()));
        let classconnect_url = keep(
            &mut mistakes,
            parse_base_url("--classconnect-url", &self.classconnect_url),
        );
        let public_url = self
            .public_url
            .as_deref()
            .map(|url| parse_base_url("--public-url", url))
            .transpose();
        let public_url = keep(&mut mistakes, public_url);
        let dispatch = keep(&mut mistakes, self.dispatch_settings());
        let secrets = secrets(&mut mistakes, environment);
        let legacy = self.legacy.settings(database.as_ref());
        let legacy = legacy.map_err(|found| mistakes.extend(found)).ok();
        let (
            Some(database),
            Some(classconnect_url),
            Some(public_url),
            Some(dispatch),
            Some(legacy),
            Some(secrets),
            true,
        ) = (
            database,
            classconnect_url,
            public_url,
            dispatch,
            legacy,
            secrets,
            mistakes.is_empty(),
        )
        else {
            return Err(ConfigError(mistakes));
        };
        Ok(Config {
            database,
            pool: PoolSettings {
                connections: self.pool_connections,
                wait: self.pool_wait,
            },
            realtime: self.realtime,
            classconnect_url,
            public_url,
            secrets,
            faults: FaultSettings {
                delay: self.fault_delay,
                error_share: self.fault_error_rate,
                seed: self.fault_seed,
            },
            drills: self.drills,
            legacy,
            poll_classconnect: self.poll_classconnect,
            dispatch,
            breaker: BreakerSettings::default(),
            sweep: SweepSettings {
                session_idle: self.session_idle,
                unmatched_webhook: self.unmatched_webhook,
                retention: Retention::default(),
            },
            sweep_interval: self.sweep_interval,
            result_deadline: self.result_deadline,
            body_bytes_max: self.body_bytes_max,
            shutdown_timeout: self.shutdown_timeout,
            version: self.version_name,
            clock: Clock::system(),
        })
    }

    fn dispatch_settings(&self) -> Result<DispatchSettings, String> {
        let retry_schedule = RetrySchedule::try_new(self.retry_schedule.clone())
            .map_err(|mistake| format!("--retry-schedule: {mistake}"))?;
        Ok(DispatchSettings {
            concurrency: self.dispatch_concurrency,
            lease: self.lease,
            retry_schedule,
            poll_schedule: PollSchedule {
                first_after: self.poll_first_after,
                interval_max: self.poll_interval_max,
            },
        })
    }

    fn durations_that_must_not_be_zero(&self) -> Vec<String> {
        let durations = [
            ("--pool-wait", self.pool_wait),
            ("--lease", self.lease),
            ("--poll-first-after", self.poll_first_after),
            ("--poll-interval-max", self.poll_interval_max),
            ("--sweep-interval", self.sweep_interval),
            ("--result-deadline", self.result_deadline),
        ];
        let zero = durations.into_iter().filter(|(_, duration)| duration.is_zero());
        zero.map(|(flag, _)| format!("{flag} must be longer than 0s"))
            .collect()
    }
}

fn keep<T>(mistakes: &mut Vec<String>, result: Result<T, String>) -> Option<T> {
    result.map_err(|mistake| mistakes.push(mistake)).ok()
}

/// The text may hold a password, so no sentence repeats more of it than the scheme.
fn parse_database(text: &str) -> Result<DatabaseUrl, String> {
    let scheme = text.split(':').next().unwrap_or_default();
    match (scheme, text.strip_prefix("sqlite:")) {
        (_, Some(":memory:")) => Ok(DatabaseUrl::SqliteTemporary),
        (_, Some(path)) if !path.is_empty() => Ok(DatabaseUrl::SqliteFile(PathBuf::from(
            path.strip_prefix("//").unwrap_or(path),
        ))),
        ("postgres" | "postgresql", _) => PostgresUrl::parse(text)
            .map(DatabaseUrl::Postgres)
            .map_err(|mistake| format!("--database, {DATABASE_URL}: {mistake}")),
        _ => Err(format!(
            "--database \"{scheme}:…\": write sqlite::memory:, sqlite:PATH or postgres://USER@HOST:PORT/DATABASE"
        )),
    }
}

fn parse_base_url(flag: &str, text: &str) -> Result<Url, String> {
    let wrong = |reason: &str| Err(format!("{flag} \"{text}\": {reason}"));
    let Ok(url) = Url::parse(text) else {
        return wrong("write an absolute URL such as http://127.0.0.1:8090");
    };
    if url.scheme() != "http" {
        return wrong("only http is built in; put a proxy in front of an https address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("a URL must not hold credentials");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return wrong("write the base URL only, without path and query");
    }
    Ok(url)
}

fn secrets(mistakes: &mut Vec<String>, environment: impl Fn(&str) -> Option<String>) -> Option<Secrets> {
    let mut required = |name: &str| {
        let value = environment(name).filter(|value| !value.is_empty());
        if value.is_none() {
            mistakes.push(format!("the environment variable {name} is not set"));
        }
        value
    };
    let (jwt, api_key) = (required(JWT_SECRET), required(API_KEY));
    let (classconnect_api_key, webhook) = (required(CLASSCONNECT_API_KEY), required(WEBHOOK_SECRET));
    if jwt.as_ref().is_some_and(|secret| secret.len() < 32) {
        mistakes.push(format!("{JWT_SECRET} must have at least 32 bytes"));
    }
    let webhook = webhook.and_then(|list| keep(mistakes, parse_webhook_secrets(&list)));
    Some(Secrets {
        jwt: Secret::new(jwt?),
        api_key: Secret::new(api_key?),
        classconnect_api_key: Secret::new(classconnect_api_key?),
        webhook: webhook?,
    })
}

fn parse_webhook_secrets(list: &str) -> Result<Verifier, String> {
    let secrets = list
        .split(',')
        .map(|secret| WebhookSecret::parse(secret.trim()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("{WEBHOOK_SECRET}: {error}"))?;
    Verifier::new(secrets).map_err(|error| format!("{WEBHOOK_SECRET}: {error}"))
}

#[cfg(test)]
mod tests;
