//! A client of the Supabase Realtime protocol, version 2.0.0 of its serializer: text frames
//! `[join_ref, ref, topic, event, payload]`.

mod frame;
mod grammar;
mod join;
mod json;
mod socket;

pub use frame::{ChangeFrame, Frame, decode};
pub use join::{Join, JoinBinding};
pub use json::{RawJson, RawRow};
pub use socket::{FrameText, RealtimeError, RealtimeSocket, connect_realtime};
