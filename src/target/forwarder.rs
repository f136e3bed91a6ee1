//! What stands before two servers for everybody but the load: ClassConnect delivers to one address, as it would to a load
//! balancer, and its deliveries reach the server that traffic goes to. Virtual users connect to the servers themselves, so that
//! nothing stands in the way of what is measured.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::protocol::{Server, TrafficSwitch};

/// The pause after a connection that could not be accepted.
const ACCEPT_AGAIN_AFTER: Duration = Duration::from_millis(10);
/// Connections at once: the mock keeps a few.
const CONNECTIONS_MAX: usize = 512;

/// Forwards connections, each to the server that is current when it is made. It ends when it is dropped.
#[derive(Debug)]
pub(super) struct Forwarder {
    address: SocketAddr,
    servers: Arc<OnceLock<[SocketAddr; 2]>>,
    task: JoinHandle<()>,
}

impl Forwarder {
    /// Listens on a free port of 127.0.0.1. Connections are refused until it knows where to lead them.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn start(traffic: TrafficSwitch) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let servers = Arc::new(OnceLock::new());
        let task = tokio::spawn(forward_all(listener, Arc::clone(&servers), traffic));
        Ok(Self {
            address,
            servers,
            task,
        })
    }

    /// The address that ClassConnect is told.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections lead to these servers, the first and the standby, from now on.
    pub(super) fn lead_to(&self, first: SocketAddr, standby: SocketAddr) {
        // Said once, when both are there.
        let _ = self.servers.set([first, standby]);
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward_all(listener: TcpListener, servers: Arc<OnceLock<[SocketAddr; 2]>>, traffic: TrafficSwitch) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // Whoever comes when all places are taken waits in the listener's queue.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let Ok((inbound, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others will be closed.
            tokio::time::sleep(ACCEPT_AGAIN_AFTER).await;
            continue;
        };
        let server = servers.get().map(|[first, standby]| match traffic.current() {
            Server::First => *first,
            Server::Standby => *standby,
        });
        let Some(server) = server else { continue };
        tokio::spawn(async move {
            if let Err(error) = forward(inbound, server).await {
                tracing::debug!(%error, "a forwarded connection has broken");
            }
            drop(place);
        });
    }
}

async fn forward(mut inbound: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut outbound = TcpStream::connect(server).await?;
    for stream in [&inbound, &outbound] {
        stream.set_nodelay(true)?;
    }
    tokio::io::copy_bidirectional(&mut inbound, &mut outbound).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A server that says its name to whoever connects.
    async fn server(name: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(name).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn each_connection_leads_to_the_server_that_is_current_when_it_is_made() {
        let traffic = TrafficSwitch::default();
        let forwarder = Forwarder::start(traffic.clone()).await.unwrap();
        forwarder.lead_to(server(b"first").await, server(b"second").await);
        let ask = async || {
            let mut stream = TcpStream::connect(forwarder.address).await.unwrap();
            let mut name = String::new();
            stream.read_to_string(&mut name).await.unwrap();
            name
        };
        assert_eq!(ask().await, "first");
        traffic.switch();
        assert_eq!(ask().await, "second");
    }
}
