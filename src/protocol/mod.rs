//! Bytes out, answers back: the connections of a virtual user. Nothing here knows of journeys or targets.

mod connect;
mod http;
mod origin;
mod realtime;
mod stream;
mod tls;
mod traffic;

pub use connect::{ConnectError, Connector, Dialing};
pub use http::{Answer, HeaderBlock, HttpConnection, HttpError, HttpRequest, InvalidText};
pub use origin::Origin;
pub use realtime::{
    ChangeFrame, Frame, FrameText, Join, JoinBinding, RawJson, RawRow, RealtimeError, RealtimeSocket,
    connect_realtime, decode,
};
pub use stream::Stream;
pub use tls::{TlsClient, TlsRefusal, TlsSettingsError};
pub use traffic::{Server, Stay, TrafficSwitch};
