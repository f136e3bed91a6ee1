//! A port for the server.
//!
//! It lies below the range from which the systems take the ports of outgoing connections (Linux from 32,768, macOS from
//! 49,152). Otherwise a load of thousands of connections could take the port while the server is stopped for a moment,
//! and on loopback a client that connects to its own port number finds itself, and believes the server to be up.

use std::net::{Ipv4Addr, TcpListener};

use crate::random;

/// Where to look: above the ports that services are known by.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// How many ports are tried before giving up.
pub(crate) const TRIES: u32 = 50;

/// A port of 127.0.0.1 on which nobody listens now; somebody may before the server does.
pub(crate) fn free() -> Option<u16> {
    (0..TRIES).filter_map(|_| candidate()).find(|port| is_free(*port))
}

/// Whether a server could listen on it now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Random, so that clusters that start at the same moment do not race for the same port.
fn candidate() -> Option<u16> {
    let number = u16::from_ne_bytes(random::bytes().ok()?);
    Some(RANGE.start + number % (RANGE.end - RANGE.start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_in_use_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(listener.local_addr().unwrap().port()));
    }

    #[test]
    fn ports_lie_below_those_of_outgoing_connections() {
        for _ in 0..100 {
            assert!(RANGE.contains(&free().unwrap()));
        }
    }
}
