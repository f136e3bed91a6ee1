//! `history.html`: a small chart per target over all stored runs, and what the newest run changed.

use askama::Template;

use crate::report::ReportError;
use crate::report::history::{CHANGE_RULE, Change, History, Point, Trend, change_words, conclusion};
use crate::report::model::RunDigest;
use crate::sla::wording::quantity;

/// Width and height of a chart in its own units.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 44.0;
/// Room at the edges, for the marks.
const MARGIN: f64 = 4.0;

#[derive(Template)]
#[template(path = "history.html")]
struct Page {
    scenarios: Vec<Scenario>,
    rule: &'static str,
}

struct Scenario {
    name: String,
    class: &'static str,
    icon: &'static str,
    verdict: String,
    conclusion: String,
    rows: Vec<Row>,
    runs: Vec<RunRow>,
}

struct Row {
    title: String,
    chart: Sparkline,
    before: String,
    now: String,
    limit: String,
    class: &'static str,
    change: String,
}

struct RunRow {
    started: String,
    version: String,
    verdict: String,
    class: &'static str,
    evidence: String,
    run_id: String,
}

/// One chart: the values of all runs, each with its interval.
struct Sparkline {
    /// What it shows, for who cannot see it.
    description: String,
    line: String,
    /// Height of the limit; empty when it is off the scale or there is none.
    limit: Option<String>,
    marks: Vec<Mark>,
}

struct Mark {
    x: String,
    y: String,
    low: String,
    high: String,
    class: &'static str,
    words: String,
}

/// Renders the page.
pub(in crate::report) fn render_history(histories: &[History]) -> Result<String, ReportError> {
    let page = Page {
        scenarios: histories.iter().map(scenario).collect(),
        rule: CHANGE_RULE,
    };
    Ok(page.render()?)
}

fn scenario(history: &History) -> Scenario {
    let verdict = history.newest().map_or("", |run| run.verdict.as_str());
    let (class, icon) = match (verdict, history.regressions().next().is_some()) {
        ("GO", false) => ("good", "✓"),
        ("NO-GO" | "ROLLBACK", _) => ("bad", "✕"),
        _ => ("warn", "?"),
    };
    Scenario {
        name: history.scenario.clone(),
        class,
        icon,
        verdict: verdict.to_owned(),
        conclusion: conclusion(history),
        rows: history.trends.iter().map(|trend| row(history, trend)).collect(),
        // The newest first: that is what is looked for.
        runs: history.runs.iter().rev().map(run_row).collect(),
    }
}

fn run_row(run: &RunDigest) -> RunRow {
    RunRow {
        started: run.started().map_or_else(
            |_| run.started_at.clone(),
            |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        ),
        version: run.target.version.clone(),
        verdict: run.verdict.clone(),
        class: match run.verdict.as_str() {
            "GO" => "good",
            "NO-GO" | "ROLLBACK" => "bad",
            _ => "warn",
        },
        evidence: run.evidence.clone(),
        run_id: run.run_id.clone(),
    }
}

fn row(history: &History, trend: &Trend) -> Row {
    let words = |point: Option<&Point>| {
        point.map_or_else(|| "–".to_owned(), |point| quantity(point.value, trend.unit))
    };
    let now = trend.points.last().and_then(Option::as_ref);
    let before = history
        .compared_with
        .and_then(|index| trend.points[index].as_ref());
    let limit = now.and_then(|point| point.limit);
    Row {
        title: trend.title.clone(),
        chart: sparkline(history, trend),
        before: words(before),
        now: words(now),
        limit: limit.map_or_else(|| "–".to_owned(), |limit| quantity(limit, trend.unit)),
        class: match trend.change {
            Change::Worse(_) => "bad",
            Change::Better(_) => "good",
            Change::Same | Change::Unknown => "neutral",
        },
        change: change_words(trend.change),
    }
}

