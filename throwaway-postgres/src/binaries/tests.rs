//! Finding the programs, in folders made up for it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// A folder with programs that say they are PostgreSQL of that version.
fn install(folder: &Path, version: &str) {
    fs::create_dir_all(folder).unwrap();
    for program in PROGRAMS {
        let path = folder.join(program);
        fs::write(
            &path,
            format!("#!/bin/sh\necho '{program} (PostgreSQL) {version} (Some 1.2 build)'\n"),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

struct Host {
    root: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn install(&self, folder: &str, version: &str) -> PathBuf {
        let folder = self.root.path().join(folder);
        install(&folder, version);
        folder.canonicalize().unwrap()
    }

    async fn find(&self) -> Result<Binaries, Error> {
        let usual = self.root.path().join("postgresql/*/bin");
        let path = env::join_paths([self.root.path().join("path")]).unwrap();
        Binaries::find_in(&path, &[usual.to_str().unwrap()]).await
    }
}

#[tokio::test]
async fn without_any_the_error_says_where_it_was_looked_and_what_to_install() {
    let error = Host::new().find().await.unwrap_err().to_string();
    assert!(error.contains("/postgresql/*/bin"), "{error}");
    assert!(
        error.contains("install PostgreSQL 15 or newer (Debian, Ubuntu: apt-get install postgresql;"),
        "{error}"
    );
}

#[tokio::test]
async fn the_newest_of_the_usual_folders_is_taken() {
    let host = Host::new();
    host.install("postgresql/9.6/bin", "9.6.24");
    host.install("postgresql/15/bin", "15.18");
    let newest = host.install("postgresql/17/bin", "17.2");
    host.install("postgresql/16/bin", "16.9");
    let found = host.find().await.unwrap();
    assert_eq!(found.version(), "17.2");
    assert_eq!(found.program("initdb"), newest.join("initdb"));
}

#[tokio::test]
async fn what_is_on_path_comes_first_unless_it_is_too_old() {
    let host = Host::new();
    host.install("postgresql/17/bin", "17.2");
    host.install("path", "15.3");
    assert_eq!(host.find().await.unwrap().version(), "15.3");
    host.install("path", "14.12");
    assert_eq!(host.find().await.unwrap().version(), "17.2");
}

#[tokio::test]
async fn links_on_path_are_followed_to_the_programs_beside_them() {
    let host = Host::new();
    let real = host.install("elsewhere", "16.1");
    fs::create_dir(host.root.path().join("path")).unwrap();
    for program in PROGRAMS {
        std::os::unix::fs::symlink(real.join(program), host.root.path().join("path").join(program)).unwrap();
    }
    fs::write(real.join("createdb"), "").unwrap();
    let found = host.find().await.unwrap();
    assert_eq!(found.program("createdb"), real.join("createdb"));
    assert_eq!(found.program("psql"), Path::new("psql"), "left to PATH");
}

#[tokio::test]
async fn only_too_old_ones_are_listed_in_the_error() {
    let host = Host::new();
    let old = host.install("postgresql/13/bin", "13.4");
    host.install("path", "14.12");
    let error = host.find().await.unwrap_err().to_string();
    assert!(error.contains("version 15 or newer is needed"), "{error}");
    assert!(error.contains(&format!("13.4 in {}", old.display())), "{error}");
    assert!(error.contains("14.12 in "), "{error}");
}

#[tokio::test]
async fn a_folder_without_all_programs_or_with_strange_ones_is_none() {
    let host = Host::new();
    let folder = host.install("postgresql/16/bin", "16.1");
    fs::remove_file(folder.join("initdb")).unwrap();
    host.install("postgresql/17/bin", "unheard of");
    assert!(matches!(host.find().await, Err(Error::NoBinaries { .. })));
}

#[tokio::test]
async fn a_development_version_counts_by_its_major() {
    let host = Host::new();
    host.install("postgresql/19/bin", "19beta2");
    host.install("postgresql/18/bin", "18.1");
    assert_eq!(host.find().await.unwrap().version(), "19beta2");
}

#[tokio::test]
async fn a_chosen_folder_is_used_and_nothing_else() {
    let host = Host::new();
    let chosen = host.install("mine", "16.2");
    assert_eq!(Binaries::find(Some(&chosen)).await.unwrap().version(), "16.2");
    let empty = host.root.path().join("empty");
    let error = Binaries::find(Some(&empty)).await.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot start PostgreSQL from {}: ", empty.display())),
        "{error}"
    );
    let old = host.install("old", "14.1");
    assert!(matches!(
        Binaries::find(Some(&old)).await,
        Err(Error::TooOld { .. })
    ));
}
