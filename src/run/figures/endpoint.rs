//! Where figures are sent to.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// The path of metrics below a collector's address (OTLP over HTTP).
const METRICS_PATH: &str = "/v1/metrics";

/// The address of a collector that speaks OTLP over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpEndpoint {
    url: String,
}

/// Why a text is no such address. The text itself is not repeated: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    #[error("it is not an address; write http://HOST:PORT, such as http://127.0.0.1:4318")]
    NoAddress,
    #[error(
        "figures are sent over http:// only; put a collector beside the load generator that passes them on over TLS"
    )]
    NotHttp,
    #[error(
        "an address with a user name, a password or a query is not taken, because the command line is kept in run.json; put \
         credentials into OTEL_EXPORTER_OTLP_HEADERS"
    )]
    Credentials,
}

impl FromStr for OtlpEndpoint {
    type Err = InvalidEndpoint;

    /// Takes the address of the collector; the path of metrics is added where it is missing.
    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let uri: Uri = text.parse().map_err(|_| InvalidEndpoint::NoAddress)?;
        let authority = uri.authority().ok_or(InvalidEndpoint::NoAddress)?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(InvalidEndpoint::NotHttp),
            _ => return Err(InvalidEndpoint::NoAddress),
        }
        if authority.as_str().contains('@') || uri.query().is_some() {
            return Err(InvalidEndpoint::Credentials);
        }
        let path = uri.path().trim_end_matches('/');
        let path = path.strip_suffix(METRICS_PATH).unwrap_or(path);
        Ok(Self {
            url: format!("http://{authority}{path}{METRICS_PATH}"),
        })
    }
}

impl fmt::Display for OtlpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_have_their_path_below_the_collector() {
        for (text, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/metrics"),
            ("http://collector:4318/", "http://collector:4318/v1/metrics"),
            ("http://[::1]:4318/v1/metrics", "http://[::1]:4318/v1/metrics"),
            ("http://vendor/otlp", "http://vendor/otlp/v1/metrics"),
        ] {
            assert_eq!(text.parse::<OtlpEndpoint>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_without_repeating_it() {
        for (text, reason) in [
            ("127.0.0.1:4318", InvalidEndpoint::NoAddress),
            ("collector", InvalidEndpoint::NoAddress),
            ("grpc://collector:4317", InvalidEndpoint::NoAddress),
            ("https://collector:4318", InvalidEndpoint::NotHttp),
            ("http://user:hush@collector:4318", InvalidEndpoint::Credentials),
            ("http://collector:4318/?key=hush", InvalidEndpoint::Credentials),
        ] {
            let refused = text.parse::<OtlpEndpoint>().unwrap_err();
            assert_eq!(refused, reason, "{text}");
            assert!(!refused.to_string().contains("hush"), "{refused}");
        }
    }
}
