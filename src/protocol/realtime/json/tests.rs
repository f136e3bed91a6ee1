//! The scanner against serde_json, which is the judge of what is well formed and of what a value is.

use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::*;

fn strings() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z_]{0,12}",
        2 => any::<String>(),
        // Quotes, escapes and control characters at every place of a word of eight bytes.
        2 => "[a\"\\\\/\u{1}\u{1f}\u{20}\u{7f}ü😀\n]{0,40}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1_000_i64..1_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        strings().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(strings(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// JSON text in several manners of writing.
fn written(value: &Value, manner: u8) -> String {
    let text = match manner % 2 {
        0 => value.to_string(),
        _ => serde_json::to_string_pretty(value).unwrap(),
    };
    match manner / 2 % 2 {
        0 => text,
        // Every character of a string may be written as an escape.
        _ => text.replace('a', "\\u0061").replace("ü", "\\u00fc"),
    }
}

fn accepts(text: &str) -> bool {
    let mut scanner = Scanner::new(text);
    scanner.value().is_some() && scanner.end().is_some()
}

fn expected_text(value: &Value) -> String {
    match value {
        Value::String(content) => content.clone(),
        other => other.to_string(),
    }
}

proptest! {
    #[test]
    fn a_row_has_the_columns_that_serde_json_sees(
        row in proptest::collection::btree_map(strings(), values(), 0..8),
        manner in any::<u8>(),
    ) {
        let row: Map<String, Value> = row.into_iter().collect();
        let text = written(&Value::Object(row), manner);
        // `a` may have stood in `\u001a`, or in a number's `null`: then the text is another one, or none.
        let Ok(row) = serde_json::from_str::<Map<String, Value>>(&text) else { return Ok(()) };
        let raw = RawRow::parse(&text).unwrap();
        prop_assert_eq!(raw.columns().count(), row.len());
        for (name, value) in &row {
            let column = raw.column(name).unwrap();
            prop_assert_eq!(column.text(), expected_text(value));
            prop_assert_eq!(column.as_u64(), value.as_u64());
            let content = column.as_str();
            prop_assert_eq!(content.as_deref(), value.as_str());
            prop_assert_eq!(&serde_json::from_str::<Value>(column.get()).unwrap(), value);
        }
        prop_assert_eq!(raw.column("no such column"), None);
    }

    #[test]
    fn what_is_cut_off_or_changed_is_accepted_when_serde_json_accepts_it(
        value in values(),
        manner in any::<u8>(),
        place in any::<prop::sample::Index>(),
        replacement in "[\"\\\\{}\\[\\],:0-9eE+.a-z\u{1} -]{0,3}",
        removed in 0_usize..3,
    ) {
        let mut characters: Vec<char> = written(&value, manner).chars().collect();
        let start = place.index(characters.len() + 1);
        let end = (start + removed).min(characters.len());
        characters.splice(start..end, replacement.chars());
        let text: String = characters.into_iter().collect();
        prop_assert_eq!(accepts(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{}", text);
        let cut: String = text.chars().take(start).collect();
        prop_assert_eq!(accepts(&cut), serde_json::from_str::<IgnoredAny>(&cut).is_ok(), "{}", cut);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        prop_assert_eq!(accepts(&text), serde_json::from_str::<IgnoredAny>(&text).is_ok());
        prop_assert_eq!(RawRow::parse(&text).is_some(), serde_json::from_str::<Map<String, Value>>(&text).is_ok());
    }
}

#[test]
fn numbers_read_as_serde_json_writes_them() {
    for (json, text) in [
        ("46", "46"),
        ("-7", "-7"),
        ("0", "0"),
        ("-0", "-0.0"),
        ("1.50", "1.5"),
        ("1e3", "1000.0"),
        ("18446744073709551615", "18446744073709551615"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("1e999", "1e999"),
        ("null", "null"),
        ("false", "false"),
        ("{ \"b\": 1, \"a\": [ ] }", "{\"a\":[],\"b\":1}"),
    ] {
        assert_eq!(Scanner::new(json).value().unwrap().text(), text, "{json}");
    }
}

#[test]
fn the_first_of_a_repeated_column_counts_and_half_a_surrogate_pair_hides_nothing() {
    let row = RawRow::parse(r#"{"\ud800":1,"id":"a","id":"b","v":"\ud800"}"#).unwrap();
    assert_eq!(row.column("id").unwrap().text(), "a");
    assert_eq!(row.column("v").unwrap().as_str(), None);
    assert_eq!(row.column("v").unwrap().text(), r#""\ud800""#);
}

#[test]
fn nesting_has_a_limit_and_no_stack_overflows() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(accepts(&nested(128)));
    assert!(!accepts(&nested(129)));
    assert!(!accepts(&"[".repeat(1_000_000)));
}
