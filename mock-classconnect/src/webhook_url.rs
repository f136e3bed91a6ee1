//! Where webhooks may go: loopback, and hosts that the operator named.
//!
//! The check is made twice. When a submission is accepted, so that the caller hears of it; and when a name is
//! resolved for connecting, so that a name cannot point elsewhere by then.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// Decides which hosts may receive webhooks.
#[derive(Debug, Clone)]
pub(crate) struct WebhookHosts {
    /// In lower case.
    allowed: Arc<[String]>,
}

/// Why a `webhook_url` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WebhookUrlError {
    #[error("webhook_url is not an absolute URL")]
    Form,
    #[error("webhook_url must use http: this mock delivers within one host and speaks no TLS")]
    Scheme,
    #[error("webhook_url must not carry a user name or password")]
    UserInfo,
    #[error("webhook_url must point to loopback, or to a host given with --allow-webhook-host")]
    Host,
}

impl WebhookHosts {
    pub(crate) fn new(allowed: Vec<String>) -> Self {
        Self {
            allowed: allowed.into(),
        }
    }

    /// Parses and checks a `webhook_url`, resolving its host if it is a name.
    pub(crate) async fn check(&self, text: &str) -> Result<Url, WebhookUrlError> {
        let url = Url::parse(text).map_err(|_| WebhookUrlError::Form)?;
        if url.scheme() != "http" {
            return Err(WebhookUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookUrlError::UserInfo);
        }
        let host = url.host_str().ok_or(WebhookUrlError::Host)?;
        if self.is_allowed(host) {
            return Ok(url);
        }
        // The URL standard writes IPv6 addresses in brackets.
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let is_loopback_host = match bare.parse::<IpAddr>() {
            Ok(address) => is_loopback(address),
            Err(_) => resolves_to_loopback(bare).await,
        };
        if is_loopback_host {
            Ok(url)
        } else {
            Err(WebhookUrlError::Host)
        }
    }

    fn is_allowed(&self, host: &str) -> bool {
        self.allowed
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host))
    }
}

fn is_loopback(address: IpAddr) -> bool {
    // An IPv4 address may be written as IPv6; what counts is where the packets go.
    address.to_canonical().is_loopback()
}

async fn resolves_to_loopback(host: &str) -> bool {
    let lookup = tokio::time::timeout(LOOKUP_TIMEOUT, tokio::net::lookup_host((host, 0))).await;
    match lookup {
        Ok(Ok(addresses)) => {
            let addresses: Vec<SocketAddr> = addresses.collect();
            !addresses.is_empty() && addresses.iter().all(|address| is_loopback(address.ip()))
        }
        Ok(Err(_)) | Err(_) => false,
    }
}

/// Resolution at connect time, under the same rule.
impl Resolve for WebhookHosts {
    fn resolve(&self, name: Name) -> Resolving {
        let hosts = self.clone();
        Box::pin(async move {
            let is_allowed = hosts.is_allowed(name.as_str());
            let resolved = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Vec<SocketAddr> = resolved
                .filter(|address| is_allowed || is_loopback(address.ip()))
                .collect();
            if addresses.is_empty() {
                return Err(io::Error::other("the webhook's host no longer resolves to loopback").into());
            }
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_loopback_is_taken_unless_a_host_was_allowed() {
        use WebhookUrlError::{Form, Host, Scheme, UserInfo};
        let hosts = WebhookHosts::new(vec!["Staging.Example".to_ascii_lowercase()]);
        let table = [
            ("http://127.0.0.1:8080/hook", Ok(())),
            ("http://127.9.9.9/hook", Ok(())),
            ("http://[::1]:8080/hook", Ok(())),
            ("http://[::ffff:127.0.0.1]/hook", Ok(())),
            ("http://localhost:8080/hook", Ok(())),
            ("http://staging.example/hook", Ok(())),
            ("http://STAGING.example/hook", Ok(())),
            // Short forms of IPv4 are numbers to the URL standard; this one is 127.0.0.1.
            ("http://2130706433/hook", Ok(())),
            ("", Err(Form)),
            ("/hook", Err(Form)),
            ("https://127.0.0.1/hook", Err(Scheme)),
            ("file:///etc/passwd", Err(Scheme)),
            ("http://user@127.0.0.1/hook", Err(UserInfo)),
            ("http://:secret@127.0.0.1/hook", Err(UserInfo)),
            ("http://staging.example@10.0.0.1/hook", Err(UserInfo)),
            ("http://10.0.0.1/hook", Err(Host)),
            ("http://0.0.0.0/hook", Err(Host)),
            ("http://169.254.169.254/latest", Err(Host)),
            ("http://[fe80::1]/hook", Err(Host)),
            ("http://[::ffff:10.0.0.1]/hook", Err(Host)),
            ("http://staging.example.evil.invalid/hook", Err(Host)),
        ];
        for (url, expected) in table {
            assert_eq!(hosts.check(url).await.map(drop), expected, "{url}");
        }
    }
}
