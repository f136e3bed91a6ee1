//! `database` of `[target]`, and the keys that only PostgreSQL gives a meaning to.

use std::net::IpAddr;
use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{
    ArchitectureFile, EdgeBootFile, LegacyFile, LegacyQueueFile, PoolFile, RealtimeFile, TargetFile,
};
use super::at::{At, duration, duration_or, parse, positive_duration};
use crate::plan::{
    Architecture, ConnectionPool, Database, DatabaseUrl, LegacyModel, Postgres, PostgresPlace, RealtimeSource,
};
use crate::units::{Ratio, format_duration};

/// The longest that PostgreSQL lets a commit wait by its own setting.
const COMMIT_DELAY_MAX: Duration = Duration::from_millis(100);

/// Keys of `[target]` that are settings of PostgreSQL, or of what is built on it.
const POSTGRES_KEYS: [&str; 4] = ["direct_percent", "realtime", "pool", "legacy"];

/// What `database` names.
enum Named {
    Sqlite,
    ThrowAway,
    At(DatabaseUrl),
}

/// Lowers `database` and what depends on it; `at` is `[target]`.
pub(super) fn database(file: &TargetFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Database> {
    let allow_hosts = file.allow_hosts.as_deref().unwrap_or_default();
    let named = named(file.database.as_deref(), allow_hosts, at, diagnostics);
    let commit_delay = commit_delay(file, named.as_ref(), at.key("faults"), diagnostics);
    let place = match named? {
        Named::Sqlite => {
            refuse_without_postgres(file, at, diagnostics);
            return Some(Database::Sqlite);
        }
        Named::ThrowAway => commit_delay.map(|commit_delay| PostgresPlace::ThrowAway { commit_delay }),
        Named::At(url) => Some(PostgresPlace::At(url)),
    };
    let architecture = architecture(file, at, diagnostics);
    let pool = match &file.pool {
        Some(pool) => lower_pool(pool, at.key("pool"), diagnostics),
        None => Some(ConnectionPool::default()),
    };
    let legacy = match &file.legacy {
        Some(legacy) => lower_legacy(legacy, at.key("legacy"), diagnostics),
        None => Some(LegacyModel::default()),
    };
    Some(Database::Postgres(Postgres {
        place: place?,
        architecture: architecture?,
        realtime: file.realtime.map(|realtime| match realtime {
            RealtimeFile::Wal => RealtimeSource::WriteAheadLog,
            RealtimeFile::Poll => RealtimeSource::Poll,
        }),
        pool: pool?,
        legacy: legacy?,
    }))
}

fn named(
    database: Option<&str>,
    allow_hosts: &[String],
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Named> {
    if at.is_refused("database") {
        return None;
    }
    let at = at.key("database");
    match database.unwrap_or("sqlite") {
        "sqlite" => Some(Named::Sqlite),
        "postgres" => Some(Named::ThrowAway),
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            check_host(url, allow_hosts, at, diagnostics)?;
            Some(Named::At(DatabaseUrl::new(url.to_owned())))
        }
        _ => {
            diagnostics.push(
                at.value_span(),
                "this is no database of the reference server; write \"sqlite\", \"postgres\" (a throw-away cluster), or \
                 the address of your own: \"postgres://user@host:port/database\"",
            );
            None
        }
    }
}

/// The load reaches the database through the server, so its host must be allowed like any other.
fn check_host(url: &str, allow_hosts: &[String], at: At<'_>, diagnostics: &mut Diagnostics) -> Option<()> {
    let hosts = hosts_of(url);
    if hosts.is_empty() {
        diagnostics.push(
            at.value_span(),
            "the address names no host; write \"postgres://user@host:port/database\"",
        );
        return None;
    }
    let foreign = hosts.iter().find(|host| {
        let is_allowed = allow_hosts
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(host));
        !is_on_this_machine(host) && !is_allowed
    });
    if let Some(host) = foreign {
        diagnostics.push(
            at.value_span(),
            format!(
                "load is sent only to this machine unless the scenario allows it; if the owner of `{host}` agrees, add \
                 allow_hosts = [\"{host}\"] to `[target]`"
            ),
        );
        return None;
    }
    Some(())
}

