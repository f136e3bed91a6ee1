//! The formats of a comparison, on made-up runs.

use insta::assert_snapshot;

use super::*;
use crate::comparison::fixture::{case, pairs};
use crate::comparison::{Capacity, OpenEnd};
use crate::plan::{Claim, Sides};
use crate::report::model::comparison::{ArmRecord, ComparisonFacts, CourseRecord, SettingRecord};
use crate::report::tests::facts;

fn arm(name: &str, settings: &[(&str, &str)]) -> ArmRecord {
    ArmRecord {
        name: name.to_owned(),
        target: format!("reference practice server, PostgreSQL, {name} architecture"),
        version: "4f2a9c1".to_owned(),
        built_in: true,
        settings: settings
            .iter()
            .map(|(key, value)| SettingRecord {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect(),
        targets: vec![
            "response_time p95 <= 150ms".to_owned(),
            "error_rate < 1%".to_owned(),
        ],
    }
}

/// A comparison of so many pairs that are slower by so much.
pub(in crate::report) fn record(slower_ms: &[(u64, u64)]) -> ComparisonRecord {
    let run = facts();
    let mut pairs = pairs(slower_ms);
    for pair in &mut pairs {
        let capacity = |held: f64| Capacity {
            held: Some(held),
            not_held: Some(held * 1.1),
            open_end: OpenEnd::HighestHeld,
            lowest_tried: 0.5,
        };
        pair.capacities = Sides {
            baseline: Some(capacity(20.0)),
            candidate: Some(capacity(84.0)),
        };
    }
    let case = case(pairs, Claim::of_the_migration_plan(true, false));
    let facts = ComparisonFacts {
        id: "legacy-vs-direct-compare-20260102T030405Z".to_owned(),
        started_at: run.started_at,
        duration_s: 1_862.0,
        seed: 42,
        scenario: run.scenario,
        environment: run.environment,
        arms: Sides {
            baseline: arm("trigger", &[("target.architecture", "trigger")]),
            candidate: arm("direct", &[("target.architecture", "direct")]),
        },
        course: CourseRecord {
            paired: true,
            method: vec!["Both runs of a pair were sent the same arrivals.".to_owned()],
            pairs_planned: Some(slower_ms.len() as u32),
            time_box_s: Some(2_700.0),
            ended_early: None,
        },
        notes: vec!["The trigger architecture is a model: its delays are injected.".to_owned()],
    };
    ComparisonRecord::new(facts, &case, &case.judge())
}

const SLOW_AND_FAST: [(u64, u64); 3] = [(300, 60), (304, 62), (298, 61)];

#[test]
fn a_stored_comparison_is_rendered_the_same() {
    let original = record(&SLOW_AND_FAST);
    let text = render_comparison(Format::Json, &original).unwrap();
    let stored = ComparisonRecord::from_json(&text).unwrap();
    assert_eq!(stored, original);
    for format in Format::ALL.into_iter().filter(|format| is_rendered(*format)) {
        assert_eq!(
            render_comparison(format, &stored).unwrap(),
            render_comparison(format, &original).unwrap()
        );
    }
}

fn is_rendered(format: Format) -> bool {
    !matches!(format, Format::JUnit | Format::IntervalLog | Format::GitHub)
}

#[test]
fn a_format_of_runs_only_is_refused_with_what_to_choose() {
    let record = record(&SLOW_AND_FAST);
    for format in Format::ALL.into_iter().filter(|format| !is_rendered(*format)) {
        let error = render_comparison(format, &record).unwrap_err().to_string();
        assert!(error.contains("choose json, markdown, html or text"), "{error}");
    }
}

#[test]
fn a_file_that_is_no_comparison_is_refused() {
    for text in [
        "{}",
        "{\"schema_version\": 1}",
        "{\"kind\": \"capacity\", \"schema_version\": 1}",
    ] {
        let error = ComparisonRecord::from_json(text).unwrap_err().to_string();
        assert!(error.contains("not a comparison of this tool"), "{error}");
    }
    let newer = ComparisonRecord::from_json("{\"kind\": \"comparison\", \"schema_version\": 2}").unwrap_err();
    assert!(newer.to_string().contains("layout 2"), "{newer}");
}

#[test]
fn the_terminal_ends_in_the_verdict_and_its_reason() {
    let text = render_comparison(Format::Text, &record(&SLOW_AND_FAST)).unwrap();
    assert_snapshot!("terminal", text);
    assert!(
        text.trim_end().ends_with("INCONCLUSIVE"),
        "the database was not measured"
    );
}

#[test]
fn markdown_shows_the_verdict_first() {
    let text = render_comparison(Format::Markdown, &record(&SLOW_AND_FAST)).unwrap();
    assert_snapshot!("markdown", text);
}

#[test]
fn the_page_needs_nothing_else_and_shows_both_distributions() {
    let html = render_comparison(Format::Html, &record(&SLOW_AND_FAST)).unwrap();
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "the page reaches outside: {outside}");
    }
    for part in [
        "chart-histogram",
        "chart-percentiles",
        "chart-shift",
        "of-baseline",
        "forest-row good",
        "limit-mark",
        "The trigger architecture is a model",
        "needs virtual users with patience",
        "target.architecture = trigger",
    ] {
        assert!(html.contains(part), "the page has no {part}");
    }
}

#[test]
fn what_others_wrote_is_harmless_in_every_format() {
    let mut nasty = record(&SLOW_AND_FAST[..1]);
    nasty.arms.candidate.name = "<script>alert(1)</script>|`x`".to_owned();
    nasty.claims[0].sentence = "</script><b>no</b>".to_owned();
    let html = render_comparison(Format::Html, &nasty).unwrap();
    assert!(
        !html.contains("<script>alert") && !html.contains("</script><b>"),
        "markup of others"
    );
    let markdown = render_comparison(Format::Markdown, &nasty).unwrap();
    assert!(
        !markdown.contains("<script>") && !markdown.contains("|`x`"),
        "{markdown}"
    );
}

#[test]
fn a_comparison_without_any_run_is_rendered_too() {
    let mut case = case(Vec::new(), Claim::of_the_migration_plan(true, false));
    case.interrupted = true;
    let outcome = case.judge();
    let mut empty = record(&SLOW_AND_FAST[..1]);
    empty.shift = None;
    empty.pairs.clear();
    empty.figures.clear();
    for side in [&mut empty.responses.baseline, &mut empty.responses.candidate] {
        side.buckets.clear();
        side.shares.clear();
        side.band = None;
        (side.total, side.failed, side.runs) = (0, 0, 0);
    }
    empty.reasons = outcome.reasons;
    for format in Format::ALL.into_iter().filter(|format| is_rendered(*format)) {
        assert!(!render_comparison(format, &empty).unwrap().is_empty());
    }
}
