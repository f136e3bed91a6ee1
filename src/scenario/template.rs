//! Compiles text with `{{variables}}` into templates.

use serde_json::Value;

use crate::plan::{Encoding, Piece, Template, VariableId};

/// A part of a text: as it is, or the name of a variable.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// Collects the pieces of a template and merges neighbouring literals.
#[derive(Default)]
struct Builder {
    pieces: Vec<Piece>,
    literal: String,
}

impl Builder {
    fn variable(&mut self, id: VariableId, encoding: Encoding) {
        self.flush();
        self.pieces.push(Piece::Variable { id, encoding });
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            let literal = std::mem::take(&mut self.literal);
            self.pieces.push(Piece::Literal(literal.into_boxed_str()));
        }
    }

    fn finish(mut self) -> Template {
        self.flush();
        Template { pieces: self.pieces }
    }
}

/// Finds a variable by its name, or says why it has no value.
pub(super) type Resolve<'a> = &'a mut dyn FnMut(&str) -> Result<VariableId, String>;

/// Compiles a text whose variables are all written with one encoding.
///
/// # Errors
/// A sentence for each placeholder that is broken or names nothing.
pub(super) fn compile(text: &str, encoding: Encoding, resolve: Resolve<'_>) -> Result<Template, Vec<String>> {
    let mut builder = Builder::default();
    let mut mistakes = Vec::new();
    match parts(text) {
        Err(sentence) => mistakes.push(sentence),
        Ok(parts) => {
            for part in parts {
                match part {
                    Part::Text(text) => builder.literal.push_str(text),
                    Part::Name(name) => match resolve(name) {
                        Ok(id) => builder.variable(id, encoding),
                        Err(sentence) => mistakes.push(sentence),
                    },
                }
            }
        }
    }
    if mistakes.is_empty() {
        Ok(builder.finish())
    } else {
        Err(mistakes)
    }
}

/// Compiles a JSON body. A text that is exactly one placeholder becomes the variable as a JSON value; placeholders
/// within a longer text are escaped as parts of it.
///
/// # Errors
/// A sentence for each placeholder that is broken or names nothing.
pub(super) fn compile_json(value: &Value, resolve: Resolve<'_>) -> Result<Template, Vec<String>> {
    let mut builder = Builder::default();
    let mut mistakes = Vec::new();
    write_json(value, &mut builder, resolve, &mut mistakes);
    if mistakes.is_empty() {
        Ok(builder.finish())
    } else {
        Err(mistakes)
    }
}

fn write_json(value: &Value, builder: &mut Builder, resolve: Resolve<'_>, mistakes: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => builder.literal.push_str(&value.to_string()),
        Value::String(text) => write_json_text(text, builder, resolve, mistakes),
        Value::Array(items) => {
            builder.literal.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    builder.literal.push(',');
                }
                write_json(item, builder, resolve, mistakes);
            }
            builder.literal.push(']');
        }
        Value::Object(entries) => {
            builder.literal.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    builder.literal.push(',');
                }
                if key.contains("{{") {
                    mistakes.push(format!(
                        "placeholders stand for values, not for keys such as \"{key}\""
                    ));
                }
                builder.literal.push_str(&Value::from(key.as_str()).to_string());
                builder.literal.push(':');
                write_json(item, builder, resolve, mistakes);
            }
            builder.literal.push('}');
        }
    }
}

fn write_json_text(text: &str, builder: &mut Builder, resolve: Resolve<'_>, mistakes: &mut Vec<String>) {
    let parts = match parts(text) {
        Ok(parts) => parts,
        Err(sentence) => {
            mistakes.push(sentence);
            return;
        }
    };
    let whole = matches!(parts.as_slice(), [Part::Name(_)]);
    if !whole {
        builder.literal.push('"');
    }
    for part in parts {
        match part {
            Part::Text(text) => {
                let quoted = Value::from(text).to_string();
                builder.literal.push_str(&quoted[1..quoted.len() - 1]);
            }
            Part::Name(name) => match resolve(name) {
                Ok(id) if whole => builder.variable(id, Encoding::JsonValue),
                Ok(id) => builder.variable(id, Encoding::JsonString),
                Err(sentence) => mistakes.push(sentence),
            },
        }
    }
    if !whole {
        builder.literal.push('"');
    }
}

fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let end = rest[start..]
            .find("}}")
            .ok_or_else(|| "`{{` has no closing `}}`".to_owned())?;
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        let name = rest[start + 2..start + end].trim();
        if name.is_empty() {
            return Err("`{{}}` names no variable".to_owned());
        }
        parts.push(Part::Name(name));
        rest = &rest[start + end + 2..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::Variables;

    fn known(name: &str) -> Result<VariableId, String> {
        Variables::new().get(name).ok_or_else(|| format!("no `{name}`"))
    }

    fn literal(text: &str) -> Piece {
        Piece::Literal(text.into())
    }

    fn variable(id: VariableId, encoding: Encoding) -> Piece {
        Piece::Variable { id, encoding }
    }

    #[test]
    fn a_path_keeps_its_literals_and_encodes_its_variables() {
        let template = compile("/a/{{user_id}}/b", Encoding::PathSegment, &mut known).unwrap();
        assert_eq!(
            template.pieces,
            [
                literal("/a/"),
                variable(Variables::USER_ID, Encoding::PathSegment),
                literal("/b")
            ]
        );
    }

    #[test]
    fn a_lone_placeholder_is_a_value_and_one_in_a_text_is_a_part_of_it() {
        let body = json!({ "index": "{{repetition}}", "note": "say \"{{ ticket }}\"", "n": [1, true] });
        let template = compile_json(&body, &mut known).unwrap();
        assert_eq!(
            template.pieces,
            [
                literal("{\"index\":"),
                variable(Variables::REPETITION, Encoding::JsonValue),
                literal(",\"n\":[1,true],\"note\":\"say \\\""),
                variable(Variables::TICKET, Encoding::JsonString),
                literal("\\\"\"}"),
            ]
        );
    }

    #[test]
    fn broken_placeholders_are_told_all_at_once() {
        let body = json!(["{{user_id", "{{nobody}}", { "{{key}}": 1 }]);
        let mistakes = compile_json(&body, &mut known).unwrap_err();
        assert_eq!(mistakes.len(), 3, "{mistakes:?}");
        assert!(compile("{{ }}", Encoding::Raw, &mut known).is_err());
    }
}
