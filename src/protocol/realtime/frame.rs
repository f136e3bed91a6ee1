//! What a text frame says. Nothing of it is copied: a frame borrows from the message that it was read from.

use std::borrow::Cow;

use serde_json::Value;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::json::{RawJson, RawRow, Scanner};
use crate::plan::ChangeEvent;

/// What the server sent.
#[derive(Debug, PartialEq)]
pub enum Frame<'a> {
    /// The answer to a join: `Err` holds the server's reason.
    Joined {
        topic: Cow<'a, str>,
        result: Result<(), String>,
    },
    /// The subscription is live (`Ok`), or could not be made.
    System {
        topic: Cow<'a, str>,
        result: Result<(), String>,
    },
    /// A row change.
    Change(ChangeFrame<'a>),
    /// The server closed the channel for good.
    Closed {
        topic: Cow<'a, str>,
        /// Reference of the join that the channel came of: a join that takes the place of an older one closes that one.
        joined_by: Option<u64>,
    },
    /// The server lost the channel by a fault of its own: clients join again.
    Crashed { topic: Cow<'a, str> },
    /// Heartbeat replies, presence and the like.
    Other,
    /// Text that is not a frame of the protocol.
    Malformed,
}

/// A row change as it was received.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeFrame<'a> {
    pub topic: Cow<'a, str>,
    pub table: Cow<'a, str>,
    pub event: ChangeEvent,
    /// The row after the change; the key columns of the old row for a delete.
    pub row: RawRow<'a>,
    /// When the change was committed, as the server's wall clock says it (ISO 8601, cut to milliseconds).
    pub commit_timestamp: Option<RawJson<'a>>,
    /// When the change was committed, on the host's monotonic clock; only servers on this host say so.
    pub committed_monotonic_ns: Option<u64>,
    /// The time of the commit's record in the database's log, before its flush to disk, on the same clock.
    pub commit_record_monotonic_ns: Option<u64>,
    /// A hash of topic and change: two frames that share it are one event sent twice to one subscription.
    pub fingerprint: u64,
}

/// Decodes one text frame.
pub fn decode(text: &str) -> Frame<'_> {
    decode_frame(text).unwrap_or(Frame::Malformed)
}

/// `[join_ref, ref, topic, event, payload]`; `None` when it is not.
fn decode_frame(text: &str) -> Option<Frame<'_>> {
    let mut scanner = Scanner::new(text);
    scanner.token(b'[')?;
    let joined_by = reference(&mut scanner)?;
    reference(&mut scanner)?;
    let topic = scanner.value()?.as_str()?;
    scanner.token(b',')?;
    let event = scanner.value()?.as_str()?;
    scanner.token(b',')?;
    let payload = match event.as_ref() {
        "postgres_changes" => Payload::Change(ChangePayload::scan(&mut scanner)?),
        _ => Payload::Unread(scanner.value()?),
    };
    scanner.token(b']')?;
    scanner.end()?;
    Some(match (payload, event.as_ref()) {
        (Payload::Change(change), _) => Frame::Change(change.frame(topic)?),
        (Payload::Unread(reply), "phx_reply") if topic != "phoenix" => Frame::Joined {
            topic,
            result: status_of(reply, "/response/reason")?,
        },
        (Payload::Unread(system), "system") => Frame::System {
            topic,
            result: status_of(system, "/message")?,
        },
        (Payload::Unread(_), "phx_close") => Frame::Closed {
            topic,
            // Ours are numbers; one that is none belongs to no join of ours.
            joined_by: joined_by.as_str().and_then(|number| number.parse().ok()),
        },
        (Payload::Unread(_), "phx_error") => Frame::Crashed { topic },
        (Payload::Unread(_), _) => Frame::Other,
    })
}

