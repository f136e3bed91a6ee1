//! The command line, as typed.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// A mock of the ClassConnect API that fires delayed, signed webhooks and keeps a ledger.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Where to listen; port 0 takes a free one, which the ready line names.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// The key that callers present as `Authorization: Bearer`.
    #[arg(
        long,
        value_name = "KEY",
        env = "CLASSCONNECT_API_KEY",
        hide_env_values = true
    )]
    pub api_key: SecretText,

    /// The key that webhooks are signed with, `whsec_` and the base64 of 24 to 64 bytes.
    #[arg(
        long,
        value_name = "SECRET",
        env = "CLASSCONNECT_WEBHOOK_SECRET",
        hide_env_values = true
    )]
    pub webhook_secret: SecretText,

    /// All delays, scores and faults follow from this number and the submissions.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// Append every ledger record to this file, one JSON object per line; the file must be new or empty.
    #[arg(long, value_name = "PATH")]
    pub ledger: Option<PathBuf>,

    /// The delivery plan as JSON, as `PUT /_mock/plan` takes it.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub plan: String,

    /// A host besides loopback that webhooks may be sent to; repeat for several.
    #[arg(long = "allow-webhook-host", value_name = "HOST")]
    pub allow_webhook_hosts: Vec<String>,

    /// The largest request body that is read.
    #[arg(long, value_name = "BYTES", default_value_t = 256 * 1024)]
    pub body_bytes_max: usize,

    /// How many connections are served at once; further ones wait to be accepted.
    #[arg(long, value_name = "N", default_value_t = 4_096)]
    pub connections_max: usize,

    /// How many delivery attempts may be under way at once.
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub in_flight_max: usize,

    /// How many jobs may wait for their webhook; more submissions are answered 503.
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub pending_jobs_max: usize,

    /// How many jobs can be looked up; the oldest are forgotten first.
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    pub jobs_max: usize,

    /// How many ledger records are kept in memory; the file keeps all.
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    pub ledger_records_max: usize,

    /// Stop when standard input ends, so that the mock never outlives the process that started it.
    #[arg(long)]
    pub exit_with_stdin: bool,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct SecretText(String);

impl SecretText {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretText {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}
