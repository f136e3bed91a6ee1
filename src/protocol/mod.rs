//! Bytes out, answers back: the connections of a virtual user. Nothing here knows of journeys or targets.

mod connect;
mod http;
mod realtime;
mod stream;

pub use connect::{ConnectError, Connector};
pub use http::{Answer, HeaderBlock, HttpConnection, HttpError, HttpRequest, InvalidText};
pub use realtime::{
    ChangeFrame, Frame, FrameText, Join, JoinBinding, RawJson, RawRow, RealtimeError, RealtimeSocket,
    connect_realtime, decode,
};
pub use stream::Stream;
