//! Who is subscribed to what: the index that a committed change is looked up in.
//!
//! A subscription with an `eq` condition is found by its column and value; one without is found by the
//! row's owner, and only those that bypass row-level security are visited for every change. What a lookup
//! finds is then checked against the whole filter and the row-level rule.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;

use super::auth::{Identity, Role};
use super::binding::{BindingId, Subscription};
use super::change::{Change, Operation, Table};
use super::filter::Scalar;
use super::outbox::{ChannelKey, Outbox};
use super::protocol::Vsn;

/// A socket's membership in a channel, as the hub sees it.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) key: ChannelKey,
    pub(crate) topic: Arc<str>,
    pub(crate) vsn: Vsn,
    pub(crate) identity: Identity,
    pub(crate) outbox: Arc<Outbox>,
}

/// A channel that a change is for, with the bindings it matched in the order of the join.
#[derive(Debug)]
pub(crate) struct Recipient {
    pub(crate) channel: Arc<Channel>,
    pub(crate) bindings: Vec<BindingId>,
}

/// Where subscriptions of one table and operation are found.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Lookup {
    /// Rows whose column has this value.
    Value(&'static str, Scalar),
    /// Rows of this user.
    Owner(Arc<str>),
    /// Every row.
    Any,
}

#[derive(Debug)]
struct Entry {
    channel: Arc<Channel>,
    /// The subscription's place among those of its channel.
    position: usize,
    subscription: Arc<Subscription>,
}

#[derive(Debug, Default)]
struct Bucket {
    entries: HashMap<Lookup, Vec<Entry>>,
    /// The columns that `entries` has values of, with the number of values.
    columns: HashMap<&'static str, usize>,
}

/// All memberships and their subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    buckets: HashMap<(Table, Operation), Bucket>,
    members: HashMap<Arc<str>, Vec<Arc<Channel>>>,
}

impl Registry {
    pub(crate) fn insert(&mut self, channel: &Arc<Channel>, subscriptions: &[Arc<Subscription>]) {
        self.members
            .entry(Arc::clone(&channel.topic))
            .or_default()
            .push(Arc::clone(channel));
        for (position, subscription) in subscriptions.iter().enumerate() {
            for operation in subscription.operations {
                let Some(lookup) = lookup(channel, subscription) else {
                    continue;
                };
                let entry = Entry {
                    channel: Arc::clone(channel),
                    position,
                    subscription: Arc::clone(subscription),
                };
                self.buckets
                    .entry((subscription.table, *operation))
                    .or_default()
                    .insert(lookup, entry);
            }
        }
    }

    pub(crate) fn remove(&mut self, channel: &Channel, subscriptions: &[Arc<Subscription>]) {
        if let Some(members) = self.members.get_mut(&channel.topic) {
            members.retain(|member| member.key != channel.key);
            if members.is_empty() {
                self.members.remove(&channel.topic);
            }
        }
        for subscription in subscriptions {
            for operation in subscription.operations {
                let Some(lookup) = lookup(channel, subscription) else {
                    continue;
                };
                if let Some(bucket) = self.buckets.get_mut(&(subscription.table, *operation)) {
                    bucket.remove(lookup, channel.key);
                }
            }
        }
    }

    /// The members of a topic.
    pub(crate) fn members(&self, topic: &str) -> &[Arc<Channel>] {
        self.members.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whom a change is for. Each channel is named once, whatever the number of bindings that matched.
    pub(crate) fn recipients(&self, change: &Change) -> Vec<Recipient> {
        let Some(bucket) = self.buckets.get(&(change.table, change.operation)) else {
            return Vec::new();
        };
        let mut matches = bucket.matches(change);
        matches.sort_unstable_by_key(|entry| (entry.channel.key, entry.position));
        let mut recipients: Vec<Recipient> = Vec::new();
        for entry in matches {
            let binding = entry.subscription.binding;
            match recipients.last_mut() {
                Some(recipient) if recipient.channel.key == entry.channel.key => {
                    // Two equal bindings of one channel share their id.
                    if !recipient.bindings.contains(&binding) {
                        recipient.bindings.push(binding);
                    }
                }
                _ => recipients.push(Recipient {
                    channel: Arc::clone(&entry.channel),
                    bindings: vec![binding],
                }),
            }
        }
        recipients
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
            && self
                .buckets
                .values()
                .all(|bucket| bucket.entries.is_empty() && bucket.columns.is_empty())
    }
}

/// Where a channel's subscription is kept. `None` when the channel's role sees no rows at all.
fn lookup(channel: &Channel, subscription: &Subscription) -> Option<Lookup> {
    let unfiltered = match (channel.identity.role, &channel.identity.subject) {
        (Role::Service, _) => Lookup::Any,
        (Role::Authenticated, Some(subject)) => Lookup::Owner(Arc::clone(subject)),
        (Role::Authenticated, None) | (Role::Anon, _) => return None,
    };
    Some(match subscription.filter.required_value() {
        Some((column, value)) => Lookup::Value(column.name, value.clone()),
        None => unfiltered,
    })
}

impl Bucket {
    fn insert(&mut self, lookup: Lookup, entry: Entry) {
        let column = lookup.column();
        match self.entries.entry(lookup) {
            MapEntry::Occupied(mut entries) => entries.get_mut().push(entry),
            MapEntry::Vacant(vacant) => {
                vacant.insert(vec![entry]);
                if let Some(column) = column {
                    *self.columns.entry(column).or_default() += 1;
                }
            }
        }
    }

    fn remove(&mut self, lookup: Lookup, channel: ChannelKey) {
        let column = lookup.column();
        let MapEntry::Occupied(mut entries) = self.entries.entry(lookup) else {
            return;
        };
        entries.get_mut().retain(|entry| entry.channel.key != channel);
        if !entries.get().is_empty() {
            return;
        }
        entries.remove();
        if let Some(column) = column
            && let MapEntry::Occupied(mut values) = self.columns.entry(column)
        {
            *values.get_mut() -= 1;
            if *values.get() == 0 {
                values.remove();
            }
        }
    }

    fn matches(&self, change: &Change) -> Vec<&Entry> {
        let Some(row) = change.row() else {
            return Vec::new();
        };
        let values = self.columns.keys().filter_map(|name| {
            let column = change.table.column(name)?;
            Some(Lookup::Value(
                column.name,
                Scalar::from_row(row.get(*name)?, column.column_type)?,
            ))
        });
        values
            .chain([Lookup::Owner(Arc::clone(&change.owner)), Lookup::Any])
            .filter_map(|lookup| self.entries.get(&lookup))
            .flatten()
            .filter(|entry| {
                entry.channel.identity.may_see_rows_of(&change.owner)
                    && entry.subscription.filter.matches(row)
            })
            .collect()
    }
}

impl Lookup {
    fn column(&self) -> Option<&'static str> {
        match self {
            Self::Value(column, _) => Some(column),
            Self::Owner(_) | Self::Any => None,
        }
    }
}

#[cfg(test)]
mod tests;
