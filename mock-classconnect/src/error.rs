//! Why the mock cannot start or cannot go on.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use classconnect_api::signature::SecretError;

/// What ends the mock, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the mock's configuration is not usable")]
    Config(#[from] ConfigError),
    #[error("cannot listen on {address}; choose a free port with --listen, or port 0")]
    Bind { address: SocketAddr, source: io::Error },
    #[error("cannot open the ledger file {}; check that its directory exists and is writable", path.display())]
    OpenLedger { path: PathBuf, source: io::Error },
    #[error("the ledger file {} already holds records of another run; give another path with --ledger", path.display())]
    LedgerNotEmpty { path: PathBuf },
    #[error("cannot set up the client that sends webhooks")]
    Client(#[source] reqwest::Error),
    #[error("cannot write the ready line to standard output")]
    ReadyLine(#[source] io::Error),
    #[error("cannot watch for the signal to stop")]
    Signals(#[source] io::Error),
    #[error("the mock's HTTP server stopped")]
    Serve(#[source] io::Error),
}

/// What is wrong with the arguments.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("the API key must be 1 to 256 visible ASCII characters; set CLASSCONNECT_API_KEY")]
    ApiKey,
    #[error("CLASSCONNECT_WEBHOOK_SECRET holds no usable secret")]
    WebhookSecret(#[from] SecretError),
    #[error("the delivery plan given with --plan is not usable")]
    Plan(#[from] serde_json::Error),
    #[error("--{0} must be at least 1")]
    Zero(&'static str),
    #[error(
        "--jobs-max ({jobs}) must not be less than --pending-jobs-max ({pending}): a pending job is kept"
    )]
    TooFewJobs { jobs: usize, pending: usize },
    #[error("--in-flight-max must not exceed 10000, but is {0}")]
    TooManySenders(usize),
}
