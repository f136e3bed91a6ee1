//! A user's subscriptions: what they asked for, and how far they got.

use std::rc::Rc;
use std::time::Duration;

use crate::clock::Moment;
use crate::metrics::Sighting;
use crate::plan::ChangeEvent;
use crate::protocol::{ChangeFrame, Join};

/// How long a client waits before it joins a channel again that the server has lost, the first time and each further
/// time; the last wait is kept. The official clients have the same.
const REJOIN_AFTER: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// One subscription and the state it is in.
#[derive(Debug)]
pub(in crate::step) struct Subscription {
    pub(super) topic: String,
    pub(super) state: SubscriptionState,
    pub(super) filters: Vec<Filter>,
    pub(super) join: Rc<Join>,
    /// One read of the row when it is live again, for what happened meanwhile.
    read: Option<Read>,
    /// The reference of its latest join; `None` while none was sent.
    joined_by: Option<u64>,
    was_live: bool,
    /// Joins since it was live.
    tries: usize,
    /// When it is to be joined again.
    pub(super) rejoin_at: Option<Moment>,
}

/// A read of a row: its path, and the table that its answer is a row of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::step) struct Read {
    pub(in crate::step) path: String,
    pub(in crate::step) table: String,
}

impl Subscription {
    /// A subscription that is about to be asked for.
    pub(in crate::step) fn new(
        topic: String,
        filters: Vec<Filter>,
        join: Rc<Join>,
        read: Option<Read>,
    ) -> Self {
        Self {
            topic,
            state: SubscriptionState::Joining,
            filters,
            join,
            read,
            joined_by: None,
            was_live: false,
            tries: 0,
            rejoin_at: None,
        }
    }

    pub(super) fn sent(&mut self, reference: u64) {
        self.joined_by = Some(reference);
    }

    /// The server says that it is live. Returns what is to be read, when it was live before: events may have been missed.
    pub(super) fn live(&mut self) -> Option<Read> {
        let missed = self.state != SubscriptionState::Live && self.was_live;
        self.state = SubscriptionState::Live;
        self.was_live = true;
        self.tries = 0;
        self.rejoin_at = None;
        if missed { self.read.clone() } else { None }
    }

    /// The server refused it, or has lost it. One that was live is joined again, as the official clients do; one that
    /// never was is the subscriber's own mistake, or none of this socket's business.
    pub(super) fn lose(&mut self, reason: String, now: Moment) {
        self.state = SubscriptionState::Failed(reason);
        if self.was_live && self.rejoin_at.is_none() {
            let wait = REJOIN_AFTER[self.tries.min(REJOIN_AFTER.len() - 1)];
            self.rejoin_at = Some(now.plus(wait));
        }
    }

    /// The server closed it for good, unless what it closed is the channel of an older join.
    pub(super) fn close(&mut self, joined_by: Option<u64>) {
        if joined_by.is_none() || joined_by == self.joined_by {
            self.state = SubscriptionState::Failed("the server closed the channel".to_owned());
            self.rejoin_at = None;
        }
    }

    /// The join to send again, when it is time.
    pub(super) fn take_due_rejoin(&mut self, now: Moment) -> Option<Rc<Join>> {
        self.rejoin_at.filter(|at| *at <= now)?;
        self.rejoin_at = None;
        self.tries += 1;
        self.state = SubscriptionState::Joining;
        Some(Rc::clone(&self.join))
    }
}

/// The state of a subscription: joining → live, or failed from either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::step) enum SubscriptionState {
    Joining,
    Live,
    Failed(String),
}

/// What a subscription asked for: rows of a table, and the column an `eq` filter names with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::step) struct Filter {
    pub(in crate::step) table: String,
    pub(in crate::step) equals: Option<(String, String)>,
}

impl Filter {
    fn asks_for(&self, frame: &ChangeFrame<'_>) -> bool {
        self.table == frame.table
            && self.equals.as_ref().is_none_or(|(column, text)| {
                // A deleted row shows only its key: a filter on another column cannot be checked.
                frame
                    .row
                    .column(column)
                    .map_or(frame.event == ChangeEvent::Delete, |value| value.text() == *text)
            })
    }
}

/// What is wrong with a change that is none of this user's business.
pub(super) fn misdelivery(
    user_id: Option<&str>,
    subscriptions: &[Subscription],
    frame: &ChangeFrame<'_>,
) -> Option<(Sighting, String)> {
    let is_foreign = user_id.is_some_and(|mine| {
        let theirs = frame.row.column("user_id");
        theirs.is_some_and(|theirs| theirs.text() != mine)
    });
    if is_foreign {
        return Some((
            Sighting::Misdelivered,
            format!("a row of {} that belongs to another user", frame.table),
        ));
    }
    let subscription = subscriptions
        .iter()
        .find(|subscription| subscription.topic == frame.topic)?;
    let is_asked_for = subscription.filters.iter().any(|filter| filter.asks_for(frame));
    (!is_asked_for).then(|| {
        (
            Sighting::Misdelivered,
            format!(
                "a change of {} that no filter on {} asks for",
                frame.table, frame.topic
            ),
        )
    })
}
