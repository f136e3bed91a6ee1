//! The hub counts by itself; its figures are copied when somebody asks for them.

use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::realtime::HubMetrics;

#[derive(Debug, Clone, Default)]
pub struct RealtimeMetrics {
    sockets_open: Gauge,
    subscriptions_live: Gauge,
    events_sent: Counter,
    bytes_sent: Counter,
    slow_consumers_dropped: Counter,
    malformed_frames: Counter,
    handshakes_refused: Counter,
    joins_refused: Counter,
    idle_closed: Counter,
    sockets_broken: Counter,
    feed_live: Gauge,
    feed_interruptions: Counter,
    changes_read: Counter,
    policy_questions: Counter,
    policy_failures: Counter,
}

impl RealtimeMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, gauge) in self.gauges() {
            registry.register(name, help, gauge.clone());
        }
        for (name, help, counter) in self.counters() {
            registry.register(name, help, counter.clone());
        }
    }

    /// Name, help and gauge.
    fn gauges(&self) -> [(&'static str, &'static str, &Gauge); 3] {
        [
            ("realtime_sockets_open", "Sockets open now", &self.sockets_open),
            (
                "realtime_subscriptions_live",
                "Live subscriptions of all sockets",
                &self.subscriptions_live,
            ),
            (
                "realtime_feed_live",
                "1 while committed changes come in, 0 while the database's log cannot be followed",
                &self.feed_live,
            ),
        ]
    }

    /// Name, help and counter.
    fn counters(&self) -> [(&'static str, &'static str, &Counter); 12] {
        [
            (
                "realtime_events_sent",
                "Events written to sockets",
                &self.events_sent,
            ),
            (
                "realtime_bytes_sent",
                "Payload bytes written to sockets",
                &self.bytes_sent,
            ),
            (
                "realtime_slow_consumers_dropped",
                "Sockets disconnected because they did not keep up",
                &self.slow_consumers_dropped,
            ),
            (
                "realtime_malformed_frames",
                "Frames that were no message",
                &self.malformed_frames,
            ),
            (
                "realtime_handshakes_refused",
                "Handshakes refused",
                &self.handshakes_refused,
            ),
            ("realtime_joins_refused", "Joins refused", &self.joins_refused),
            (
                "realtime_idle_closed",
                "Sockets closed because they sent nothing",
                &self.idle_closed,
            ),
            (
                "realtime_sockets_broken",
                "Sockets that ended without a farewell",
                &self.sockets_broken,
            ),
            (
                "realtime_feed_interruptions",
                "Times that the feed of changes broke off and clients were told to subscribe again",
                &self.feed_interruptions,
            ),
            (
                "realtime_changes_read",
                "Row changes that the feed read from the database's log",
                &self.changes_read,
            ),
            (
                "realtime_policy_questions",
                "Clients whose view of a row the database was asked about",
                &self.policy_questions,
            ),
            (
                "realtime_policy_failures",
                "Clients for whom a policy failed, and who therefore did not see the row",
                &self.policy_failures,
            ),
        ]
    }

    /// Takes over what the hub has counted.
    pub fn refresh(&self, hub: &HubMetrics) {
        let gauge = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        gauge(&self.sockets_open, hub.sockets_open);
        gauge(&self.subscriptions_live, hub.subscriptions_live);
        gauge(&self.feed_live, hub.feed_live);
        let counter = |counter: &Counter, value: u64| counter.inner().store(value, Ordering::Relaxed);
        counter(&self.events_sent, hub.events_sent);
        counter(&self.bytes_sent, hub.bytes_sent);
        counter(&self.slow_consumers_dropped, hub.slow_consumers_dropped);
        counter(&self.malformed_frames, hub.malformed_frames);
        counter(&self.handshakes_refused, hub.handshakes_refused);
        counter(&self.joins_refused, hub.joins_refused);
        counter(&self.idle_closed, hub.idle_closed);
        counter(&self.sockets_broken, hub.sockets_broken);
        counter(&self.feed_interruptions, hub.feed_interruptions);
        counter(&self.changes_read, hub.changes_read);
        counter(&self.policy_questions, hub.policy_questions);
        counter(&self.policy_failures, hub.policy_failures);
    }
}
