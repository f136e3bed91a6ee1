//! Child processes: the reference server and the mock, run by the same executable.
//!
//! They run in a process group of their own, so that a terminal's Ctrl-C does not reach them before the drain, and
//! they end when their standard input does, so that they die with this process even when it is killed.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child as Process, ChildStdin, Command};
use tokio::sync::{Notify, watch};

/// How long a child may take until its ready line: an empty database is migrated in that time.
const READY_TIMEOUT: Duration = Duration::from_secs(20);

/// A running child.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    leash: Leash,
    /// Ends the process the hard way.
    kill: Arc<Notify>,
    url: String,
    log: PathBuf,
}

/// What keeps a child running, and tells of its end. Cloning shares it.
#[derive(Debug, Clone)]
pub(super) struct Leash {
    /// Closing it asks the child to end.
    stdin: Arc<Mutex<Option<ChildStdin>>>,
    was_let_go: Arc<AtomicBool>,
    /// How the child ended.
    ended: watch::Receiver<Option<String>>,
}

impl Leash {
    /// Asks the child to end.
    pub(super) fn let_go(&self) {
        self.was_let_go.store(true, Ordering::SeqCst);
        drop(self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Whether somebody has asked the child to end.
    pub(super) fn was_let_go(&self) -> bool {
        self.was_let_go.load(Ordering::SeqCst)
    }

    /// Waits until the child has ended, and says how.
    pub(super) async fn ended(&self) -> String {
        let mut ended = self.ended.clone();
        let how = ended.wait_for(Option::is_some).await;
        // Nobody watches the process any more when the run is given up.
        how.map_or_else(|_| "unknown".to_owned(), |how| how.clone().unwrap_or_default())
    }

    /// The leash of a child that is only an end to be told of.
    #[cfg(test)]
    pub(super) fn of_nobody() -> (watch::Sender<Option<String>>, Self) {
        let (sender, ended) = watch::channel(None);
        let leash = Self {
            stdin: Arc::default(),
            was_let_go: Arc::default(),
            ended,
        };
        (sender, leash)
    }
}

/// Waits for the end of a process, or brings it about.
async fn watch_over(mut process: Process, kill: Arc<Notify>, ended: watch::Sender<Option<String>>) {
    let status = tokio::select! {
        status = process.wait() => status,
        () = kill.notified() => {
            // One that has ended meanwhile cannot be killed, and need not be.
            let _ = process.start_kill();
            process.wait().await
        }
    };
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    // Nobody asks any more when the run is given up.
    let _ = ended.send(Some(how));
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
            Ok(Some(url)) => {
                let (sender, ended) = watch::channel(None);
                let kill = Arc::new(Notify::new());
                tokio::spawn(watch_over(process, Arc::clone(&kill), sender));
                Ok(Self {
                    name,
                    leash: Leash {
                        stdin: Arc::new(Mutex::new(stdin)),
                        was_let_go: Arc::default(),
                        ended,
                    },
                    kill,
                    url,
                    log,
                })
            }
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

    /// What keeps it running, for whoever may let it go.
    pub(super) fn leash(&self) -> &Leash {
        &self.leash
    }

    /// Whether the child has ended by itself: a crash. The sentence says how.
    pub fn crashed(&mut self) -> Option<String> {
        if self.leash.was_let_go() {
            return None;
        }
        let status = self.leash.ended.borrow().clone()?;
        Some(format!(
            "{} ended during the run ({status}): {}",
            self.name,
            last_words(&self.log)
        ))
    }

    /// Asks the child to end and waits for it; kills it when it has not ended after `patience`.
    pub async fn stop(self, patience: Duration) {
        self.leash.let_go();
        if tokio::time::timeout(patience, self.leash.ended()).await.is_err() {
            tracing::warn!(child = self.name, "did not end when asked, and is killed");
            self.kill.notify_one();
            self.leash.ended().await;
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
