//! How connections to a deployment are made.

use std::net::IpAddr;
use std::path::PathBuf;

/// What every connection to a target has in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// Of requests; a realtime socket always begins as HTTP/1.1.
    pub http_version: HttpVersion,
    pub certificates: Certificates,
    /// Connections leave from these addresses of this machine in turn; none = the system chooses.
    pub source_addresses: Vec<IpAddr>,
}

/// The versions of HTTP that requests are sent with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HttpVersion {
    #[default]
    Http1,
    /// Over TLS agreed on by ALPN, without TLS by prior knowledge.
    Http2,
}

/// Whether requests name a trace (W3C Trace Context), and whether they ask the target to record it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Traceparent {
    /// No header.
    Off,
    /// A header whose flag says that nobody has recorded the trace so far. The default: a target that recorded each
    /// request would do more than in production, and that would be measured.
    #[default]
    Unsampled,
    /// A header that asks for the whole trace.
    Sampled,
}

/// Which certificates of a TLS server are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Certificates {
    /// Those issued by an authority that this machine trusts.
    #[default]
    Trusted,
    /// Also those issued by an authority in this file (PEM).
    TrustedOrIssuedBy(PathBuf),
    /// Any: nothing proves that the target is who it says.
    Unverified,
}
