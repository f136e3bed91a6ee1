//! What the mock will do: the command line after parsing, with nothing left that could be wrong.

use std::fmt;
use std::path::PathBuf;

use classconnect_api::WebhookSecret;
use tokio::sync::Semaphore;

use crate::args::Args;
use crate::error::ConfigError;
use crate::plan::Plan;

const API_KEY_LENGTH_MAX: usize = 256;
const SENDERS_MAX: usize = 10_000;

/// A usable configuration; made from [`Args`].
#[derive(Debug, Clone)]
pub struct Config {
    pub(crate) api_key: ApiKey,
    pub(crate) webhook_secret: WebhookSecret,
    pub(crate) seed: u64,
    pub(crate) ledger: Option<PathBuf>,
    pub(crate) plan: Plan,
    /// In lower case.
    pub(crate) allowed_webhook_hosts: Vec<String>,
    pub(crate) body_bytes_max: usize,
    pub(crate) connections_max: usize,
    pub(crate) in_flight_max: usize,
    pub(crate) pending_jobs_max: usize,
    pub(crate) jobs_max: usize,
    pub(crate) ledger_records_max: usize,
}

/// The key that callers must present.
#[derive(Clone)]
pub(crate) struct ApiKey(String);

impl ApiKey {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        let is_valid =
            (1..=API_KEY_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        if is_valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(ConfigError::ApiKey)
        }
    }

    /// Compares without stopping at the first difference, so that timing does not reveal a prefix.
    pub(crate) fn matches(&self, candidate: &[u8]) -> bool {
        let expected = self.0.as_bytes();
        let difference = expected
            .iter()
            .zip(candidate)
            .fold(0, |seen, (a, b)| seen | (a ^ b));
        expected.len() == candidate.len() && difference == 0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(redacted)")
    }
}

impl TryFrom<Args> for Config {
    type Error = ConfigError;

    fn try_from(args: Args) -> Result<Self, ConfigError> {
        for (name, value) in [
            ("body-bytes-max", args.body_bytes_max),
            ("connections-max", args.connections_max),
            ("in-flight-max", args.in_flight_max),
            ("pending-jobs-max", args.pending_jobs_max),
            ("ledger-records-max", args.ledger_records_max),
        ] {
            if value == 0 {
                return Err(ConfigError::Zero(name));
            }
        }
        if args.in_flight_max > SENDERS_MAX {
            return Err(ConfigError::TooManySenders(args.in_flight_max));
        }
        if args.jobs_max < args.pending_jobs_max {
            return Err(ConfigError::TooFewJobs {
                jobs: args.jobs_max,
                pending: args.pending_jobs_max,
            });
        }
        Ok(Self {
            api_key: ApiKey::parse(args.api_key.reveal())?,
            webhook_secret: WebhookSecret::parse(args.webhook_secret.reveal())?,
            seed: args.seed,
            ledger: args.ledger,
            plan: Plan::parse(args.plan.as_bytes())?,
            allowed_webhook_hosts: args
                .allow_webhook_hosts
                .iter()
                .map(|host| host.to_ascii_lowercase())
                .collect(),
            body_bytes_max: args.body_bytes_max,
            connections_max: args.connections_max.min(Semaphore::MAX_PERMITS),
            in_flight_max: args.in_flight_max,
            pending_jobs_max: args.pending_jobs_max,
            jobs_max: args.jobs_max,
            ledger_records_max: args.ledger_records_max,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    const KEY: &str = "--api-key=test-key";
    const SECRET: &str = "--webhook-secret=whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

    fn config(arguments: &[&str]) -> Result<Config, ConfigError> {
        let command = Command::try_parse_from(["mock"].iter().chain(arguments)).unwrap();
        Config::try_from(command.args)
    }

    #[test]
    fn the_defaults_need_only_the_two_secrets() {
        let config = config(&[KEY, SECRET]).unwrap();
        assert_eq!(config.plan, Plan::default());
        assert!(config.api_key.matches(b"test-key"));
        for wrong in [b"".as_slice(), b"test-ke", b"test-key2", b"Test-key"] {
            assert!(!config.api_key.matches(wrong));
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_sentence() {
        let table: [(&[&str], &str); 8] = [
            (&["--api-key=", SECRET], "CLASSCONNECT_API_KEY"),
            (&["--api-key=a b", SECRET], "CLASSCONNECT_API_KEY"),
            (&[KEY, "--webhook-secret=whsec_"], "24 to 64 random bytes"),
            (&[KEY, SECRET, "--plan=not json"], "--plan"),
            (&[KEY, SECRET, r#"--plan={"nonsense":1}"#], "unknown field"),
            (
                &[KEY, SECRET, "--in-flight-max=0"],
                "--in-flight-max must be at least 1",
            ),
            (&[KEY, SECRET, "--in-flight-max=10001"], "10000"),
            (&[KEY, SECRET, "--jobs-max=5"], "--pending-jobs-max"),
        ];
        for (arguments, expected) in table {
            let error = format!("{:#}", anyhow::Error::from(config(arguments).unwrap_err()));
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let command = Command::try_parse_from(["mock", KEY, SECRET]).unwrap();
        let shown = format!("{:?} {:?}", command.args, Config::try_from(command.args.clone()));
        assert!(
            !shown.contains("test-key") && !shown.contains("C2FVsBQ"),
            "{shown}"
        );
    }
}
