//! Who is subscribed to what: the index that a committed change is looked up in.
//!
//! A subscription with an `eq` condition is found by its column and value. One without is found by its user, where the
//! rule of the table is about the user alone; only where it is not, all of them are visited. What a lookup finds is
//! then checked against the whole filter and the rule.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::access::{AccessRules, Rule, Verdict, parse_uuid};
use super::auth::{Identity, Role};
use super::binding::{BindingId, Subscription};
use super::change::{Change, Operation, Table};
use super::columns::ColumnSet;
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
#[derive(Debug, Clone)]
pub(crate) struct Recipient {
    pub(crate) channel: Arc<Channel>,
    pub(crate) bindings: Vec<BindingId>,
    /// The columns that its role may see.
    pub(crate) columns: ColumnSet,
}

/// Whom a change is for, in the order of their channels.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    pub(crate) visible: Vec<Recipient>,
    /// Those whom the database must decide about.
    pub(crate) undecided: Vec<Recipient>,
}

/// Where subscriptions of one table, operation and role are found.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Lookup {
    /// Those for rows whose column has this value.
    Value(&'static str, Scalar),
    /// Those of this user for any row.
    User(Arc<str>),
    /// Those of clients without a user's id for any row.
    Nameless,
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
    buckets: HashMap<(Table, Operation, Role), Bucket>,
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
                let entry = Entry {
                    channel: Arc::clone(channel),
                    position,
                    subscription: Arc::clone(subscription),
                };
                self.buckets
                    .entry((subscription.table, *operation, channel.identity.role))
                    .or_default()
                    .insert(Lookup::of(channel, subscription), entry);
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
                let bucket = (subscription.table, *operation, channel.identity.role);
                if let Some(bucket) = self.buckets.get_mut(&bucket) {
                    bucket.remove(Lookup::of(channel, subscription), channel.key);
                }
            }
        }
    }

    /// The members of a topic.
    pub(crate) fn members(&self, topic: &str) -> &[Arc<Channel>] {
        self.members.get(topic).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whom a change is for. Each channel is named once, whatever the number of bindings that matched.
    pub(crate) fn select(&self, change: &Change, rules: &AccessRules) -> Selection {
        let mut selection = Selection::default();
        let Some(row) = change.row() else {
            return selection;
        };
        for role in Role::ALL {
            let bucket = self.buckets.get(&(change.table, change.operation, role));
            let view = rules.view(change.table, role, change.operation);
            if let (Some(bucket), Some(view)) = (bucket, view) {
                let matches = bucket.matches(change.table, row, view.rows, view.columns);
                for recipient in by_channel(matches, view.columns) {
                    match view.rows.verdict(&recipient.channel.identity, row) {
                        Verdict::Hidden => {}
                        Verdict::AskDatabase => selection.undecided.push(recipient),
                        Verdict::Visible => selection.visible.push(recipient),
                    }
                }
            }
        }
        selection
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

/// One recipient per channel, with its bindings in the order of the join.
fn by_channel(mut matches: Vec<&Entry>, columns: ColumnSet) -> Vec<Recipient> {
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
                columns,
            }),
        }
    }
    recipients
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

    /// The subscriptions whose filter the row passes. Those of users whom the rule hides it from may be left out.
    fn matches(
        &self,
        table: Table,
        row: &Map<String, Value>,
        rule: &Rule,
        columns: ColumnSet,
    ) -> Vec<&Entry> {
        let with_value = self.columns.keys().filter_map(|name| {
            let column = table.column(name)?;
            let value = Scalar::from_row(row.get(*name)?, column.column_type)?;
            self.entries.get(&Lookup::Value(column.name, value))
        });
        let owner = rule
            .owner_column()
            .and_then(|column| row.get(column.name)?.as_str());
        let without_value: Vec<&Vec<Entry>> = match owner {
            Some(owner) => [Lookup::User(user_key(owner)), Lookup::Nameless]
                .iter()
                .filter_map(|lookup| self.entries.get(lookup))
                .collect(),
            None => self
                .entries
                .iter()
                .filter_map(|(lookup, entries)| lookup.column().is_none().then_some(entries))
                .collect(),
        };
        with_value
            .chain(without_value)
            .flatten()
            .filter(|entry| {
                let filter = &entry.subscription.filter;
                // A filter on a column that the role may not read would tell what is in it.
                columns.covers(filter.columns()) && filter.matches(row)
            })
            .collect()
    }
}

impl Lookup {
    fn of(channel: &Channel, subscription: &Subscription) -> Self {
        match (subscription.filter.required_value(), channel.identity.subject()) {
            (Some((column, value)), _) => Self::Value(column.name, value.clone()),
            (None, Some(subject)) => Self::User(user_key(subject)),
            (None, None) => Self::Nameless,
        }
    }

    fn column(&self) -> Option<&'static str> {
        match self {
            Self::Value(column, _) => Some(column),
            Self::User(_) | Self::Nameless => None,
        }
    }
}

/// A UUID has many spellings; users are found under one of them.
fn user_key(id: &str) -> Arc<str> {
    match parse_uuid(id) {
        Some(uuid) => Arc::from(&*uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
        None => Arc::from(id),
    }
}

#[cfg(test)]
mod tests;
