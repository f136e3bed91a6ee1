//! The inner steps of a publication, for the benchmarks only: a caller of the server uses [`Hub`].

use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::auth::{Identity, Role};
use super::binding::JoinConfig;
use super::change::{Change, Table};
use super::filter::Filter;
use super::hub::{Hub, JoinRequest, Membership};
use super::outbox::{Delivery, Outbox};
use super::payload::{ChangePayload, encode_change};
use super::protocol::{ClientMessage, ServerMessage, Vsn};

/// A serialisation by its name in the handshake.
fn vsn(name: &str) -> Vsn {
    Vsn::parse(Some(name)).expect("benchmarks name a known vsn")
}

/// Encodes a change and its frame for one topic; the frame's length in bytes.
pub fn encode_frame(change: &Change, vsn_name: &str) -> usize {
    let data = encode_change(change, change.table.every_column());
    let message = ServerMessage {
        join_ref: None,
        reference: None,
        topic: "realtime:practice_session_11111111-1111-4111-8111-111111111111",
        event: "postgres_changes",
        payload: ChangePayload {
            ids: &[],
            data: &data,
        },
    };
    message.encode(vsn(vsn_name)).as_str().len()
}

/// Decodes a join frame and validates its configuration; the number of its bindings.
pub fn decode_join(frame: &str, vsn_name: &str) -> usize {
    let message = ClientMessage::decode_text(vsn(vsn_name), frame).expect("benchmarks send good frames");
    JoinConfig::parse(message.payload)
        .expect("benchmarks send good joins")
        .bindings
        .len()
}

/// A parsed filter, ready to be evaluated.
pub struct RowFilter(Filter);

impl RowFilter {
    /// Parses a filter that is known to be good.
    pub fn parse(text: &str, table: Table) -> Self {
        Self(Filter::parse(text, table).expect("benchmarks use good filters"))
    }

    /// Whether the row passes.
    pub fn matches(&self, row: &Map<String, Value>) -> bool {
        self.0.matches(row)
    }
}

/// Channels on queues that nobody writes to sockets.
pub struct Subscribers {
    members: Vec<(Membership, mpsc::Receiver<Delivery>)>,
}

impl Subscribers {
    /// Joins `count` channels of one user with the bindings of a join's `postgres_changes`.
    pub fn join(hub: &Hub, count: usize, user: &str, topic: &str, postgres_changes: &Value) -> Self {
        let payload = serde_json::json!({"config": {"postgres_changes": postgres_changes}});
        let member = |_| {
            let bindings = JoinConfig::parse(payload.clone())
                .expect("benchmarks use good bindings")
                .bindings;
            let subscriptions = bindings
                .iter()
                .flat_map(|binding| binding.subscriptions().expect("benchmarks use good bindings"))
                .collect();
            let (outbox, deliveries) = Outbox::new(hub.config().queue_frames_max);
            let identity = Identity {
                role: Role::Authenticated,
                claims: Arc::new(Map::from_iter([("sub".to_owned(), user.into())])),
                expires_at_unix_s: None,
            };
            let topic = Arc::from(topic);
            let request = JoinRequest {
                topic,
                vsn: Vsn::V2,
                identity,
                outbox: Arc::new(outbox),
                subscriptions,
            };
            (hub.join(request), deliveries)
        };
        Self {
            members: (0..count).map(member).collect(),
        }
    }

    /// Takes what was delivered; the number of frames.
    pub fn drain(&mut self) -> usize {
        self.members
            .iter_mut()
            .map(|(_, deliveries)| std::iter::from_fn(|| deliveries.try_recv().ok()).count())
            .sum()
    }
}
