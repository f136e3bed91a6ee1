//! Bindings: what is accepted, what is echoed, which identifier they get.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn binding(parameters: Value) -> Binding {
    Binding::new(parameters.as_object().unwrap().clone())
}

fn parts(parameters: Value) -> Vec<(Table, usize)> {
    let subscriptions = binding(parameters).subscriptions().unwrap();
    subscriptions
        .iter()
        .map(|subscription| (subscription.table, subscription.operations.len()))
        .collect()
}

#[test]
fn wildcards_and_defaults() {
    use Table::{PracticeAttempts, PracticeSessions};
    let every = [(PracticeSessions, 3), (PracticeAttempts, 3)];
    assert_eq!(parts(json!({"event": "*", "schema": "public"})), every);
    assert_eq!(parts(json!({"schema": "*", "table": "*"})), every);
    assert_eq!(
        parts(json!({"event": "dance", "schema": "public", "table": null})),
        every
    );
    assert_eq!(
        parts(json!({"event": "insert", "table": "practice_attempts"})),
        [(PracticeAttempts, 1)]
    );
}

#[test]
fn a_filter_of_a_wildcard_must_fit_every_table() {
    assert_eq!(
        parts(json!({"schema": "public", "filter": "status=eq.failed"})).len(),
        2
    );
    let refused = binding(json!({"schema": "public", "filter": "transcript=eq.x"})).subscriptions();
    assert!(matches!(refused, Err(BindingError::Filter(_))));
}

#[test]
fn bindings_that_name_nothing_published_are_refused() {
    let refusal = |parameters| binding(parameters).subscriptions().unwrap_err();
    assert!(matches!(
        refusal(json!({"event": "*"})),
        BindingError::NothingNamed(_)
    ));
    assert!(matches!(
        refusal(json!({"schema": "auth", "table": "users"})),
        BindingError::NotPublished(_)
    ));
    assert!(matches!(
        refusal(json!({"schema": "public", "table": "users"})),
        BindingError::NotPublished(_)
    ));
    let refused = refusal(json!({"schema": "public", "filter": 5}));
    assert!(matches!(refused, BindingError::NotText { key: "filter", .. }));
}

#[test]
fn a_join_is_read_tolerantly() {
    let empty = JoinConfig::parse(Value::Null).unwrap();
    assert!(empty.bindings.is_empty() && !empty.presence && !empty.private && empty.access_token.is_none());
    let config = JoinConfig::parse(json!({
        "config": {"broadcast": {"ack": "true", "self": true}, "presence": {"enabled": "false"},
            "postgres_changes": null, "postgres_changes_options": {"wait": true}},
        "user_token": "old name",
    }));
    let config = config.unwrap();
    assert!(config.broadcast_ack && config.broadcast_self && !config.presence);
    assert_eq!(config.access_token.as_deref(), Some("old name"));
}

proptest! {
    #[test]
    fn an_id_is_in_range_and_a_function_of_the_parameters(
        parameters in prop::collection::btree_map("[a-z]{1,8}", ".{0,12}", 0..6)
    ) {
        let forwards: Map<String, Value> =
            parameters.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let backwards: Map<String, Value> =
            parameters.iter().rev().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        let id = BindingId::of(&forwards);
        prop_assert!((1..1 << 27).contains(&id.get()));
        prop_assert_eq!(id, BindingId::of(&backwards));
    }
}
