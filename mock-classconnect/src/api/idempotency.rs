//! The `Idempotency-Key` header: a structured-field string (RFC 9651), so quoted.

use axum::http::HeaderMap;

use super::problem::Problem;

const HEADER: &str = "idempotency-key";
const LENGTH_MAX: usize = 255;

/// The key's text without its quotes.
///
/// # Errors
/// 400 when the header is missing, doubled or not a quoted string of 1 to 255 characters.
pub(super) fn key_of(headers: &HeaderMap) -> Result<String, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(Problem::bad_request(
            "idempotency-key-missing",
            "the Idempotency-Key header is required",
        )),
        (Some(_), Some(_)) => Err(malformed()),
        (Some(value), None) => parse(value.as_bytes()).ok_or_else(malformed),
    }
}

fn malformed() -> Problem {
    Problem::bad_request(
        "idempotency-key-malformed",
        "the Idempotency-Key header must be one quoted string of 1 to 255 characters, such as \"8e03978e\"",
    )
}

fn parse(field: &[u8]) -> Option<String> {
    let inner = field.trim_ascii().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let mut key = String::new();
    let mut bytes = inner.iter();
    while let Some(byte) = bytes.next() {
        let character = match byte {
            b'"' => return None,
            b'\\' => bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?,
            0x20..=0x7e => byte,
            _ => return None,
        };
        key.push(char::from(*character));
    }
    (1..=LENGTH_MAX).contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_quoted_string_is_a_key() {
        let long = format!("\"{}\"", "a".repeat(256));
        let table: [(&str, Option<&str>); 12] = [
            (r#""8e03978e-40d5""#, Some("8e03978e-40d5")),
            (r#" "8e03" "#, Some("8e03")),
            (r#""a\"b\\c""#, Some(r#"a"b\c"#)),
            ("8e03", None),
            (r#""8e03"#, None),
            (r#"""#, None),
            (r#""""#, None),
            (r#""a"b""#, None),
            (r#""a\b""#, None),
            (r#""a\""#, None),
            ("\"\u{e4}\"", None),
            (&long, None),
        ];
        for (field, expected) in table {
            assert_eq!(parse(field.as_bytes()).as_deref(), expected, "{field}");
        }
    }
}
