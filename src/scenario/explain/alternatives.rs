//! Values that may have one of several forms: finds the form that was meant, and explains the value by it.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::super::diagnostic::{list_names, nearest};
use super::super::document::{NodeValue, Segment};
use super::{Explainer, Explanation, Pointing, within};

impl Explainer<'_> {
    /// Explains a value that may have one of several forms by the form that was meant.
    pub(super) fn one_of(
        &self,
        error: &ValidationError<'_>,
        path: Vec<Segment>,
        branches: &[Vec<ValidationError<'static>>],
    ) -> Vec<Explanation> {
        let mut left: Vec<&Vec<ValidationError<'static>>> = branches.iter().collect();
        // A form of another type was not meant; nor was one whose tag has another value.
        let depth = path.len();
        let filters: [&dyn Fn(&ValidationError<'static>) -> bool; 2] =
            [&|error| self.is_of_another_type(error, depth), &|error| {
                matches!(error.kind(), ValidationErrorKind::Constant { .. })
                    && self.path_of(error).len() <= depth + 1
            }];
        for rules_out in filters {
            let kept: Vec<_> = left
                .iter()
                .copied()
                .filter(|branch| !branch.iter().any(rules_out))
                .collect();
            if kept.is_empty() {
                let errors: Vec<&ValidationError<'static>> = left
                    .iter()
                    .filter_map(|branch| branch.iter().find(|error| rules_out(error)))
                    .collect();
                return vec![self.none_of(path, &errors)];
            }
            left = kept;
        }
        if let [single] = left.as_slice() {
            return single.iter().flat_map(|error| self.explain(error)).collect();
        }
        self.by_first_key(error, path, &left)
    }

    /// Whether the value at this depth has another type than the schema asks for, in all of its forms.
    fn is_of_another_type(&self, error: &ValidationError<'_>, depth: usize) -> bool {
        match error.kind() {
            ValidationErrorKind::Type { .. } => self.path_of(error).len() <= depth,
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
                context
                    .iter()
                    .all(|branch| branch.iter().any(|error| self.is_of_another_type(error, depth)))
            }
            _ => false,
        }
    }

    /// No form was meant by its type or its tag: says which there are.
    fn none_of(&self, path: Vec<Segment>, errors: &[&ValidationError<'static>]) -> Explanation {
        let mut values = Vec::new();
        let mut types: Vec<String> = Vec::new();
        let mut place = path;
        for error in errors {
            match error.kind() {
                ValidationErrorKind::Constant { expected_value } => {
                    values.push(expected_value.as_ref().clone());
                    place = self.path_of(error);
                }
                _ => types.push(self.expected(error)),
            }
        }
        if values.is_empty() {
            types.dedup();
            self.unexpected(place, &types.join(", or "))
        } else {
            self.not_listed(place, &values)
        }
    }

    /// The forms are told apart by the first key that each must have.
    fn by_first_key(
        &self,
        error: &ValidationError<'_>,
        path: Vec<Segment>,
        branches: &[&Vec<ValidationError<'static>>],
    ) -> Vec<Explanation> {
        let missing_here = |branch: &&Vec<ValidationError<'static>>| {
            branch.iter().find_map(|error| match error.kind() {
                ValidationErrorKind::Required { property } if self.path_of(error) == path => {
                    let first = self.schema_of(error).pointer("/required/0");
                    property
                        .as_str()
                        .filter(|_| first == Some(property))
                        .map(str::to_owned)
                }
                _ => None,
            })
        };
        let complete: Vec<_> = branches
            .iter()
            .copied()
            .filter(|branch| missing_here(branch).is_none())
            .collect();
        if let Some(meant) = complete.iter().min_by_key(|branch| branch.len()) {
            return meant.iter().flat_map(|error| self.explain(error)).collect();
        }
        let mut firsts: Vec<String> = branches.iter().filter_map(missing_here).collect();
        firsts.dedup();
        let title = self
            .schema_of(error)
            .get("title")
            .and_then(Value::as_str)
            .unwrap_or("this table");
        let names = list_names(firsts.iter().map(String::as_str));
        let mut sentence = match firsts.as_slice() {
            [single] => format!("`{single}` is missing{}", within(&path)),
            _ => format!("{title} needs one of the keys {names}"),
        };
        if let Some(NodeValue::Table(table)) = self.root.at(&path).map(|node| &node.value) {
            if table.refused.iter().any(|key| firsts.contains(key)) {
                // What was there has been told already.
                sentence.clear();
            }
            for entry in &table.entries {
                if let Some(meant) = nearest(&entry.key, firsts.iter().map(String::as_str)) {
                    sentence.push_str(&format!("; it has `{}`: did you mean `{meant}`?", entry.key));
                }
            }
        }
        vec![Explanation {
            path,
            pointing: Pointing::AtValue,
            sentence,
            refuse: true,
            meant: None,
        }]
    }
}
