//! `[target]`.

use std::path::Path;
use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{ServerFile, TargetFaults, TargetFile, TraceparentFile};
use super::address::{Address, parse_address};
use super::at::{At, duration_or, parse, positive_duration_or};
use super::{postgres, transport};
use crate::plan::{
    Connections, Database, Load, ReferenceServer, RemoteTarget, StandbyServer, Target, TargetKind, Tokens,
    Traceparent,
};
use crate::units::Ratio;

/// Path of the realtime endpoint where the scenario does not name one.
const REALTIME_PATH: &str = "/realtime/v1/websocket";

/// Lowers `[target]`. Files it names are relative to `folder`.
pub(super) fn lower(
    file: &TargetFile,
    folder: &Path,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Target> {
    let connect_timeout = positive_duration_or(
        Duration::from_secs(2),
        file.connect_timeout.as_ref(),
        at,
        "connect_timeout",
        diagnostics,
    );
    let allow_hosts = file.allow_hosts.clone().unwrap_or_default();
    let kind = match (&file.server, &file.base_url) {
        (Some(ServerFile::Reference), None) => {
            refuse_keys(
                at,
                &[
                    "realtime_url",
                    "api_key",
                    "tokens_file",
                    "jwt_secret",
                    "health",
                    "tls",
                    "http_version",
                ],
                "is for a target with `base_url`; the run knows this of its own server",
                diagnostics,
            );
            reference(file, folder, at, diagnostics).map(TargetKind::Reference)
        }
        (None, Some(base_url)) => {
            refuse_keys(
                at,
                &[
                    "architecture",
                    "database",
                    "direct_percent",
                    "realtime",
                    "pool",
                    "legacy",
                    "faults",
                    "standby",
                ],
                "is a setting of the reference server; it cannot be chosen for a target with `base_url`",
                diagnostics,
            );
            remote(file, base_url, folder, &allow_hosts, at, diagnostics).map(TargetKind::Remote)
        }
        (Some(_), Some(_)) => {
            diagnostics.push(
                at.key("base_url").key_span(),
                "the target is either `server` or `base_url`, not both",
            );
            None
        }
        (None, None) => {
            if !at.is_refused("server") && !at.is_refused("base_url") {
                diagnostics.push(
                    at.key_span(),
                    "the target is missing: write server = \"reference\", or base_url = \"http://…\"",
                );
            }
            None
        }
    };
    let kind = kind?;
    let is_this_program = matches!(kind, TargetKind::Reference(_));
    Some(Target {
        version: version(file.version.as_deref(), is_this_program),
        kind,
        allow_hosts,
        connect_timeout: connect_timeout?,
        traceparent: traceparent(file.traceparent),
    })
}

/// The version that reports name. An empty one is none: scenarios take it from a variable that may not be set.
fn version(written: Option<&str>, is_this_program: bool) -> String {
    match written.map(str::trim).filter(|version| !version.is_empty()) {
        Some(version) => version.to_owned(),
        None if is_this_program => env!("CARGO_PKG_VERSION").to_owned(),
        None => "unknown".to_owned(),
    }
}

fn traceparent(file: Option<TraceparentFile>) -> Traceparent {
    match file {
        None => Traceparent::default(),
        Some(TraceparentFile::Off) => Traceparent::Off,
        Some(TraceparentFile::Unsampled) => Traceparent::Unsampled,
        Some(TraceparentFile::Sampled) => Traceparent::Sampled,
    }
}

fn refuse_keys(at: At<'_>, keys: &[&str], reason: &str, diagnostics: &mut Diagnostics) {
    for key in keys {
        if at.has(key) {
            diagnostics.push(at.key(key).key_span(), format!("`{key}` {reason}"));
        }
    }
}

fn reference(
    file: &TargetFile,
    folder: &Path,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ReferenceServer> {
    let database = postgres::database(file, at, diagnostics);
    if file.standby.is_some() && database == Some(Database::Sqlite) {
        diagnostics.push(
            at.key("standby").key_span(),
            "a second server needs a database that two can share: write database = \"postgres\", or the address of your own",
        );
    }
    let standby = file.standby.as_ref().map(|standby| StandbyServer {
        version: version(standby.version.as_deref(), standby.executable.is_none()),
        executable: standby.executable.as_ref().map(|path| folder.join(path)),
    });
    let none = TargetFaults::default();
    let faults = file.faults.as_ref().unwrap_or(&none);
    let at = at.key("faults");
    let answer_delay = duration_or(
        Duration::ZERO,
        faults.answer_delay.as_ref(),
        at,
        "answer_delay",
        diagnostics,
    );
    let error_rate = match &faults.error_rate {
        Some(text) => parse(Some(&text.0), at.key("error_rate"), diagnostics, str::parse),
        None => Some(Ratio::ZERO),
    };
    Some(ReferenceServer {
        database: database?,
        answer_delay: answer_delay?,
        error_rate: error_rate?,
        poll_classconnect: faults.poll_classconnect.unwrap_or(true),
        standby,
    })
}

/// Whoever keeps a connection from one iteration to the next would never go elsewhere; `at` is the whole file.
pub(super) fn check_standby(
    target: Option<&Target>,
    load: Option<&Load>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) {
    let has_standby =
        |target: &Target| matches!(&target.kind, TargetKind::Reference(server) if server.standby.is_some());
    if target.is_some_and(has_standby)
        && load.is_some_and(|load| load.connections == Connections::PerVirtualUser)
    {
        diagnostics.push(
            at.key("target").key("standby").key_span(),
            "users who keep their connection from one iteration to the next never move to a second server: write \
             connections = \"per-iteration\" in `[load]`",
        );
    }
}

fn remote(
    file: &TargetFile,
    base_url: &str,
    folder: &Path,
    allow_hosts: &[String],
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<RemoteTarget> {
    let base = address(base_url, "http", allow_hosts, at.key("base_url"), diagnostics);
    let realtime = match &file.realtime_url {
        Some(url) => address(url, "ws", allow_hosts, at.key("realtime_url"), diagnostics)
            .map(|address| (address.text, address.is_secure)),
        None => base.as_ref().map(|base| {
            let scheme = if base.is_secure { "wss" } else { "ws" };
            let url = format!("{scheme}://{}{}{REALTIME_PATH}", base.authority, base.path);
            (url, base.is_secure)
        }),
    };
    let tokens = match (&file.jwt_secret, &file.tokens_file) {
        (Some(_), Some(_)) => {
            diagnostics.push(
                at.key("tokens_file").key_span(),
                "tokens come either from `jwt_secret` or from `tokens_file`, not from both",
            );
            None
        }
        (Some(jwt_secret), None) => Some(Tokens::Signed {
            jwt_secret: jwt_secret.clone(),
        }),
        (None, Some(path)) => Some(Tokens::File(folder.join(path))),
        (None, None) => Some(Tokens::None),
    };
    if let Some(health) = &file.health
        && !health.starts_with('/')
    {
        diagnostics.push(
            at.key("health").value_span(),
            "the health path must begin with `/`, such as \"/healthz\"",
        );
    }
    let (base, (realtime_url, realtime_is_secure)) = base.zip(realtime)?;
    let has_tls = base.is_secure || realtime_is_secure;
    let transport = transport::lower(file, folder, has_tls, at, diagnostics);
    Some(RemoteTarget {
        base_url: base.text,
        realtime_url,
        api_key: file.api_key.clone(),
        tokens: tokens?,
        health_path: file.health.clone(),
        transport: transport?,
    })
}

/// Checks an address: its scheme, and that its host may be sent load.
fn address(
    url: &str,
    scheme: &str,
    allow_hosts: &[String],
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Address> {
    let address = match parse_address(url, scheme) {
        Ok(address) => address,
        Err(mistake) => {
            if mistake.holds_credentials {
                diagnostics.redact(at.value_span());
            }
            diagnostics.push(at.value_span(), mistake.sentence);
            return None;
        }
    };
    let allowed = allow_hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&address.host));
    if !address.is_loopback() && !allowed {
        diagnostics.push(
            at.value_span(),
            format!(
                "load is sent only to this machine unless the scenario allows it; if the owner of `{host}` agrees, \
                 add allow_hosts = [\"{host}\"] to `[target]`",
                host = address.host
            ),
        );
        return None;
    }
    Some(address)
}
