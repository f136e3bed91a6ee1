//! Realtime: committed row changes reach subscribers over the Supabase Realtime protocol.
//!
//! The [`Hub`] takes committed changes, finds the subscriptions they are for and queues frames for their sockets;
//! [`router`] serves the sockets. SQLite's writer hands it the changes it committed ([`Hub::publish`]); on PostgreSQL
//! the [`Feed`] reads what anybody committed from the database's log. From the inside out: `columns` and `change` say
//! what is published, `filter`, `binding` and `auth` what a client asked for and who it is, `access` what it may see,
//! `protocol` and `payload` what is on the wire; `registry` and `hub` connect changes with sockets, `session` holds the
//! conversation on a socket, `socket` and `handshake` do the input and output. `feed` follows the log, and `commits`
//! knows when this server's own transactions were committed.

mod access;
mod auth;
mod binding;
mod change;
mod columns;
mod commits;
mod feed;
mod filter;
mod handshake;
#[doc(hidden)]
pub mod hot_paths;
mod hub;
mod metrics;
mod outbox;
mod payload;
mod protocol;
mod registry;
mod session;
mod socket;

pub use change::{Change, Operation, Table};
pub use commits::{CommitMoments, InFlight};
pub use feed::{Feed, FeedError, FeedMode, LiveFeed};
pub use handshake::router;
pub use hub::{Hub, HubConfig};
pub use metrics::HubMetrics;
