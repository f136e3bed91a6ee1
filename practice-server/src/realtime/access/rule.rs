//! A row-level rule, evaluated on a row as it was committed.

use std::borrow::Cow;

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::realtime::auth::Identity;
use crate::realtime::columns::Column;

/// Which rows of a table a role may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    Everybody,
    Nobody,
    /// A column must equal what the token claims.
    Equals {
        column: &'static Column,
        claimed: Claimed,
    },
    /// Permissive policies: one that admits is enough.
    Any(Vec<Rule>),
    /// Restrictive policies: all of them must admit.
    All(Vec<Rule>),
    /// Only the database can tell.
    Database,
}

/// A value from a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// `auth.uid()`: the claim `sub` as a UUID.
    UserId,
    /// `auth.jwt() ->> 'name'`: a claim as text.
    Claim(String),
}

/// What a rule says about one row and one client. A later one outweighs an earlier one where any may admit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Hidden,
    /// The row or the token is not as simple as the rule; the database decides.
    AskDatabase,
    Visible,
}

impl Rule {
    pub(crate) fn verdict(&self, identity: &Identity, row: &Map<String, Value>) -> Verdict {
        match self {
            Self::Everybody => Verdict::Visible,
            Self::Nobody => Verdict::Hidden,
            Self::Database => Verdict::AskDatabase,
            Self::Equals { column, claimed } => equals(row.get(column.name), claimed.of(identity)),
            Self::Any(rules) => {
                let verdicts = rules.iter().map(|rule| rule.verdict(identity, row));
                verdicts.max().unwrap_or(Verdict::Hidden)
            }
            Self::All(rules) => {
                let verdicts = rules.iter().map(|rule| rule.verdict(identity, row));
                verdicts.min().unwrap_or(Verdict::Visible)
            }
        }
    }

    /// The column that must hold the user's id, if that is the whole rule: rows are then looked up by user.
    pub(crate) fn owner_column(&self) -> Option<&'static Column> {
        match self {
            Self::Equals { column, claimed } if claimed.is_the_subject() => Some(column),
            _ => None,
        }
    }
}

/// Compares as SQL does: nothing equals NULL.
fn equals(value: Option<&Value>, claimed: Known<Cow<'_, str>>) -> Verdict {
    match (value, claimed) {
        (Some(Value::Null), _) | (_, Known::Null) => Verdict::Hidden,
        (Some(Value::String(value)), Known::Value(claimed)) if *value == claimed => Verdict::Visible,
        (Some(Value::String(_)), Known::Value(_)) => Verdict::Hidden,
        // The log left the value out, or one of the two is of a kind that only the database compares.
        _ => Verdict::AskDatabase,
    }
}

/// A value as far as it is known here.
enum Known<T> {
    Value(T),
    Null,
    No,
}

impl Claimed {
    fn is_the_subject(&self) -> bool {
        match self {
            Self::UserId => true,
            Self::Claim(name) => name == "sub",
        }
    }

    fn of<'i>(&self, identity: &'i Identity) -> Known<Cow<'i, str>> {
        let name = match self {
            Self::UserId => "sub",
            Self::Claim(name) => name,
        };
        match (self, identity.claims.get(name)) {
            (_, None | Some(Value::Null)) => Known::Null,
            (Self::Claim(_), Some(Value::String(text))) => Known::Value(Cow::Borrowed(text)),
            (Self::UserId, Some(Value::String(text))) => match parse_uuid(text) {
                Some(uuid) => Known::Value(Cow::Owned(uuid.hyphenated().to_string())),
                // The function fails, and with it every policy that calls it.
                None => Known::Null,
            },
            // The text of a number or of an object is PostgreSQL's own.
            (_, Some(_)) => Known::No,
        }
    }
}

