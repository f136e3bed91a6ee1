//! The architecture, checked: who may import whom, and what must not be found where.
//!
//! A rule is changed here and in ARCHITECTURE.md together, or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each module of the library and the modules it may import, lowest layer first. Imports point downwards only.
const MAY_IMPORT: [(&str, &[&str]); 29] = [
    // Words.
    ("units", &[]),
    ("clock", &[]),
    // Data.
    ("plan", &["units"]),
    // Pure logic: no waiting, no clock, no chance but the seed's.
    ("chance", &["plan"]),
    ("identity", &["chance"]),
    ("traces", &["chance", "plan"]),
    ("schedule", &["chance", "plan", "units"]),
    ("metrics", &["clock", "plan"]),
    ("audit", &["clock", "metrics", "plan"]),
    ("sla", &["metrics", "plan", "units"]),
    ("comparison", &["chance", "metrics", "plan", "sla", "units"]),
    (
        "report",
        &["clock", "comparison", "metrics", "plan", "sla", "traces", "units"],
    ),
    ("scenario", &["plan", "sla", "units"]),
    ("init", &["scenario", "units"]),
    // Effects.
    ("pacing", &["clock"]),
    ("protocol", &["metrics", "plan"]),
    (
        "step",
        &[
            "chance", "clock", "identity", "metrics", "pacing", "plan", "protocol", "traces",
        ],
    ),
    ("vu", &["chance", "clock", "metrics", "plan", "protocol", "step"]),
    ("executor", &["metrics", "plan", "schedule", "step", "vu"]),
    (
        "target",
        &[
            "audit", "chance", "clock", "identity", "plan", "protocol", "units",
        ],
    ),
    ("calibration", &["metrics", "plan", "units"]),
    // The run.
    (
        "run",
        &[
            "audit",
            "calibration",
            "chance",
            "clock",
            "executor",
            "identity",
            "metrics",
            "pacing",
            "plan",
            "protocol",
            "schedule",
            "sla",
            "step",
            "target",
            "traces",
        ],
    ),
    ("dashboard", &["report"]),
    (
        "recording",
        &["dashboard", "plan", "report", "run", "scenario", "sla"],
    ),
    (
        "capacity",
        &[
            "clock",
            "plan",
            "recording",
            "report",
            "run",
            "scenario",
            "sla",
            "units",
        ],
    ),
    (
        "compare",
        &[
            "capacity",
            "chance",
            "clock",
            "comparison",
            "metrics",
            "plan",
            "recording",
            "report",
            "run",
            "scenario",
            "sla",
            "units",
        ],
    ),
    // The shell.
    ("serve", &[]),
    (
        "cli",
        &[
            "capacity",
            "clock",
            "compare",
            "dashboard",
            "init",
            "plan",
            "recording",
            "report",
            "run",
            "scenario",
            "serve",
            "sla",
            "units",
        ],
    ),
    ("main", &["cli"]),
];

/// Longest source file: longer ones have more than one reason to change. Tests may be longer.
const LINES_MAX: usize = 500;

struct Source {
    path: PathBuf,
    /// The top-level module it belongs to.
    module: String,
    text: String,
    is_test: bool,
}

fn sources_in(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut sources = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(&root).unwrap();
                let first = inside.iter().next().unwrap().to_string_lossy();
                let is_test = ["tests", "tests.rs", "fixture", "fixture.rs"]
                    .iter()
                    .any(|name| inside.iter().any(|part| part == *name));
                sources.push(Source {
                    module: first.trim_end_matches(".rs").to_owned(),
                    text: std::fs::read_to_string(&path).unwrap(),
                    is_test,
                    path,
                });
            }
        }
    }
    assert!(!sources.is_empty(), "there are sources in {folder}");
    sources
}

/// The text before the tests, without comments: what ships.
fn shipped(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules that follow `crate::` anywhere in the code.
fn imports(code: &str) -> BTreeSet<String> {
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect::<String>()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn imports_point_downwards() {
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into_iter().collect();
    let mut wrong = Vec::new();
    for source in sources_in("src")
        .iter()
        .filter(|source| !source.is_test && source.module != "lib")
    {
        let Some(may) = allowed.get(source.module.as_str()) else {
            wrong.push(format!("{} is in no layer: add it to MAY_IMPORT", source.module));
            continue;
        };
        for import in imports(&shipped(&source.text)) {
            let is_own = import == source.module;
            if !is_own && allowed.contains_key(import.as_str()) && !may.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_layers_have_no_circle_and_no_rule_without_use() {
    let mut seen = BTreeSet::new();
    for (module, may) in MAY_IMPORT {
        for import in may {
            assert!(
                seen.contains(import),
                "{module} may import {import}, which stands above it"
            );
        }
        seen.insert(module);
    }
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources_in("src") {
        used.entry(source.module)
            .or_default()
            .extend(imports(&source.text));
    }
    // `main` names the library by its own name.
    for (module, may) in MAY_IMPORT.iter().filter(|(module, _)| *module != "main") {
        for import in *may {
            assert!(
                used[*module].contains(*import),
                "{module} no longer imports {import}: take it off the list"
            );
        }
    }
}

#[test]
fn things_stay_where_they_belong() {
    // What must not be found outside of the places named.
    let rules: [(&str, &[&str]); 9] = [
        ("practice_server", &["serve"]),
        ("mock_classconnect", &["serve"]),
        ("classconnect_api", &[]),
        ("throwaway_postgres", &["target"]),
        ("sqlx", &["target"]),
        ("Instant", &["clock"]),
        ("thread::Builder", &["dashboard", "run"]),
        ("process::Command", &["target"]),
        ("utils", &[]),
    ];
    let mut wrong = Vec::new();
    for source in sources_in("src").iter().filter(|source| !source.is_test) {
        for (name, places) in rules {
            if shipped(&source.text).contains(name) && !places.contains(&source.module.as_str()) {
                wrong.push(format!("{} names {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_the_file_formats_are_serialised() {
    let may = ["src/scenario/raw", "src/report/model", "src/metrics/history.rs"];
    for source in sources_in("src").iter().filter(|source| !source.is_test) {
        let derives = shipped(&source.text).lines().any(|line| {
            line.contains("derive(") && (line.contains("Serialize") || line.contains("Deserialize"))
        });
        let path = source.path.display().to_string();
        assert!(
            !derives || may.iter().any(|place| path.contains(place)),
            "{path} derives a serialisation"
        );
    }
}

#[test]
fn every_file_opens_with_its_purpose_and_is_of_readable_length() {
    let mut wrong = Vec::new();
    for folder in [
        "src",
        "classconnect-api/src",
        "mock-classconnect/src",
        "practice-server/src",
        "throwaway-postgres/src",
        "tests",
        "benches",
    ] {
        for source in sources_in(folder) {
            let path = source.path.display();
            if !source.text.starts_with("//!") {
                wrong.push(format!("{path} does not open with its purpose (`//!`)"));
            }
            let lines = source.text.lines().count();
            if lines > LINES_MAX && !source.is_test && folder != "tests" {
                wrong.push(format!("{path} has {lines} lines"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
