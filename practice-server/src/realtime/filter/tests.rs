//! Filters: every operator, and what cannot be read.

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// A session's row; filters are tried against it.
fn row() -> Map<String, Value> {
    let row = json!({
        "id": "11111111-1111-4111-8111-111111111111",
        "transcript": "Hello, \"world\" (again)",
        "language": "en-US",
        "status": "ready",
        "attempt_count": 2,
        "current_word_index": null,
        "pronunciation_score": 87.50,
        "pronunciation_analysis": {"fluency": 3},
        "error_message": null,
        "created_at": "2026-11-22T00:22:40.877654+00:00",
    });
    row.as_object().unwrap().clone()
}

#[track_caller]
fn check(filter: &str, visible: bool) {
    let parsed = Filter::parse(filter, Table::PracticeSessions).unwrap();
    assert_eq!(parsed.matches(&row()), visible, "{filter}");
}

#[track_caller]
fn check_refused(filter: &str, reason: &str) {
    let error = Filter::parse(filter, Table::PracticeSessions)
        .unwrap_err()
        .to_string();
    assert!(error.contains(reason), "{filter}: {error}");
}

#[test]
fn comparisons_are_typed() {
    check("id=eq.11111111-1111-4111-8111-111111111111", true);
    check("id=eq.22222222-2222-4222-8222-222222222222", false);
    check("attempt_count=eq.2", true);
    check("attempt_count=neq.2", false);
    check("attempt_count=lt.10", true); // As text, "2" would not be below "10".
    check("attempt_count=lte.2", true);
    check("attempt_count=gt.2", false);
    check("attempt_count=gte.2", true);
    check("pronunciation_score=eq.87.5", true);
    check("pronunciation_score=gt.9", true);
    check("created_at=eq.2026-11-22T01:22:40.877654+01:00", true);
    check("created_at=lt.2026-11-22T00:22:41Z", true);
    check("status=eq.ready", true);
    check("status=eq.Ready", false);
}

