//! Servers with TLS for these tests, and the certificates they show.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::extract::{ConnectInfo, State};
use axum::http::{Request, Version};
use axum::serve::Listener;
use axum::{Json, Router, body::Body, routing};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// An authority that nobody trusts unless told to, and its file.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("An authority that nobody trusts")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The authority's certificate, as a scenario names it.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A server's side of TLS, with a certificate for these names.
    pub(crate) fn acceptor(&self, names: &[&str], protocols: &[&str]) -> TlsAcceptor {
        self.acceptor_of(Self::params(names), protocols)
    }

    /// The same with a certificate that has expired long ago.
    pub(crate) fn expired(&self, names: &[&str]) -> TlsAcceptor {
        let mut params = Self::params(names);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        self.acceptor_of(params, &["http/1.1"])
    }

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        CertificateParams::new(names).unwrap()
    }

    fn acceptor_of(&self, params: CertificateParams, protocols: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A TLS end in front of a server without TLS, as a load balancer is one. Its address.
pub(crate) async fn front_of(backend: &str, acceptor: TlsAcceptor) -> SocketAddr {
    let backend = backend.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, backend) = (acceptor.clone(), backend.clone());
            tokio::spawn(async move {
                // A client that does not like the certificate goes away; that is its right.
                let Ok(mut near) = acceptor.accept(stream).await else {
                    return;
                };
                let mut far = TcpStream::connect(backend).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    address
}

/// A request as a [`Witness`] saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) version: Version,
    /// Where its connection came from.
    pub(crate) peer: SocketAddr,
}

/// A server that answers `/look`, and remembers how requests reached it.
#[derive(Debug)]
pub(crate) struct Witness {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Witness {
    /// Without TLS.
    pub(crate) async fn plain() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Arc::default();
        let address = listener.local_addr().unwrap();
        let service = router(&seen).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, seen }
    }

    /// With TLS.
    pub(crate) async fn secure(acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seen = Arc::default();
        let address = listener.local_addr().unwrap();
        let service = router(&seen).into_make_service_with_connect_info::<Peer>();
        let listener = SecureListener { listener, acceptor };
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self { address, seen }
    }

    /// What was seen so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests came over each connection.
    pub(crate) fn connections(&self) -> HashMap<SocketAddr, usize> {
        let mut connections = HashMap::new();
        for seen in self.seen() {
            *connections.entry(seen.peer).or_default() += 1;
        }
        connections
    }
}

type Memory = Arc<Mutex<Vec<Seen>>>;

fn router(seen: &Memory) -> Router {
    let look = |State(seen): State<Memory>, request: Request<Body>| async move {
        let extensions = request.extensions();
        let peer = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0)
            .or_else(|| extensions.get::<ConnectInfo<Peer>>().map(|info| info.0.0))
            .unwrap();
        seen.lock().unwrap().push(Seen {
            version: request.version(),
            peer,
        });
        Json::<Value>(json!({ "seen": true }))
    };
    Router::new()
        .route("/look", routing::get(look).post(look))
        .with_state(Arc::clone(seen))
}

#[derive(Debug, Clone, Copy)]
struct Peer(SocketAddr);

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, SecureListener>> for Peer {
    fn connect_info(stream: axum::serve::IncomingStream<'_, SecureListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

struct SecureListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for SecureListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let (stream, peer) = self.listener.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
