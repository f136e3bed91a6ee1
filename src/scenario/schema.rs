//! The JSON Schema of the files, and what it has to say about one of them.

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use super::diagnostic::{Diagnostics, Span};
use super::document::{Node, NodeValue, Segment};
use super::explain::{Explainer, Explanation, Pointing};

/// The schema of one of the files, ready to validate.
pub(super) struct FileSchema {
    schema: Value,
    validator: Validator,
}

/// The schema of `T` as JSON. TOML has no null, so an optional value is just its type.
pub(super) fn json_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with_transform(RecursiveTransform(without_null));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [single] = types.as_slice() {
            let single = single.clone();
            object.insert("type".to_owned(), single);
        }
    }
    let is_null = |branch: &Value| branch.get("type").is_some_and(|name| name == "null");
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|branch| !is_null(branch));
        if let [single] = branches.as_slice()
            && let Some(single) = single.as_object().cloned()
        {
            object.remove("anyOf");
            // The description of the place says more than the one of the type.
            for (key, value) in single {
                object.entry(key).or_insert(value);
            }
        }
    }
}

impl FileSchema {
    /// The schema of `T`.
    ///
    /// # Errors
    /// When the schema itself is not valid, which is a defect of this program.
    pub(super) fn of<T: JsonSchema>() -> Result<Self, String> {
        let schema = json_of::<T>();
        let validator = jsonschema::validator_for(&schema)
            .map_err(|error| format!("the schema of scenario files is not valid: {error}"))?;
        Ok(Self { schema, validator })
    }

    /// Reports everything that does not fit the schema and takes it out of the tree, so that the rest can be read.
    pub(super) fn validate(&self, root: &mut Node, diagnostics: &mut Diagnostics) {
        let mut first = true;
        loop {
            let instance = root.to_json();
            let explainer = Explainer::new(&self.schema, root);
            let explanations: Vec<Explanation> = self
                .validator
                .iter_errors(&instance)
                .flat_map(|error| explainer.explain(&error))
                .collect();
            let mut refused = Vec::new();
            for explanation in explanations {
                if first
                    && !explanation.sentence.is_empty()
                    && let Some(span) = place(root, &explanation)
                {
                    diagnostics.push(span, explanation.sentence);
                }
                if explanation.refuse {
                    refused.push((explanation.path, explanation.meant));
                }
            }
            // From the back, so that taking an item out does not move those before it.
            refused.sort_by(|(a, _), (b, _)| order(b, a));
            refused.dedup();
            let mut changed = false;
            for (path, meant) in refused {
                changed |= root.refuse(&path, meant.as_deref());
            }
            if !changed {
                return;
            }
            first = false;
        }
    }
}

/// Where a mistake is shown; `None` when it follows from one that was told before.
fn place(root: &Node, explanation: &Explanation) -> Option<Span> {
    let (last, parent) = match explanation.path.split_last() {
        None => return Some(root.span),
        Some(parts) => parts,
    };
    let parent = root.at(parent)?;
    match (&parent.value, last) {
        (NodeValue::Table(table), Segment::Key(key)) => match table.entry(key) {
            Some(entry) if explanation.pointing == Pointing::AtKey => Some(entry.key_span),
            Some(entry) => Some(entry.node.span),
            None => None,
        },
        (NodeValue::Array(array), Segment::Index(index)) => array.items.get(*index).map(|item| item.span),
        _ => None,
    }
}

fn order(a: &[Segment], b: &[Segment]) -> std::cmp::Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = match (a, b) {
            (Segment::Key(a), Segment::Key(b)) => a.cmp(b),
            (Segment::Index(a), Segment::Index(b)) => a.cmp(b),
            (Segment::Key(_), Segment::Index(_)) => std::cmp::Ordering::Less,
            (Segment::Index(_), Segment::Key(_)) => std::cmp::Ordering::Greater,
        };
        if order.is_ne() {
            return order;
        }
    }
    a.len().cmp(&b.len())
}
