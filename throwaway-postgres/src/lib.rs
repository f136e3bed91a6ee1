//! A PostgreSQL cluster from the installed binaries, for one run: started, used, and removed, also after a crash.
//!
//! ```no_run
//! # async fn example() -> Result<(), throwaway_postgres::Error> {
//! use throwaway_postgres::{Cluster, Settings};
//!
//! let cluster = Cluster::start(Settings::default()).await?;
//! cluster.create_database("practice").await?;
//! println!("{}", cluster.url_of("practice"));
//! cluster.stop().await
//! # }
//! ```
//!
//! The cluster has a folder, a port and a socket folder of its own, and touches no other server on the host. Its
//! durability settings are PostgreSQL's own (`fsync` and `synchronous_commit` stay on), so that what is measured on
//! it is what a server would do; only its lifetime is short.
//!
//! Where things are: `binaries` finds the programs, `user` runs them as somebody whom PostgreSQL accepts, `server` says
//! with which arguments, `folder` owns the place on disk and finds what earlier crashes left, `guardian` outlives a
//! crash of this process and cleans up, and `cluster` ties them together.

mod binaries;
mod cluster;
mod error;
mod folder;
mod guardian;
mod port;
mod random;
mod server;
mod settings;
mod user;

pub use cluster::{Cluster, StopMode};
pub use error::Error;
pub use settings::Settings;