fn sparkline(history: &History, trend: &Trend) -> Sparkline {
    let points = || trend.points.iter().flatten();
    let values = points().flat_map(|point| [point.value, point.low, point.high]);
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let limit = points().last().and_then(|point| point.limit);
    let smallest = finite.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = finite.iter().copied().fold(0.0, f64::max);
    // Shares near 100 % would be a flat line on a scale from zero; a limit far above would be one as well.
    let foot = if trend.higher_is_better {
        smallest.min(limit.unwrap_or(smallest))
    } else {
        0.0
    };
    let top = match limit {
        Some(limit) if limit <= 4.0 * largest => largest.max(limit),
        _ => largest,
    };
    let span = (top - foot).max(f64::MIN_POSITIVE);
    let y = |value: f64| {
        let share = if value.is_finite() {
            ((value - foot) / span).clamp(0.0, 1.0)
        } else {
            1.0
        };
        HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN)
    };
    let last = trend.points.len().saturating_sub(1).max(1) as f64;
    let x = |index: usize| MARGIN + index as f64 / last * (WIDTH - 2.0 * MARGIN);
    let number = |value: f64| format!("{value:.1}");
    let mark = |(index, point): (usize, &Point)| Mark {
        x: number(x(index)),
        y: number(y(point.value)),
        low: number(y(point.low)),
        high: number(y(point.high)),
        class: if point.status == "FAIL" { "bad" } else { "good" },
        words: words_of(&history.runs[index], point, trend),
    };
    let measured = trend.points.iter().enumerate();
    let marks: Vec<Mark> = measured
        .filter_map(|(index, point)| Some(mark((index, point.as_ref()?))))
        .collect();
    let line: Vec<String> = marks
        .iter()
        .map(|mark| format!("{} {}", mark.x, mark.y))
        .collect();
    Sparkline {
        description: format!("{} over {} runs", trend.title, marks.len()),
        line: if line.len() > 1 {
            format!("M{}", line.join("L"))
        } else {
            String::new()
        },
        limit: limit
            .filter(|limit| *limit >= foot && *limit <= top)
            .map(|limit| number(y(limit))),
        marks,
    }
}

/// A run of a target in words, for the pointer.
fn words_of(run: &RunDigest, point: &Point, trend: &Trend) -> String {
    let quantity = |value| quantity(value, trend.unit);
    format!(
        "{}, version {}: {} ({} to {}), {}",
        run.started_at
            .get(..16)
            .unwrap_or(&run.started_at)
            .replace('T', " "),
        run.target.version,
        quantity(point.value),
        quantity(point.low),
        quantity(point.high),
        point.status
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;
    use crate::report::{Format, render};
    use crate::sla::fixture;

    #[test]
    fn the_page_says_what_became_worse_and_needs_no_network() {
        let digest = |run, day: &str| {
            let mut record = record(run);
            record.started_at = format!("2026-01-{day}T00:00:00Z");
            record.target.version = "<b>1</b>".to_owned();
            RunDigest::from_json(&render(Format::Json, &record).unwrap()).unwrap()
        };
        let runs = vec![digest(fixture::healthy(), "02"), digest(fixture::slow(), "03")];
        let page = render_history(&History::of(runs)).unwrap();
        assert!(page.contains("worse than in the last one that passed"), "{page}");
        assert!(page.contains("<svg") && !page.contains("<b>1</b>"), "{page}");
        for outside in ["http://", "https://", "src=", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(!page.contains("NaN"), "{page}");
    }

    #[test]
    fn a_history_of_one_run_is_drawn_too() {
        let record = record(fixture::healthy());
        let digest = RunDigest::from_json(&render(Format::Json, &record).unwrap()).unwrap();
        let page = render_history(&History::of(vec![digest])).unwrap();
        assert!(
            page.contains("nothing to compare it with") && !page.contains("NaN"),
            "{page}"
        );
        assert!(render_history(&[]).unwrap().contains("There is no stored run."));
    }
}
