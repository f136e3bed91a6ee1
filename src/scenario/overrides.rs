//! `--set KEY=VALUE`, and the settings of an arm: values that take the place of the file's.

use super::diagnostic::{Diagnostics, Span};
use super::document::{self, Entry, Node, NodeValue, Table};
use super::environment::{holds_written_password, is_secret_key};

/// Where the settings of the command line come from.
pub(super) const COMMAND_LINE: &str = "--set";

/// Puts one option's value at its dotted path, such as `load.rate` or `journey.0.weight`.
pub(super) fn apply(root: &mut Node, key: &str, value: &str, origin: &str, diagnostics: &mut Diagnostics) {
    let last = key.rsplit('.').next().unwrap_or(key);
    let holds_password = holds_written_password(last, value);
    let is_secret = is_secret_key(last) || last == "tokens_file" || holds_password;
    if is_secret && origin == COMMAND_LINE {
        // The value must not even reach the source that the mistake is shown in.
        let source = diagnostics.add_source(origin, format!("{key}=…"));
        diagnostics.push(
            key_span(source, key),
            format!(
                "`{last}` {} a secret, and command lines are visible to others; set it in the environment instead",
                if holds_password { "holds" } else { "is" }
            ),
        );
        return;
    }
    let source = diagnostics.add_source(origin, format!("{key}={value}"));
    if holds_password || (is_secret && !value.contains("${")) {
        diagnostics.redact(Span {
            source,
            start: key.len() + 1,
            end: key.len() + 1 + value.len(),
        });
    }
    let node = document::parse_option_value(value, key.len() + 1, source, diagnostics);
    if let Err(sentence) = insert(root, key, key_span(source, key), node) {
        diagnostics.push(key_span(source, key), sentence);
    }
}

fn key_span(source: usize, key: &str) -> Span {
    Span {
        source,
        start: 0,
        end: key.len(),
    }
}

fn insert(root: &mut Node, path: &str, span: Span, value: Node) -> Result<(), String> {
    let segments: Vec<&str> = path.split('.').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return Err(format!(
            "`{path}` is not a key; write it with its tables, such as `load.rate`"
        ));
    }
    let mut node = root;
    for (depth, segment) in segments.iter().enumerate() {
        let is_last = depth + 1 == segments.len();
        match &mut node.value {
            NodeValue::Table(table) => {
                let index = place(table, segment, span);
                if is_last {
                    table.entries[index].key_span = span;
                    table.entries[index].node = value;
                    return Ok(());
                }
                node = &mut table.entries[index].node;
            }
            NodeValue::Array(array) => {
                let count = array.items.len();
                let item = segment
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| array.items.get_mut(index))
                    .ok_or_else(|| {
                        format!("`{segment}` is not the index of an item; there are {count}, counted from 0")
                    })?;
                if is_last {
                    *item = value;
                    return Ok(());
                }
                node = item;
            }
            NodeValue::Text(_) | NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Boolean(_) => {
                return Err(format!(
                    "`{}` is not a table, so nothing can be set within it",
                    segments[..depth].join(".")
                ));
            }
        }
    }
    Ok(())
}

/// The index of the entry with this key; an empty table is put there when there was none.
fn place(table: &mut Table, key: &str, span: Span) -> usize {
    if let Some(index) = table.entries.iter().position(|entry| entry.key == key) {
        return index;
    }
    table.refused.remove(key);
    table.entries.push(Entry {
        key: key.to_owned(),
        key_span: span,
        node: Node {
            span,
            value: NodeValue::Table(Table::default()),
        },
    });
    table.entries.len() - 1
}
