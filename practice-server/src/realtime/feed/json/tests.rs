//! Literals of PostgreSQL beside the JSON that `to_jsonb` makes of them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn values_are_typed_as_to_jsonb_types_them() {
    let cases = [
        (16, "t", json!(true)),
        (16, "f", json!(false)),
        (21, "-7", json!(-7)),
        (23, "2147483647", json!(2_147_483_647)),
        (20, "9223372036854775807", json!(9_223_372_036_854_775_807_i64)),
        (701, "87.5", json!(87.5)),
        (701, "87", json!(87.0)),
        (701, "1e+20", json!(1e20)),
        (701, "NaN", json!("NaN")),
        (700, "-Infinity", json!("-Infinity")),
        (1_700, "12", json!(12)),
        (1_700, "12.50", json!(12.5)),
        (1_700, "NaN", json!("NaN")),
        (3_802, r#"{"a": [1, null]}"#, json!({"a": [1, null]})),
        (114, "7", json!(7)),
        (3_802, "1e999", json!("1e999")),
        (17, "\\x00ff", json!("00ff")),
        (25, "t", json!("t")),
        (1_043, "12", json!("12")),
        (
            2_950,
            "0a0a0a0a-0000-4000-8000-00000000000a",
            json!("0a0a0a0a-0000-4000-8000-00000000000a"),
        ),
        (1_082, "2026-11-22", json!("2026-11-22")),
        (
            1_184,
            "2026-11-22 00:22:40.877654+00",
            json!("2026-11-22T00:22:40.877654+00:00"),
        ),
        (
            1_184,
            "2026-11-22 00:22:40+05:30",
            json!("2026-11-22T00:22:40+05:30"),
        ),
        (
            1_184,
            "0044-03-15 12:00:00+00 BC",
            json!("0044-03-15T12:00:00+00:00 BC"),
        ),
        (1_184, "infinity", json!("infinity")),
        (1_114, "2026-11-22 00:22:40.5", json!("2026-11-22T00:22:40.5")),
        // A type that the catalog alone knows, such as an enumeration.
        (99_999, "happy", json!("happy")),
    ];
    for (type_oid, text, value) in cases {
        assert_eq!(typed(type_oid, text), value, "{text}");
    }
}

#[test]
fn arrays_are_lists_of_typed_values() {
    let cases = [
        (1_007, "{}", json!([])),
        (1_007, "{1,NULL,-3}", json!([1, null, -3])),
        (1_007, "{{1,2},{3,4}}", json!([[1, 2], [3, 4]])),
        (1_007, "[0:1]={1,2}", json!([1, 2])),
        (
            1_009,
            r#"{a,"b,c","d\"e\\f","NULL",NULL,""}"#,
            json!(["a", "b,c", "d\"e\\f", "NULL", null, ""]),
        ),
        (1_000, "{t,f}", json!([true, false])),
        (3_807, r#"{"{\"a\": 1}"}"#, json!([{"a": 1}])),
        (
            1_185,
            "{\"2026-11-22 00:22:40+00\"}",
            json!(["2026-11-22T00:22:40+00:00"]),
        ),
    ];
    for (type_oid, text, value) in cases {
        assert_eq!(typed(type_oid, text), value, "{text}");
    }
}

#[test]
fn what_is_not_of_its_type_stays_text() {
    for (type_oid, text) in [
        (16, "true"),
        (23, "1.5"),
        (3_802, "{"),
        (17, "00"),
        (1_007, "{1,2"),
        (1_007, "{1,2}x"),
        (1_007, "{1,,2}"),
        (1_007, "{x}"),
        (1_007, "[0:1={1}"),
        (1_007, "{{{{{{{1}}}}}}}"),
    ] {
        assert_eq!(typed(type_oid, text), json!(text));
    }
}

proptest! {
    #[test]
    fn whatever_comes_nothing_panics(type_oid in 0_u32..4_000, text in "[\\PC{}\\[\\],\"\\\\ :+-]{0,60}") {
        let _ = typed(type_oid, &text);
    }

    #[test]
    fn doubles_are_exact(number in proptest::num::f64::NORMAL) {
        prop_assert_eq!(typed(701, &number.to_string()), json!(number));
    }

    #[test]
    fn texts_in_an_array_come_back(texts in proptest::collection::vec("\\PC{0,12}", 0..6)) {
        let quoted: Vec<_> = texts
            .iter()
            .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
            .collect();
        prop_assert_eq!(typed(1_009, &format!("{{{}}}", quoted.join(","))), json!(texts));
    }
}
