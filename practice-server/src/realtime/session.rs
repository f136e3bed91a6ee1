//! The conversation on one socket: which channels it has joined, and what each message is answered with.
//!
//! No input or output happens here: messages come in, frames to be written come out, in order.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::auth::{AuthError, Identity};
use super::binding::{Binding, BindingError, JoinConfig, Subscription, access_token};
use super::hub::HubState;
use super::hub::{Hub, JoinRequest, Membership};
use super::outbox::{Delivery, Outbox};
use super::protocol::{ClientMessage, PHOENIX_TOPIC, ServerMessage, TOPIC_PREFIX, Vsn};

/// What clients are told when changes may have been missed.
const INTERRUPTED: &str =
    "The change feed was interrupted and changes may have been missed: subscribe again and read the rows";

/// The most channels one socket may join.
const CHANNELS_MAX: usize = 100;

/// The state of one socket's conversation.
pub(crate) struct Session {
    hub: Hub,
    vsn: Vsn,
    /// Who the handshake's API key says the client is; channels without a token of their own fall back to it.
    handshake_identity: Identity,
    outbox: Arc<Outbox>,
    channels: HashMap<String, JoinedChannel>,
    replies: Vec<Utf8Bytes>,
}

/// A channel that the socket has joined.
struct JoinedChannel {
    join_ref: Option<String>,
    config: JoinConfig,
    membership: Membership,
    /// When the token expires, on the runtime's clock.
    expires_at: Option<Instant>,
}

impl Session {
    pub(crate) fn new(hub: Hub, vsn: Vsn, handshake_identity: Identity, outbox: Arc<Outbox>) -> Self {
        Self {
            hub,
            vsn,
            handshake_identity,
            outbox,
            channels: HashMap::new(),
            replies: Vec::new(),
        }
    }

    /// Handles one message and returns the frames to write, in order.
    pub(crate) fn handle(&mut self, message: ClientMessage) -> Vec<Utf8Bytes> {
        match (message.topic.as_str(), message.event.as_str()) {
            (PHOENIX_TOPIC, "heartbeat") => self.reply(&message, "ok", json!({})),
            (_, "phx_join") => self.join(message),
            (topic, event) => match self.channels.get(topic) {
                Some(channel) if !channel.is_addressed_by(&message) => {
                    // The message raced with a rejoin of the same topic and is about the previous one.
                }
                Some(_) => match event {
                    "phx_leave" => self.leave(&message),
                    "access_token" => self.refresh_token(&message),
                    "broadcast" => self.broadcast(&message),
                    // Nobody's presence is tracked; clients only need to know that they were heard.
                    "presence" => self.reply(&message, "ok", json!({})),
                    unknown => {
                        let reason = format!("unknown event {unknown}");
                        self.reply(&message, "error", json!({"reason": reason}));
                    }
                },
                // Leaving is idempotent: the client may have raced with the server's close.
                None if event == "phx_leave" => self.reply(&message, "ok", json!({})),
                None => self.reply(&message, "error", json!({"reason": "unmatched topic"})),
            },
        }
        std::mem::take(&mut self.replies)
    }

    /// Whether a delivery still has its channel.
    pub(crate) fn expects(&self, delivery: &Delivery) -> bool {
        self.channels
            .values()
            .any(|channel| channel.membership.channel.key == delivery.channel)
    }