#[test]
fn uuids_are_equal_in_any_case() {
    let filter = "id=eq.AAAAAAAA-AAAA-4AAA-8AAA-AAAAAAAAAAAA";
    let filter = Filter::parse(filter, Table::PracticeSessions).unwrap();
    let row = json!({"id": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"});
    assert!(filter.matches(row.as_object().unwrap()));
}

#[test]
fn lists() {
    check("status=in.(ready,completed)", true);
    check("status=in.(completed,failed)", false);
    check("status=in.( \"ready\" , x)", true);
    check("attempt_count=in.(1,2,3)", true);
    check("status=in.()", false);
    check("status=not.in.(completed,failed)", true);
    check(&format!("attempt_count=in.({})", vec!["2"; 100].join(",")), true);
}

#[test]
fn null_and_truth() {
    check("error_message=is.null", true);
    check("error_message=not.is.null", false);
    check("status=is.null", false);
    check("status=not.is.null", true);
    check("pronunciation_analysis=not.is.null", true);
    check("error_message=isdistinct.x", true);
    check("status=isdistinct.ready", false);
    check("status=isdistinct.failed", true);
    check("status=not.isdistinct.ready", true);
    let attempt = json!({"is_passed": false});
    let attempt = attempt.as_object().unwrap();
    for (filter, visible) in [
        ("is_passed=is.false", true),
        ("is_passed=is.true", false),
        ("is_passed=is.unknown", false),
        ("is_passed=not.is.true", true),
        ("is_passed=eq.false", true),
        ("is_passed=is.FALSE", true),
    ] {
        let parsed = Filter::parse(filter, Table::PracticeAttempts).unwrap();
        assert_eq!(parsed.matches(attempt), visible, "{filter}");
    }
}

#[test]
fn patterns() {
    check("language=like.en-%", true);
    check("language=like.EN-%", false);
    check("language=ilike.EN-%", true);
    check("language=like.en", false);
    check("language=like.e_-US", true);
    check("language=like.en.US", false); // A dot is a dot.
    check(r"language=like.en\-US", true);
    check(r"language=like.en\_US", false);
    check("language=match.^en", true);
    check("language=match.N", false);
    check("language=imatch.^EN", true);
    check("language=not.like.de%", true);
}

#[test]
fn a_comparison_with_null_is_unknown_and_so_is_its_negation() {
    for operator in ["eq.1", "neq.1", "lt.1", "lte.1", "gt.1", "gte.1", "in.(1)"] {
        check(&format!("current_word_index={operator}"), false);
        check(&format!("current_word_index=not.{operator}"), false);
    }
    for operator in ["like.%", "ilike.%", "match.x*", "imatch.x*"] {
        check(&format!("error_message={operator}"), false);
        check(&format!("error_message=not.{operator}"), false);
    }
}

#[test]
fn a_column_that_the_row_does_not_carry_fails_closed() {
    for operator in [
        "eq.x",
        "neq.x",
        "is.null",
        "not.is.null",
        "isdistinct.x",
        "not.isdistinct.x",
        "like.%",
    ] {
        check(&format!("improved_transcript={operator}"), false);
    }
}

#[test]
fn several_conditions_must_all_hold() {
    check("status=eq.ready,attempt_count=gte.2", true);
    check("status=eq.ready, attempt_count=gte.3", false);
    check("status=in.(ready,failed),attempt_count=eq.2", true);
    check("", true);
    check("  ", true);
}

#[test]
fn quotes_protect_commas_parentheses_and_quotes() {
    check(r#"transcript=eq."Hello, \"world\" (again)""#, true);
    check(r#"transcript=in.("Hello, \"world\" (again)","b")"#, true);
    check(r#"transcript=like."Hello, %",status=eq.ready"#, true);
    check(r#"status=eq."ready""#, true);
    let inches = Filter::parse("transcript=eq.5\" nail", Table::PracticeSessions).unwrap();
    assert!(inches.matches(json!({"transcript": "5\" nail"}).as_object().unwrap()));
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    check_refused("status", "column=operator.value");
    check_refused("status=ready", "column=operator.value");
    check_refused("status=not.ready", "column=operator.value");
    check_refused("status=eq.ready,", "column=operator.value");
    check_refused("foo=eq.hey", "no column `foo`");
    check_refused("status=sw.re", "`sw` is not an operator");
    check_refused(
        "attempt_count=eq.two",
        "`two` cannot be compared with `attempt_count`, which is int4",
    );
    check_refused("attempt_count=eq.99999999999", "cannot be compared");
    check_refused("pronunciation_score=eq.NaN", "cannot be compared");
    check_refused("id=eq.11", "which is uuid");
    check_refused("pronunciation_analysis=eq.{}", "which is jsonb");
    check_refused("status=in.ready", "parentheses");
    check_refused("status=in.(ready", "not closed");
    check_refused("status=eq.ready)", "not closed");
    check_refused("status=eq.\"ready", "not closed");
    check_refused("status=eq.\"ready\"x", "do not enclose");
    check_refused(
        &format!("attempt_count=in.({})", vec!["2"; 101].join(",")),
        "at most 100 values, not 101",
    );
    check_refused("status=is.ready", "null, true, false or unknown");
    check_refused("status=is.true", "not a boolean column");
    check_refused("attempt_count=like.2%", "not a text column");
    check_refused("status=match.(", "not closed");
    check_refused("status=match.[", "pattern is not usable");
    check_refused("status=match.(a{1000}){1000}", "pattern is not usable");
    check_refused(&format!("status=eq.{}", "x".repeat(9_000)), "at most 8192 bytes");
}

#[test]
fn the_error_quotes_the_condition_as_the_real_server_does() {
    let error = Filter::parse("foo=hey", Table::PracticeSessions)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(r#"Error parsing `filter` params: ["foo","hey"]"#),
        "{error}"
    );
}

#[test]
fn an_equality_is_what_the_index_looks_up() {
    let required = |filter| {
        let filter = Filter::parse(filter, Table::PracticeSessions).unwrap();
        filter
            .required_value()
            .map(|(column, value)| (column.name, value.clone()))
    };
    assert_eq!(
        required("attempt_count=gt.1,status=eq.ready"),
        Some(("status", Scalar::Text("ready".into())))
    );
    assert_eq!(required("status=not.eq.ready"), None);
    assert_eq!(required("status=in.(ready)"), None);
    assert_eq!(required(""), None);
}

proptest! {
    #[test]
    fn arbitrary_filters_are_refused_or_evaluated_without_a_panic(filter in "[a-z_]{0,8}[=.]{0,2}[a-z().,\"\\\\ %=é]{0,30}") {
        if let Ok(filter) = Filter::parse(&filter, Table::PracticeSessions) {
            filter.matches(&row());
        }
    }

    #[test]
    fn a_quoted_value_equals_itself(text in ".{0,30}") {
        let quoted = text.replace('\\', r"\\").replace('"', r#"\""#);
        let filter = Filter::parse(&format!("transcript=eq.\"{quoted}\""), Table::PracticeSessions).unwrap();
        let row = json!({"transcript": text});
        prop_assert!(filter.matches(row.as_object().unwrap()));
    }

    /// The index must find exactly the values that the filter accepts.
    #[test]
    fn equal_numbers_have_equal_keys(number in -1_000_000_i64..1_000_000, decimals in 0_usize..4) {
        let literal = format!("{number}.{}", "0".repeat(decimals + 1));
        let filter = Filter::parse(&format!("pronunciation_score=eq.{literal}"), Table::PracticeSessions).unwrap();
        let (column, required) = filter.required_value().unwrap();
        let value = Scalar::from_row(&json!(number), column.column_type).unwrap();
        prop_assert_eq!(required, &value);
    }
}
