//! Frames of the Phoenix channel protocol in its two serialisations.
//!
//! vsn 1.0.0 writes a message as an object, vsn 2.0.0 as an array. The serialisation is chosen at the
//! handshake and never changes on a socket.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Heartbeats go to this topic, which nobody joins.
pub(crate) const PHOENIX_TOPIC: &str = "phoenix";

/// What every channel's topic begins with.
pub(crate) const TOPIC_PREFIX: &str = "realtime:";

/// The serialisation of a socket's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Vsn {
    V1,
    V2,
}

impl Vsn {
    /// Reads the handshake's `vsn` parameter; a missing one means 1.0.0.
    pub(crate) fn parse(parameter: Option<&str>) -> Option<Self> {
        match parameter {
            None | Some("1.0.0") => Some(Self::V1),
            Some("2.0.0") => Some(Self::V2),
            Some(_) => None,
        }
    }
}

/// A message from a client. References are decimal strings; some clients send null.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct ClientMessage {
    #[serde(default)]
    pub(crate) join_ref: Option<String>,
    #[serde(rename = "ref", deserialize_with = "Option::deserialize")]
    pub(crate) reference: Option<String>,
    pub(crate) topic: String,
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) payload: Value,
}

/// Why a frame was dropped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MalformedFrame {
    #[error("the frame is not a message of the agreed serialisation: {0}")]
    Text(#[from] serde_json::Error),
    #[error("the frame is not an object, as vsn 1.0.0 wants it")]
    NoObject,
    #[error("the binary frame is not a broadcast push: {0}")]
    Binary(&'static str),
}

impl ClientMessage {
    pub(crate) fn decode_text(vsn: Vsn, frame: &str) -> Result<Self, MalformedFrame> {
        match vsn {
            // A derived reader would take an array of the fields as well.
            Vsn::V1 if !frame.trim_start().starts_with('{') => Err(MalformedFrame::NoObject),
            Vsn::V1 => Ok(serde_json::from_str(frame)?),
            Vsn::V2 => {
                let (join_ref, reference, topic, event, payload) = serde_json::from_str(frame)?;
                Ok(Self {
                    join_ref,
                    reference,
                    topic,
                    event,
                    payload,
                })
            }
        }
    }

    /// Decodes a binary broadcast push (vsn 2.0.0 only), which becomes the same message as its text form.
    ///
    /// Layout: `3 | join_ref length | ref length | topic length | event length | metadata length | encoding`,
    /// each one byte, then those texts in that order, then the payload up to the end of the frame.
    pub(crate) fn decode_binary(vsn: Vsn, frame: &[u8]) -> Result<Self, MalformedFrame> {
        const PUSH: u8 = 3;
        const JSON: u8 = 1;
        if vsn == Vsn::V1 {
            return Err(MalformedFrame::Binary("vsn 1.0.0 has no binary frames"));
        }
        let (header, mut rest) = frame
            .split_first_chunk::<7>()
            .ok_or(MalformedFrame::Binary("the header is cut off"))?;
        let [PUSH, join_ref, reference, topic, event, metadata, encoding] = *header else {
            return Err(MalformedFrame::Binary("its kind is not 3"));
        };
        if encoding != JSON {
            return Err(MalformedFrame::Binary("only JSON payloads are relayed"));
        }
        let mut take = |length: u8| {
            let (text, after) = rest
                .split_at_checked(length.into())
                .ok_or(MalformedFrame::Binary("it is shorter than its header says"))?;
            rest = after;
            std::str::from_utf8(text).map_err(|_| MalformedFrame::Binary("a text is not UTF-8"))
        };
        let join_ref = take(join_ref)?.to_owned();
        let reference = take(reference)?.to_owned();
        let topic = take(topic)?.to_owned();
        let event = take(event)?.to_owned();
        take(metadata)?;
        let payload: Value = serde_json::from_slice(rest)?;
        Ok(Self {
            join_ref: (!join_ref.is_empty()).then_some(join_ref),
            reference: (!reference.is_empty()).then_some(reference),
            topic,
            event: "broadcast".to_owned(),
            payload: json!({"type": "broadcast", "event": event, "payload": payload}),
        })
    }
}

/// A message to a client.
#[derive(Debug)]
pub(crate) struct ServerMessage<'a, P> {
    pub(crate) join_ref: Option<&'a str>,
    pub(crate) reference: Option<&'a str>,
    pub(crate) topic: &'a str,
    pub(crate) event: &'a str,
    pub(crate) payload: P,
}

/// vsn 1.0.0: no `join_ref`, and always a `ref`, null in pushes; realtime-py drops frames without it.
#[derive(Serialize)]
struct ObjectFrame<'a, P> {
    topic: &'a str,
    event: &'a str,
    payload: &'a P,
    #[serde(rename = "ref")]
    reference: Option<&'a str>,
}

impl<P: Serialize> ServerMessage<'_, P> {
    pub(crate) fn encode(&self, vsn: Vsn) -> Utf8Bytes {
        let Self {
            join_ref,
            reference,
            topic,
            event,
            payload,
        } = self;
        let encoded = match vsn {
            Vsn::V1 => serde_json::to_string(&ObjectFrame {
                topic,
                event,
                payload,
                reference: *reference,
            }),
            Vsn::V2 => serde_json::to_string(&(join_ref, reference, topic, event, payload)),
        };
        encoded
            .expect("text keys and JSON values always serialise")
            .into()
    }
}

#[cfg(test)]
mod tests;