/// A reference and the comma after it: a text, or null.
fn reference<'a>(scanner: &mut Scanner<'a>) -> Option<RawJson<'a>> {
    let reference = scanner.value()?;
    (reference.get() == "null" || reference.get().starts_with('"')).then_some(())?;
    scanner.token(b',')?;
    Some(reference)
}

enum Payload<'a> {
    Change(ChangePayload<'a>),
    /// Few enough to be read as values, or of no interest at all.
    Unread(RawJson<'a>),
}

fn status_of(payload: RawJson<'_>, reason: &str) -> Option<Result<(), String>> {
    let payload: Value = serde_json::from_str(payload.get()).ok()?;
    if payload.get("status").and_then(Value::as_str) == Some("ok") {
        return Some(Ok(()));
    }
    Some(Err(payload
        .pointer(reason)
        .and_then(Value::as_str)
        .unwrap_or("no reason given")
        .to_owned()))
}

/// The `data` of a change, taken apart but not looked into.
#[derive(Default)]
struct ChangePayload<'a> {
    schema: Option<RawJson<'a>>,
    table: Option<RawJson<'a>>,
    event: Option<RawJson<'a>>,
    record: Option<RawJson<'a>>,
    old_record: Option<RawJson<'a>>,
    commit_timestamp: Option<RawJson<'a>>,
    committed_monotonic_ns: Option<RawJson<'a>>,
    commit_record_monotonic_ns: Option<RawJson<'a>>,
}

impl<'a> ChangePayload<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut data = None;
        let mut members = scanner.open_object()?;
        while let Some(name) = scanner.next_member(&mut members)? {
            if name == "data" {
                data = Some(Self::scan_data(scanner)?);
            } else {
                scanner.value()?;
            }
        }
        data
    }

    fn scan_data(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut data = Self::default();
        let mut members = scanner.open_object()?;
        while let Some(name) = scanner.next_member(&mut members)? {
            let value = Some(scanner.value()?);
            match name.as_ref() {
                "schema" => data.schema = value,
                "table" => data.table = value,
                "type" => data.event = value,
                "record" => data.record = value,
                "old_record" => data.old_record = value,
                "commit_timestamp" => data.commit_timestamp = value,
                "committed_monotonic_ns" => data.committed_monotonic_ns = value,
                "commit_record_monotonic_ns" => data.commit_record_monotonic_ns = value,
                _ => {}
            }
        }
        Some(data)
    }

    fn frame(self, topic: Cow<'a, str>) -> Option<ChangeFrame<'a>> {
        let event = match self.event?.as_str()?.as_ref() {
            "INSERT" => ChangeEvent::Insert,
            "UPDATE" => ChangeEvent::Update,
            "DELETE" => ChangeEvent::Delete,
            _ => return None,
        };
        let row = if event == ChangeEvent::Delete {
            self.old_record
        } else {
            self.record
        };
        Some(ChangeFrame {
            table: self.table?.as_str()?,
            event,
            row: RawRow::of(row?)?,
            commit_timestamp: self.commit_timestamp,
            committed_monotonic_ns: self.committed_monotonic_ns.and_then(RawJson::as_u64),
            commit_record_monotonic_ns: self.commit_record_monotonic_ns.and_then(RawJson::as_u64),
            fingerprint: self.fingerprint(&topic),
            topic,
        })
    }

    /// The text of what makes a change this change: where, when and what. Which bindings it is sent for (`ids`) and
    /// what describes the row (`columns`, `errors`) are left out. Rows are compared as text: a server encodes a
    /// change that it sends twice the same way twice.
    fn fingerprint(&self, topic: &str) -> u64 {
        let parts = [
            self.schema,
            self.table,
            self.event,
            self.commit_timestamp,
            self.committed_monotonic_ns,
            self.record,
            self.old_record,
        ];
        parts.iter().fold(xxh3_64(topic.as_bytes()), |hash, part| {
            xxh3_64_with_seed(part.map_or("", RawJson::get).as_bytes(), hash)
        })
    }
}

#[cfg(test)]
mod tests;
