//! What the reference server is told about PostgreSQL, as its arguments. Its address is not among them: the arguments of a
//! process can be read by everybody on the host.

use crate::plan::{Architecture, Postgres, PostgresPlace, RealtimeSource};
use crate::units::format_duration;

/// The arguments; `seed` is the run's.
pub(super) fn postgres_arguments(postgres: &Postgres, seed: u64) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    let mut say = |name: &str, value: String| arguments.extend([format!("--{name}"), value]);
    let is_new = matches!(postgres.place, PostgresPlace::ThrowAway { .. });
    match postgres.architecture {
        // As a new database has it; one that is there already may have been left otherwise.
        Architecture::Direct if is_new => {}
        Architecture::Direct => say("architecture", "direct".to_owned()),
        Architecture::Trigger => say("architecture", "trigger".to_owned()),
        Architecture::Rollout { direct_percent } => say("direct-percent", direct_percent.to_string()),
    }
    match postgres.realtime {
        Some(RealtimeSource::WriteAheadLog) => say("realtime", "wal".to_owned()),
        Some(RealtimeSource::Poll) => say("realtime", "poll".to_owned()),
        None => {}
    }
    if let Some(connections) = postgres.pool.connections {
        say("pool-connections", connections.to_string());
    }
    if let Some(wait) = postgres.pool.wait {
        say("pool-wait", format_duration(wait));
    }
    if !postgres.legacy.settings.is_empty() {
        say("edge-seed", seed.to_string());
    }
    for (name, value) in &postgres.legacy.settings {
        say(name, value.clone());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plan::{ConnectionPool, DatabaseUrl, LegacyModel};

    #[test]
    fn the_server_is_told_what_the_scenario_says_and_no_address() {
        let postgres = Postgres {
            place: PostgresPlace::At(DatabaseUrl::new("postgres://me:hunter2@localhost/app".to_owned())),
            architecture: Architecture::Rollout { direct_percent: 10 },
            realtime: Some(RealtimeSource::Poll),
            pool: ConnectionPool {
                connections: Some(3),
                wait: Some(Duration::from_millis(250)),
            },
            legacy: LegacyModel {
                settings: vec![("edge-boot", "none".to_owned())],
            },
        };
        assert_eq!(
            postgres_arguments(&postgres, 7).join(" "),
            "--direct-percent 10 --realtime poll --pool-connections 3 --pool-wait 250ms --edge-seed 7 --edge-boot none"
        );
        let plain = Postgres {
            architecture: Architecture::Direct,
            realtime: None,
            pool: ConnectionPool::default(),
            legacy: LegacyModel::default(),
            ..postgres
        };
        assert_eq!(postgres_arguments(&plain, 7).join(" "), "--architecture direct");
        assert!(!format!("{plain:?}").contains("hunter2"));
        let new = Postgres {
            place: PostgresPlace::ThrowAway {
                commit_delay: Duration::ZERO,
            },
            ..plain
        };
        assert_eq!(postgres_arguments(&new, 7), Vec::<String>::new());
    }
}
