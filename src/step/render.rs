//! Filling templates with a user's values.

use std::borrow::Cow;

use crate::plan::{Encoding, Piece, Template};

/// The value of a variable of one user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VariableValue {
    text: String,
    /// Whether it is written without quotes as a JSON value: numbers and booleans.
    bare: bool,
}

impl VariableValue {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            bare: false,
        }
    }

    /// A whole number.
    pub fn number(number: u64) -> Self {
        Self {
            text: number.to_string(),
            bare: true,
        }
    }

    /// A value taken out of a JSON answer; objects and arrays keep their JSON text.
    pub fn from_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self::text(text.clone()),
            other => Self {
                text: other.to_string(),
                bare: true,
            },
        }
    }

    /// The value as text, without quotes.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Renders a template to text.
pub fn render(template: &Template, values: &[VariableValue]) -> String {
    let mut out = String::new();
    render_into(template, values, &mut out);
    out
}

/// Renders a template; one without variables is borrowed as it is.
pub fn render_cow<'a>(template: &'a Template, values: &[VariableValue]) -> Cow<'a, str> {
    match template.pieces.as_slice() {
        [] => Cow::Borrowed(""),
        [Piece::Literal(text)] => Cow::Borrowed(text),
        _ => Cow::Owned(render(template, values)),
    }
}

/// Renders a template onto the end of `out`. Nothing is formatted: bytes are copied, or escaped on the way.
pub fn render_into(template: &Template, values: &[VariableValue], out: &mut String) {
    let missing = VariableValue::default();
    for piece in &template.pieces {
        match piece {
            Piece::Literal(text) => out.push_str(text),
            Piece::Variable { id, encoding } => {
                let value = values.get(id.index()).unwrap_or(&missing);
                match encoding {
                    Encoding::Raw => out.push_str(&value.text),
                    Encoding::PathSegment => push_percent_encoded(&value.text, out),
                    Encoding::JsonString => push_json_escaped(&value.text, out),
                    Encoding::JsonValue if value.bare => out.push_str(&value.text),
                    Encoding::JsonValue => {
                        out.push('"');
                        push_json_escaped(&value.text, out);
                        out.push('"');
                    }
                }
            }
        }
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn push_percent_encoded(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

/// Escapes text for the inside of a JSON string (RFC 8259, section 7). Text that needs no escape, the usual case, is
/// copied whole.
fn push_json_escaped(text: &str, out: &mut String) {
    if !text
        .bytes()
        .any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\')
    {
        out.push_str(text);
        return;
    }
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Variables;
    use proptest::prelude::*;

    fn template(encoding: Encoding) -> Template {
        Template {
            pieces: vec![Piece::Variable {
                id: Variables::TICKET,
                encoding,
            }],
        }
    }

    fn values(value: VariableValue) -> Vec<VariableValue> {
        vec![VariableValue::default(), value]
    }

    #[test]
    fn each_encoding_suits_its_place() {
        let text = values(VariableValue::text("a \"b\"/ü"));
        assert_eq!(render(&template(Encoding::Raw), &text), "a \"b\"/ü");
        assert_eq!(
            render(&template(Encoding::PathSegment), &text),
            "a%20%22b%22%2F%C3%BC"
        );
        assert_eq!(render(&template(Encoding::JsonString), &text), r#"a \"b\"/ü"#);
        assert_eq!(render(&template(Encoding::JsonValue), &text), r#""a \"b\"/ü""#);
        assert_eq!(
            render(&template(Encoding::JsonValue), &values(VariableValue::number(3))),
            "3"
        );
    }

    proptest! {
        #[test]
        fn json_values_come_back_as_they_went_in(text in any::<String>()) {
            let rendered = render(&template(Encoding::JsonValue), &values(VariableValue::text(text.clone())));
            prop_assert_eq!(serde_json::from_str::<String>(&rendered).unwrap(), text);
        }
    }
}
