//! The published schemas, on made-up files.

use jsonschema::Validator;
use serde_json::Value;

use super::*;
use crate::report::capacity::tests::search;
use crate::report::comparison::tests::record as comparison;

/// The schema of a file, closed: a key that it does not know is refused.
fn closed(kind: StoredKind) -> Validator {
    fn close(schema: &mut Value) {
        match schema {
            Value::Object(object) => {
                object.values_mut().for_each(close);
                if object.contains_key("properties") {
                    object.insert("additionalProperties".to_owned(), false.into());
                }
            }
            Value::Array(several) => several.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut schema = serde_json::from_str(&schema_json(kind)).unwrap();
    close(&mut schema);
    jsonschema::validator_for(&schema).unwrap()
}

fn mistakes(schema: &Validator, file: &Value) -> Vec<String> {
    let errors = schema.iter_errors(file);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn json_of(record: &RunRecord) -> Value {
    serde_json::from_str(&render(Format::Json, record).unwrap()).unwrap()
}

#[test]
fn every_key_of_a_run_stands_in_its_schema() {
    let schema = closed(StoredKind::Run);
    for (name, run) in all_runs() {
        assert_eq!(mistakes(&schema, &json_of(&record(run))), [""; 0], "{name}");
    }
    for run in [
        fixture::with_users(20, 50),
        super::incidents::drill(),
        super::waivers::waived(),
    ] {
        assert_eq!(mistakes(&schema, &json_of(&record(run))), [""; 0]);
    }
}

#[test]
fn every_key_of_a_search_stands_in_its_schema() {
    let file = serde_json::to_value(search("found", Some(38.1), Some(41.9))).unwrap();
    assert_eq!(mistakes(&closed(StoredKind::Capacity), &file), [""; 0]);
}

#[test]
fn every_key_of_a_comparison_stands_in_its_schema() {
    let file = serde_json::to_value(comparison(&[(30, 0), (32, 0), (29, 0)])).unwrap();
    assert_eq!(mistakes(&closed(StoredKind::Comparison), &file), [""; 0]);
}

#[test]
fn a_key_of_a_later_version_is_no_mistake_and_a_wrong_value_is_one() {
    let open: Value = serde_json::from_str(&schema_json(StoredKind::Run)).unwrap();
    let open = jsonschema::validator_for(&open).unwrap();
    let mut file = json_of(&record(fixture::healthy()));
    file["sla"][0]["key_of_a_later_version"] = 1.into();
    assert_eq!(mistakes(&open, &file), [""; 0]);
    assert_eq!(mistakes(&closed(StoredKind::Run), &file).len(), 1);
    for (pointer, wrong) in [
        ("/schema_version", Value::from(2)),
        ("/verdict", "MAYBE".into()),
        ("/iterations/due", "700".into()),
        ("/sla/0/status", "pass".into()),
        ("/metrics", Value::Null),
    ] {
        let mut file = json_of(&record(fixture::healthy()));
        *file.pointer_mut(pointer).unwrap() = wrong;
        assert_eq!(mistakes(&open, &file).len(), 1, "{pointer}");
    }
}
