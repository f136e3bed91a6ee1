//! A place in a file, followed alongside the values that were read from it.

use std::time::Duration;

use super::super::diagnostic::{Diagnostics, Span};
use super::super::document::{Node, NodeValue};
use super::super::raw::DurationText;
use crate::units::{QuantityError, parse_duration};

/// A value in a file: knows where the value and its key stand, and leads to the values within.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct At<'a> {
    node: Option<&'a Node>,
    value: Span,
    key: Span,
}

impl<'a> At<'a> {
    /// The root of a file.
    pub(in crate::scenario) fn root(node: &'a Node) -> Self {
        Self {
            node: Some(node),
            value: node.span,
            key: node.span,
        }
    }

    /// The value of a key. When it is not there, the place of the table stands for it.
    pub(in crate::scenario) fn key(self, name: &str) -> At<'a> {
        let entry = match self.node.map(|node| &node.value) {
            Some(NodeValue::Table(table)) => table.entry(name),
            _ => None,
        };
        entry.map_or(
            At {
                node: None,
                value: self.key,
                key: self.key,
            },
            |entry| At {
                node: Some(&entry.node),
                value: entry.node.span,
                key: entry.key_span,
            },
        )
    }

    /// An item of a list.
    pub(in crate::scenario) fn item(self, index: usize) -> At<'a> {
        let item = match self.node.map(|node| &node.value) {
            Some(NodeValue::Array(array)) => array.items.get(index),
            _ => None,
        };
        item.map_or(self, |item| At {
            node: Some(item),
            value: item.span,
            key: item.span,
        })
    }

    /// Whether the key is there.
    pub(super) fn has(self, name: &str) -> bool {
        matches!(self.node.map(|node| &node.value), Some(NodeValue::Table(table)) if table.entry(name).is_some())
    }

    /// Whether the table has other keys than these.
    pub(super) fn has_other_than(self, names: &[&str]) -> bool {
        matches!(
            self.node.map(|node| &node.value),
            Some(NodeValue::Table(table)) if table.entries.iter().any(|entry| !names.contains(&entry.key.as_str()))
        )
    }

    /// Whether the key was written but its value refused: that it is missing is then no further mistake.
    pub(super) fn is_refused(self, name: &str) -> bool {
        matches!(self.node.map(|node| &node.value), Some(NodeValue::Table(table)) if table.refused.contains(name))
    }

    /// Whether an item of the list was refused.
    pub(super) fn lost_items(self) -> bool {
        matches!(self.node.map(|node| &node.value), Some(NodeValue::Array(array)) if array.incomplete)
    }

    /// Whether anything within was refused: what is missing may then be missing for that reason.
    pub(super) fn is_incomplete(self) -> bool {
        self.node.is_some_and(is_incomplete)
    }

    /// Where the value stands.
    pub(in crate::scenario) fn value_span(self) -> Span {
        self.value
    }

    /// Where the key stands.
    pub(super) fn key_span(self) -> Span {
        self.key
    }

    /// Reports that a key must be given, unless it was and its value was refused.
    pub(super) fn missing(self, name: &str, sentence: &str, diagnostics: &mut Diagnostics) {
        if !self.is_refused(name) {
            diagnostics.push(self.key, sentence);
        }
    }
}

fn is_incomplete(node: &Node) -> bool {
    match &node.value {
        NodeValue::Table(table) => {
            !table.refused.is_empty() || table.entries.iter().any(|entry| is_incomplete(&entry.node))
        }
        NodeValue::Array(array) => array.incomplete || array.items.iter().any(is_incomplete),
        NodeValue::Text(_) | NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Boolean(_) => false,
    }
}

/// Parses a text with a form of its own; a mistake is reported at the value.
pub(super) fn parse<T>(
    text: Option<&str>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
    parse: impl FnOnce(&str) -> Result<T, QuantityError>,
) -> Option<T> {
    match parse(text?) {
        Ok(value) => Some(value),
        Err(error) => {
            diagnostics.push(at.value_span(), error.to_string());
            None
        }
    }
}

/// A duration, possibly zero.
pub(super) fn duration(
    text: Option<&DurationText>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    parse(text.map(|text| text.0.as_str()), at, diagnostics, parse_duration)
}

/// A duration that must not be zero.
pub(super) fn positive_duration(
    text: Option<&DurationText>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let value = duration(text, at, diagnostics)?;
    if value.is_zero() {
        diagnostics.push(at.value_span(), "the duration must be longer than zero");
        return None;
    }
    Some(value)
}

/// The duration of `key` in the table at `at`, or the default when the key is not there. A key that was refused has
/// no value at all, so that nothing is concluded from the default.
pub(super) fn duration_or(
    default: Duration,
    text: Option<&DurationText>,
    at: At<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    match text {
        Some(text) => duration(Some(text), at.key(key), diagnostics),
        None if at.is_refused(key) => None,
        None => Some(default),
    }
}

/// As [`duration_or`], for a duration that must not be zero.
pub(super) fn positive_duration_or(
    default: Duration,
    text: Option<&DurationText>,
    at: At<'_>,
    key: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    match text {
        Some(text) => positive_duration(Some(text), at.key(key), diagnostics),
        None => duration_or(default, None, at, key, diagnostics),
    }
}
