//! Realtime: committed row changes reach subscribers over the Supabase Realtime protocol.
//!
//! [`Hub::publish`] takes committed changes, finds the subscriptions they are for and queues frames for
//! their sockets; [`router`] serves the sockets. From the inside out: `columns` and `change` say what is
//! published, `filter`, `binding` and `auth` what a client asked for and may see, `protocol` and `payload`
//! what is on the wire; `registry` and `hub` connect changes with sockets, `session` holds the conversation
//! on a socket, `socket` and `handshake` do the input and output.

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
