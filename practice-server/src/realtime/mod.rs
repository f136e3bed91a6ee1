//! Realtime: committed row changes reach subscribers over the Supabase Realtime protocol.

mod change;
mod hub;

pub use change::{Change, Operation, Table};
pub use hub::Hub;