    /// When the next token expires.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.channels
            .values()
            .filter_map(|channel| channel.expires_at)
            .min()
    }

    /// Closes the channels whose tokens have expired, and returns the frames that say so.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Utf8Bytes> {
        let expired: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.expires_at.is_some_and(|expires_at| expires_at <= now))
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in expired {
            self.close_for(&topic, AuthError::Expired);
        }
        std::mem::take(&mut self.replies)
    }

    /// Ends the subscriptions of a feed that broke off, and returns the frames that say so. Clients join again by
    /// themselves when a channel has crashed; one that merely heard of trouble would go on without what it missed.
    pub(crate) fn interrupt(&mut self) -> Vec<Utf8Bytes> {
        let interrupted: Vec<String> = self
            .channels
            .iter()
            .filter(|(_, channel)| !channel.config.bindings.is_empty())
            .map(|(topic, _)| topic.clone())
            .collect();
        for topic in interrupted {
            if let Some(JoinedChannel { join_ref, .. }) = self.channels.remove(&topic) {
                let join_ref = join_ref.as_deref();
                self.system(join_ref, &topic, "postgres_changes", "error", INTERRUPTED);
                self.end_channel(&topic, join_ref, "phx_error");
            }
        }
        std::mem::take(&mut self.replies)
    }

    fn join(&mut self, mut message: ClientMessage) {
        let payload = message.payload.take();
        match self.admit(&message, payload) {
            Ok((config, identity)) => self.accept(&message, config, identity),
            Err(reason) => {
                self.hub.counters().joins_refused.increment();
                self.reply(&message, "error", json!({"reason": reason}));
            }
        }
    }

    fn admit(&self, message: &ClientMessage, payload: Value) -> Result<(JoinConfig, Identity), String> {
        match message.topic.strip_prefix(TOPIC_PREFIX) {
            None => return Err("unmatched topic".to_owned()),
            Some("") => return Err("TopicNameRequired: You must provide a topic name".to_owned()),
            Some(_) => {}
        }
        if self.channels.len() >= CHANNELS_MAX && !self.channels.contains_key(&message.topic) {
            return Err(format!(
                "ChannelRateLimitReached: a socket may join {CHANNELS_MAX} channels"
            ));
        }
        let config = JoinConfig::parse(payload).map_err(|error| error.to_string())?;
        let identity = match &config.access_token {
            Some(token) => self
                .hub
                .authenticator()
                .authenticate_channel(token, self.hub.unix_us()),
            None => None,
        };
        let identity = identity
            .unwrap_or_else(|| Ok(self.handshake_identity.clone()))
            .and_then(|identity| self.unexpired(identity))
            .map_err(|error| format!("{}: {error}", error.code()))?;
        let HubState { live, .. } = self.hub.state();
        if !live && !config.bindings.is_empty() {
            return Err(
                "InitializingProjectConnection: the database's changes cannot be followed at the moment, try again"
                    .to_owned(),
            );
        }
        if config.private && !identity.may_join_private_channels() {
            return Err(format!(
                "Unauthorized: You do not have permissions to read from this Channel topic: {}",
                channel_name(&message.topic)
            ));
        }
        Ok((config, identity))
    }

    /// The handshake's token may have expired since.
    fn unexpired(&self, identity: Identity) -> Result<Identity, AuthError> {
        match identity.expires_at_unix_s {
            Some(expires_at) if expires_at <= self.hub.unix_us().div_euclid(1_000_000) => {
                Err(AuthError::Expired)
            }
            _ => Ok(identity),
        }
    }

    fn accept(&mut self, message: &ClientMessage, config: JoinConfig, identity: Identity) {
        if let Some(previous) = self.channels.remove(&message.topic) {
            self.close(&message.topic, previous.join_ref.as_deref());
        }
        let acknowledgements: Vec<Value> = config.bindings.iter().map(Binding::acknowledgement).collect();
        self.reply(message, "ok", json!({"postgres_changes": acknowledgements}));
        // The join's own reference: some clients leave `join_ref` out of the join itself.
        let join_ref = message.join_ref.clone().or_else(|| message.reference.clone());
        if config.presence {
            self.push(join_ref.as_deref(), &message.topic, "presence_state", json!({}));
        }
        let expires_at = deadline(&self.hub, &identity);
        let (subscriptions, outcome) = subscribe(&config.bindings);
        let membership = self.hub.join(JoinRequest {
            topic: Arc::from(message.topic.as_str()),
            vsn: self.vsn,
            identity,
            outbox: Arc::clone(&self.outbox),
            subscriptions,
        });
        self.announce(join_ref.as_deref(), &message.topic, outcome);
        let joined = JoinedChannel {
            join_ref,
            config,
            membership,
            expires_at,
        };
        self.channels.insert(message.topic.clone(), joined);
    }

    fn leave(&mut self, message: &ClientMessage) {
        let left = self.channels.remove(&message.topic);
        self.reply(message, "ok", json!({}));
        if let Some(channel) = left {
            self.close(&message.topic, channel.join_ref.as_deref());
        }
    }

    /// A new token for a joined channel. There is no reply: on success the subscription is announced again,
    /// on failure the channel is closed.
    fn refresh_token(&mut self, message: &ClientMessage) {
        let topic = message.topic.as_str();
        let Some(token) = message.payload.as_object().and_then(access_token) else {
            return;
        };
        let Entry::Occupied(mut entry) = self.channels.entry(topic.to_owned()) else {
            return;
        };
        let channel = entry.get_mut();
        if channel.config.access_token.as_ref() == Some(&token) {
            return;
        }
        let identity = match self
            .hub
            .authenticator()
            .authenticate_channel(&token, self.hub.unix_us())
        {
            None => return,
            Some(Ok(identity)) => identity,
            Some(Err(error)) => return self.close_for(topic, error),
        };
        channel.config.access_token = Some(token);
        channel.expires_at = deadline(&self.hub, &identity);
        channel.membership.change_identity(identity);
        let (_, outcome) = subscribe(&channel.config.bindings);
        let join_ref = channel.join_ref.clone();
        self.announce(join_ref.as_deref(), topic, outcome);
    }

    fn broadcast(&mut self, message: &ClientMessage) {
        let Some(channel) = self.channels.get(&message.topic) else {
            return;
        };
        self.hub.broadcast(
            &channel.membership.channel,
            channel.config.broadcast_self,
            &message.payload,
        );
        if channel.config.broadcast_ack {
            self.reply(message, "ok", json!({}));
        }
    }

    /// Tells the client that its subscription is live, or why it is not. Without bindings nothing is said.
    fn announce(&mut self, join_ref: Option<&str>, topic: &str, outcome: Option<Result<(), BindingError>>) {
        let (status, text) = match outcome {
            None => return,
            Some(Ok(())) => ("ok", "Subscribed to PostgreSQL".to_owned()),
            Some(Err(error)) => ("error", error.to_string()),
        };
        self.system(join_ref, topic, "postgres_changes", status, &text);
    }

    fn close_for(&mut self, topic: &str, error: AuthError) {
        if let Some(channel) = self.channels.remove(topic) {
            self.system(
                channel.join_ref.as_deref(),
                topic,
                "system",
                "error",
                &error.to_string(),
            );
            self.close(topic, channel.join_ref.as_deref());
        }
    }

    fn system(&mut self, join_ref: Option<&str>, topic: &str, extension: &str, status: &str, text: &str) {
        let payload = json!({
            "extension": extension,
            "status": status,
            "message": text,
            "channel": channel_name(topic),
        });
        self.push(join_ref, topic, "system", payload);
    }

    fn close(&mut self, topic: &str, join_ref: Option<&str>) {
        self.end_channel(topic, join_ref, "phx_close");
    }

    /// Clients know by the reference, which equals the join's, that the end is about this channel.
    fn end_channel(&mut self, topic: &str, join_ref: Option<&str>, event: &str) {
        self.write(&ServerMessage {
            join_ref,
            reference: join_ref,
            topic,
            event,
            payload: json!({}),
        });
    }

    fn reply(&mut self, message: &ClientMessage, status: &str, response: Value) {
        self.write(&ServerMessage {
            join_ref: message.join_ref.as_deref(),
            reference: message.reference.as_deref(),
            topic: &message.topic,
            event: "phx_reply",
            payload: json!({"status": status, "response": response}),
        });
    }

    fn push(&mut self, join_ref: Option<&str>, topic: &str, event: &str, payload: Value) {
        self.write(&ServerMessage {
            join_ref,
            reference: None,
            topic,
            event,
            payload,
        });
    }

    fn write<P: Serialize>(&mut self, message: &ServerMessage<'_, P>) {
        self.replies.push(message.encode(self.vsn));
    }
}

