//! Finding the installed PostgreSQL: on `PATH`, else in the folders that the distributions use.
//!
//! Debian keeps the server programs off `PATH`, in a folder per version, so looking there is the usual case and not
//! the exception.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use crate::Error;

/// The oldest major version that will do: what production runs.
pub(crate) const VERSION_MIN: u32 = 15;

/// What a folder of server programs must hold.
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Where distributions install them. A `*` stands for one folder of any name.
const USUAL_FOLDERS: [&str; 7] = [
    // Debian, Ubuntu.
    "/usr/lib/postgresql/*/bin",
    // The PostgreSQL project's packages for Red Hat and its relatives.
    "/usr/pgsql-*/bin",
    // Alpine.
    "/usr/libexec/postgresql*",
    // Homebrew on Apple's processors, and on Intel's.
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    // Postgres.app.
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    // PostgreSQL's own default when it is built from source.
    "/usr/local/pgsql/bin",
];

/// An installed PostgreSQL that is new enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binaries {
    folder: PathBuf,
    /// As the server says it, for example `15.18`.
    version: String,
}

impl Binaries {
    /// Those of the folder that was chosen; without a choice the first on `PATH` that are new enough, else the newest of
    /// the usual folders.
    ///
    /// # Errors
    /// None is installed, or only ones that are too old.
    pub(crate) async fn find(chosen: Option<&Path>) -> Result<Self, Error> {
        if let Some(folder) = chosen {
            return match Self::look(folder).await {
                Some(found) if found.major() >= VERSION_MIN => Ok(found),
                Some(found) => Err(too_old(&[found])),
                None => Err(Error::NotInFolder {
                    folder: folder.to_path_buf(),
                }),
            };
        }
        let path = env::var_os("PATH").unwrap_or_default();
        Self::find_in(&path, &USUAL_FOLDERS).await
    }

    /// Without a choice.
    async fn find_in(path: &OsStr, usual: &[&str]) -> Result<Self, Error> {
        let mut too_old_ones = Vec::new();
        for folder in env::split_paths(path) {
            match Self::look(&folder).await {
                Some(found) if found.major() >= VERSION_MIN => return Ok(found),
                Some(found) => too_old_ones.push(found),
                None => {}
            }
        }
        let mut best: Option<Self> = None;
        for folder in usual.iter().flat_map(|pattern| expand(pattern)) {
            let Some(found) = Self::look(&folder).await else {
                continue;
            };
            if found.major() < VERSION_MIN {
                too_old_ones.push(found);
            } else if best.as_ref().is_none_or(|best| best.major() < found.major()) {
                best = Some(found);
            }
        }
        match best {
            Some(best) => Ok(best),
            None if too_old_ones.is_empty() => Err(Error::NoBinaries {
                looked: usual.join(", "),
            }),
            None => Err(too_old(&too_old_ones)),
        }
    }

    /// The PostgreSQL of a folder, if there is one that can say its version.
    async fn look(folder: &Path) -> Option<Self> {
        // An empty or relative entry of PATH means the working folder, which may hold anything.
        if !folder.is_absolute() || !PROGRAMS.iter().all(|program| folder.join(program).is_file()) {
            return None;
        }
        let output = Command::new(folder.join("postgres"))
            .arg("--version")
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .ok()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let version = said
            .strip_prefix("postgres (PostgreSQL) ")?
            .split_whitespace()
            .next()?;
        let found = Self {
            // The programs find their libraries from their real place, so links on PATH are followed here: `createdb`
            // stands beside the real ones.
            folder: folder
                .join("postgres")
                .canonicalize()
                .ok()?
                .parent()?
                .to_path_buf(),
            version: version.to_owned(),
        };
        (found.major() > 0).then_some(found)
    }

    /// 0 for what is no number.
    fn major(&self) -> u32 {
        let digits = self.version.split(|c: char| !c.is_ascii_digit()).next();
        digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
    }

    /// As the server says it, for example `15.18`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The path of a program. Client programs are in a package of their own on some distributions, so one that is not
    /// beside the server's is left to `PATH`.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let beside = self.folder.join(name);
        if beside.is_file() {
            beside
        } else {
            PathBuf::from(name)
        }
    }
}

fn too_old(found: &[Binaries]) -> Error {
    let found: Vec<String> = found
        .iter()
        .map(|found| format!("{} in {}", found.version, found.folder.display()))
        .collect();
    Error::TooOld {
        found: found.join(", "),
    }
}

/// The folders that a pattern stands for; a `*` matches within one name of the path.
fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut folders = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        folders = match part.split_once('*') {
            None => folders.into_iter().map(|folder| folder.join(part)).collect(),
            Some((before, after)) => folders
                .iter()
                .flat_map(|folder| children_between(folder, before, after))
                .collect(),
        };
    }
    folders
}

fn children_between(folder: &Path, before: &str, after: &str) -> Vec<PathBuf> {
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let mut children: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        })
        .map(|entry| entry.path())
        .collect();
    // The order of a folder's entries is the file system's whim.
    children.sort();
    children
}

#[cfg(test)]
mod tests;
