//! A TOML file as a tree in which every key and value knows where it was written.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostics, Span};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: NodeValue,
}

/// The kinds of values.
#[derive(Debug, Clone)]
pub(super) enum NodeValue {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Array),
    Table(Table),
}

/// A list. Items that were refused are taken out.
#[derive(Debug, Clone, Default)]
pub(super) struct Array {
    pub(super) items: Vec<Node>,
    /// Whether items were refused: the list is then no ground for further complaints about its length.
    pub(super) incomplete: bool,
}

/// A table, in the order of the text. Entries that were refused are taken out.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
    /// Keys whose values were refused: that they are missing now is not a further mistake.
    pub(super) refused: BTreeSet<String>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

/// One step on the way from the root to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

impl Table {
    /// The entry with this key.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Takes an entry out and remembers that it was there.
    pub(super) fn refuse(&mut self, key: &str) {
        self.entries.retain(|entry| entry.key != key);
        self.refused.insert(key.to_owned());
    }
}

impl Node {
    /// The value as JSON, which the schema and serde understand.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            NodeValue::Text(text) => serde_json::Value::from(text.as_str()),
            NodeValue::Integer(number) => serde_json::Value::from(*number),
            NodeValue::Float(number) => serde_json::Value::from(*number),
            NodeValue::Boolean(value) => serde_json::Value::from(*value),
            NodeValue::Array(array) => array.items.iter().map(Node::to_json).collect(),
            NodeValue::Table(table) => table
                .entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.node.to_json()))
                .collect(),
        }
    }

    /// What the value is, in words.
    pub(super) fn describe(&self) -> String {
        match &self.value {
            NodeValue::Text(text) => format!("the text {text:?}"),
            NodeValue::Integer(number) => format!("the number {number}"),
            NodeValue::Float(number) => format!("the number {number}"),
            NodeValue::Boolean(value) => format!("`{value}`"),
            NodeValue::Array(_) => "a list".to_owned(),
            NodeValue::Table(_) => "a table".to_owned(),
        }
    }

    /// The value at `path`, if there is one.
    pub(super) fn at(&self, path: &[Segment]) -> Option<&Node> {
        path.iter()
            .try_fold(self, |node, segment| match (&node.value, segment) {
                (NodeValue::Table(table), Segment::Key(key)) => table.entry(key).map(|entry| &entry.node),
                (NodeValue::Array(array), Segment::Index(index)) => array.items.get(*index),
                _ => None,
            })
    }

    /// The value at `path`, to be changed.
    pub(super) fn at_mut(&mut self, path: &[Segment]) -> Option<&mut Node> {
        path.iter()
            .try_fold(self, |node, segment| match (&mut node.value, segment) {
                (NodeValue::Table(table), Segment::Key(key)) => table
                    .entries
                    .iter_mut()
                    .find(|entry| entry.key == *key)
                    .map(|entry| &mut entry.node),
                (NodeValue::Array(array), Segment::Index(index)) => array.items.get_mut(*index),
                _ => None,
            })
    }

    /// Takes the value at `path` out of the tree, and remembers that the key was there, or the key that was meant.
    /// Returns whether there was a value.
    pub(super) fn refuse(&mut self, path: &[Segment], meant: Option<&str>) -> bool {
        let Some((last, parent)) = path.split_last() else {
            return false;
        };
        match (self.at_mut(parent).map(|node| &mut node.value), last) {
            (Some(NodeValue::Table(table)), Segment::Key(key)) => {
                let found = table.entry(key).is_some();
                table.refuse(key);
                table.refused.extend(meant.map(str::to_owned));
                found
            }
            (Some(NodeValue::Array(array)), Segment::Index(index)) if *index < array.items.len() => {
                array.items.remove(*index);
                array.incomplete = true;
                true
            }
            _ => false,
        }
    }
}