impl JoinedChannel {
    /// A message without a join reference is for whatever channel has its topic.
    fn is_addressed_by(&self, message: &ClientMessage) -> bool {
        match (&message.join_ref, &self.join_ref) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => true,
        }
    }
}

/// The wall-clock expiry as a point on the runtime's clock.
fn deadline(hub: &Hub, identity: &Identity) -> Option<Instant> {
    let expires_at_us = identity.expires_at_unix_s?.saturating_mul(1_000_000);
    let remaining_us = u64::try_from(expires_at_us.saturating_sub(hub.unix_us())).unwrap_or(0);
    // A token that outlives the runtime's clock never expires here.
    Instant::now().checked_add(Duration::from_micros(remaining_us))
}

/// All bindings' subscriptions, or none if one binding is wrong: a half-subscribed channel would look live.
fn subscribe(bindings: &[Binding]) -> (Vec<Subscription>, Option<Result<(), BindingError>>) {
    if bindings.is_empty() {
        return (Vec::new(), None);
    }
    let subscriptions: Result<Vec<_>, _> = bindings.iter().map(Binding::subscriptions).collect();
    match subscriptions {
        Ok(subscriptions) => (subscriptions.into_iter().flatten().collect(), Some(Ok(()))),
        Err(error) => (Vec::new(), Some(Err(error))),
    }
}

/// The topic as the client named the channel.
fn channel_name(topic: &str) -> &str {
    topic.strip_prefix(TOPIC_PREFIX).unwrap_or(topic)
}
