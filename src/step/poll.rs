//! Reads of a row that are no part of the load: the polling fallback, and the one read after a subscription.

use std::time::Duration;

use serde_json::Value;

use super::session::{Outgoing, Session};
use crate::plan::Method;
use crate::protocol::HeaderBlock;

/// Reads a row; `None` when there is no answer with status 200 and a JSON body.
pub(super) async fn read(session: &mut Session, path: String, timeout: Duration) -> Option<Value> {
    let outgoing = Outgoing {
        method: Method::Get,
        path: path.into(),
        headers: HeaderBlock::default(),
        body: None,
        wants_body: true,
        timeout,
    };
    let answer = session.exchange(outgoing).await.result.ok()?;
    if answer.status != 200 {
        return None;
    }
    serde_json::from_slice(&answer.body).ok()
}
