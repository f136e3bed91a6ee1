//! PostgreSQL in scenarios: its keys, its address and its password.

use std::time::Duration;

use insta::assert_snapshot;

use super::*;
use crate::plan::{Architecture, Database, Postgres, PostgresPlace, RealtimeSource, TargetKind};

fn target(keys: &str) -> String {
    format!("name = \"s\"\n[target]\nserver = \"reference\"\n{keys}\n{LOAD}{JOURNEY}")
}

fn postgres(keys: &str) -> Postgres {
    let loaded = load_files(&[("s.toml", &target(keys))], &[], &[]);
    let plan = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}")).plan;
    match plan.target.kind {
        TargetKind::Reference(server) => match server.database {
            Database::Postgres(postgres) => postgres,
            Database::Sqlite => panic!("a plan with PostgreSQL"),
        },
        TargetKind::Remote(_) => panic!("a plan with the reference server"),
    }
}

#[test]
fn a_throw_away_cluster_is_one_word_and_takes_the_servers_defaults() {
    let plain = postgres("database = \"postgres\"");
    assert_eq!(
        plain.place,
        PostgresPlace::ThrowAway {
            commit_delay: Duration::ZERO
        }
    );
    assert_eq!(plain.architecture, Architecture::Direct);
    assert_eq!(
        (plain.realtime, plain.pool.connections, plain.pool.wait),
        (None, None, None)
    );
    assert!(plain.legacy.settings.is_empty());
}

#[test]
fn every_key_of_postgresql_is_lowered() {
    let full = postgres(
        r#"database = "postgres"
direct_percent = 50
realtime = "poll"
pool = { connections = 3, wait = "250ms" }
legacy = { queue = "pg_net_0_14", queue_timeout = "2s", edge_boot = "supabase_2025_07", edge_cold_share = "20%", edge_hop = "5ms", trigger_wait = "3s" }
faults = { commit_delay = "20ms" }"#,
    );
    assert_eq!(full.architecture, Architecture::Rollout { direct_percent: 50 });
    assert_eq!(full.realtime, Some(RealtimeSource::Poll));
    assert_eq!(
        (full.pool.connections, full.pool.wait),
        (Some(3), Some(Duration::from_millis(250)))
    );
    assert_eq!(
        full.place,
        PostgresPlace::ThrowAway {
            commit_delay: Duration::from_millis(20)
        }
    );
    let settings: Vec<String> = full
        .legacy
        .settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        settings,
        [
            "queue-worker=pg-net-0-14",
            "edge-boot=supabase-2025-07",
            "queue-timeout=2s",
            "edge-hop=5ms",
            "trigger-wait=3s",
            "edge-cold-share=20%"
        ]
    );
    // A comparison sets the architecture and leaves the model where it is.
    let direct =
        postgres("database = \"postgres\"\narchitecture = \"direct\"\nlegacy = { queue = \"pg_net_0_20\" }");
    assert_eq!(direct.architecture, Architecture::Direct);
}