/// Reads a UUID as PostgreSQL does: 32 digits, with hyphens after any four of them, in braces or not.
pub(crate) fn parse_uuid(text: &str) -> Option<Uuid> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut digits = String::with_capacity(32);
    for character in inner.chars() {
        match character {
            '-' if digits.len().is_multiple_of(4) && (4..32).contains(&digits.len()) => {}
            _ if digits.len() < 32 => digits.push(character),
            _ => return None,
        }
    }
    if inner.contains("--") || digits.len() != 32 {
        return None;
    }
    Uuid::try_parse(&digits).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::realtime::auth::Role;
    use crate::realtime::change::Table;

    const USER: &str = "0a0a0a0a-0000-4000-8000-00000000000a";

    fn identity(claims: &Value) -> Identity {
        Identity {
            role: Role::Authenticated,
            claims: Arc::new(claims.as_object().unwrap().clone()),
            expires_at_unix_s: None,
        }
    }

    fn equals(claimed: Claimed) -> Rule {
        let column = Table::PracticeSessions.column("user_id").unwrap();
        Rule::Equals { column, claimed }
    }

    #[track_caller]
    fn check(rule: &Rule, claims: Value, row: Value, verdict: Verdict) {
        assert_eq!(
            rule.verdict(&identity(&claims), row.as_object().unwrap()),
            verdict,
            "{claims} {row}"
        );
    }

    #[test]
    fn the_users_id_is_a_uuid_in_any_case() {
        let rule = equals(Claimed::UserId);
        let row = || json!({"user_id": USER});
        check(&rule, json!({"sub": USER}), row(), Verdict::Visible);
        check(
            &rule,
            json!({"sub": USER.to_uppercase()}),
            row(),
            Verdict::Visible,
        );
        let other = "0b0b0b0b-0000-4000-8000-00000000000b";
        check(&rule, json!({"sub": other}), row(), Verdict::Hidden);
        check(&rule, json!({}), row(), Verdict::Hidden);
        check(&rule, json!({"sub": null}), row(), Verdict::Hidden);
        check(
            &rule,
            json!({"sub": USER}),
            json!({"user_id": null}),
            Verdict::Hidden,
        );
        for spelled in [USER.to_uppercase(), USER.replace('-', ""), format!("{{{USER}}}")] {
            check(&rule, json!({"sub": spelled}), row(), Verdict::Visible);
        }
        check(&rule, json!({"sub": "alice"}), row(), Verdict::Hidden);
        check(&rule, json!({"sub": 7}), row(), Verdict::AskDatabase);
        check(&rule, json!({"sub": USER}), json!({}), Verdict::AskDatabase);
    }

    #[test]
    fn uuids_are_read_as_postgresql_reads_them() {
        for (text, is_uuid) in [
            ("a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11", true),
            ("{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", true),
            ("a0eebc999c0b4ef8bb6d6bb9bd380a11", true),
            ("a0eebc999c0b4ef8bb6d6bb9bd380a11-", false),
            ("-a0eebc999c0b4ef8bb6d6bb9bd380a11", false),
            ("a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11", false),
            ("a0e-ebc999c0b4ef8bb6d6bb9bd380a11", false),
            ("{a0eebc999c0b4ef8bb6d6bb9bd380a11", false),
            ("urn:uuid:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", false),
            ("a0eebc999c0b4ef8bb6d6bb9bd380a1", false),
            ("a0eebc999c0b4ef8bb6d6bb9bd380a1g", false),
            ("", false),
        ] {
            assert_eq!(parse_uuid(text).is_some(), is_uuid, "{text}");
        }
    }

    #[test]
    fn a_claim_is_compared_as_it_is() {
        let rule = equals(Claimed::Claim("sub".to_owned()));
        check(
            &rule,
            json!({"sub": "alice"}),
            json!({"user_id": "alice"}),
            Verdict::Visible,
        );
        check(
            &rule,
            json!({"sub": "Alice"}),
            json!({"user_id": "alice"}),
            Verdict::Hidden,
        );
        check(
            &rule,
            json!({"sub": 7}),
            json!({"user_id": "7"}),
            Verdict::AskDatabase,
        );
        check(
            &rule,
            json!({"sub": "7"}),
            json!({"user_id": 7}),
            Verdict::AskDatabase,
        );
    }

    #[test]
    fn one_permissive_policy_is_enough_and_every_restrictive_one_is_needed() {
        let (yes, no, ask) = (Rule::Everybody, Rule::Nobody, Rule::Database);
        for (rules, any, all) in [
            (vec![], Verdict::Hidden, Verdict::Visible),
            (
                vec![yes.clone(), ask.clone(), no.clone()],
                Verdict::Visible,
                Verdict::Hidden,
            ),
            (
                vec![no.clone(), ask.clone()],
                Verdict::AskDatabase,
                Verdict::Hidden,
            ),
            (vec![yes, ask], Verdict::Visible, Verdict::AskDatabase),
        ] {
            check(&Rule::Any(rules.clone()), json!({}), json!({}), any);
            check(&Rule::All(rules), json!({}), json!({}), all);
        }
    }

    #[test]
    fn only_a_rule_about_the_user_alone_names_the_owners_column() {
        let owner = equals(Claimed::UserId);
        assert_eq!(owner.owner_column().unwrap().name, "user_id");
        assert!(equals(Claimed::Claim("sub".to_owned())).owner_column().is_some());
        assert!(equals(Claimed::Claim("team".to_owned())).owner_column().is_none());
        assert!(Rule::Any(vec![owner, Rule::Database]).owner_column().is_none());
    }
}
