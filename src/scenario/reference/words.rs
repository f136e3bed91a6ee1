//! What the schema says, as a person would say it in a table.

use serde_json::Value;

use super::definitions::Definitions;

/// A description in two: what a key means, and what holds when it is not there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) meaning: String,
    /// From the last sentence, when that begins with `Default:` or `Required`.
    pub(super) default: Option<String>,
}

impl Described {
    /// Takes the description of a schema apart.
    pub(super) fn of(schema: &Value) -> Self {
        let text = schema.get("description").and_then(Value::as_str);
        let words: Vec<&str> = text.unwrap_or_default().split_whitespace().collect();
        let text = words.join(" ");
        for (begins, kept) in [("Default: ", ""), ("Required", "required")] {
            let at_start = text.starts_with(begins).then_some(0);
            let Some(at) = at_start.or_else(|| text.find(&format!(" {begins}"))) else {
                continue;
            };
            let (meaning, last) = text.split_at(at);
            let last = last.trim_start().strip_prefix(begins).unwrap_or_default();
            return Self {
                meaning: meaning.to_owned(),
                default: Some(format!("{kept}{}", last.trim_end_matches('.'))),
            };
        }
        Self {
            meaning: text,
            default: None,
        }
    }
}

/// One value of an enumeration.
#[derive(Debug)]
pub(super) struct Choice {
    /// As TOML writes it.
    pub(super) value: String,
    /// Empty when it says enough by itself.
    pub(super) meaning: String,
}

/// The values of an enumeration; empty for every other type.
pub(super) fn choices(schema: &Value) -> Vec<Choice> {
    let choice = |value: &Value, meaning: String| Choice {
        value: format!("`{value}`"),
        meaning,
    };
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        // The description is that of the type.
        return values.iter().map(|value| choice(value, String::new())).collect();
    }
    if let Some(value) = schema.get("const") {
        return vec![choice(value, Described::of(schema).meaning)];
    }
    let described = schema.get("oneOf").and_then(Value::as_array);
    described.into_iter().flatten().flat_map(choices).collect()
}

/// What may be written in a place.
pub(super) fn value(definitions: Definitions<'_>, place: &Value) -> String {
    if let Some(title) = place.get("title").and_then(Value::as_str) {
        return without_article(title).to_owned();
    }
    let schema = definitions.resolve(place);
    let choices = choices(schema);
    if !choices.is_empty() {
        let values: Vec<String> = choices.into_iter().map(|choice| choice.value).collect();
        return values.join(", ");
    }
    if let Some(title) = schema.get("title").and_then(Value::as_str) {
        return without_article(title).to_owned();
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => "boolean".to_owned(),
        Some("integer") => number("whole number", schema),
        Some("number") => number("number", schema),
        Some("string") => "text".to_owned(),
        Some("object") => "table".to_owned(),
        Some("array") => match schema.get("items") {
            Some(items) if definitions.table_in(items).is_some() => "list of tables".to_owned(),
            Some(items) => format!("list of {}s", value(definitions, items)),
            None => "list".to_owned(),
        },
        _ => "any value".to_owned(),
    }
}

fn number(name: &str, schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_f64);
    match (bound("minimum"), bound("maximum")) {
        (Some(least), Some(most)) => format!("{least} to {most}"),
        (Some(least), None) => format!("{name} ≥ {least}"),
        (None, Some(most)) => format!("{name} ≤ {most}"),
        (None, None) => name.to_owned(),
    }
}

/// A title as it stands in a table: its article is left out, and so is what the document says of all values of its kind.
fn without_article(title: &str) -> &str {
    let title = title.strip_suffix(" with its unit").unwrap_or(title);
    let without = title.strip_prefix("a ").or_else(|| title.strip_prefix("an "));
    without.unwrap_or(title)
}

/// A sentence that goes on after a colon.
pub(super) fn continued(sentence: &str) -> String {
    let sentence = sentence.trim_end_matches('.');
    let mut letters = sentence.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            format!("{}{}", first.to_lowercase(), &sentence[first.len_utf8()..])
        }
        _ => sentence.to_owned(),
    }
}
