//! Addresses of a target.

use std::net::IpAddr;

/// An address, checked and taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The address without a trailing slash.
    pub(super) text: String,
    /// Whether the scheme asks for TLS.
    pub(super) is_secure: bool,
    /// Host and port, as written.
    pub(super) authority: String,
    pub(super) host: String,
    /// Empty, or begins with `/`.
    pub(super) path: String,
}

/// Why a text is not the address it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AddressMistake {
    pub(super) sentence: String,
    /// Whether the text holds a password, so that it must not be shown.
    pub(super) holds_credentials: bool,
}

impl Address {
    /// Whether the address leads to this machine.
    pub(super) fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// Takes an address apart whose scheme must be `scheme` (`http` or `ws`), or the same with TLS (`https` or `wss`).
///
/// # Errors
/// A sentence when it has another scheme, no host, a bad port, credentials, or a query.
pub(super) fn parse_address(url: &str, scheme: &str) -> Result<Address, AddressMistake> {
    let mistake = |sentence: String| AddressMistake {
        sentence,
        holds_credentials: false,
    };
    let Some((found, rest)) = url.trim().split_once("://") else {
        return Err(mistake(format!(
            "this is not an address; write {scheme}://host:port"
        )));
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(AddressMistake {
            sentence: "an address must not hold a user name or password; use `api_key` or `jwt_secret`"
                .to_owned(),
            holds_credentials: true,
        });
    }
    let is_secure = found.strip_suffix('s') == Some(scheme);
    if found != scheme && !is_secure {
        return Err(mistake(format!(
            "the scheme `{found}` is not supported here; write {scheme}://host:port or {scheme}s://host:port"
        )));
    }
    if path.contains(['?', '#']) {
        return Err(mistake(
            "an address here takes no query and no fragment".to_owned(),
        ));
    }
    let (host, port) = match authority.rfind(':') {
        // Within an IPv6 address, colons do not begin a port.
        Some(colon) if !authority[colon..].contains(']') => {
            (&authority[..colon], Some(&authority[colon + 1..]))
        }
        _ => (authority, None),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(mistake("the address names no host".to_owned()));
    }
    if let Some(port) = port
        && port.parse::<u16>().map_or(true, |port| port == 0)
    {
        return Err(mistake(format!(
            "`{port}` is not a port; ports are numbers from 1 to 65535"
        )));
    }
    let path = path.trim_end_matches('/');
    Ok(Address {
        text: format!("{found}://{authority}{path}"),
        is_secure,
        authority: authority.to_owned(),
        host: host.to_owned(),
        path: path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let address = parse_address("http://127.0.0.1:8080/api/", "http").unwrap();
        assert_eq!(address.text, "http://127.0.0.1:8080/api");
        assert_eq!(
            (address.host.as_str(), address.path.as_str()),
            ("127.0.0.1", "/api")
        );
        assert!(address.is_loopback() && !address.is_secure);
        let secure = parse_address("https://localhost/", "http").unwrap();
        assert_eq!(
            (secure.text.as_str(), secure.is_secure),
            ("https://localhost", true)
        );
        assert!(parse_address("http://[::1]:80", "http").unwrap().is_loopback());
        assert!(parse_address("http://localhost", "http").unwrap().is_loopback());
        for elsewhere in [
            "http://localhost.example.com",
            "http://128.0.0.1",
            "http://0.0.0.0",
        ] {
            assert!(
                !parse_address(elsewhere, "http").unwrap().is_loopback(),
                "{elsewhere}"
            );
        }
    }

    #[test]
    fn what_is_no_plain_address_is_refused() {
        for wrong in [
            "staging",
            "wss://a",
            "httpss://a",
            "ftp://a",
            "http://",
            "http://a:x",
            "http://a:0",
            "http://a?b=c",
            "http://a b",
        ] {
            assert!(parse_address(wrong, "http").is_err(), "{wrong} must be refused");
        }
        assert!(
            parse_address("http://me:pw@host", "http")
                .unwrap_err()
                .holds_credentials
        );
    }
}