#[test]
fn what_needs_postgresql_says_so() {
    let keys = r#"architecture = "trigger"
direct_percent = 50
realtime = "wal"
pool = { connections = 3 }
legacy = { edge_boot = "none" }
faults = { commit_delay = "1ms" }"#;
    assert_snapshot!(mistakes(&target(keys)), @r#"
    s.toml:4:16: the trigger architecture needs PostgreSQL; write database = "postgres"
      4 | architecture = "trigger"
        |                ^^^^^^^^^
    s.toml:5:1: `direct_percent` needs PostgreSQL; write database = "postgres"
      5 | direct_percent = 50
        | ^^^^^^^^^^^^^^
    s.toml:6:1: `realtime` needs PostgreSQL; write database = "postgres"
      6 | realtime = "wal"
        | ^^^^^^^^
    s.toml:7:1: `pool` needs PostgreSQL; write database = "postgres"
      7 | pool = { connections = 3 }
        | ^^^^
    s.toml:8:1: `legacy` needs PostgreSQL; write database = "postgres"
      8 | legacy = { edge_boot = "none" }
        | ^^^^^^
    s.toml:9:12: only the run's own database can be slowed down: write database = "postgres" in `[target]`
      9 | faults = { commit_delay = "1ms" }
        |            ^^^^^^^^^^^^
    6 mistakes found
    "#);
    assert_snapshot!(mistakes(&target("database = \"mysql\"")), @r#"
    s.toml:4:12: this is no database of the reference server; write "sqlite", "postgres" (a throw-away cluster), or the address of your own: "postgres://user@host:port/database"
      4 | database = "mysql"
        |            ^^^^^^^
    1 mistake found
    "#);
    assert_snapshot!(
        mistakes(&target("database = \"postgres\"\narchitecture = \"trigger\"\ndirect_percent = 50\nfaults = { commit_delay = \"200ms\" }\npool = { connections = 0, wait = \"0s\" }\nlegacy = { queue = \"pg_net\" }")),
        @r#"
    s.toml:6:1: `direct_percent` runs both architectures side by side, so `architecture` has nothing to say; leave one of them out
      6 | direct_percent = 50
        | ^^^^^^^^^^^^^^
    s.toml:7:27: PostgreSQL delays a commit by 100ms at most
      7 | faults = { commit_delay = "200ms" }
        |                           ^^^^^^^
    s.toml:8:24: expected a number of 1 or more; found the number 0
      8 | pool = { connections = 0, wait = "0s" }
        |                        ^
    s.toml:8:34: the duration must be longer than zero
      8 | pool = { connections = 0, wait = "0s" }
        |                                  ^^^^
    s.toml:9:20: expected one of "pg_net_0_14", "pg_net_0_20"; found the text "pg_net"; did you mean "pg_net_0_20"?
      9 | legacy = { queue = "pg_net" }
        |                    ^^^^^^^^
    5 mistakes found
    "#
    );
    let remote = format!(
        "name = \"s\"\n[target]\nbase_url = \"http://127.0.0.1:1\"\ndirect_percent = 5\npool = {{ connections = 3 }}\n{LOAD}{JOURNEY}"
    );
    assert_snapshot!(mistakes(&remote), @r"
    s.toml:4:1: `direct_percent` is a setting of the reference server; it cannot be chosen for a target with `base_url`
      4 | direct_percent = 5
        | ^^^^^^^^^^^^^^
    s.toml:5:1: `pool` is a setting of the reference server; it cannot be chosen for a target with `base_url`
      5 | pool = { connections = 3 }
        | ^^^^
    2 mistakes found
    ");
}

#[test]
fn a_database_of_ones_own_must_be_on_an_allowed_host() {
    let at = |url: &str, more: &str| mistakes(&target(&format!("database = \"{url}\"\n{more}")));
    assert_eq!(at("postgres://me@localhost:5432/app", ""), "none");
    assert_eq!(at("postgresql:///app?host=/run/postgresql", ""), "none");
    assert_eq!(
        at(
            "postgres://me@db.example.com/app",
            "allow_hosts = [\"db.example.com\"]"
        ),
        "none"
    );
    assert_snapshot!(at("postgres://me@db.example.com/app", ""), @r#"
    s.toml:4:12: load is sent only to this machine unless the scenario allows it; if the owner of `db.example.com` agrees, add allow_hosts = ["db.example.com"] to `[target]`
      4 | database = "postgres://me@db.example.com/app"
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
    assert_snapshot!(at("postgres:///app", "faults = { commit_delay = \"5ms\" }"), @r#"
    s.toml:4:12: the address names no host; write "postgres://user@host:port/database"
      4 | database = "postgres:///app"
        |            ^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);
}

#[test]
fn the_password_of_a_database_comes_from_the_environment_and_is_shown_nowhere() {
    let written = mistakes(&target("database = \"postgres://me:hunter2@localhost/app\""));
    assert!(!written.contains("hunter2"), "{written}");
    assert_snapshot!(written, @r#"
    s.toml:4:12: a password must not be written into a file; name an environment variable in its place, or for the whole address: database = "${DATABASE_URL}"
      4 | database = *************************************
        |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    1 mistake found
    "#);

    let environment = [
        ("DATABASE_URL", "postgres://me:hunter2@localhost/app"),
        ("PW", "hunter2"),
    ];
    for database in ["${DATABASE_URL}", "postgres://me:${PW}@localhost/app"] {
        let text = target(&format!("database = \"{database}\""));
        let loaded = load_files(&[("s.toml", &text)], &[], &environment).unwrap();
        assert!(!format!("{loaded:?}").contains("hunter2"));
        let TargetKind::Reference(server) = &loaded.plan.target.kind else {
            panic!("the reference server");
        };
        let Database::Postgres(Postgres {
            place: PostgresPlace::At(url),
            ..
        }) = &server.database
        else {
            panic!("a database of one's own");
        };
        assert_eq!(url.expose(), "postgres://me:hunter2@localhost/app");
        // In the wrong place it is not shown either.
        let wrong = text
            .replace("[load]", "[load]\nrat = \"${PW}\"")
            .replace("localhost", "db");
        let told = load_files(&[("s.toml", &wrong)], &[], &environment).unwrap_err();
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }

    let sets = [("target.database", "postgres://me:hunter2@localhost/app")];
    let told = load_files(&[("s.toml", &target(""))], &sets, &[])
        .unwrap_err()
        .to_string();
    assert!(!told.contains("hunter2"), "{told}");
    assert_snapshot!(told, @r"
    --set:1:1: `database` holds a secret, and command lines are visible to others; set it in the environment instead
      1 | target.database=…
        | ^^^^^^^^^^^^^^^
    1 mistake found
    ");
}
