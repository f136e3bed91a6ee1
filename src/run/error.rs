//! Why a run has no result.

use std::net::SocketAddr;
use std::path::PathBuf;

use opentelemetry_otlp::ExporterBuildError;

use super::limits::SocketShortage;
use crate::protocol::ConnectError;
use crate::sla::ExitCode;
use crate::target::{ControlError, StartError};

/// Why there is no result: nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the target could not be started")]
    Start(#[from] StartError),
    #[error("the target is not up")]
    Preflight(#[source] ControlError),
    #[error("the load generator has too few sockets for this plan")]
    Sockets(#[from] SocketShortage),
    #[error("no connection for the load")]
    NoConnection(#[source] ConnectError),
    #[error("the load generator could not start: {0}")]
    Generator(String),
    #[error("the client history cannot be written to {}", .path.display())]
    History {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "the metrics cannot be served at {address}; choose a free address of this machine with --metrics"
    )]
    Metrics {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("the figures cannot be sent to the collector that --otlp names")]
    Otlp(#[source] ExporterBuildError),
    #[error("stopped before any load was sent: nothing was measured")]
    Interrupted,
    #[error("the run's own machinery failed")]
    Internal(#[source] std::io::Error),
}

impl RunError {
    /// The exit code that goes with the error.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            RunError::Interrupted => ExitCode::Interrupted,
            RunError::Internal(_) => ExitCode::Internal,
            RunError::Start(_)
            | RunError::Preflight(_)
            | RunError::Sockets(_)
            | RunError::NoConnection(_)
            | RunError::Generator(_)
            | RunError::Metrics { .. }
            | RunError::Otlp(_)
            | RunError::History { .. } => ExitCode::CouldNotStart,
        }
    }
}
