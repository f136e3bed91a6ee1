//! What is tested, in words: for the first line of a report, and for what its reader must know besides.

use serde_json::Value;

use super::database::ThrowAwayDatabase;
use super::probe::TargetProbe;
use crate::plan::{Architecture, Database, Postgres, PostgresPlace, RealtimeSource, ReferenceServer};
use crate::units::format_duration;

/// Where the server says what its architecture is made of.
const ARCHITECTURE_PATH: &str = "/admin/v1/architecture";
/// More and longer sentences of the server's are not taken over: they stand at the top of the report.
const NOTES_MAX: usize = 20;
const NOTE_LENGTH_MAX: usize = 400;

/// What is tested.
pub(super) struct About {
    /// One line.
    pub(super) description: String,
    /// Sentences.
    pub(super) notes: Vec<String>,
}

impl About {
    /// What the plan says of the reference server, and what the server says itself.
    pub(super) async fn ask(
        server: &ReferenceServer,
        own: Option<&ThrowAwayDatabase>,
        probe: &TargetProbe,
    ) -> Self {
        let Database::Postgres(postgres) = &server.database else {
            return Self {
                description: describe("direct service calls", "SQLite"),
                notes: Vec::new(),
            };
        };
        let says = probe.ask_as_operator(ARCHITECTURE_PATH).await.unwrap_or_default();
        let mut notes = notes_of(postgres);
        if postgres.architecture != Architecture::Direct {
            notes.extend(told(&says));
        }
        Self {
            description: describe(
                &architecture(postgres.architecture),
                &database(postgres, own, &says),
            ),
            notes,
        }
    }
}

fn describe(architecture: &str, database: &str) -> String {
    format!("the built-in reference server ({architecture}, {database})")
}

fn architecture(architecture: Architecture) -> String {
    match architecture {
        Architecture::Direct => "direct service calls".to_owned(),
        Architecture::Trigger => "the legacy trigger architecture, a model".to_owned(),
        Architecture::Rollout { direct_percent } => {
            format!(
                "{direct_percent} % direct service calls at the start, the others by the legacy triggers, a model"
            )
        }
    }
}

fn database(postgres: &Postgres, own: Option<&ThrowAwayDatabase>, says: &Value) -> String {
    let version = own
        .map(ThrowAwayDatabase::version)
        .or(says["database_version"].as_str());
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    let whose = match postgres.place {
        PostgresPlace::ThrowAway { .. } => "a throw-away cluster",
        PostgresPlace::At(_) => "a server of its own",
    };
    let realtime = match postgres.realtime.unwrap_or(RealtimeSource::WriteAheadLog) {
        RealtimeSource::WriteAheadLog => "realtime from the write-ahead log",
        RealtimeSource::Poll => "realtime by polling",
    };
    format!("PostgreSQL{version} in {whose}, {realtime}")
}

/// What the plan itself changes about a database as it is installed.
fn notes_of(postgres: &Postgres) -> Vec<String> {
    match postgres.place {
        PostgresPlace::ThrowAway { commit_delay } if !commit_delay.is_zero() => vec![format!(
            "Every commit takes {} longer than the disk needs: the scenario says so (`commit_delay`).",
            format_duration(commit_delay)
        )],
        PostgresPlace::ThrowAway { .. } | PostgresPlace::At(_) => Vec::new(),
    }
}

/// The sentences that the server has about its own model.
fn told(says: &Value) -> impl Iterator<Item = String> {
    let notes = says["notes"].as_array().map_or(&[][..], Vec::as_slice);
    std::iter::once(&says["summary"])
        .chain(notes)
        .filter_map(Value::as_str)
        .take(NOTES_MAX)
        .map(|note| {
            note.chars()
                .filter(|c| !c.is_control())
                .take(NOTE_LENGTH_MAX)
                .collect()
        })
}
