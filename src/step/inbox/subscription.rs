//! A user's subscriptions: what they asked for, and how far they got.

use crate::metrics::Sighting;
use crate::plan::ChangeEvent;
use crate::protocol::ChangeFrame;

/// One subscription and the state it is in.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) topic: String,
    pub(super) state: SubscriptionState,
    pub(super) filters: Vec<Filter>,
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