/// Parses a source. Syntax errors become mistakes; what could be read is returned all the same.
pub(super) fn parse(source: usize, diagnostics: &mut Diagnostics) -> Node {
    let text = diagnostics.text(source).to_owned();
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let range = error.span().unwrap_or(0..0);
        diagnostics.push_syntax(
            span(source, range),
            format!("this is not valid TOML: {}", error.message()),
        );
    }
    // The root's own range would be the whole file; what concerns the file as a whole is shown at its beginning.
    let root = Span {
        source,
        start: 0,
        end: 0,
    };
    Node {
        span: root,
        value: NodeValue::Table(read_table(table.get_ref(), source, diagnostics)),
    }
}

/// Parses the value of a `--set` option that stands in `source` from byte `offset` on. What is no TOML value is text.
pub(super) fn parse_option_value(
    text: &str,
    offset: usize,
    source: usize,
    diagnostics: &mut Diagnostics,
) -> Node {
    let whole = Span {
        source,
        start: offset,
        end: offset + text.len(),
    };
    let parsed = DeValue::parse(text)
        .ok()
        .and_then(|value| read_value(value.get_ref(), whole, source, diagnostics));
    let mut node = parsed.unwrap_or_else(|| Node {
        span: whole,
        value: NodeValue::Text(text.to_owned()),
    });
    locate(&mut node, whole);
    node
}

/// Gives a value and all within it one place: the option that it came from.
fn locate(node: &mut Node, span: Span) {
    node.span = span;
    match &mut node.value {
        NodeValue::Array(array) => array.items.iter_mut().for_each(|item| locate(item, span)),
        NodeValue::Table(table) => {
            for entry in &mut table.entries {
                entry.key_span = span;
                locate(&mut entry.node, span);
            }
        }
        NodeValue::Text(_) | NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Boolean(_) => {}
    }
}

fn span(source: usize, range: std::ops::Range<usize>) -> Span {
    Span {
        source,
        start: range.start,
        end: range.end,
    }
}

fn read_table(table: &DeTable<'_>, source: usize, diagnostics: &mut Diagnostics) -> Table {
    let mut read = Table::default();
    for (key, value) in table {
        let name = key.get_ref().to_string();
        match read_value(value.get_ref(), span(source, value.span()), source, diagnostics) {
            Some(node) => read.entries.push(Entry {
                key: name,
                key_span: span(source, key.span()),
                node,
            }),
            None => {
                read.refused.insert(name);
            }
        }
    }
    // The parser sorts keys by name; people read them in the order of the file.
    read.entries.sort_by_key(|entry| entry.key_span);
    read
}

fn read_value(
    value: &DeValue<'_>,
    span_of_value: Span,
    source: usize,
    diagnostics: &mut Diagnostics,
) -> Option<Node> {
    let value = match value {
        DeValue::String(text) => NodeValue::Text(text.to_string()),
        DeValue::Boolean(value) => NodeValue::Boolean(*value),
        DeValue::Integer(number) => {
            let Ok(value) = i64::from_str_radix(number.as_str(), number.radix()) else {
                diagnostics.push(
                    span_of_value,
                    format!("the number {number} is too large to be kept exactly"),
                );
                return None;
            };
            NodeValue::Integer(value)
        }
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(value) if value.is_finite() => NodeValue::Float(value),
            _ => {
                diagnostics.push(span_of_value, format!("`{number}` is not a finite number"));
                return None;
            }
        },
        // JSON, which the schema and serde see, has no dates: one means the same in quotes and without.
        DeValue::Datetime(date) => NodeValue::Text(date.to_string()),
        DeValue::Array(items) => {
            let mut array = Array::default();
            for item in items.iter() {
                match read_value(item.get_ref(), span(source, item.span()), source, diagnostics) {
                    Some(node) => array.items.push(node),
                    None => array.incomplete = true,
                }
            }
            NodeValue::Array(array)
        }
        DeValue::Table(table) => NodeValue::Table(read_table(table, source, diagnostics)),
    };
    Some(Node {
        span: span_of_value,
        value,
    })
}
