//! Opening connections to one host.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::origin::Origin;
use super::stream::Stream;
use super::tls::{TlsClient, TlsRefusal};
use crate::metrics::Outcome;
use crate::plan::HttpVersion;

/// What connections to one origin have in common.
#[derive(Debug, Clone)]
pub struct Dialing {
    pub origin: Origin,
    /// From the first packet to the end of the TLS handshake.
    pub timeout: Duration,
    /// What is spoken on the connection.
    pub http_version: HttpVersion,
    /// `None` for an origin without TLS.
    pub tls: Option<TlsClient>,
    /// Connections leave from these in turn; none = the system chooses.
    pub source_addresses: Vec<IpAddr>,
}

/// Opens connections to the addresses of one host. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Connector {
    route: Route,
    /// `host[:port]`, for the `Host` header.
    authority: Arc<str>,
    http_version: HttpVersion,
    timeout: Duration,
}

#[derive(Debug, Clone)]
enum Route {
    Network(Arc<Network>),
    /// Each connection is a pipe whose far end goes to whoever plays the server in a test.
    Memory(mpsc::Sender<tokio::io::DuplexStream>),
}

#[derive(Debug)]
struct Network {
    host: String,
    /// In the order in which they are tried, but for the preferred one.
    addresses: Vec<SocketAddr>,
    /// Index of the address that answered last. It is tried first: one that never answers must not cost every user
    /// its share of the time-out.
    preferred: AtomicUsize,
    source_addresses: Vec<IpAddr>,
    /// Connections begun: the number decides on the source address.
    begun: AtomicUsize,
    tls: Option<TlsClient>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("the addresses of {host} cannot be looked up")]
    Lookup {
        host: String,
        #[source]
        source: io::Error,
    },
    #[error(
        "`source_addresses` has {source_address}, but {host} has no {family} address to connect to from there \
         (its addresses: {addresses})"
    )]
    SourceFamily {
        host: String,
        source_address: IpAddr,
        family: &'static str,
        addresses: String,
    },
    #[error("`source_addresses` has {source_address}, which connections of this machine cannot leave from")]
    SourceUnusable {
        source_address: IpAddr,
        #[source]
        source: io::Error,
    },
    #[error("connecting to {authority} timed out after {timeout:?}")]
    Timeout { authority: Arc<str>, timeout: Duration },
    #[error("cannot connect to {authority}")]
    Io {
        authority: Arc<str>,
        #[source]
        source: io::Error,
    },
    // The refusal is a part of the sentence: by itself it does not say whose certificate it is about.
    #[error("no TLS connection to {authority}: {refusal}")]
    Tls {
        authority: Arc<str>,
        refusal: TlsRefusal,
    },
}

impl ConnectError {
    /// How a request counts that found no connection: by whose fault there was none.
    pub fn outcome(&self) -> Outcome {
        match self {
            ConnectError::Io { source, .. } if is_own_fault(source) => Outcome::Generator,
            ConnectError::Io { .. }
            | ConnectError::Lookup { .. }
            | ConnectError::SourceFamily { .. }
            | ConnectError::SourceUnusable { .. }
            | ConnectError::Timeout { .. }
            | ConnectError::Tls { .. } => Outcome::Connect,
        }
    }
}

/// Bytes a pipe in memory holds before its writer waits.
const MEMORY_PIPE_BYTES: usize = 64 * 1024;

impl Connector {
    /// A connector to an origin, whose addresses are looked up now, once.
    ///
    /// # Errors
    /// When the name cannot be resolved, or a source address fits none of its addresses.
    pub async fn resolve(dialing: &Dialing) -> Result<Self, ConnectError> {
        let Dialing { origin, .. } = dialing;
        let host = origin.host().to_owned();
        let failed = |source| ConnectError::Lookup {
            host: host.clone(),
            source,
        };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((origin.host(), origin.port()))
            .await
            .map_err(failed)?
            .collect();
        if addresses.is_empty() {
            let nothing = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
            return Err(failed(nothing));
        }
        check_sources(&host, &addresses, &dialing.source_addresses)?;
        Ok(Self {
            authority: Arc::clone(origin.authority()),
            http_version: dialing.http_version,
            timeout: dialing.timeout,
            route: Route::Network(Arc::new(Network {
                host,
                addresses: families_in_turn(&addresses),
                preferred: AtomicUsize::new(0),
                source_addresses: dialing.source_addresses.clone(),
                begun: AtomicUsize::new(0),
                tls: dialing.tls.clone(),
            })),
        })
    }

