//! Scenarios from text to plan or to mistakes.

mod actions;
mod capacity;
mod certified;
mod compare;
mod connections;
mod load;
mod mistakes;
mod outside;
mod parallel;
mod postgres;
mod properties;
mod rollback;
mod shipped;
mod targets;
mod users;
mod waivers;
mod windows;

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

/// The parts of a scenario without a mistake, which a test replaces where it makes one.
const HEAD: &str = "name = \"s\"\n[target]\nserver = \"reference\"\n";
const LOAD: &str = "[load]\nexecutor = \"constant-arrival-rate\"\nrate = \"5/s\"\nduration = \"6s\"\n";
const JOURNEY: &str = "[[journey]]\nname = \"j\"\nsteps = [{ request = \"GET /\", name = \"home\" }]\n";

/// A scenario whose only journey has these steps.
fn with_steps(steps: &str) -> String {
    format!("{HEAD}{LOAD}[[journey]]\nname = \"j\"\n{steps}\n")
}

fn mistakes(text: &str) -> String {
    match load_files(&[("s.toml", text)], &[], &[]) {
        Ok(_) => "none".to_owned(),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[test]
fn a_plain_scenario_becomes_a_plan() {
    assert_eq!(mistakes(&format!("{HEAD}{LOAD}{JOURNEY}")), "none");
}

#[test]
fn targets_of_the_scenario_replace_those_of_the_named_file() {
    let scenario = format!("{HEAD}{LOAD}{JOURNEY}[sla]\nfile = \"sla.toml\"\nerror_rate = \"< 1%\"\n");
    let sla = "error_rate = \"< 5%\"\nresponse_time = { p95 = \"<= 150ms\", mean = \"< 80ms\" }\n";
    let loaded = load_files(&[("s.toml", &scenario), ("sla.toml", sla)], &[], &[]).unwrap();
    let targets: Vec<String> = loaded
        .plan
        .criteria
        .targets
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        targets,
        [
            "response_time mean < 80ms",
            "response_time p95 <= 150ms",
            "error_rate < 1%"
        ]
    );
    let paths: Vec<&str> = loaded.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["s.toml", "sla.toml"]);
}
