//! The program under test: the shipped binary, started as a person or a CI job starts it, and what it leaves behind.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::task::JoinHandle;

use crate::host::{LONGEST_WAIT, Process, until, within};
use crate::schemas;

/// Runs at once: load tests beside each other disturb each other's latency.
static PLACES: Semaphore = Semaphore::const_new(3);

/// A file of the repository, by its path from the root.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A shipped scenario.
pub(crate) fn shipped(name: &str) -> PathBuf {
    repository(&format!("scenarios/{name}.toml"))
}

/// A scenario of these tests.
pub(crate) fn scenario(name: &str) -> PathBuf {
    repository(&format!("tests/it/scenarios/{name}.toml"))
}

/// The program, ready to be given arguments. What a failed test leaves running is killed.
pub(crate) fn loadtest() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// What a command that ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Lets a command end.
pub(crate) async fn output(command: &mut Command) -> Said {
    let output = within("the command ends", LONGEST_WAIT, command.output())
        .await
        .unwrap();
    Said {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The program with these arguments, to its end.
pub(crate) async fn say(arguments: &[&str]) -> Said {
    output(loadtest().args(arguments)).await
}

/// A run under way.
#[derive(Debug)]
pub(crate) struct Run {
    process: Child,
    id: Process,
    folder: TempDir,
    stderr: watch::Receiver<String>,
    stdout: JoinHandle<String>,
    _place: SemaphorePermit<'static>,
}

/// A run that has ended, with its output folder.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) said: Said,
    pub(crate) folder: TempDir,
}

impl Run {
    /// Starts `loadtest run SCENARIO --out <a new folder>` and more arguments, as the leader of its process group.
    pub(crate) async fn start(scenario: &Path, arguments: &[&str]) -> Self {
        Self::start_with(loadtest(), scenario, arguments).await
    }

    /// As [`Run::start`], with a command that has an environment already.
    pub(crate) async fn start_with(command: Command, scenario: &Path, arguments: &[&str]) -> Self {
        Self::start_as(command, "run", scenario, arguments).await
    }

    /// As [`Run::start_with`], for another command that takes a scenario and an output folder.
    pub(crate) async fn start_as(
        mut command: Command,
        name: &str,
        scenario: &Path,
        arguments: &[&str],
    ) -> Self {
        let place = PLACES.acquire().await.unwrap();
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut process = command
            .arg(name)
            .arg(scenario)
            .arg("--out")
            .arg(folder.path().join("out"))
            .args(arguments)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut output = process.stdout.take().unwrap();
        let stdout = tokio::spawn(async move {
            let mut text = String::new();
            output.read_to_string(&mut text).await.unwrap();
            text
        });
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (all, stderr) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                all.send_modify(|text| {
                    text.push_str(&line);
                    text.push('\n');
                });
            }
        });
        Self {
            id: Process::new(process.id().unwrap()),
            process,
            folder,
            stderr,
            stdout,
            _place: place,
        }
    }

    pub(crate) fn process(&self) -> Process {
        self.id
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// What standard error has so far.
    pub(crate) fn said(&self) -> String {
        self.stderr.borrow().clone()
    }

    /// Waits until standard error has `text`.
    pub(crate) async fn says(&mut self, text: &str) {
        let seen = self.stderr.wait_for(|said| said.contains(text));
        within(text, LONGEST_WAIT, seen).await.unwrap();
    }

    /// Waits until the mock has accepted so many submissions: users are being served.
    pub(crate) async fn accepts(&self, submissions: usize) {
        self.accepts_in("", submissions).await;
    }

    /// As [`Run::accepts`], for a run within a folder of the output folder.
    pub(crate) async fn accepts_in(&self, folder: &str, submissions: usize) {
        let ledger = self.out().join(folder).join("ledger.jsonl");
        until("submissions reach the mock", || {
            let text = std::fs::read_to_string(&ledger).ok()?;
            (text.matches(r#""kind":"accepted""#).count() >= submissions).then_some(())
        })
        .await;
    }

    /// The child that serves `name`.
    pub(crate) fn child(&self, name: &str) -> Process {
        let serves = |child: &Process| child.arguments().get(2).is_some_and(|argument| argument == name);
        let children = self.id.children();
        *children.iter().find(|child| serves(child)).unwrap()
    }

    /// Waits for the end.
    pub(crate) async fn end(mut self) -> Ended {
        let status = within("the run ends", LONGEST_WAIT, self.process.wait())
            .await
            .unwrap();
        let stdout = self.stdout.await.unwrap();
        // The sender goes when standard error has ended, and then there is nothing more to come.
        while self.stderr.changed().await.is_ok() {}
        let stderr = self.stderr.borrow().clone();
        Ended {
            said: Said {
                code: status.code(),
                stdout,
                stderr,
            },
            folder: self.folder,
        }
    }
}

/// A whole run.
pub(crate) async fn run(scenario: &Path, arguments: &[&str]) -> Ended {
    Run::start(scenario, arguments).await.end().await
}

impl Ended {
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// A file of the output folder.
    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.out().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The records of a file with one JSON object a line.
    pub(crate) fn records(&self, name: &str) -> Vec<Value> {
        let text = self.file(name);
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The stored run, once it has been made sure that it ended with this code and verdict, and that its keys are
    /// those of the published schema, and that its iterations add up, over the workers and among themselves: they do in every run.
    pub(crate) fn record(&self, code: i32, verdict: &str) -> Value {
        let said = &self.said;
        assert_eq!(said.code, Some(code), "{}\n{}", said.stderr, said.stdout);
        let record: Value = serde_json::from_str(&self.file("run.json")).unwrap();
        schemas::assert_known("run", &record);
        assert_eq!(record["verdict"], verdict, "{}", said.stdout);
        let count = |name: &str| record["iterations"][name].as_u64().unwrap();
        assert!(count("started") > 0, "{}", record["iterations"]);
        assert_eq!(count("due"), count("started") + count("dropped"));
        assert_eq!(
            count("started"),
            count("succeeded") + count("failed") + count("abandoned") + count("unfinished")
        );
        let workers = record["generator"]["workers"].as_array().unwrap();
        for name in ["started", "dropped"] {
            let of_workers = workers.iter().map(|worker| worker[name].as_u64().unwrap());
            assert_eq!(of_workers.sum::<u64>(), count(name), "{workers:?}");
        }
        record
    }
}

/// The reasons of a verdict, as one text.
pub(crate) fn reasons(record: &Value) -> String {
    let reasons = record["reasons"].as_array().unwrap();
    let texts: Vec<&str> = reasons.iter().map(|reason| reason.as_str().unwrap()).collect();
    texts.join("\n")
}
