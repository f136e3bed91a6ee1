//! The scenario reference: prose from a template, and tables from the JSON Schema, whose words are the comments in `raw`.
//!
//! The template says in comments which tables stand where, and the order of their keys; what is said of a key comes from
//! the schema. A key that the template does not name is added at the end of its table, so none is ever missing.

mod definitions;
mod marker;
mod table;
mod words;

#[cfg(test)]
mod tests;

use serde_json::Value;

use self::definitions::Definitions;
use self::marker::{Marker, Part};

/// The document without its tables.
const TEMPLATE: &str = include_str!("template.md");

/// The whole document.
///
/// # Errors
/// When the template names something that the schema does not have.
pub(super) fn markdown(schema: &Value) -> Result<String, String> {
    fill(TEMPLATE, schema)
}

fn fill(template: &str, schema: &Value) -> Result<String, String> {
    let definitions = Definitions::new(schema);
    let mut text = String::new();
    for part in marker::parts(template)? {
        match part {
            Part::Prose(prose) => text.push_str(prose),
            Part::Marker(Marker::Keys(keys)) => text.push_str(&table::of_keys(definitions, &keys)?),
            Part::Marker(Marker::Values { of }) => text.push_str(&table::of_values(definitions, of)?),
            Part::Marker(Marker::Metrics) => text.push_str(&table::of_metrics(definitions)?),
        }
    }
    Ok(text)
}