    /// A connector whose connections are pipes in memory: the far ends go to `server`.
    pub fn in_memory(server: mpsc::Sender<tokio::io::DuplexStream>, timeout: Duration) -> Self {
        Self {
            route: Route::Memory(server),
            authority: "memory".into(),
            http_version: HttpVersion::Http1,
            timeout,
        }
    }

    /// `host[:port]`, as the `Host` header names it.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The version of HTTP that is spoken on the connections.
    pub fn http_version(&self) -> HttpVersion {
        self.http_version
    }

    /// Opens a connection, TLS included; addresses are tried in order.
    ///
    /// # Errors
    /// When no address answers within the time-out, or the TLS handshake fails.
    pub async fn connect(&self) -> Result<Stream, ConnectError> {
        tokio::time::timeout(self.timeout, self.open())
            .await
            .unwrap_or_else(|_| {
                Err(ConnectError::Timeout {
                    authority: self.authority.clone(),
                    timeout: self.timeout,
                })
            })
    }

    async fn open(&self) -> Result<Stream, ConnectError> {
        match &self.route {
            Route::Network(network) => {
                let stream = network.connect(self.timeout).await;
                let stream = stream.map_err(|source| self.failed(source))?;
                let Some(tls) = &network.tls else {
                    return Ok(Stream::Tcp(stream));
                };
                let begun = tls.begin(stream, &network.host, self.http_version).await;
                begun
                    .map(|stream| Stream::Tls(Box::new(stream)))
                    .map_err(|refusal| ConnectError::Tls {
                        authority: self.authority.clone(),
                        refusal,
                    })
            }
            Route::Memory(server) => {
                let (near, far) = tokio::io::duplex(MEMORY_PIPE_BYTES);
                match server.send(far).await {
                    Ok(()) => Ok(Stream::Memory(near)),
                    Err(_) => Err(self.failed(io::Error::new(
                        io::ErrorKind::ConnectionRefused,
                        "the server is gone",
                    ))),
                }
            }
        }
    }

    fn failed(&self, source: io::Error) -> ConnectError {
        ConnectError::Io {
            authority: self.authority.clone(),
            source,
        }
    }
}

impl Network {
    /// Tries one address after the other. One that does not answer may take its share of the time-out only, so that
    /// the others are reached too.
    async fn connect(&self, timeout: Duration) -> io::Result<TcpStream> {
        let source = self.next_source();
        let preferred = self.preferred.load(Ordering::Relaxed);
        let addresses = || {
            let others = (0..self.addresses.len()).filter(move |index| *index != preferred);
            std::iter::once(preferred)
                .chain(others)
                .filter_map(|index| Some((index, *self.addresses.get(index)?)))
                .filter(|(_, address)| source.is_none_or(|source| source.is_ipv4() == address.is_ipv4()))
        };
        let share = timeout / u32::try_from(addresses().count().max(1)).unwrap_or(u32::MAX);
        let mut failure: Option<io::Error> = None;
        for (index, address) in addresses() {
            let attempt = tokio::time::timeout(share, connect_to(address, source)).await;
            match attempt.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return Ok(stream);
                }
                // What the target did says more than what this machine could not do: a host without IPv6 has no
                // address to reach `::1` from, and that is not why nobody listens at 127.0.0.1.
                Err(error) => match &failure {
                    Some(before) if !is_own_fault(before) => {}
                    _ => failure = Some(error),
                },
            }
        }
        Err(failure.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no address to try")))
    }

    /// The source addresses in turn.
    fn next_source(&self) -> Option<IpAddr> {
        let count = self.source_addresses.len();
        (count > 0).then(|| self.source_addresses[self.begun.fetch_add(1, Ordering::Relaxed) % count])
    }
}

async fn connect_to(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let stream = match source {
        None => TcpStream::connect(address).await?,
        Some(source) => bound_socket(source)?.connect(address).await?,
    };
    // Requests are written whole; waiting to fill a segment would only add latency.
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The addresses with IPv6 and IPv4 taking turns, beginning with the family that the system prefers (RFC 8305, 4).
fn families_in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let prefers_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut first, mut second): (Vec<_>, Vec<_>) = addresses
        .iter()
        .copied()
        .partition(|address| address.is_ipv4() == prefers_v4);
    first.reverse();
    second.reverse();
    let mut ordered = Vec::with_capacity(addresses.len());
    while !first.is_empty() || !second.is_empty() {
        ordered.extend(first.pop());
        ordered.extend(second.pop());
    }
    ordered
}

