//! Who runs PostgreSQL's programs: this process's own user, or another one when this process is root, whom they refuse.

use std::env;
use std::io;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Error;

/// Whom root hands over to: the distributions' own user of PostgreSQL, else the one who owns nothing.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// The user whom the server runs as and who owns the folder of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ServerUser {
    /// This process's own user.
    Own { uid: u32 },
    /// Another one, because this process is root.
    StandIn { name: &'static str, uid: u32, gid: u32 },
}

impl ServerUser {
    /// # Errors
    /// For root, when the host has none of the users who could stand in.
    pub(crate) async fn choose() -> Result<Self, Error> {
        let own = rustix::process::geteuid();
        if !own.is_root() {
            return Ok(Self::Own { uid: own.as_raw() });
        }
        for name in STAND_INS {
            if let (Some(uid), Some(gid)) = (id("-u", name).await, id("-g", name).await)
                && uid != 0
            {
                return Ok(Self::StandIn { name, uid, gid });
            }
        }
        Err(Error::NoUser)
    }

    pub(crate) fn uid(&self) -> u32 {
        match self {
            Self::Own { uid } | Self::StandIn { uid, .. } => *uid,
        }
    }

    /// The user and group to hand files over to; `None` when they are this process's own anyway.
    pub(crate) fn stand_in(&self) -> Option<(u32, u32)> {
        match self {
            Self::Own { .. } => None,
            Self::StandIn { uid, gid, .. } => Some((*uid, *gid)),
        }
    }

    /// For messages.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Own { .. } => "the current user",
            Self::StandIn { name, .. } => name,
        }
    }

    /// A command that runs as this user, with nothing inherited that would redirect PostgreSQL's programs: no `PG…`
    /// variables, no language, no working folder that the user may not enter, no input.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> std::process::Command {
        use std::os::unix::process::CommandExt as _;

        let mut command = std::process::Command::new(program);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        if let Self::StandIn { uid, gid, .. } = self {
            // The standard library drops root's other groups by itself when it changes the user.
            command.uid(*uid).gid(*gid);
        }
        command
    }

    /// Writes a file as this user, readable by nobody else. Root does not write it by itself: in a folder of another
    /// user a name may be a link to somewhere else.
    pub(crate) async fn append(&self, path: &str, text: &str) -> io::Result<()> {
        let mut command = self.command("/bin/sh");
        command
            .args(["-c", r#"umask 077 && cat >> "$1""#, "sh", path])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = Command::from(command).kill_on_drop(true).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(text.as_bytes()).await?;
        }
        let status = child.wait().await?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("writing {path} ended with {status}")))
        }
    }
}

/// A number of a user by name, from whatever the host keeps its users in.
async fn id(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id")
        .args([which, name])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
