//! What holds for every file, and for the schema.

use proptest::prelude::*;

use super::*;

#[test]
fn the_schema_describes_every_key() {
    let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
    let mut undescribed = Vec::new();
    for definition in schema["$defs"].as_object().unwrap().values().chain([&schema]) {
        for (key, property) in definition["properties"].as_object().into_iter().flatten() {
            let is_limit = crate::plan::Metric::from_key(key).is_some();
            // The parameters of distributions speak for themselves; limits share the description of their table.
            let is_parameter = definition["title"].is_null() && property["$ref"] == "#/$defs/DurationText";
            if property["description"].is_null() && !is_limit && !is_parameter {
                undescribed.push(key.clone());
            }
        }
    }
    assert!(undescribed.is_empty(), "{undescribed:?}");
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_schema_and_the_parsers_agree_on_what_a_quantity_looks_like() {
    let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
    let admits = |name: &str, text: &str| {
        let pattern = &schema["$defs"][name];
        jsonschema::is_valid(pattern, &serde_json::Value::from(text))
    };
    for text in [
        "30s", "1m30s", "0.5ms", ".5s", "250us", "5µs", "1h", "2d", "30", "s", "-1s", "", "1 parsec", "1s2",
    ] {
        let parses = crate::units::parse_duration(text).is_ok();
        assert_eq!(admits("DurationText", text), parses, "{text:?}");
    }
    for text in ["40/s", "1.5/m", " 2 / h", "40", "/s", "-1/s", "4/d"] {
        let parses = text.parse::<crate::units::Rate>().is_ok();
        assert_eq!(admits("RateText", text), parses, "{text:?}");
    }
    for text in ["5%", "0.5 %", "%", "5", "-1%"] {
        let parses = text.parse::<crate::units::Ratio>().is_ok();
        assert_eq!(admits("PercentText", text), parses, "{text:?}");
    }
}

/// The tables of a scenario, each with a place to put a key.
const TABLES: [&str; 10] = [
    "",
    "target",
    "target.faults",
    "classconnect",
    "classconnect.faults",
    "load",
    "judge",
    "sla",
    "alerts",
    "rollback",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn unknown_keys_are_always_refused(table in prop::sample::select(TABLES.to_vec()), key in "x_[a-z]{1,12}") {
        let text = format!("{HEAD}{LOAD}{JOURNEY}");
        let path = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
        let refused = load_files(&[("s.toml", &text)], &[(&path, "1")], &[]).unwrap_err().to_string();
        let sentence = format!("unknown key `{key}`");
        prop_assert!(refused.contains(&sentence), "{}", refused);
    }

    #[test]
    fn any_text_is_answered_without_a_panic(text in "[ -~\\n]{0,300}") {
        prop_assert_ne!(mistakes(&text), "none");
    }

    #[test]
    fn any_change_of_a_character_is_answered_without_a_panic(at in 0_usize..200, character in "[ -~]") {
        let mut text = format!("{HEAD}{LOAD}{JOURNEY}");
        let at = at % text.len();
        text.replace_range(at..=at, &character);
        let answer = mistakes(&text);
        prop_assert!(answer == "none" || answer.ends_with("found"), "{}", answer);
    }
}

#[test]
fn the_reference_lists_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scenario-reference.md");
    let reference = read_file(&path).unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema_json()).unwrap();
    let mut unlisted = std::collections::BTreeSet::new();
    for definition in schema["$defs"].as_object().unwrap().values().chain([&schema]) {
        for key in definition["properties"]
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
        {
            let is_word = |before: char| !before.is_ascii_alphanumeric() && before != '_';
            let is_listed = reference.match_indices(key.as_str()).any(|(at, _)| {
                reference[..at].ends_with(is_word) && reference[at + key.len()..].starts_with(is_word)
            });
            if !is_listed {
                unlisted.insert(key.clone());
            }
        }
    }
    assert!(unlisted.is_empty(), "{unlisted:?}");
}
