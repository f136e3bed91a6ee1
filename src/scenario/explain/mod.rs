//! The validator's errors as sentences for the person who wrote the file.

mod alternatives;

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::diagnostic::{list_names, nearest};
use super::document::{Node, NodeValue, Segment, Table};
use super::environment::is_secret_key;

/// One mistake, and the value it is about.
#[derive(Debug)]
pub(super) struct Explanation {
    pub(super) path: Vec<Segment>,
    pub(super) pointing: Pointing,
    /// Empty when what is behind the mistake has been told already.
    pub(super) sentence: String,
    /// Whether the value has to go, so that the rest of the file can be read.
    pub(super) refuse: bool,
    /// The key that an unknown key was meant to be: it is then not missing.
    pub(super) meant: Option<String>,
}

/// Which part of an entry a mistake is shown at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pointing {
    AtKey,
    AtValue,
}

/// Explains errors of one schema about one file.
pub(super) struct Explainer<'a> {
    schema: &'a Value,
    root: &'a Node,
}

impl<'a> Explainer<'a> {
    pub(super) fn new(schema: &'a Value, root: &'a Node) -> Self {
        Self { schema, root }
    }

    /// What the error says: one mistake, or several, or none when it is told elsewhere.
    pub(super) fn explain(&self, error: &ValidationError<'_>) -> Vec<Explanation> {
        let path = self.path_of(error);
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
                .iter()
                .map(|key| self.unknown_key(error, &path, key))
                .collect(),
            ValidationErrorKind::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                self.missing(error, &path, key).into_iter().collect()
            }
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                self.one_of(error, path, context)
            }
            // The text is parsed when the file is lowered, where the mistake can be explained.
            ValidationErrorKind::Pattern { .. } => Vec::new(),
            ValidationErrorKind::Type { .. } => {
                let expected = self.expected(error);
                vec![self.unexpected(path, &expected)]
            }
            ValidationErrorKind::Enum { options } => {
                vec![self.not_listed(path, options.as_array().map_or(&[], Vec::as_slice))]
            }
            ValidationErrorKind::Constant { expected_value } => {
                vec![self.not_listed(path, std::slice::from_ref(expected_value.as_ref()))]
            }
            ValidationErrorKind::Minimum { limit } => {
                vec![self.unexpected(path, &format!("a number of {limit} or more"))]
            }
            ValidationErrorKind::Maximum { limit } => {
                vec![self.unexpected(path, &format!("a number of {limit} or less"))]
            }
            // Of what there must be so many is known when the file is lowered.
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MaxItems { .. }
                if self.is_of_fixed_length(error) =>
            {
                Vec::new()
            }
            ValidationErrorKind::MinItems { .. } => {
                self.empty(path, "the list is empty; it needs at least one item")
            }
            ValidationErrorKind::MaxItems { limit } => {
                self.empty(path, &format!("the list takes no more than {limit} items"))
            }
            ValidationErrorKind::MinProperties { .. } => {
                self.empty(path, "the table is empty; it needs at least one key")
            }
            ValidationErrorKind::MaxProperties { limit } => {
                self.empty(path, &format!("the table takes no more than {limit} key"))
            }
            other => vec![Explanation {
                path,
                pointing: Pointing::AtValue,
                sentence: format!(
                    "the value does not fit the scenario's schema (`{}`)",
                    other.keyword()
                ),
                refuse: true,
                meant: None,
            }],
        }
    }

    fn path_of(&self, error: &ValidationError<'_>) -> Vec<Segment> {
        let mut node = Some(self.root);
        let mut path = Vec::new();
        for part in error.instance_path().as_str().split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let in_array = node.is_some_and(|node| matches!(node.value, NodeValue::Array(_)));
            let segment = match part.parse::<usize>() {
                Ok(index) if in_array => Segment::Index(index),
                _ => Segment::Key(part),
            };
            node = node.and_then(|node| node.at(std::slice::from_ref(&segment)));
            path.push(segment);
        }
        path
    }

    /// The schema that the error's keyword belongs to.
    fn schema_of(&self, error: &ValidationError<'_>) -> &Value {
        let pointer = error.schema_path().as_str();
        let parent = pointer.rfind('/').map_or("", |end| &pointer[..end]);
        self.schema.pointer(parent).unwrap_or(self.schema)
    }

    /// Whether the list that the error is about takes neither fewer nor more items than one number.
    fn is_of_fixed_length(&self, error: &ValidationError<'_>) -> bool {
        let schema = self.schema_of(error);
        schema.get("minItems").is_some() && schema.get("minItems") == schema.get("maxItems")
    }

    fn unknown_key(&self, error: &ValidationError<'_>, path: &[Segment], key: &str) -> Explanation {
        let schema = self.schema_of(error);
        let mut known: Vec<&str> = keys(schema, "properties");
        if !keys(schema, "patternProperties").is_empty() {
            known.extend(["p50", "p95", "p99"]);
        }
        let mut sentence = format!("unknown key `{key}`{}", within(path));
        let meant = nearest(key, known.iter().copied());
        if let Some(meant) = meant {
            sentence.push_str(&format!("; did you mean `{meant}`?"));
        }
        if !known.is_empty() {
            let names = list_names(known.iter().copied());
            sentence.push_str(&format!(" (known keys: {names})"));
        }
        Explanation {
            path: child(path, key),
            pointing: Pointing::AtKey,
            sentence,
            refuse: true,
            meant: meant.map(str::to_owned),
        }
    }

    fn missing(&self, error: &ValidationError<'_>, path: &[Segment], key: &str) -> Option<Explanation> {
        if let Some(Node {
            value: NodeValue::Table(table),
            ..
        }) = self.root.at(path)
            && (table.refused.contains(key) || self.is_misspelt(error, table, key))
        {
            return None;
        }
        Some(Explanation {
            path: path.to_vec(),
            pointing: Pointing::AtKey,
            sentence: format!("`{key}` is missing{}", within(path)),
            refuse: false,
            meant: None,
        })
    }

    /// Whether an unknown key of the table is a misspelling of `key`: one mistake, not two.
    fn is_misspelt(&self, error: &ValidationError<'_>, table: &Table, key: &str) -> bool {
        let known = keys(self.schema_of(error), "properties");
        table
            .entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
            .any(|entry| nearest(&entry.key, known.iter().copied()) == Some(key))
    }

    fn empty(&self, path: Vec<Segment>, sentence: &str) -> Vec<Explanation> {
        let emptied = match self.root.at(&path).map(|node| &node.value) {
            Some(NodeValue::Array(array)) => array.incomplete,
            Some(NodeValue::Table(table)) => !table.refused.is_empty(),
            _ => false,
        };
        if emptied {
            return Vec::new();
        }
        vec![Explanation {
            path,
            pointing: Pointing::AtValue,
            sentence: sentence.to_owned(),
            refuse: true,
            meant: None,
        }]
    }

    fn unexpected(&self, path: Vec<Segment>, expected: &str) -> Explanation {
        let secret = matches!(path.last(), Some(Segment::Key(key)) if is_secret_key(key));
        let found = match self.root.at(&path) {
            Some(node) if !secret => node.describe(),
            _ => "something else".to_owned(),
        };
        Explanation {
            sentence: format!("expected {expected}; found {found}"),
            path,
            pointing: Pointing::AtValue,
            refuse: true,
            meant: None,
        }
    }

    fn not_listed(&self, path: Vec<Segment>, options: &[Value]) -> Explanation {
        let options: Vec<&str> = options.iter().filter_map(Value::as_str).collect();
        let quoted: Vec<String> = options.iter().map(|option| format!("{option:?}")).collect();
        let expected = match quoted.as_slice() {
            [single] => single.clone(),
            several => format!("one of {}", several.join(", ")),
        };
        let mut explanation = self.unexpected(path, &expected);
        if let Some(NodeValue::Text(text)) = self.root.at(&explanation.path).map(|node| &node.value)
            && let Some(meant) = nearest(text, options)
        {
            explanation
                .sentence
                .push_str(&format!("; did you mean {meant:?}?"));
        }
        explanation
    }

    /// What the schema of a failed `type` asks for.
    fn expected(&self, error: &ValidationError<'_>) -> String {
        let schema = self.schema_of(error);
        let name = match (schema.get("title"), schema.get("type")) {
            (Some(Value::String(title)), _) => title.clone(),
            (_, Some(Value::String(name))) => type_in_words(name).to_owned(),
            _ => "another type".to_owned(),
        };
        match schema.pointer("/examples/0") {
            Some(example @ Value::String(_)) => format!("{name}, such as {example}"),
            Some(Value::Object(example)) => {
                let entries: Vec<String> = example
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{name}, such as {{ {} }}", entries.join(", "))
            }
            _ => name,
        }
    }
}

fn child(path: &[Segment], key: &str) -> Vec<Segment> {
    let mut path = path.to_vec();
    path.push(Segment::Key(key.to_owned()));
    path
}

fn keys<'v>(schema: &'v Value, of: &str) -> Vec<&'v str> {
    schema
        .get(of)
        .and_then(Value::as_object)
        .map(|object| object.keys().map(String::as_str).collect())
        .unwrap_or_default()
}

/// The table that a path leads to, as the file names it: `` in `[load]` ``.
fn within(path: &[Segment]) -> String {
    let names: Vec<&str> = path
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!(" in `{}`", names.join("."))
}

fn type_in_words(name: &str) -> &str {
    match name {
        "string" => "text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "`true` or `false`",
        "array" => "a list",
        "object" => "a table",
        other => other,
    }
}
