//! The frame that asks to join a topic.

use std::fmt;

use crate::plan::ChangeEvent;

/// A request to join a topic, encoded but for its reference.
pub struct Join {
    /// All that follows the two references.
    rest: Box<str>,
}

/// The row changes that a join asks for.
#[derive(Debug, Clone, Copy)]
pub struct JoinBinding<'a> {
    pub event: ChangeEvent,
    pub schema: &'a str,
    pub table: &'a str,
    pub filter: Option<&'a str>,
}

impl Join {
    /// Encodes a join of `topic` (with its `realtime:` prefix).
    pub fn new<'a>(
        topic: &str,
        bindings: impl IntoIterator<Item = JoinBinding<'a>>,
        token: Option<&str>,
    ) -> Self {
        let mut rest = String::with_capacity(512);
        push_text(&mut rest, ",", topic);
        rest.push_str(
            r#","phx_join",{"config":{"broadcast":{"ack":false,"self":false},"presence":{"key":"","enabled":false},"postgres_changes":["#,
        );
        for (place, binding) in bindings.into_iter().enumerate() {
            rest.push_str(if place == 0 { "{" } else { ",{" });
            push_text(&mut rest, r#""event":"#, event_name(binding.event));
            push_text(&mut rest, r#","schema":"#, binding.schema);
            push_text(&mut rest, r#","table":"#, binding.table);
            if let Some(filter) = binding.filter {
                push_text(&mut rest, r#","filter":"#, filter);
            }
            rest.push('}');
        }
        rest.push_str(r#"],"private":false}"#);
        if let Some(token) = token {
            push_text(&mut rest, r#","access_token":"#, token);
        }
        rest.push_str("}]");
        // Kept as long as the channel, for when it has to be joined again.
        let rest = rest.into_boxed_str();
        Self { rest }
    }

    /// The whole frame; a join's reference is its channel's as well.
    pub(super) fn frame(&self, reference: u64) -> String {
        format!(r#"["{reference}","{reference}"{}"#, self.rest)
    }
}

impl fmt::Debug for Join {
    /// Hides the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Join({} bytes)", self.rest.len())
    }
}

/// Writes `before`, then `text` as a JSON string.
fn push_text(out: &mut String, before: &str, text: &str) {
    out.push_str(before);
    out.push_str(&serde_json::to_string(text).expect("a text is always encoded"));
}

fn event_name(event: ChangeEvent) -> &'static str {
    match event {
        ChangeEvent::All => "*",
        ChangeEvent::Insert => "INSERT",
        ChangeEvent::Update => "UPDATE",
        ChangeEvent::Delete => "DELETE",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_join_asks_for_its_bindings_and_shows_its_token_to_nobody_else() {
        let bindings = [
            JoinBinding {
                event: ChangeEvent::Update,
                schema: "public",
                table: "orders",
                filter: Some("id=eq.\"46\""),
            },
            JoinBinding {
                event: ChangeEvent::All,
                schema: "public",
                table: "items",
                filter: None,
            },
        ];
        let join = Join::new("realtime:room \"1\"", bindings, Some("secret"));
        let frame: Value = serde_json::from_str(&join.frame(6)).unwrap();
        let config = json!({
            "broadcast": { "ack": false, "self": false },
            "presence": { "key": "", "enabled": false },
            "postgres_changes": [
                { "event": "UPDATE", "schema": "public", "table": "orders", "filter": "id=eq.\"46\"" },
                { "event": "*", "schema": "public", "table": "items" },
            ],
            "private": false,
        });
        let payload = json!({ "config": config, "access_token": "secret" });
        assert_eq!(
            frame,
            json!(["6", "6", "realtime:room \"1\"", "phx_join", payload])
        );
        assert!(!format!("{join:?}").contains("secret"));
        let anonymous = Join::new("realtime:r", [], None).frame(1);
        assert_eq!(
            serde_json::from_str::<Value>(&anonymous).unwrap()[4].get("access_token"),
            None
        );
    }
}
