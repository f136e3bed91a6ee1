//! Realtime: committed row changes reach subscribers over the Supabase Realtime protocol.

mod change;

pub use change::{Change, Operation, Table};