/// Finds source addresses that cannot be used before a run fails by them.
fn check_sources(host: &str, addresses: &[SocketAddr], sources: &[IpAddr]) -> Result<(), ConnectError> {
    for source_address in sources.iter().copied() {
        let fits = |address: &SocketAddr| address.is_ipv4() == source_address.is_ipv4();
        if !addresses.iter().any(fits) {
            let addresses = addresses.iter().map(|address| address.ip().to_string());
            return Err(ConnectError::SourceFamily {
                host: host.to_owned(),
                source_address,
                family: if source_address.is_ipv4() { "IPv4" } else { "IPv6" },
                addresses: addresses.collect::<Vec<_>>().join(", "),
            });
        }
        bound_socket(source_address).map_err(|source| ConnectError::SourceUnusable {
            source_address,
            source,
        })?;
    }
    Ok(())
}

/// A socket that leaves from `source`, on a free port.
fn bound_socket(source: IpAddr) -> io::Result<TcpSocket> {
    let socket = match source {
        IpAddr::V4(_) => TcpSocket::new_v4()?,
        IpAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.bind(SocketAddr::new(source, 0))?;
    Ok(socket)
}

/// Whether this machine had nothing to connect with: no port (the first two), no descriptor, no memory.
fn is_own_fault(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::ADDRNOTAVAIL
                | Errno::ADDRINUSE
                | Errno::MFILE
                | Errno::NFILE
                | Errno::NOBUFS
                | Errno::NOMEM
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn families_take_turns_beginning_with_the_one_that_the_system_prefers() {
        let texts = [
            "[2001:db8::1]:80",
            "[2001:db8::2]:80",
            "[2001:db8::3]:80",
            "192.0.2.1:80",
        ];
        let ordered = families_in_turn(&texts.map(address));
        let expected = [
            "[2001:db8::1]:80",
            "192.0.2.1:80",
            "[2001:db8::2]:80",
            "[2001:db8::3]:80",
        ];
        assert_eq!(ordered, expected.map(address));
        assert_eq!(families_in_turn(&[]), []);
    }

    #[test]
    fn a_connection_that_this_machine_has_no_socket_for_is_not_the_targets_failure() {
        let outcome = |errno: Errno| {
            let source = io::Error::from(errno);
            let authority = "a.example".into();
            ConnectError::Io { authority, source }.outcome()
        };
        for own in [
            Errno::ADDRNOTAVAIL,
            Errno::ADDRINUSE,
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
        ] {
            assert_eq!(outcome(own), Outcome::Generator, "{own}");
        }
        for theirs in [
            Errno::CONNREFUSED,
            Errno::CONNRESET,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::TIMEDOUT,
        ] {
            assert_eq!(outcome(theirs), Outcome::Connect, "{theirs}");
        }
        let authority: Arc<str> = "a.example".into();
        let late = ConnectError::Timeout {
            authority: authority.clone(),
            timeout: Duration::from_secs(1),
        };
        let refused = ConnectError::Tls {
            authority,
            refusal: TlsRefusal::UnknownIssuer,
        };
        assert_eq!(
            (late.outcome(), refused.outcome()),
            (Outcome::Connect, Outcome::Connect)
        );
    }

    fn network(addresses: Vec<SocketAddr>, source_addresses: &[&str]) -> Network {
        Network {
            host: "a.example".to_owned(),
            addresses,
            source_addresses: source_addresses
                .iter()
                .map(|text| text.parse().unwrap())
                .collect(),
            preferred: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            tls: None,
        }
    }

    /// An address of this machine that nobody listens at.
    async fn deserted() -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    #[tokio::test]
    async fn every_address_is_tried() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let network = network(vec![deserted().await, there], &[]);
        let stream = network.connect(Duration::from_secs(10)).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
        assert_eq!(
            network.preferred.load(Ordering::Relaxed),
            1,
            "the one that answered is tried first the next time"
        );
        network.connect(Duration::from_secs(10)).await.unwrap();
    }

    #[tokio::test]
    async fn what_the_target_did_outweighs_what_this_machine_could_not_do() {
        // From 127.0.0.1 there is no way to an address of another network.
        let own = address("192.0.2.1:9");
        let refusing = deserted().await;
        for addresses in [vec![refusing], vec![refusing, refusing]] {
            let error = network(addresses, &["127.0.0.1"])
                .connect(Duration::from_secs(10))
                .await
                .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
        let nowhere = network(vec![own], &["192.0.2.77"])
            .connect(Duration::from_secs(10))
            .await;
        assert!(
            is_own_fault(&nowhere.unwrap_err()),
            "a source address that is not ours"
        );
    }
}
