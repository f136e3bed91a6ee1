//! Reads of a row that are no part of the load: the polling fallback, and the one read after a subscription.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::session::{Outgoing, Session};
use crate::plan::Method;
use crate::protocol::HeaderBlock;

/// Reads a row; `None` when there is no answer with status 200 and a JSON body.
pub(super) async fn read(session: &mut Session, path: String, timeout: Duration) -> Option<Value> {
    serde_json::from_slice(&read_body(session, path, timeout).await?).ok()
}

/// Reads the body of a row; `None` when there is no answer with status 200.
pub(super) async fn read_body(session: &mut Session, path: String, timeout: Duration) -> Option<Bytes> {
    let outgoing = Outgoing {
        method: Method::Get,
        path: path.into(),
        headers: HeaderBlock::default(),
        names_trace: false,
        body: None,
        wants_body: true,
        timeout,
    };
    // Boxed: reads are rare, and a user who waits would carry the room for one about.
    let answer = Box::pin(session.exchange(outgoing)).await.result.ok()?;
    (answer.status == 200).then_some(answer.body)
}
