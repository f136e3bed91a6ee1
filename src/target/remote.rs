//! A deployment of the user's own, with or without the mock beside it.

use std::path::Path;

use super::mock::MockControl;
use super::operator::Operator;
use super::probe::TargetProbe;
use super::reference::{Endpoints, StartError, Started, classconnect_secrets, dialing, start_mock};
use crate::chance::Chance;
use crate::clock::wall_clock_now;
use crate::identity::Identities;
use crate::plan::{HttpVersion, Plan, RemoteTarget, Tokens};
use crate::protocol::{Connector, Dialing, Origin, TlsClient};

/// Finds out how the deployment is reached, and starts the mock beside it when the plan has one.
pub(super) async fn connect_remote(
    plan: &Plan,
    remote: &RemoteTarget,
    executable: &Path,
    folder: &Path,
) -> Result<Started, StartError> {
    let mut children = Vec::new();
    let mut mock = None;
    if let Some(attachment) = plan
        .classconnect
        .as_ref()
        .and_then(|mock| mock.attachment.as_ref())
    {
        let secrets = classconnect_secrets(&attachment.api_key, &attachment.webhook_secret);
        let child = start_mock(plan, &attachment.listen.to_string(), &secrets, executable, folder).await?;
        mock = Some(MockControl::new(child.url())?);
        children.push(child);
    }
    let chance = Chance::new(plan.seed);
    let key = remote.api_key.as_deref();
    let identities = match &remote.tokens {
        Tokens::None => Identities::anonymous(chance, key),
        Tokens::Signed { jwt_secret } => {
            Identities::signed(chance, key, jwt_secret, wall_clock_now().as_second())
        }
        Tokens::File(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| StartError::TokensFile {
                path: path.clone(),
                source,
            })?;
            let tokens = text
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(str::to_owned);
            Identities::listed(chance, key, tokens.collect())
        }
    };
    let realtime_path = path_of(&remote.realtime_url);
    let separator = if realtime_path.contains('?') { '&' } else { '?' };
    let key_part = key.map(|key| format!("apikey={key}&")).unwrap_or_default();
    let (http, realtime) = dial_remote(plan, remote)?;
    let connector = Connector::resolve(&http).await?;
    let endpoints = Endpoints {
        base_url: remote.base_url.clone(),
        http,
        base_path: path_of(&remote.base_url),
        realtime,
        realtime_path: format!("{realtime_path}{separator}{key_part}vsn=2.0.0"),
        identities: identities.clone(),
        notes: Vec::new(),
        standby: None,
        description: if plan.target.is_unverified() {
            format!("{} (certificate not verified)", remote.base_url)
        } else {
            remote.base_url.clone()
        },
    };
    let probe = TargetProbe::new(&remote.base_url, connector, identities.clone());
    Ok(Started {
        operator: Operator::new(probe.clone(), identities, None),
        standby: None,
        probe,
        endpoints,
        mock,
        children,
        database: None,
        health_path: remote.health_path.clone(),
    })
}

/// How the load's two kinds of connections are made: for requests and for realtime sockets.
fn dial_remote(plan: &Plan, remote: &RemoteTarget) -> Result<(Dialing, Dialing), StartError> {
    let transport = &remote.transport;
    let has_tls = [&remote.base_url, &remote.realtime_url]
        .into_iter()
        .any(|url| Origin::parse(url).is_some_and(|origin| origin.is_secure()));
    let tls = if has_tls {
        Some(TlsClient::new(&transport.certificates)?)
    } else {
        None
    };
    let dial = |url, version| dialing(plan, url, transport, version, tls.as_ref());
    let http = dial(&remote.base_url, transport.http_version)?;
    // A realtime socket begins as a request of HTTP/1.1, whatever the other requests are.
    let realtime = dial(&remote.realtime_url, HttpVersion::Http1)?;
    Ok((http, realtime))
}

/// Path and query of a URL, without a trailing slash.
fn path_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or_else(String::new, |start| {
        rest[start..].trim_end_matches('/').to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_off_their_addresses() {
        assert_eq!(path_of("http://127.0.0.1:8080/api/"), "/api");
        assert_eq!(path_of("http://127.0.0.1:8080"), "");
        assert_eq!(
            path_of("ws://h/realtime/v1/websocket?x=1"),
            "/realtime/v1/websocket?x=1"
        );
    }
}
