//! A run beside its baseline, in every format.

use super::*;
use crate::report::model::RunDigest;

fn beside(run: Run, baseline: Run) -> RunRecord {
    let mut then = record(baseline);
    then.run_id = "peak-20260101T000000Z".to_owned();
    then.started_at = "2026-01-01T00:00:00Z".to_owned();
    then.target.version = "<older>".to_owned();
    let mut record = record(run);
    record.baseline = Some(RunDigest::of(&then));
    record
}

#[test]
fn a_slower_run_is_worse_than_its_baseline_and_the_verdict_is_its_own() {
    let record = beside(fixture::slow(), fixture::healthy());
    assert_eq!(record.verdict, "NO-GO");
    let text = render(Format::Text, &record).unwrap();
    let markdown = render(Format::Markdown, &record).unwrap();
    let page = render(Format::Html, &record).unwrap();
    for (name, said) in [("text", &text), ("markdown", &markdown), ("html", &page)] {
        assert!(
            said.contains("worse than in the baseline run (01-01 00:00, version"),
            "{name}: {said}"
        );
        assert!(said.contains("WORSE ×"), "{name}: {said}");
        assert!(said.contains("One pair of runs says little"), "{name}: {said}");
    }
    assert!(
        page.contains("The target&#39;s version differs: 4f2a9c1 now, &#60;older&#62; then."),
        "{page}"
    );
    assert!(page.find("id=\"baseline\"") < page.find("id=\"over-time\""));
    insta::assert_snapshot!(
        "text_of_a_baseline",
        section_of(&text, "Compared with the baseline run")
    );
    insta::assert_snapshot!(
        "markdown_of_a_baseline",
        section_of(&markdown, "#### Compared with the baseline run")
    );
}

#[test]
fn builds_of_one_version_are_not_told_apart() {
    let mut record = beside(fixture::healthy(), fixture::healthy());
    let version = record.environment.tool_version.clone();
    record.target.version.clone_from(&version);
    record.baseline.as_mut().unwrap().target.version = version;
    let advice = "Builds of one version are not told apart";
    let text = |record: &RunRecord| render(Format::Markdown, record).unwrap();
    assert!(text(&record).contains(advice), "{}", text(&record));
    // Of a deployment somebody has said it.
    record.target.built_in = false;
    let said = text(&record);
    assert!(
        said.contains("Both runs say that they tested version") && !said.contains(advice),
        "{said}"
    );
}

#[test]
fn where_nothing_can_be_compared_nothing_is_said_to_be_as_good() {
    let mut record = beside(fixture::healthy(), fixture::healthy());
    record.baseline.as_mut().unwrap().sla.clear();
    let text = render(Format::Text, &record).unwrap();
    assert!(
        text.contains("no target was measured both in it and in the baseline run")
            && !text.contains("nothing is worse"),
        "{text}"
    );
}

/// The lines from a heading to the first empty line after its table.
fn section_of(text: &str, heading: &str) -> String {
    let from = text.find(heading).unwrap();
    let rest = &text[from..];
    let end = rest
        .find("\n#### Alerts")
        .or_else(|| rest.find("\nAlerts"))
        .unwrap_or(rest.len());
    rest[..end].to_owned()
}

#[test]
fn the_baseline_is_kept_in_the_file_and_changes_no_judgement() {
    let record = beside(fixture::healthy(), fixture::slow());
    let stored = RunRecord::from_json(&render(Format::Json, &record).unwrap()).unwrap();
    assert_eq!(stored, record);
    let again = stored
        .judged_again(&stored.criteria().unwrap(), stored.judged_on().unwrap())
        .unwrap();
    assert_eq!(again, record);
    let alone = super::record(fixture::healthy());
    assert_eq!(
        (again.verdict, again.reasons, again.sla),
        (alone.verdict, alone.reasons, alone.sla)
    );
    let page = render(Format::Html, &record).unwrap();
    assert!(page.contains("The baseline run itself ended in NO-GO"), "{page}");
}

#[test]
fn an_invalid_run_is_compared_with_nothing() {
    let record = beside(fixture::starved_generator(), fixture::healthy());
    let page = render(Format::Html, &record).unwrap();
    assert!(
        page.contains("it says nothing of its target, so it is not compared"),
        "{page}"
    );
    assert!(!page.contains("WORSE ×"), "{page}");
}

#[test]
fn without_a_baseline_nothing_is_said_of_one() {
    let record = record(fixture::healthy());
    for format in Format::ALL {
        assert!(
            !render(format, &record).unwrap().contains("the baseline"),
            "{format}"
        );
    }
}