/// Every host that the address would have a client connect to.
fn hosts_of(url: &str) -> Vec<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (before_query, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before_query.split('/').next().unwrap_or_default();
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host_and_port.strip_prefix('[') {
        Some(within) => within.split(']').next().unwrap_or_default(),
        None => host_and_port.split(':').next().unwrap_or_default(),
    };
    let in_query = query.split('&').filter_map(|pair| match pair.split_once('=') {
        Some(("host" | "hostaddr", value)) => Some(value),
        _ => None,
    });
    std::iter::once(host)
        .chain(in_query)
        .filter(|host| !host.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A path is the folder of a socket; in an address its slashes may be percent-encoded.
fn is_on_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.starts_with('/')
        || host.to_ascii_lowercase().starts_with("%2f")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Without PostgreSQL there are no triggers, no log to read changes from, and no pool.
fn refuse_without_postgres(file: &TargetFile, at: At<'_>, diagnostics: &mut Diagnostics) {
    if file.architecture == Some(ArchitectureFile::Trigger) {
        diagnostics.push(
            at.key("architecture").value_span(),
            "the trigger architecture needs PostgreSQL; write database = \"postgres\"",
        );
    }
    for key in POSTGRES_KEYS {
        if at.has(key) {
            diagnostics.push(
                at.key(key).key_span(),
                format!("`{key}` needs PostgreSQL; write database = \"postgres\""),
            );
        }
    }
}

fn architecture(file: &TargetFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Architecture> {
    if let Some(percent) = file.direct_percent {
        if file.architecture.is_some() {
            diagnostics.push(
                at.key("direct_percent").key_span(),
                "`direct_percent` runs both architectures side by side, so `architecture` has nothing to say; leave one \
                 of them out",
            );
            return None;
        }
        let direct_percent = u8::try_from(percent).ok()?;
        return Some(Architecture::Rollout { direct_percent });
    }
    if at.is_refused("direct_percent") || at.is_refused("architecture") {
        return None;
    }
    Some(match file.architecture.unwrap_or(ArchitectureFile::Direct) {
        ArchitectureFile::Direct => Architecture::Direct,
        ArchitectureFile::Trigger => Architecture::Trigger,
    })
}

fn lower_pool(file: &PoolFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<ConnectionPool> {
    let wait = match &file.wait {
        Some(text) => Some(positive_duration(Some(text), at.key("wait"), diagnostics)?),
        None => None,
    };
    Some(ConnectionPool {
        connections: file.connections.map(u16::try_from).transpose().ok()?,
        wait,
    })
}

/// The settings of the model by the names that the server has for them.
fn lower_legacy(file: &LegacyFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<LegacyModel> {
    let mut settings: Vec<(&'static str, String)> = Vec::new();
    if let Some(queue) = file.queue {
        let queue = match queue {
            LegacyQueueFile::PgNet014 => "pg-net-0-14",
            LegacyQueueFile::PgNet020 => "pg-net-0-20",
        };
        settings.push(("queue-worker", queue.to_owned()));
    }
    if let Some(boot) = file.edge_boot {
        let boot = match boot {
            EdgeBootFile::None => "none",
            EdgeBootFile::Supabase202409 => "supabase-2024-09",
            EdgeBootFile::Supabase202507 => "supabase-2025-07",
        };
        settings.push(("edge-boot", boot.to_owned()));
    }
    let mut complete = true;
    for (key, name, text) in [
        ("queue_timeout", "queue-timeout", &file.queue_timeout),
        ("edge_hop", "edge-hop", &file.edge_hop),
        ("trigger_wait", "trigger-wait", &file.trigger_wait),
    ] {
        if let Some(text) = text {
            match duration(Some(text), at.key(key), diagnostics) {
                Some(duration) => settings.push((name, format_duration(duration))),
                None => complete = false,
            }
        }
    }
    if let Some(text) = &file.edge_cold_share {
        let share: Option<Ratio> = parse(Some(&text.0), at.key("edge_cold_share"), diagnostics, str::parse);
        match share {
            Some(share) => settings.push(("edge-cold-share", share.to_string())),
            None => complete = false,
        }
    }
    complete.then_some(LegacyModel { settings })
}

/// How much longer commits take; `at` is `[target.faults]`.
fn commit_delay(
    file: &TargetFile,
    named: Option<&Named>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let text = file
        .faults
        .as_ref()
        .and_then(|faults| faults.commit_delay.as_ref());
    let delay = duration_or(Duration::ZERO, text, at, "commit_delay", diagnostics)?;
    if text.is_some() && !matches!(named, None | Some(Named::ThrowAway)) {
        diagnostics.push(
            at.key("commit_delay").key_span(),
            "only the run's own database can be slowed down: write database = \"postgres\" in `[target]`",
        );
        return None;
    }
    if delay > COMMIT_DELAY_MAX {
        diagnostics.push(
            at.key("commit_delay").value_span(),
            "PostgreSQL delays a commit by 100ms at most",
        );
        return None;
    }
    Some(delay)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_of_an_address_is_found() {
        for (url, hosts) in [
            (
                "postgres://me:p%40ss@db.example.com:5432/app",
                vec!["db.example.com"],
            ),
            ("postgres://[::1]:5432/app?sslmode=disable", vec!["::1"]),
            (
                "postgresql:///app?host=%2Fvar%2Frun%2Fpostgresql",
                vec!["%2Fvar%2Frun%2Fpostgresql"],
            ),
            (
                "postgres://localhost/app?hostaddr=192.0.2.7",
                vec!["localhost", "192.0.2.7"],
            ),
            ("postgres:///app", vec![]),
        ] {
            assert_eq!(hosts_of(url), hosts, "{url}");
        }
    }

    #[test]
    fn sockets_and_loopback_are_this_machine() {
        for host in [
            "localhost",
            "127.0.0.1",
            "::1",
            "/run/postgresql",
            "%2Frun%2Fpostgresql",
        ] {
            assert!(is_on_this_machine(host), "{host}");
        }
        for host in [
            "db",
            "127.0.0.1.example.com",
            "192.0.2.7",
            "localhost.example.com",
        ] {
            assert!(!is_on_this_machine(host), "{host}");
        }
    }
}
