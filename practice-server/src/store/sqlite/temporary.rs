//! A database that lives as long as its store. SQLite's `:memory:` would give each connection a database of its
//! own, so it is a file with a unique name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub(super) struct TemporaryDatabase(PathBuf);

impl TemporaryDatabase {
    pub(super) fn new() -> Self {
        let name = format!("practice-server-{}.sqlite", uuid::Uuid::new_v4());
        Self(std::env::temp_dir().join(name))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Removes the file with its companions. What is not there need not be removed, and nothing can be done about a
    /// file that cannot be.
    pub(super) fn remove(&self) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = OsString::from(&self.0);
            name.push(suffix);
            if let Err(error) = std::fs::remove_file(&name)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(file = ?name, %error, "a temporary database file could not be removed");
            }
        }
    }
}

impl Drop for TemporaryDatabase {
    fn drop(&mut self) {
        self.remove();
    }
}
