//! What can go wrong with a throw-away cluster, as sentences for the person who wanted to use one.

use std::path::PathBuf;

use crate::binaries::VERSION_MIN;

/// Why a throw-away cluster cannot be had, used or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing that looks like a PostgreSQL server is installed.
    #[error(
        "cannot start PostgreSQL: its server programs (initdb, pg_ctl, postgres) are neither on PATH nor in {looked}; \
         install PostgreSQL {VERSION_MIN} or newer (Debian, Ubuntu: apt-get install postgresql; Fedora: dnf install \
         postgresql-server; macOS: brew install postgresql)"
    )]
    NoBinaries {
        /// The usual folders of the distributions, where it was looked besides `PATH`.
        looked: String,
    },
    /// The folder that was to be used holds no PostgreSQL.
    #[error(
        "cannot start PostgreSQL from {}: its server programs (initdb, pg_ctl, postgres) are not there, or do not run; name \
         the folder of PostgreSQL {VERSION_MIN} or newer that holds them, or none to have it looked for", .folder.display()
    )]
    NotInFolder {
        /// The folder that was named.
        folder: PathBuf,
    },
    /// Only versions older than the one that is needed are installed.
    #[error(
        "cannot start PostgreSQL: version {VERSION_MIN} or newer is needed, and {found} is all there is; install a newer one"
    )]
    TooOld {
        /// Each version with its folder.
        found: String,
    },
    /// The process is root, and nobody else can run the server for it.
    #[error(
        "cannot start PostgreSQL: it refuses to run as root, and this host has neither a user `postgres` nor `nobody` to \
         run it as; run this as a user who is not root"
    )]
    NoUser,
    /// A server setting that cannot be passed on.
    #[error("cannot start PostgreSQL with the setting {name:?}: {reason}")]
    Setting {
        /// The setting as it was given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The folder of the cluster cannot be made.
    #[error("cannot make a folder for PostgreSQL at {}; free the place, or point TMPDIR at another one", .path.display())]
    Folder {
        /// The folder, or the one that it was to be made in.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A program cannot be run at all.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No password can be made, as the system has no randomness to give.
    #[error("cannot make a password for PostgreSQL from /dev/urandom")]
    Password(#[source] std::io::Error),
    /// `initdb` failed.
    #[error("cannot make a PostgreSQL cluster in {} as {user}: initdb said: {said}", .folder.display())]
    Initdb {
        /// The folder of the cluster.
        folder: PathBuf,
        /// The user it ran as.
        user: String,
        /// Its last lines.
        said: String,
    },
    /// The server does not start.
    #[error("cannot start PostgreSQL on port {port}: {said}")]
    NotStarted {
        /// The port it was to listen on.
        port: u16,
        /// The last lines of its log.
        said: String,
    },
    /// Every port that was tried belonged to somebody else.
    #[error(
        "cannot start PostgreSQL: no free port was found in {tries} tries; end other servers on 127.0.0.1"
    )]
    NoPort {
        /// How many ports were tried.
        tries: u32,
    },
    /// The port of a stopped server was taken by somebody else meanwhile.
    #[error("cannot start PostgreSQL again: port {port} was taken by another program while it was stopped")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The server does not stop.
    #[error("cannot stop PostgreSQL on port {port}: {said}")]
    NotStopped {
        /// The port it listens on.
        port: u16,
        /// What `pg_ctl` said.
        said: String,
    },
    /// A database cannot be created.
    #[error("cannot create the database {name:?}: {said}")]
    Database {
        /// The name of the database.
        name: String,
        /// What `createdb` said.
        said: String,
    },
    /// Something of the cluster is left.
    #[error("cannot remove the PostgreSQL cluster in {}; stop its server and delete the folder by hand", .folder.display())]
    NotRemoved {
        /// The folder that is left.
        folder: PathBuf,
    },
}
