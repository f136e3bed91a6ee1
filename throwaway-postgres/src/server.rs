//! PostgreSQL's own programs, with the arguments that a throw-away server needs.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::process::Command;

use crate::binaries::Binaries;
use crate::folder::Folder;
use crate::user::ServerUser;
use crate::{Error, Settings, StopMode};

/// How long the server may take to start or to stop, in seconds, as `pg_ctl` takes it. After an immediate stop it reads
/// the write-ahead log again first.
const PATIENCE_S: &str = "60";

/// The cluster's only user, a superuser.
pub(crate) const SUPERUSER: &str = "postgres";

/// A server that may run or not: its programs, its user and its folder.
#[derive(Debug)]
pub(crate) struct Server {
    binaries: Binaries,
    user: ServerUser,
    folder: Folder,
}

impl Server {
    pub(crate) fn new(binaries: Binaries, user: ServerUser, folder: Folder) -> Self {
        Self {
            binaries,
            user,
            folder,
        }
    }

    pub(crate) fn version(&self) -> &str {
        self.binaries.version()
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Makes the cluster's files.
    pub(crate) async fn initialise(&self, settings: &Settings, password: &str) -> Result<(), Error> {
        let password_file = self.folder.password_file();
        self.append(&password_file, password).await?;
        let data = self.folder.data();
        let output = self
            .run(
                "initdb",
                &[
                    "--pgdata",
                    &data,
                    "--username",
                    SUPERUSER,
                    "--auth=scram-sha-256",
                    "--pwfile",
                    &password_file,
                    // One order and one encoding of text everywhere.
                    "--encoding=UTF8",
                    "--locale=C",
                ],
                &[],
            )
            .await?;
        std::fs::remove_file(&password_file).map_err(|source| Error::Folder {
            path: password_file.into(),
            source,
        })?;
        if !output.status.success() {
            return Err(Error::Initdb {
                folder: self.folder.path().to_path_buf(),
                user: self.user.name().to_owned(),
                said: last_lines(&[output.stdout, output.stderr].concat()),
            });
        }
        self.append(
            &format!("{data}/postgresql.conf"),
            &settings.lines(self.folder.sockets()),
        )
        .await
    }

    /// Starts the server and waits until it accepts connections.
    pub(crate) async fn start(&self, port: u16) -> Result<(), Error> {
        let (data, log) = (self.folder.data(), self.folder.log());
        let options = format!("-p {port}");
        let output = self
            .run(
                "pg_ctl",
                &[
                    "start", "-D", &data, "-l", &log, "-o", &options, "-s", "-w", "-t", PATIENCE_S,
                ],
                &[],
            )
            .await?;
        if output.status.success() {
            return Ok(());
        }
        let log = self.run("tail", &["-n", "6", &log], &[]).await?;
        Err(Error::NotStarted {
            port,
            said: last_lines(&[output.stderr, log.stdout].concat()),
        })
    }

    /// Stops the server and waits until it has ended.
    pub(crate) async fn stop(&self, port: u16, mode: StopMode) -> Result<(), Error> {
        let data = self.folder.data();
        let output = self
            .run(
                "pg_ctl",
                &[
                    "stop",
                    "-D",
                    &data,
                    "-m",
                    mode.as_str(),
                    "-s",
                    "-w",
                    "-t",
                    PATIENCE_S,
                ],
                &[],
            )
            .await?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::NotStopped {
            port,
            said: last_lines(&output.stderr),
        })
    }

    pub(crate) async fn create_database(&self, port: u16, password: &str, name: &str) -> Result<(), Error> {
        let port = port.to_string();
        let output = self
            .run(
                "createdb",
                &[
                    "--host=127.0.0.1",
                    "--port",
                    &port,
                    "--username",
                    SUPERUSER,
                    "--maintenance-db=postgres",
                    "--no-password",
                    "--",
                    name,
                ],
                // Not an argument: those can be read by everybody on the host.
                &[("PGPASSWORD", password)],
            )
            .await?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Database {
            name: name.to_owned(),
            said: last_lines(&output.stderr),
        })
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.binaries.program(name)
    }

    pub(crate) fn user(&self) -> &ServerUser {
        &self.user
    }

    pub(crate) fn lock(&self) -> io::Result<File> {
        self.folder.lock()
    }

    async fn append(&self, path: &str, text: &str) -> Result<(), Error> {
        self.user
            .append(path, text)
            .await
            .map_err(|source| Error::Folder {
                path: path.into(),
                source,
            })
    }

    async fn run(
        &self,
        program: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Output, Error> {
        let mut command = self.user.command(self.binaries.program(program));
        command
            .args(arguments)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Command::from(command)
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| Error::Run {
                program: self.binaries.program(program).display().to_string(),
                source,
            })
    }
}

/// The end of what a program said, on one line and of bounded length.
fn last_lines(said: &[u8]) -> String {
    const LINES_MAX: usize = 6;
    const LENGTH_MAX: usize = 1_000;
    let text = String::from_utf8_lossy(said);
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    if lines.is_empty() {
        return "it said nothing".to_owned();
    }
    let from = lines.len().saturating_sub(LINES_MAX);
    lines[from..].join("; ").chars().take(LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_said_is_cut_to_its_end() {
        let said = "1\n2\n\n3\n4\n5\n6\n7\n8\n";
        assert_eq!(last_lines(said.as_bytes()), "3; 4; 5; 6; 7; 8");
        assert_eq!(last_lines(b"\n"), "it said nothing");
        assert_eq!(last_lines("x".repeat(5_000).as_bytes()).len(), 1_000);
    }
}
