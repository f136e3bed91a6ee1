//! Scenarios from text to plan or to mistakes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::*;

/// Loads `s.toml` out of files that exist only here.
fn load_files(
    files: &[(&str, &str)],
    sets: &[(&str, &str)],
    environment: &[(&str, &str)],
) -> Result<Loaded, Diagnostics> {
    let files: BTreeMap<String, String> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
        .collect();
    let sets: Vec<(String, String)> = sets
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let look_up = |name: &str| {
        environment
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    let read = |path: &Path| {
        files
            .get(&path.display().to_string())
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    load(
        Path::new("s.toml"),
        &LoadOptions {
            sets: &sets,
            seed: None,
            cores: 2,
            environment: &look_up,
            read: &read,
        },
    )
}

/// A scenario without a mistake, in the sections that a test may replace.
const HEAD: &str = "name = \"s\"\n";
const TARGET: &str = "[target]\nserver = \"reference\"\n";
const LOAD: &str = "[load]\nexecutor = \"constant-arrival-rate\"\nrate = \"5/s\"\nduration = \"6s\"\n";
const JOURNEY: &str = "[[journey]]\nname = \"j\"\nsteps = [{ request = \"GET /\", name = \"home\" }]\n";

fn mistakes(text: &str) -> String {
    match load_files(&[("s.toml", text)], &[], &[]) {
        Ok(_) => "none".to_owned(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[test]
fn a_plain_scenario_becomes_a_plan() {
    assert_eq!(mistakes(&format!("{HEAD}{TARGET}{LOAD}{JOURNEY}")), "none");
}

/// Every scenario of the repository.
const SCENARIOS: [&str; 7] = [
    "smoke",
    "peak",
    "spike",
    "soak",
    "slow-server",
    "failing-server",
    "lost-webhooks",
];

fn load_shipped(name: &str) -> Result<Loaded, Diagnostics> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("scenarios")
        .join(format!("{name}.toml"));
    load(
        &path,
        &LoadOptions {
            sets: &[],
            seed: None,
            cores: 2,
            environment: &|_| None,
            read: &read_file,
        },
    )
}

#[test]
fn every_shipped_scenario_loads() {
    for name in SCENARIOS {
        match load_shipped(name) {
            Ok(loaded) => assert_eq!(loaded.plan.name, name),
            Err(diagnostics) => panic!("{diagnostics}"),
        }
    }
}

#[test]
fn the_list_of_shipped_scenarios_is_complete() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let is_scenario = path.is_file() && stem != "sla";
        assert!(
            !is_scenario || SCENARIOS.contains(&stem.as_str()),
            "{stem} is not loaded by any test"
        );
    }
}
