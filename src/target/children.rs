//! Child processes: the reference server and the mock, run by the same executable.
//!
//! They run in a process group of their own, so that a terminal's Ctrl-C does not reach them before the drain, and
//! they end when their standard input does, so that they die with this process even when it is killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};

/// How long a child may take until its ready line: an empty database is migrated in that time.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// A running child.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    process: Process,
    /// Closing it asks the child to end.
    stdin: Option<ChildStdin>,
    url: String,
    log: PathBuf,
}

/// Why a child is not running.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    #[error("cannot write the log of {name} to {}", .path.display())]
    Log {
        name: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot start {name}")]
    Spawn {
        name: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("{name} did not become ready within {READY_TIMEOUT:?}; its log is {}", .log.display())]
    NotReady { name: &'static str, log: PathBuf },
    #[error("{name} ended before it was ready: {reason}")]
    Ended { name: &'static str, reason: String },
}

impl Child {
    /// Starts `executable serve <name> <arguments>` and waits for its ready line. Secrets go by the environment: the
    /// arguments of a process can be read by everybody on the host.
    ///
    /// # Errors
    /// When the process cannot be started, ends, or does not become ready.
    pub async fn start(
        executable: &Path,
        name: &'static str,
        arguments: &[String],
        secrets: &[(&str, &str)],
        log: PathBuf,
    ) -> Result<Self, ChildError> {
        let log_file = std::fs::File::create(&log).map_err(|source| ChildError::Log {
            name,
            path: log.clone(),
            source,
        })?;
        let mut process = Command::new(executable)
            .args(["serve", name])
            .args(arguments)
            .arg("--exit-with-stdin")
            .envs(secrets.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ChildError::Spawn { name, source })?;
        let stdin = process.stdin.take();
        let Some(stdout) = process.stdout.take() else {
            return Err(ChildError::Ended {
                name,
                reason: "it has no standard output".to_owned(),
            });
        };
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Ok(Some(line)) = lines.next_line().await {
                let line: Value = serde_json::from_str(&line).unwrap_or_default();
                if let (Some(true), Some(url)) = (line["ready"].as_bool(), line["url"].as_str()) {
                    return Some(url.trim_end_matches('/').to_owned());
                }
            }
            None
        };
        match tokio::time::timeout(READY_TIMEOUT, ready).await {
            Ok(Some(url)) => Ok(Self {
                name,
                process,
                stdin,
                url,
                log,
            }),
            Ok(None) => Err(ChildError::Ended {
                name,
                reason: last_words(&log),
            }),
            Err(_) => Err(ChildError::NotReady { name, log }),
        }
    }

    /// The base URL from the ready line, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the child has ended by itself: a crash. The sentence says how.
    pub fn crashed(&mut self) -> Option<String> {
        match self.process.try_wait() {
            Ok(Some(status)) => Some(format!(
                "{} ended during the run ({status}): {}",
                self.name,
                last_words(&self.log)
            )),
            _ => None,
        }
    }

    /// Asks the child to end and waits for it; kills it when it has not ended after `patience`.
    pub async fn stop(mut self, patience: Duration) {
        self.stdin = None;
        if tokio::time::timeout(patience, self.process.wait()).await.is_err() {
            tracing::warn!(child = self.name, "did not end when asked, and is killed");
            let _ = self.process.kill().await;
        }
    }
}

/// The last line of a log: what a process said before it ended.
fn last_words(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => line.trim().to_owned(),
        None => format!("it said nothing; its log is {}", log.display()),
    }
}
