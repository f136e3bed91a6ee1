//! The guardian: a process that outlives a crash of this one, and then stops the server and removes the folder.
//!
//! It is a shell that reads from a pipe whose other end only this process holds. However this process ends, by
//! `kill -9` too, the system closes that end, and the shell goes on to clean up. An orderly stop takes the same way, so
//! the way is walked in every run and not only after a crash. It runs as the server's user: what it stops and deletes
//! is that user's in any case.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::folder::Folder;
use crate::user::ServerUser;

/// `$1` is the folder, `$2` is `pg_ctl`. Paths are parameters, so nothing in them is read as shell.
///
/// The file with the server's process id may be older than the host's last start, and its number somebody else's now:
/// only a process that was started with this very folder is stopped. The loop is for programs of a crashed process
/// (`initdb`, a server on its way up) that still write to the folder while it is removed. An empty folder may stay: where
/// it is in one that only another user may change, that user removes it, now or at the next start.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
while read -r _; do :; done
folder=$1
pg_ctl=$2
data=$folder/data

stop_server() {
    pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || return 0
    case $pid in '' | *[!0-9]*) return 0 ;; esac
    command=$({ tr '\0' ' ' <"/proc/$pid/cmdline" || ps -o args= -p "$pid"; } 2>/dev/null)
    case $command in *"$data"*) ;; *) return 0 ;; esac
    "$pg_ctl" stop -D "$data" -m immediate -s -w -t 20 || kill -KILL "$pid"
}

tries=0
while [ "$tries" -lt 10 ]; do
    stop_server
    rm -rf -- "$folder" && exit 0
    [ -z "$(ls -A "$folder")" ] && exit 0
    tries=$((tries + 1))
    sleep 1
done
exit 1
"#;

/// A running guardian. Dropping it closes the pipe, so it cleans up, but nobody waits for it.
#[derive(Debug)]
pub(crate) struct Guardian {
    process: Child,
}

impl Guardian {
    /// Starts it; from here on the folder and a server in it are removed when this process ends.
    ///
    /// # Errors
    /// There is no shell to run, or the system has no room for another process.
    pub(crate) fn watch(user: &ServerUser, pg_ctl: &Path, folder: &Folder) -> Result<Self, Error> {
        folder
            .lock()
            .and_then(|lock| {
                command(user, pg_ctl, folder.path(), lock)
                    .stdin(Stdio::piped())
                    .spawn()
            })
            .map(|process| Self { process })
            .map_err(|source| Error::Run {
                program: "/bin/sh as the guardian of a PostgreSQL cluster".to_owned(),
                source,
            })
    }

    /// Lets it clean up and waits until it has. Whether nothing is left.
    pub(crate) async fn clean_up(mut self, folder: &Path) -> bool {
        drop(self.process.stdin.take());
        // The process is not tied to a runtime, so that a cluster may live longer than the one it was started on.
        let ended = tokio::task::spawn_blocking(move || self.process.wait()).await;
        matches!(ended, Ok(Ok(status)) if status.success()) && is_removed(folder)
    }

    #[cfg(test)]
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// Does a guardian's work at once, where there is none any more. Whether nothing is left.
pub(crate) async fn clean_up_now(user: &ServerUser, pg_ctl: &Path, folder: &Path, lock: File) -> bool {
    let status = tokio::process::Command::from(command(user, pg_ctl, folder, lock))
        .status()
        .await;
    matches!(status, Ok(status) if status.success()) && is_removed(folder)
}

/// Removes what may be left of a folder that was cleaned up: itself, empty.
fn is_removed(folder: &Path) -> bool {
    match fs::remove_dir(folder) {
        Ok(()) => true,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn command(user: &ServerUser, pg_ctl: &Path, folder: &Path, lock: File) -> Command {
    use std::os::unix::process::CommandExt as _;

    let mut command = user.command("/bin/sh");
    command
        .args(["-c", SCRIPT, "guardian"])
        .args([folder, pg_ctl])
        // It has nothing to say, but an open file is how it holds the lock: a process inherits no other than these.
        .stdout(lock)
        .stderr(Stdio::null())
        // A terminal's Ctrl-C goes to the whole group of this process, which may still need the server then.
        .process_group(0);
    command
}
