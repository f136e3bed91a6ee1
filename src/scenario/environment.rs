//! `${VAR}` and `${VAR:-default}` in the values of a scenario, and the rule that secrets come from there only.

use super::diagnostic::{Diagnostics, Span};
use super::document::{Node, NodeValue, Segment, Table};

/// Keys whose values are secrets: they come from the environment, and nothing ever shows them.
const SECRET_KEYS: [&str; 11] = [
    "api_key",
    "jwt_secret",
    "webhook_secret",
    "authorization",
    "apikey",
    "x-api-key",
    "cookie",
    "password",
    "secret",
    "token",
    "tokens",
];

/// Parts of a variable's name that say that its value is a secret.
const SECRET_NAME_PARTS: [&str; 5] = ["KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL"];

/// Looks up an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Whether the value of `key` is a secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    SECRET_KEYS.iter().any(|secret| secret.eq_ignore_ascii_case(key))
}

/// The settings of a comparison's arms stay as they are written: they are expanded where they are applied, each in its
/// own arm, as any other option.
const KEPT: [&[&str]; 3] = [
    &["compare", "baseline", "set"],
    &["compare", "candidate", "set"],
    &["compare", "quick"],
];

/// The key whose value may hold a password among other things.
const DATABASE_KEY: &str = "database";

/// Whether a value of this key holds a password that is written out, in the address of a database.
pub(super) fn holds_written_password(key: &str, text: &str) -> bool {
    const VARIABLE: char = '\u{1}';
    if key != DATABASE_KEY {
        return false;
    }
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        plain.push_str(&rest[..start]);
        plain.push(VARIABLE);
        rest = rest[start..].find('}').map_or("", |end| &rest[start + end + 1..]);
    }
    plain.push_str(rest);
    let Some((_, address)) = plain.split_once("://") else {
        return false;
    };
    let is_written = |password: &str| !password.is_empty() && !password.contains(VARIABLE);
    let authority = address.split(['/', '?', '#']).next().unwrap_or_default();
    let in_authority = authority
        .rsplit_once('@')
        .and_then(|(user, _)| user.split_once(':'))
        .is_some_and(|(_, password)| is_written(password));
    let query = address.split_once('?').map_or("", |(_, query)| query);
    let in_query = query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("password="))
        .any(is_written);
    in_authority || in_query
}

/// Replaces the variables in all texts of the tree. A text whose variable is not set is refused, and so is a secret
/// that is written out.
pub(super) fn expand(node: &mut Node, environment: Environment<'_>, diagnostics: &mut Diagnostics) {
    let kept = KEPT.map(|path| {
        path.iter()
            .map(|key| Segment::Key((*key).to_owned()))
            .collect::<Vec<Segment>>()
    });
    let empty = || NodeValue::Table(Table::default());
    let values = kept.each_ref().map(|path| {
        let place = node.at_mut(path)?;
        Some(std::mem::replace(&mut place.value, empty()))
    });
    expand_within(node, None, environment, diagnostics);
    for (path, value) in kept.iter().zip(values) {
        if let (Some(place), Some(value)) = (node.at_mut(path), value) {
            place.value = value;
        }
    }
}

fn expand_within(
    node: &mut Node,
    key: Option<&str>,
    environment: Environment<'_>,
    diagnostics: &mut Diagnostics,
) -> bool {
    match &mut node.value {
        NodeValue::Text(text) => match expand_text(text, key, node.span, environment, diagnostics) {
            Some(expanded) => *text = expanded,
            None => return false,
        },
        NodeValue::Array(array) => {
            let before = array.items.len();
            array
                .items
                .retain_mut(|item| expand_within(item, key, environment, diagnostics));
            array.incomplete |= array.items.len() < before;
        }
        NodeValue::Table(table) => expand_table(table, environment, diagnostics),
        NodeValue::Integer(_) | NodeValue::Float(_) | NodeValue::Boolean(_) => {}
    }
    true
}

