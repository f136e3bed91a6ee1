//! Histories as plain text: one table per scenario, a line per target, the newest run last.

use comfy_table::{ContentArrangement, Table, presets};

use super::trend::{Change, History, Point, Trend};
use crate::report::model::RunDigest;
use crate::sla::wording::{counted, quantity};

/// Runs that a table has columns for: the newest ones.
const RUNS_SHOWN: usize = 6;

pub(super) fn render(histories: &[History]) -> String {
    let mut text = String::new();
    for history in histories {
        one(&mut text, history);
    }
    text
}

fn one(text: &mut String, history: &History) {
    text.push_str(&format!(
        "{}: {}",
        history.scenario,
        counted(history.runs.len() as u64, "run")
    ));
    let first = history.runs.len().saturating_sub(RUNS_SHOWN);
    if first > 0 {
        text.push_str(&format!(", the newest {RUNS_SHOWN} shown"));
    }
    text.push('\n');
    let shown = &history.runs[first..];
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled);
    let mut head = vec!["".to_owned()];
    head.extend(shown.iter().map(day));
    head.push("Change".to_owned());
    table.set_header(head);
    for (title, words) in [
        (
            "Version",
            (|run| run.target.version.clone()) as fn(&RunDigest) -> String,
        ),
        ("Verdict", |run| run.verdict.clone()),
    ] {
        let mut row = vec![title.to_owned()];
        row.extend(shown.iter().map(words));
        row.push(String::new());
        table.add_row(row);
    }
    for trend in &history.trends {
        let mut row = vec![trend.title.clone()];
        row.extend(
            trend.points[first..]
                .iter()
                .map(|point| cell(trend, point.as_ref())),
        );
        row.push(change(trend.change));
        table.add_row(row);
    }
    for line in table.to_string().lines() {
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text.push_str(&format!("  {}\n\n", conclusion(history)));
}

/// `01-02 03:04`.
fn day(run: &RunDigest) -> String {
    run.started().map_or_else(
        |_| run.started_at.clone(),
        |time| time.strftime("%m-%d %H:%M").to_string(),
    )
}

fn cell(trend: &Trend, point: Option<&Point>) -> String {
    match point {
        None => "–".to_owned(),
        Some(point) if point.status == "FAIL" => format!("{} !", quantity(point.value, trend.unit)),
        Some(point) => quantity(point.value, trend.unit),
    }
}

fn times(factor: f64) -> String {
    if factor.is_finite() {
        format!("×{factor:.2}")
    } else {
        "from none".to_owned()
    }
}

/// A change in words.
pub(in crate::report) fn change(change: Change) -> String {
    match change {
        Change::Worse(factor) => format!("WORSE {}", times(factor)),
        Change::Better(factor) => format!("better {}", times(factor)),
        Change::Same => "same".to_owned(),
        Change::Unknown => "–".to_owned(),
    }
}

/// What the newest run did, in a sentence.
pub(in crate::report) fn conclusion(history: &History) -> String {
    let Some(newest) = history.newest() else {
        return "There is no run.".to_owned();
    };
    if newest.proves_nothing() {
        return format!(
            "The newest run is {}: it says nothing of its target, so it is compared with none.",
            newest.verdict
        );
    }
    let Some(before) = history.compared_with.map(|index| &history.runs[index]) else {
        return format!(
            "The newest run ended in {}; no run before it ended in GO, so there is nothing to compare it with.",
            newest.verdict
        );
    };
    format!(
        "The newest run ended in {}; {}.",
        newest.verdict,
        against(history, before, "the last one that passed")
    )
}

/// What became worse since the run `before`, which is called `name`.
pub(in crate::report) fn against(history: &History, before: &RunDigest, name: &str) -> String {
    let worse: Vec<&str> = history.regressions().map(|trend| trend.title.as_str()).collect();
    let name = format!("{name} ({}, version {})", day(before), before.target.version);
    if history
        .trends
        .iter()
        .all(|trend| matches!(trend.change, Change::Unknown))
    {
        return format!("no target was measured both in it and in {name}, so nothing is compared");
    }
    if worse.is_empty() {
        return format!("nothing is worse than in {name}");
    }
    format!("worse than in {name}: {}", worse.join(", "))
}
