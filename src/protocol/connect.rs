//! Opening connections to one host.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::stream::Stream;

/// Opens connections to the addresses of one host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    route: Route,
    /// `host[:port]`, for the `Host` header.
    authority: Arc<str>,
    timeout: Duration,
}

#[derive(Debug, Clone)]
enum Route {
    Tcp(Arc<[SocketAddr]>),
    /// Each connection is a pipe whose far end goes to whoever plays the server in a test.
    Memory(mpsc::Sender<tokio::io::DuplexStream>),
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("connecting to {authority} timed out after {timeout:?}")]
    Timeout { authority: Arc<str>, timeout: Duration },
    #[error("cannot connect to {authority}")]
    Io {
        authority: Arc<str>,
        #[source]
        source: io::Error,
    },
}

/// Bytes a pipe in memory holds before its writer waits.
const MEMORY_PIPE_BYTES: usize = 64 * 1024;

impl Connector {
    /// A connector to `authority` (`host:port`), whose addresses are looked up now, once.
    ///
    /// # Errors
    /// When the name cannot be resolved or has no address.
    pub async fn resolve(authority: &str, timeout: Duration) -> Result<Self, ConnectError> {
        let shared: Arc<str> = authority.into();
        let failed = |source| ConnectError::Io {
            authority: shared.clone(),
            source,
        };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host(authority)
            .await
            .map_err(failed)?
            .collect();
        if addresses.is_empty() {
            return Err(failed(io::Error::new(
                io::ErrorKind::NotFound,
                "the name has no address",
            )));
        }
        Ok(Self {
            route: Route::Tcp(addresses.into()),
            authority: shared.clone(),
            timeout,
        })
    }

    /// A connector whose connections are pipes in memory: the far ends go to `server`.
    pub fn in_memory(server: mpsc::Sender<tokio::io::DuplexStream>, timeout: Duration) -> Self {
        Self {
            route: Route::Memory(server),
            authority: "memory".into(),
            timeout,
        }
    }

    /// `host[:port]`, as the `Host` header names it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Opens a connection; addresses are tried in order.
    ///
    /// # Errors
    /// When no address answers within the time-out.
    pub async fn connect(&self) -> Result<Stream, ConnectError> {
        tokio::time::timeout(self.timeout, self.connect_any())
            .await
            .unwrap_or_else(|_| {
                Err(ConnectError::Timeout {
                    authority: self.authority.clone(),
                    timeout: self.timeout,
                })
            })
    }

    async fn connect_any(&self) -> Result<Stream, ConnectError> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no address to try");
        match &self.route {
            Route::Tcp(addresses) => {
                for address in addresses.iter() {
                    match TcpStream::connect(address).await {
                        Ok(stream) => {
                            // Requests are written whole; waiting to fill a segment would only add latency.
                            stream.set_nodelay(true).map_err(|source| self.failed(source))?;
                            return Ok(Stream::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
            }
            Route::Memory(server) => {
                let (near, far) = tokio::io::duplex(MEMORY_PIPE_BYTES);
                match server.send(far).await {
                    Ok(()) => return Ok(Stream::Memory(near)),
                    Err(_) => last = io::Error::new(io::ErrorKind::ConnectionRefused, "the server is gone"),
                }
            }
        }
        Err(self.failed(last))
    }

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::Io {
            authority: self.authority.clone(),
            source,
        }
    }
}