fn expand_table(table: &mut Table, environment: Environment<'_>, diagnostics: &mut Diagnostics) {
    let mut refused = Vec::new();
    for entry in &mut table.entries {
        let key = entry.key.clone();
        if !expand_within(&mut entry.node, Some(&key), environment, diagnostics) {
            refused.push(key);
        }
    }
    for key in refused {
        table.refuse(&key);
    }
}

fn expand_text(
    text: &str,
    key: Option<&str>,
    span: Span,
    environment: Environment<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let secret_key = key.filter(|key| is_secret_key(key));
    // A header such as `authorization = "Bearer {{token}}"` holds no secret of its own.
    if let Some(key) = secret_key
        && !text.contains("${")
        && !text.contains("{{")
    {
        diagnostics.redact(span);
        diagnostics.push(
            span,
            format!(
                "`{key}` is a secret and must not be written into a file; name an environment variable: \
                 {key} = \"${{{}}}\"",
                key.to_uppercase().replace('-', "_")
            ),
        );
        return None;
    }
    if key.is_some_and(|key| holds_written_password(key, text)) {
        diagnostics.redact(span);
        diagnostics.push(
            span,
            "a password must not be written into a file; name an environment variable in its place, or for the whole \
             address: database = \"${DATABASE_URL}\"",
        );
        return None;
    }
    let mut expanded = String::new();
    let mut rest = text;
    let mut complete = true;
    while let Some(start) = rest.find("${") {
        expanded.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('}') else {
            diagnostics.push(span, "`${` has no closing `}`");
            return None;
        };
        let inside = &rest[start + 2..start + end];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        match value_of(name, default, environment) {
            Ok(value) => {
                let is_of_an_address =
                    key == Some(DATABASE_KEY) && (text.contains("://") || value.contains("://"));
                if secret_key.is_some() || is_secret_name(name) || is_of_an_address {
                    diagnostics.keep_secret(&value, &format!("${{{name}}}"));
                }
                expanded.push_str(&value);
            }
            Err(sentence) => {
                diagnostics.push(span, sentence);
                complete = false;
            }
        }
        rest = &rest[start + end + 1..];
    }
    expanded.push_str(rest);
    complete.then_some(expanded)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_NAME_PARTS.iter().any(|part| name.contains(part))
}

/// As in a shell, a default also stands in for a variable that is set but empty.
fn value_of(name: &str, default: Option<&str>, environment: Environment<'_>) -> Result<String, String> {
    let valid = name
        .chars()
        .enumerate()
        .all(|(index, c)| c == '_' || c.is_ascii_alphabetic() || (index > 0 && c.is_ascii_digit()));
    if name.is_empty() || !valid {
        return Err(format!(
            "\"{name}\" is not the name of an environment variable; write letters, digits and underscores: ${{NAME}}"
        ));
    }
    match (environment(name).filter(|value| !value.is_empty()), default) {
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(format!(
            "the environment variable `{name}` is not set; set it, or give a default: ${{{name}:-value}}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_address_of_a_database_is_found_unless_a_variable_stands_for_it() {
        for (text, written) in [
            ("sqlite", false),
            ("postgres", false),
            ("postgres://me@localhost/app", false),
            ("postgres://me:hunter2@localhost/app", true),
            ("postgres://me:hunter2@localhost/${NAME}", true),
            ("postgres://me:${DB_PASSWORD}@localhost:5432/app", false),
            ("${DATABASE_URL}", false),
            ("postgres://localhost/app?user=me&password=hunter2", true),
            ("postgres://localhost/app?password=${PW}&sslmode=disable", false),
            ("postgres://me:@localhost/app", false),
        ] {
            assert_eq!(holds_written_password("database", text), written, "{text}");
        }
        assert!(!holds_written_password("base_url", "http://me:hunter2@localhost"));
    }
}
