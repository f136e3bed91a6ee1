//! The scheme, host and port of a URL.

use std::sync::Arc;

/// Where connections lead: taken from a URL of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    is_secure: bool,
    /// Host and port as the URL has them.
    authority: Arc<str>,
    /// An IPv6 address has no brackets here.
    host: Arc<str>,
    port: u16,
}

impl Origin {
    /// The origin of an `http`, `https`, `ws` or `wss` URL; `None` when the text is not one.
    pub fn parse(url: &str) -> Option<Self> {
        let uri: http::Uri = url.parse().ok()?;
        let is_secure = match uri.scheme_str()? {
            "http" | "ws" => false,
            "https" | "wss" => true,
            _ => return None,
        };
        let authority = uri.authority()?;
        Some(Self {
            is_secure,
            authority: authority.as_str().into(),
            host: authority.host().trim_matches(['[', ']']).into(),
            port: authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 }),
        })
    }

    /// Whether the scheme asks for TLS.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Host and port as the URL has them: what the `Host` header says.
    pub fn authority(&self) -> &Arc<str> {
        &self.authority
    }

    /// Name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, that of the scheme when the URL names none.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides_on_tls_and_the_port() {
        let parts = |url: &str| {
            let origin = Origin::parse(url).unwrap();
            (
                origin.is_secure(),
                origin.authority().to_string(),
                origin.host().to_owned(),
                origin.port(),
            )
        };
        let own =
            |secure, authority: &str, host: &str, port| (secure, authority.to_owned(), host.to_owned(), port);
        assert_eq!(
            parts("http://localhost/api"),
            own(false, "localhost", "localhost", 80)
        );
        assert_eq!(
            parts("https://a.example"),
            own(true, "a.example", "a.example", 443)
        );
        assert_eq!(
            parts("wss://a.example:8443/realtime/v1/websocket?x=1"),
            own(true, "a.example:8443", "a.example", 8443)
        );
        assert_eq!(parts("ws://[::1]:80"), own(false, "[::1]:80", "::1", 80));
    }

    #[test]
    fn what_leads_nowhere_is_no_origin() {
        for text in ["not a url", "ftp://a", "/path", "http://"] {
            assert_eq!(Origin::parse(text), None, "{text}");
        }
    }
}
