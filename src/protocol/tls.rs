//! TLS to the target: which certificates are believed, and why a handshake failed, in words.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::plan::{Certificates, HttpVersion};

/// Begins TLS on connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
}

/// Why no certificate could be believed, whatever the target shows.
#[derive(Debug, thiserror::Error)]
pub enum TlsSettingsError {
    #[error("cannot read the certificates of `ca_file`, {}", .path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: pem::Error,
    },
    #[error("`ca_file`, {}, holds no certificate: it must be a PEM file with `BEGIN CERTIFICATE`", .path.display())]
    Empty { path: PathBuf },
    #[error("`ca_file`, {}, holds a certificate that cannot be used as an authority", .path.display())]
    Unusable {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error(
        "this machine has no certificates of authorities that it trusts{reason}: install them (most systems call the \
         package ca-certificates), or write [target.tls] ca_file = \"…\" into the scenario"
    )]
    NoneTrusted { reason: String },
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// Why a TLS handshake failed, with what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsRefusal {
    #[error(
        "its certificate is issued by an authority that this machine does not trust; name the authority's certificate \
         in the scenario: [target.tls] ca_file = \"…\""
    )]
    UnknownIssuer,
    #[error(
        "its certificate is not signed by the authority of that name that this machine trusts, perhaps because that \
         authority has a newer certificate; name it in the scenario: [target.tls] ca_file = \"…\""
    )]
    OtherIssuer,
    #[error(
        "its certificate is not for the name `{host}`{presented}; use a name that the certificate is for in the \
         address, or have a certificate issued for this one"
    )]
    WrongName { host: String, presented: String },
    #[error("its certificate has expired; have it renewed")]
    Expired,
    #[error("its certificate is not valid yet; look at the clocks of both machines")]
    NotYetValid,
    #[error("its certificate is not acceptable ({0}); see [target.tls] in the scenario reference")]
    Unacceptable(String),
    #[error("it does not speak TLS on this port; is the address one of `http://` or `ws://`?")]
    NotTls,
    #[error(
        "it does not speak HTTP/2 over TLS (nothing was agreed on by ALPN); write http_version = \"1.1\""
    )]
    NoHttp2,
    #[error("it ended the connection during the handshake")]
    Closed,
    #[error("{0}")]
    Other(String),
}

impl TlsClient {
    /// A client that believes these certificates. Reads files: the system's and the scenario's.
    ///
    /// # Errors
    /// When the certificates of authorities cannot be read, or there are none.
    pub fn new(certificates: &Certificates) -> Result<Self, TlsSettingsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsSettingsError::Setup)?;
        let mut config = match certificates {
            Certificates::Trusted => builder
                .with_root_certificates(system_roots()?)
                .with_no_client_auth(),
            Certificates::TrustedOrIssuedBy(path) => {
                // Where the system has none of its own, those of the file are all there is.
                let mut roots = system_roots().unwrap_or_else(|_| RootCertStore::empty());
                add_file(&mut roots, path)?;
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Certificates::Unverified => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
                .with_no_client_auth(),
        };
        // Every virtual user is somebody else, who has no session to resume: each handshake is a whole one.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// The same client, offering the server this version of HTTP only.
    pub fn offering(&self, version: HttpVersion) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = vec![alpn(version).to_vec()];
        Self {
            config: Arc::new(config),
        }
    }

    /// Shakes hands with `host`, whose name or address the certificate must be for.
    ///
    /// # Errors
    /// When the certificate is not believed, the server speaks something else, or the connection breaks.
    pub(super) async fn begin(
        &self,
        stream: TcpStream,
        host: &str,
        version: HttpVersion,
    ) -> Result<TlsStream<TcpStream>, TlsRefusal> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            TlsRefusal::Other(format!("`{host}` is not a name that a certificate can be for"))
        })?;
        let stream = TlsConnector::from(Arc::clone(&self.config))
            .connect(name, stream)
            .await
            .map_err(|error| TlsRefusal::of(&error, host))?;
        let agreed = stream.get_ref().1.alpn_protocol();
        if version == HttpVersion::Http2 && agreed != Some(alpn(HttpVersion::Http2)) {
            return Err(TlsRefusal::NoHttp2);
        }
        Ok(stream)
    }
}

/// The name of a version in the handshake (RFC 7301).
fn alpn(version: HttpVersion) -> &'static [u8] {
    match version {
        HttpVersion::Http1 => b"http/1.1",
        HttpVersion::Http2 => b"h2",
    }
}

fn system_roots() -> Result<RootCertStore, TlsSettingsError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Among the many that a system trusts, some may be in a form that is not understood; the others still count.
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        return Err(TlsSettingsError::NoneTrusted {
            reason: loaded
                .errors
                .first()
                .map_or_else(String::new, |error| format!(" ({error})")),
        });
    }
    Ok(roots)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), TlsSettingsError> {
    let unreadable = |source| TlsSettingsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let mut found = false;
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        let certificate = certificate.map_err(unreadable)?;
        roots
            .add(certificate)
            .map_err(|source| TlsSettingsError::Unusable {
                path: path.to_owned(),
                source,
            })?;
        found = true;
    }
    if found {
        Ok(())
    } else {
        Err(TlsSettingsError::Empty {
            path: path.to_owned(),
        })
    }
}

impl TlsRefusal {
    fn of(error: &io::Error, host: &str) -> Self {
        let cause = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(reason)) => Self::of_certificate(reason, host),
            Some(rustls::Error::InvalidMessage(_)) => TlsRefusal::NotTls,
            Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
                TlsRefusal::NoHttp2
            }
            Some(other) => TlsRefusal::Other(other.to_string()),
            None if matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ) =>
            {
                TlsRefusal::Closed
            }
            None => TlsRefusal::Other(error.to_string()),
        }
    }

    fn of_certificate(reason: &CertificateError, host: &str) -> Self {
        match reason {
            CertificateError::UnknownIssuer => TlsRefusal::UnknownIssuer,
            CertificateError::BadSignature => TlsRefusal::OtherIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => TlsRefusal::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsRefusal::NotYetValid
            }
            CertificateError::NotValidForName => TlsRefusal::WrongName {
                host: host.to_owned(),
                presented: String::new(),
            },
            CertificateError::NotValidForNameContext { presented, .. } => TlsRefusal::WrongName {
                host: host.to_owned(),
                presented: match presented.as_slice() {
                    [] => String::new(),
                    names => format!(" but for {}", names.join(", ")),
                },
            },
            other => TlsRefusal::Unacceptable(other.to_string()),
        }
    }
}

/// Believes any certificate, but still wants the server to hold its key.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
