//! The cluster as its users see it: started, asked for addresses, stopped for a while, removed.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::binaries::Binaries;
use crate::folder::{self, Folder};
use crate::guardian::{self, Guardian};
use crate::server::{SUPERUSER, Server};
use crate::user::ServerUser;
use crate::{Error, Settings, port, random};

/// How often another port is tried when somebody was faster.
const STARTS_MAX: u32 = 5;

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopMode {
    /// Connections are closed, transactions rolled back, and everything is written: a planned restart.
    Fast,
    /// All processes end at once, and the next start recovers from the write-ahead log: a crash.
    Immediate,
}

impl StopMode {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Immediate => "immediate",
        }
    }
}

/// A PostgreSQL cluster of one's own, with a running server until [`Cluster::stop_server`].
///
/// It does not depend on the runtime that it was started on. When it is dropped, or this process ends in whatever way,
/// its server is stopped and its folder removed by a process of their own; [`Cluster::stop`] also waits for that.
pub struct Cluster {
    server: Server,
    guardian: Guardian,
    port: u16,
    password: String,
}

impl Cluster {
    /// Makes a cluster in the system's folder for temporary files and starts its server on a free port of 127.0.0.1. Takes
    /// one to two seconds. Clusters of this user that earlier crashes left are removed first.
    ///
    /// # Errors
    /// PostgreSQL 15 or newer is not installed, or it does not start; the error says what to do.
    pub async fn start(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        let binaries = Binaries::find(settings.binaries.as_deref()).await?;
        let user = ServerUser::choose().await?;
        folder::sweep(&user, &binaries.program("pg_ctl")).await;
        let password = random::password().map_err(Error::Password)?;
        let folder = Folder::create(&user)?;
        let server = Server::new(binaries, user, folder);
        let guardian = Guardian::watch(server.user(), &server.program("pg_ctl"), server.folder())?;
        match bring_up(&server, &settings, &password).await {
            Ok(port) => Ok(Self {
                server,
                guardian,
                port,
                password,
            }),
            Err(error) => {
                guardian.clean_up(server.folder().path()).await;
                Err(error)
            }
        }
    }

    /// The address of the database `postgres`, with the superuser's password: a secret.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The address of a database, with the superuser's password: a secret.
    pub fn url_of(&self, database: &str) -> String {
        let (password, port) = (&self.password, self.port);
        let mut url = format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/");
        for byte in database.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.') {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
        url
    }

    /// The version of the server, as it says it, for example `15.18`.
    pub fn version(&self) -> &str {
        self.server.version()
    }

    /// A program of the same PostgreSQL, for example `psql` or `pg_dump`: beside the server's programs, or by its name
    /// alone where the distribution keeps clients on `PATH`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.server.program(name)
    }

    /// The port of 127.0.0.1 on which the server listens, the same until the end.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the cluster is on disk: `data/`, `server.log` and the server's socket.
    pub fn folder(&self) -> &Path {
        self.server.folder().path()
    }

    /// Creates an empty database.
    ///
    /// # Errors
    /// There is one of that name, the server is stopped, or the client program `createdb` is not installed.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        self.server.create_database(self.port, &self.password, name).await
    }

    /// Stops the server and keeps its data and port: the beginning of an outage.
    ///
    /// # Errors
    /// The server does not run, or does not stop within a minute.
    pub async fn stop_server(&self, mode: StopMode) -> Result<(), Error> {
        self.server.stop(self.port, mode).await
    }

    /// Starts a stopped server again, on the same port with the same data, and waits until it accepts connections.
    ///
    /// # Errors
    /// The server runs, does not start within a minute, or its port was taken.
    pub async fn start_server(&self) -> Result<(), Error> {
        let port = self.port;
        let was_free = port::is_free(port);
        match self.server.start(port).await {
            Err(Error::NotStarted { .. }) if !was_free && !self.is_running() => {
                Err(Error::PortTaken { port })
            }
            started => started,
        }
    }

    /// Stops the server, removes everything, and waits until that is done.
    ///
    /// # Errors
    /// Something is left.
    pub async fn stop(self) -> Result<(), Error> {
        let Self { server, guardian, .. } = self;
        let folder = server.folder().path().to_path_buf();
        if guardian.clean_up(&folder).await {
            return Ok(());
        }
        // Somebody killed the guardian.
        if let Ok(lock) = server.lock()
            && guardian::clean_up_now(server.user(), &server.program("pg_ctl"), &folder, lock).await
        {
            return Ok(());
        }
        Err(Error::NotRemoved { folder })
    }

    /// The server's own word: it removes the file when it ends in order.
    fn is_running(&self) -> bool {
        self.folder().join("data/postmaster.pid").exists()
    }

    #[cfg(test)]
    fn kill_guardian(&mut self) {
        self.guardian.kill();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("version", &self.version())
            .field("port", &self.port)
            .field("folder", &self.folder())
            .finish_non_exhaustive()
    }
}

/// Makes the cluster's files and starts its server; the port it got.
async fn bring_up(server: &Server, settings: &Settings, password: &str) -> Result<u16, Error> {
    server.initialise(settings, password).await?;
    for _ in 0..STARTS_MAX {
        let Some(port) = port::free() else { break };
        match server.start(port).await {
            Ok(()) => return Ok(port),
            // Somebody took the port between the look and the start.
            Err(Error::NotStarted { .. }) if !port::is_free(port) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::NoPort { tries: port::TRIES })
}

#[cfg(test)]
mod tests;
