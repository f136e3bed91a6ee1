//! The hub: committed changes go in, frames for subscribed sockets come out.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::watch;

use super::access::AccessRules;
use super::auth::{Authenticator, Identity};
use super::binding::{BindingId, Subscription};
use super::change::Change;
use super::columns::ColumnSet;
use super::metrics::{Counters, HubMetrics};
use super::outbox::{ChannelKey, Delivery, Offer, Outbox};
use super::payload::{ChangePayload, encode_change};
use super::protocol::{ServerMessage, Vsn};
use super::registry::{Channel, Recipient, Registry, Selection};
use crate::clock;

/// What the realtime server is told at its start. It holds secrets and therefore has no `Debug`.
#[derive(Clone)]
pub struct HubConfig {
    /// The secret that tokens are signed with (HS256).
    pub jwt_secret: String,
    /// The publishable key that clients connect with; it stands for the role `anon`, which sees no rows.
    pub api_key: String,
    /// Frames that may wait for one socket. A socket that falls further behind is disconnected.
    pub queue_frames_max: NonZeroUsize,
    /// Sockets open at once; further handshakes are answered with 429.
    pub sockets_max: usize,
    /// A socket that sent nothing for this long is closed; clients send a heartbeat every 25 s.
    pub idle_timeout: Duration,
    /// A socket that does not take a frame within this time is disconnected.
    pub write_timeout: Duration,
    /// The wall clock that token expiry is compared with: microseconds since the Unix epoch.
    pub unix_us: fn() -> i64,
}

impl HubConfig {
    /// The configuration with the protocol's usual limits.
    pub fn new(jwt_secret: impl Into<String>, api_key: impl Into<String>) -> Self {
        Self {
            jwt_secret: jwt_secret.into(),
            api_key: api_key.into(),
            queue_frames_max: NonZeroUsize::new(256).expect("256 is not zero"),
            sockets_max: 20_000,
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(10),
            unix_us: clock::unix_us,
        }
    }
}

/// Distributes committed changes to subscribed sockets. Clones share one hub.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    config: HubConfig,
    authenticator: Authenticator,
    registry: RwLock<Registry>,
    rules: RwLock<Arc<AccessRules>>,
    counters: Counters,
    next_channel: AtomicU64,
    sockets_open: watch::Sender<usize>,
    state: watch::Sender<HubState>,
}

/// What every socket must know of the hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HubState {
    /// The hub is going; sockets are closed.
    pub(crate) closing: bool,
    /// Whether changes come in.
    pub(crate) live: bool,
    /// How often changes have stopped coming in, so that some may have been missed.
    pub(crate) interruptions: u64,
}

impl Hub {
    /// A hub without sockets, for a store that publishes its changes itself: they are visible to their owners.
    pub fn new(config: HubConfig) -> Self {
        let authenticator = Authenticator::new(config.api_key.clone(), &config.jwt_secret);
        Self {
            inner: Arc::new(Inner {
                config,
                authenticator,
                registry: RwLock::default(),
                rules: RwLock::new(Arc::new(AccessRules::built_in())),
                counters: Counters::default(),
                next_channel: AtomicU64::new(1),
                sockets_open: watch::Sender::new(0),
                state: watch::Sender::new(HubState {
                    closing: false,
                    live: true,
                    interruptions: 0,
                }),
            }),
        }
    }

    /// Hands committed changes to everyone who subscribed to them and may see them.
    ///
    /// Call it after the commit has returned, with the changes in commit order, and from one place at a
    /// time: each socket receives events in the order of these calls. It never waits for a socket.
    pub fn publish(&self, changes: &[Change]) {
        for change in changes {
            // The built-in rules leave nobody undecided.
            self.deliver(change, &self.select(change).visible);
        }
    }

    /// Whom a change is for, by the rules of the moment.
    pub(crate) fn select(&self, change: &Change) -> Selection {
        let rules = Arc::clone(&self.inner.rules.read().unwrap_or_else(PoisonError::into_inner));
        // The lock is held for the lookup only, not while frames are encoded and queued.
        self.inner
            .registry
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .select(change, &rules)
    }

    /// Queues a change for those it is for. Equal frames are encoded once.
    pub(crate) fn deliver(&self, change: &Change, recipients: &[Recipient]) {
        let mut encoded: HashMap<ColumnSet, Box<RawValue>> = HashMap::new();
        let mut frames: HashMap<(&str, &[BindingId], Vsn, ColumnSet), Utf8Bytes> = HashMap::new();
        for recipient in recipients {
            let Recipient {
                channel,
                bindings,
                columns,
            } = recipient;
            let frame = frames
                .entry((&channel.topic, bindings, channel.vsn, *columns))
                .or_insert_with(|| {
                    let data = encoded
                        .entry(*columns)
                        .or_insert_with(|| encode_change(change, *columns));
                    let payload = ChangePayload { ids: bindings, data };
                    push(&channel.topic, "postgres_changes", payload).encode(channel.vsn)
                });
            self.offer(channel, frame.clone());
        }
    }

    /// Changes will come from a feed, which is not live yet: nobody can subscribe, and nobody sees anything.
    pub(crate) fn await_feed(&self) {
        self.set_rules(AccessRules::default());
        self.inner.state.send_modify(|state| state.live = false);
    }

    /// The feed is live; from here on these rules apply.
    pub(crate) fn feed_is_live(&self, rules: AccessRules) {
        self.set_rules(rules);
        self.inner.state.send_modify(|state| state.live = true);
    }

