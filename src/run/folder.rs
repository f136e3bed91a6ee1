//! The folder that a run leaves behind.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

/// Where runs go when nobody says otherwise.
const REPORTS: &str = "reports";

/// What a run, or a search for a capacity, writes when it has something to show.
const RESULTS: [&str; 11] = [
    "run.json",
    "report.md",
    "report.html",
    "junit.xml",
    "metrics.hlog",
    "capacity.json",
    "capacity.md",
    "capacity.html",
    "compare.json",
    "compare.md",
    "compare.html",
];

/// The output folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

/// Why nothing can be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("cannot create the output folder {}; choose another with --out", .path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot write {}", .path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl RunFolder {
    /// Creates `out`, or `reports/<scenario>-<UTC time>/` with `reports/latest` pointing at it, and makes sure that
    /// it can be written to: an output folder that fails at the end would cost a whole run.
    ///
    /// # Errors
    /// When the folder cannot be created or written to.
    pub fn create(out: Option<&Path>, scenario: &str, started: Timestamp) -> Result<Self, FolderError> {
        let path = match out {
            Some(path) => path.to_owned(),
            None => Path::new(REPORTS).join(format!("{scenario}-{}", started.strftime("%Y%m%dT%H%M%SZ"))),
        };
        let failed = |source| FolderError::Create {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&path).map_err(failed)?;
        let folder = Self {
            path: path.canonicalize().map_err(failed)?,
        };
        let probe = folder.file(".writable");
        std::fs::write(&probe, b"")
            .and_then(|()| std::fs::remove_file(&probe))
            .map_err(failed)?;
        for name in RESULTS {
            // A folder that is used again must not show the run before this one, should this one fail.
            match std::fs::remove_file(folder.file(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        if out.is_none() {
            folder.point_latest();
        }
        Ok(folder)
    }

    /// The last part of the folder's path: it names the run.
    pub fn name(&self) -> String {
        self.path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes a folder within this one, with all that it holds; it need not be there.
    ///
    /// # Errors
    /// When it is there and cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.file(name);
        match std::fs::remove_dir_all(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(FolderError::Write { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Writes a file whole or not at all: it is written beside and then renamed, so that a reader or a crash never
    /// meets half a file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf, FolderError> {
        let (path, unfinished) = (self.file(name), self.file(&format!(".{name}.unfinished")));
        let write = || {
            let mut file = std::fs::File::create(&unfinished)?;
            file.write_all(content.as_bytes())?;
            std::fs::rename(&unfinished, &path)
        };
        write().map_err(|source| FolderError::Write {
            path: path.clone(),
            source,
        })?;
        Ok(path)
    }

    /// `reports/latest` is a convenience: a file system without links must not end the run.
    fn point_latest(&self) {
        let latest = Path::new(REPORTS).join("latest");
        let _ = std::fs::remove_file(&latest);
        if let Some(name) = self.path.file_name()
            && let Err(error) = std::os::unix::fs::symlink(name, &latest)
        {
            tracing::debug!(%error, "reports/latest could not be set");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_again() {
        let scratch = tempfile::tempdir().unwrap();
        let folder =
            RunFolder::create(Some(&scratch.path().join("a/b")), "x", Timestamp::UNIX_EPOCH).unwrap();
        folder.write("run.json", "one").unwrap();
        folder.write("run.json", "two").unwrap();
        assert_eq!(std::fs::read_to_string(folder.file("run.json")).unwrap(), "two");
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing unfinished is left behind"
        );
    }

    #[test]
    fn a_folder_that_is_used_again_does_not_show_the_run_before() {
        let scratch = tempfile::tempdir().unwrap();
        let create = || RunFolder::create(Some(scratch.path()), "x", Timestamp::UNIX_EPOCH).unwrap();
        create().write("run.json", "old").unwrap();
        assert!(!create().file("run.json").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_is_a_clear_error() {
        let scratch = tempfile::tempdir().unwrap();
        let file = scratch.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = RunFolder::create(Some(&file.join("x")), "x", Timestamp::UNIX_EPOCH).unwrap_err();
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
