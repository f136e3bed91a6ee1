//! Defaults, and every mistake with a sentence of its own.

use clap::Parser;

use super::*;
use crate::legacy::{BootProfile, InjectedDelays, LegacySettings, QueueProfile};
use crate::rollout::DirectPercent;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

const WEBHOOK: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

fn environment(name: &str) -> Option<String> {
    Some(match name {
        JWT_SECRET => "0123456789abcdef0123456789abcdef".to_owned(),
        API_KEY => "anon".to_owned(),
        CLASSCONNECT_API_KEY => "key".to_owned(),
        WEBHOOK_SECRET => format!("{WEBHOOK}, {WEBHOOK}"),
        _ => return None,
    })
}

fn args(flags: &[&str]) -> Args {
    Cli::try_parse_from([&["practice-server"], flags].concat())
        .unwrap()
        .args
}

fn mistakes(flags: &[&str], environment: impl Fn(&str) -> Option<String>) -> Vec<String> {
    args(flags).into_config(environment).unwrap_err().0
}

#[test]
fn the_defaults_are_usable() {
    let config = args(&[]).into_config(environment).unwrap();
    assert_eq!(config.database, DatabaseUrl::SqliteTemporary);
    assert_eq!(config.dispatch.retry_schedule, RetrySchedule::default());
    assert!(config.poll_classconnect);
    assert_eq!(config.faults.error_share, 0.0);
    assert!(
        !format!("{config:?}").contains("0123456789abcdef"),
        "a secret is printed"
    );
}

#[test]
fn flags_reach_the_configuration() {
    let config = args(&[
        "--database=sqlite:/tmp/a.db",
        "--pool-connections=3",
        "--pool-wait=250ms",
        "--fault-delay=300ms",
        "--fault-error-rate=10%",
        "--poll-classconnect=false",
        "--retry-schedule=0s,1s",
    ])
    .into_config(environment)
    .unwrap();
    assert_eq!(config.database, DatabaseUrl::SqliteFile("/tmp/a.db".into()));
    assert_eq!(config.faults.delay, Duration::from_millis(300));
    assert_eq!(config.faults.error_share, 0.1);
    assert_eq!(config.pool.connections.get(), 3);
    assert_eq!(config.pool.wait, Duration::from_millis(250));
    assert!(!config.poll_classconnect);
    assert_eq!(config.dispatch.retry_schedule.attempts_max(), 2);
}

#[test]
fn all_mistakes_come_at_once() {
    let flags = [
        "--database=mysql://x",
        "--classconnect-url=ftp://x",
        "--public-url=http://x/path",
        "--lease=0s",
    ];
    let found = mistakes(&flags, |name| (name == JWT_SECRET).then(|| "short".to_owned()));
    for part in [
        "--database",
        "--classconnect-url",
        "--public-url",
        "--lease",
        API_KEY,
        CLASSCONNECT_API_KEY,
        WEBHOOK_SECRET,
        "at least 32 bytes",
    ] {
        assert!(
            found.iter().any(|mistake| mistake.contains(part)),
            "{part} is missing in {found:?}"
        );
    }
    assert!(
        !found.iter().any(|mistake| mistake.contains("short")),
        "a secret is repeated"
    );
}

#[test]
fn a_bad_webhook_secret_is_named_but_not_shown() {
    let found = mistakes(&[], |name| match name {
        WEBHOOK_SECRET => Some("whsec_short".to_owned()),
        _ => environment(name),
    });
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with(WEBHOOK_SECRET) && !found[0].contains("whsec_short"),
        "{found:?}"
    );
}

#[test]
fn a_database_password_is_taken_and_never_shown() {
    let url = "postgres://app:hunter2@db.example:5432/practice";
    let args = args(&[&format!("--database={url}")]);
    assert!(!format!("{args:?}").contains("hunter2"));
    let config = args.into_config(environment).unwrap();
    assert_eq!(
        config.database.to_string(),
        "postgres://app@db.example:5432/practice"
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    for wrong in ["postgres://app:hunter2@h:x/d", "mysql://app:hunter2@h/d"] {
        let found = mistakes(&[&format!("--database={wrong}")], environment);
        assert!(found[0].contains("--database"), "{found:?}");
        assert!(!found[0].contains("hunter2"), "{found:?}");
    }
}

#[test]
fn bare_numbers_are_refused() {
    assert!(Cli::try_parse_from(["practice-server", "--fault-delay=300"]).is_err());
    assert!(Cli::try_parse_from(["practice-server", "--fault-error-rate=0.1"]).is_err());
}

#[test]
fn the_architecture_and_its_model_are_configured() {
    let config = args(&[
        "--database=postgres://app@127.0.0.1/practice",
        "--architecture=trigger",
        "--queue-worker=pg-net-0-14",
        "--queue-timeout=1s",
        "--edge-boot=supabase-2025-07",
        "--edge-cold-share=4%",
        "--edge-hop=100ms",
        "--edge-seed=7",
        "--trigger-wait=20s",
    ])
    .into_config(environment)
    .unwrap();
    let expected = LegacySettings {
        direct_percent: Some(DirectPercent::NOBODY),
        queue: QueueProfile::PgNet014,
        queue_timeout: Duration::from_secs(1),
        delays: InjectedDelays {
            profile: BootProfile::Supabase202507,
            cold_share: 0.04,
            hop: Duration::from_millis(100),
            seed: 7,
        },
        trigger_wait: Duration::from_secs(20),
    };
    assert_eq!(config.legacy, expected);
}

#[test]
fn a_percentage_goes_before_the_architecture_and_silence_leaves_the_flag_alone() {
    let percent = |flags: &[&str]| {
        let flags = [&["--database=postgres://app@127.0.0.1/practice"], flags].concat();
        let config = args(&flags).into_config(environment).unwrap();
        config.legacy.direct_percent.map(DirectPercent::get)
    };
    assert_eq!(percent(&[]), None);
    assert_eq!(percent(&["--architecture=direct"]), Some(100));
    assert_eq!(
        percent(&["--architecture=direct", "--direct-percent=10"]),
        Some(10)
    );
    assert!(Cli::try_parse_from(["practice-server", "--direct-percent=101"]).is_err());
}

#[test]
fn triggers_are_refused_without_postgresql() {
    for flag in ["--architecture=trigger", "--direct-percent=99"] {
        let found = mistakes(&[flag], environment);
        assert!(
            found.len() == 1 && found[0].contains("needs PostgreSQL"),
            "{found:?}"
        );
    }
    for flags in [&["--architecture=direct"], &["--direct-percent=100"]] {
        assert!(args(flags).into_config(environment).is_ok());
    }
    let found = mistakes(&["--queue-timeout=0s", "--trigger-wait=0s"], environment);
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn the_help_names_the_source_of_each_injected_delay() {
    use clap::CommandFactory;
    let help = Cli::command().render_long_help().to_string();
    for source in [
        "September 2024",
        "July 2025",
        "pg_net",
        "v0.14.0",
        "v0.20.5",
        "no official figure",
    ] {
        assert!(help.contains(source), "{source} is missing in {help}");
    }
}
