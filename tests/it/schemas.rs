//! What is published of the files' forms: the JSON Schemas and the scenario reference are what the program prints, and
//! the files that runs of these tests leave behind have no key that their schema does not know. So is the sample.

use std::collections::HashMap;
use std::sync::OnceLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::program::{repository, say};

/// What the program prints, and the file that holds it.
const PUBLISHED: [(&[&str], &str); 5] = [
    (&["schema"], "docs/schemas/scenario.json"),
    (&["schema", "run"], "docs/schemas/run.json"),
    (&["schema", "compare"], "docs/schemas/compare.json"),
    (&["schema", "capacity"], "docs/schemas/capacity.json"),
    (&["schema", "--markdown"], "docs/scenario-reference.md"),
];

#[tokio::test]
async fn what_is_published_is_what_the_program_prints() {
    for (arguments, file) in PUBLISHED {
        let said = say(arguments).await;
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let published = std::fs::read_to_string(repository(file)).unwrap_or_default();
        // Not both texts: they are long, and `git diff` shows where they differ.
        assert!(
            said.stdout == published,
            "{file} is not what the program prints; refresh it:\n    cargo run -- {} > {file}",
            arguments.join(" ")
        );
    }
}

/// `reports/sample` is what a reader sees before the first run of their own: it must be a run that this version understands.
#[tokio::test]
async fn the_sample_is_a_run_that_can_be_shown_and_judged_again() {
    let file = repository("reports/sample/run.json").display().to_string();
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_known("run", &record);
    let judged = say(&["judge", &file]).await;
    let banner = judged.stdout.trim_end().lines().last();
    assert_eq!(
        (judged.code, banner),
        (Some(0), Some("GO (observed)")),
        "{}",
        judged.stderr
    );
    for (format, report) in [
        ("markdown", "report.md"),
        ("html", "report.html"),
        ("junit", "junit.xml"),
    ] {
        let shown = say(&["report", &file, "--format", format]).await;
        let kept = std::fs::read_to_string(repository("reports/sample").join(report)).unwrap();
        // Not both texts: they are long, and `git diff` shows where they differ.
        assert!(
            shown.stdout.trim_end() == kept.trim_end(),
            "reports/sample/{report} is not what the program renders; refresh it:\n    cargo run -- report \
             reports/sample/run.json --format {format} --out reports/sample/{report}"
        );
    }
}

/// The published schemas, closed: a new key is no mistake for those who read the files, but it belongs in the schema.
fn closed(name: &str) -> &'static Validator {
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
    static CLOSED: OnceLock<HashMap<&str, Validator>> = OnceLock::new();
    let schemas = CLOSED.get_or_init(|| {
        let names = ["run", "compare", "capacity"].into_iter();
        let read = |name: &'static str| {
            let text = std::fs::read_to_string(repository(&format!("docs/schemas/{name}.json"))).unwrap();
            let mut schema = serde_json::from_str(&text).unwrap();
            close(&mut schema);
            (name, jsonschema::validator_for(&schema).unwrap())
        };
        names.map(read).collect()
    });
    &schemas[name]
}

/// Makes sure that a file is as its published schema says, and has no key that the schema does not know.
pub(crate) fn assert_known(name: &str, file: &Value) {
    let errors = closed(name).iter_errors(file);
    let mistakes: Vec<String> = errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(
        mistakes.is_empty(),
        "{name}.json is not as published: {mistakes:#?}"
    );
}
