//! The commands in the documents: a reader copies them, so each must be one that the program understands, and each that
//! takes no load is run as it stands.

use std::path::Path;

use crate::program::{Run, Said, loadtest, output, repository, scenario};

/// The documents that people follow.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "docs/capacity.md",
    "docs/ci.md",
    "docs/comparing.md",
    "docs/from-k6.md",
    "docs/measurement.md",
    "docs/rollback.md",
    "docs/staging.md",
];

/// A command of a document, word by word.
struct Command {
    document: &'static str,
    words: Vec<String>,
}

/// The lines of a document that are commands of the program, without the columns that explain them.
fn commands() -> Vec<Command> {
    let mut commands = Vec::new();
    for document in DOCUMENTS {
        let text = std::fs::read_to_string(repository(document)).unwrap();
        for line in text.lines() {
            let Some(rest) = line
                .strip_prefix("    loadtest ")
                .or_else(|| line.strip_prefix("    cargo run --release -- "))
            else {
                continue;
            };
            // What explains a command stands some columns after it.
            let command = rest
                .split("   ")
                .next()
                .unwrap()
                .split(" # ")
                .next()
                .unwrap()
                .trim();
            // A line of the table of commands has words to be replaced, such as RUN.json or [DIR].
            let is_placeholder =
                |word: &str| word.starts_with(|first: char| first.is_uppercase() || "[…".contains(first));
            if command.split_whitespace().any(is_placeholder) {
                continue;
            }
            commands.push(Command {
                document,
                words: words(command),
            });
        }
    }
    assert!(commands.len() >= 8, "{} commands", commands.len());
    commands
}

/// Splits as a shell does, as far as documents need it.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = None;
    for letter in command.chars() {
        match (letter, quoted) {
            ('"' | '\'', None) => quoted = Some(letter),
            (letter, Some(quote)) if letter == quote => quoted = None,
            (' ', None) => words.push(String::new()),
            (letter, _) => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

async fn said(folder: &Path, words: &[String], more: &[&str]) -> Said {
    output(loadtest().current_dir(folder).args(words).args(more)).await
}

#[tokio::test]
async fn every_command_of_the_documents_is_understood() {
    // A folder as a reader has it: the scenarios, and one run.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::os::unix::fs::symlink(repository("scenarios"), folder.path().join("scenarios")).unwrap();
    let ended = Run::start(&scenario("quick"), &[]).await.end().await;
    let latest = folder.path().join("reports/latest");
    std::fs::create_dir_all(&latest).unwrap();
    std::fs::copy(ended.out().join("run.json"), latest.join("run.json")).unwrap();
    for Command { document, words } in commands() {
        let words_shown = words.join(" ");
        let said = match words[0].as_str() {
            "report" | "judge" | "history" | "check" | "schema" | "init" | "completions" | "man" => {
                let more: &[&str] = if words[0] == "init" && !words.contains(&"--ci".to_owned()) {
                    &["--yes"]
                } else {
                    &[]
                };
                said(folder.path(), &words, more).await
            }
            // What sends load is run by tests of its own; here its words are tried, and that its scenario is there.
            command => {
                if matches!(command, "run" | "capacity" | "compare") {
                    let scenarios = words.iter().filter(|word| word.ends_with(".toml"));
                    let missing: Vec<&String> =
                        scenarios.filter(|path| !repository(path).is_file()).collect();
                    assert!(missing.is_empty(), "{document}: {missing:?}");
                }
                said(folder.path(), &words, &["--help"]).await
            }
        };
        assert_eq!(
            said.code,
            Some(0),
            "{document}: loadtest {words_shown}\n{}",
            said.stderr
        );
    }
}