    /// The rules have changed.
    pub(crate) fn set_rules(&self, rules: AccessRules) {
        *self.inner.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// The feed broke off. Whoever is subscribed is told to subscribe again and to read the rows: changes may have been
    /// missed.
    pub(crate) fn interrupt(&self) {
        self.inner.state.send_if_modified(|state| {
            let was_live = std::mem::replace(&mut state.live, false);
            state.interruptions += u64::from(was_live);
            was_live
        });
    }

    /// Relays a broadcast to the other members of the sender's topic, and to the sender if it asked.
    pub(crate) fn broadcast(&self, sender: &Channel, to_self: bool, payload: &Value) {
        let members = self
            .inner
            .registry
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .members(&sender.topic)
            .to_vec();
        let mut frames: HashMap<Vsn, Utf8Bytes> = HashMap::new();
        for member in members
            .iter()
            .filter(|member| to_self || member.key != sender.key)
        {
            let frame = frames
                .entry(member.vsn)
                .or_insert_with(|| push(&member.topic, "broadcast", payload).encode(member.vsn));
            self.offer(member, frame.clone());
        }
    }

    fn offer(&self, channel: &Channel, frame: Utf8Bytes) {
        match channel.outbox.offer(Delivery {
            channel: channel.key,
            frame,
        }) {
            Offer::Queued | Offer::Gone => {}
            Offer::Overflowed => {
                self.inner.counters.slow_consumers_dropped.increment();
                tracing::warn!(topic = %channel.topic, "disconnecting a socket that does not keep up");
            }
        }
    }

    /// A snapshot of the hub's gauges and counters.
    pub fn metrics(&self) -> HubMetrics {
        let state = *self.inner.state.borrow();
        self.inner
            .counters
            .snapshot(*self.inner.sockets_open.borrow(), state)
    }

    /// Refuses new sockets, closes the open ones ("going away") and returns when the last one is gone,
    /// which takes as long as the slowest write at most.
    pub async fn close_all(&self) {
        self.inner.state.send_modify(|state| state.closing = true);
        let mut sockets_open = self.inner.sockets_open.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = sockets_open.wait_for(|open| *open == 0).await;
    }

    pub(crate) fn config(&self) -> &HubConfig {
        &self.inner.config
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.inner.authenticator
    }

    /// The wall clock, microseconds since the Unix epoch.
    pub(crate) fn unix_us(&self) -> i64 {
        (self.inner.config.unix_us)()
    }

    pub(crate) fn state(&self) -> HubState {
        *self.inner.state.borrow()
    }

    pub(crate) fn watch_state(&self) -> watch::Receiver<HubState> {
        self.inner.state.subscribe()
    }

    /// Takes one of the places for sockets. `None` when all are taken.
    pub(crate) fn open_socket(&self) -> Option<SocketPermit> {
        let taken = self.inner.sockets_open.send_if_modified(|open| {
            let free = *open < self.inner.config.sockets_max;
            *open += usize::from(free);
            free
        });
        taken.then(|| SocketPermit { hub: self.clone() })
    }

    /// Makes a socket a member of a channel until the returned membership is dropped.
    pub(crate) fn join(&self, request: JoinRequest) -> Membership {
        let JoinRequest {
            topic,
            vsn,
            identity,
            outbox,
            subscriptions,
        } = request;
        let channel = Arc::new(Channel {
            key: self.next_key(),
            topic,
            vsn,
            identity,
            outbox,
        });
        let subscriptions: Vec<_> = subscriptions.into_iter().map(Arc::new).collect();
        self.inner
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(&channel, &subscriptions);
        self.inner.counters.subscriptions_live.add(subscriptions.len());
        Membership {
            hub: self.clone(),
            channel,
            subscriptions,
        }
    }
}

impl Hub {
    fn next_key(&self) -> ChannelKey {
        ChannelKey(self.inner.next_channel.fetch_add(1, Ordering::Relaxed))
    }
}

fn push<'a, P>(topic: &'a str, event: &'a str, payload: P) -> ServerMessage<'a, P> {
    ServerMessage {
        join_ref: None,
        reference: None,
        topic,
        event,
        payload,
    }
}

/// Who joins which channel with which live subscriptions.
pub(crate) struct JoinRequest {
    pub(crate) topic: Arc<str>,
    pub(crate) vsn: Vsn,
    pub(crate) identity: Identity,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) subscriptions: Vec<Subscription>,
}

/// A membership in a channel; dropping it ends it.
pub(crate) struct Membership {
    hub: Hub,
    pub(crate) channel: Arc<Channel>,
    subscriptions: Vec<Arc<Subscription>>,
}

impl Membership {
    /// Goes on under another token, from one change to the next. Events that are queued are kept for the same user
    /// only: they were let through for the old token.
    pub(crate) fn change_identity(&mut self, identity: Identity) {
        let old = &self.channel;
        let key = match identity.is_the_same_user_as(&old.identity) {
            true => old.key,
            false => self.hub.next_key(),
        };
        let channel = Arc::new(Channel {
            key,
            topic: Arc::clone(&old.topic),
            vsn: old.vsn,
            identity,
            outbox: Arc::clone(&old.outbox),
        });
        let mut registry = self
            .hub
            .inner
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        registry.remove(old, &self.subscriptions);
        registry.insert(&channel, &self.subscriptions);
        drop(registry);
        self.channel = channel;
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub
            .inner
            .registry
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.channel, &self.subscriptions);
        self.hub
            .inner
            .counters
            .subscriptions_live
            .subtract(self.subscriptions.len());
    }
}

/// The place of an open socket; dropping it frees the place.
pub(crate) struct SocketPermit {
    hub: Hub,
}

impl Drop for SocketPermit {
    fn drop(&mut self) {
        self.hub.inner.sockets_open.send_modify(|open| *open -= 1);
    }
}
