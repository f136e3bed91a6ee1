//! The folder of a cluster: made, locked for as long as somebody looks after it, and found again after a crash.
//!
//! A lock on the folder says that somebody does: it is held by the process that uses the cluster and by the guardian.
//! Only when both were killed, or the power failed, is a folder left that nobody holds, and the next start removes it.

use std::env;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::guardian;
use crate::user::ServerUser;

/// How the folders of clusters are recognised in the system's folder for temporary files.
const PREFIX: &str = "throwaway-postgres-";

/// The folder of a cluster, held by its lock. Dropping it gives the lock up and leaves the folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// The same in text, for configuration and arguments.
    text: String,
    lock: File,
}

impl Folder {
    /// Makes an empty folder that belongs to the server's user, and locks it.
    ///
    /// # Errors
    /// The folder for temporary files cannot be written to, or its path is not text.
    pub(crate) fn create(user: &ServerUser) -> Result<Self, Error> {
        let parent = env::temp_dir();
        create_in(&parent, user).map_err(|source| Error::Folder { path: parent, source })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the server keeps its socket; the folder itself, as the length of a socket's path is limited.
    pub(crate) fn sockets(&self) -> &str {
        &self.text
    }

    pub(crate) fn data(&self) -> String {
        format!("{}/data", self.text)
    }

    pub(crate) fn log(&self) -> String {
        format!("{}/server.log", self.text)
    }

    pub(crate) fn password_file(&self) -> String {
        format!("{}/password", self.text)
    }

    /// Another handle of the same lock, which holds as long as any of its handles is open.
    pub(crate) fn lock(&self) -> io::Result<File> {
        self.lock.try_clone()
    }
}

fn create_in(parent: &Path, user: &ServerUser) -> io::Result<Folder> {
    // It gets its recognisable name only when it is locked, so that nobody who cleans up takes it for a left one.
    let unnamed = tempfile::Builder::new()
        .prefix(&format!("new-{PREFIX}"))
        .tempdir_in(parent)?;
    let lock = File::open(unnamed.path())?;
    lock.try_lock()?;
    if let Some((uid, gid)) = user.stand_in() {
        std::os::unix::fs::chown(unnamed.path(), Some(uid), Some(gid))?;
    }
    let name = unnamed.path().file_name().and_then(|name| name.to_str());
    let path = match (name.and_then(|name| name.strip_prefix("new-")), parent.to_str()) {
        (Some(name), Some(parent)) if !parent.contains(char::is_control) => {
            unnamed.path().with_file_name(name)
        }
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "its path is not printable text",
            ));
        }
    };
    fs::rename(unnamed.path(), &path)?;
    // The folder has moved: there is nothing left under the first name to remove.
    let _ = unnamed.keep();
    let text = path.display().to_string();
    Ok(Folder { path, text, lock })
}

/// Stops and removes the clusters of this user that earlier crashes left. Nothing here keeps a new one from starting.
pub(crate) async fn sweep(user: &ServerUser, pg_ctl: &Path) {
    let Ok(entries) = env::temp_dir().read_dir() else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let Some(lock) = left_behind(&path, user) else {
            continue;
        };
        tracing::info!(folder = %path.display(), "removing a PostgreSQL cluster that an earlier crash left");
        if !guardian::clean_up_now(user, pg_ctl, &path, lock).await {
            tracing::warn!(
                folder = %path.display(),
                "a PostgreSQL cluster that an earlier crash left could not be removed: stop its server and delete it by hand"
            );
        }
    }
}

/// The lock of a folder that belongs to a cluster of this user, if nobody else holds it. Folders of other users are
/// left alone, whatever their names.
fn left_behind(path: &Path, user: &ServerUser) -> Option<File> {
    if !path.file_name()?.to_str()?.starts_with(PREFIX) {
        return None;
    }
    let metadata = path.symlink_metadata().ok()?;
    if !metadata.is_dir() || metadata.uid() != user.uid() {
        return None;
    }
    let lock = File::open(path).ok()?;
    lock.try_lock().ok()?;
    Some(lock)
}
