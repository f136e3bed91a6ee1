//! `compare.html`: a comparison as one file that needs nothing else, neither a network nor a script.

mod charts;
mod forest;

use askama::Template;

use self::forest::Forest;
use super::chart::Chart;
use super::chart_data;
use crate::comparison::Interval;
use crate::comparison::wording::{range, times};
use crate::plan::{Side, Unit};
use crate::report::ReportError;
use crate::report::comparison::view::{self, ClaimRow, FigureCells, ShiftRow, TrialRow};
use crate::report::model::comparison::{ArmRecord, ComparisonRecord, ResponsesRecord};
use crate::sla::Verdict;
use crate::sla::wording::{count, quantity};

/// Reasons that are shown without unfolding more.
const REASONS_SHOWN: usize = 4;

/// Everything that the template shows.
#[derive(Template)]
#[template(path = "compare.html")]
struct Page<'a> {
    record: &'a ComparisonRecord,
    class: &'static str,
    icon: &'static str,
    meaning: &'static str,
    scope: Option<&'static str>,
    reasons: &'a [String],
    more_reasons: &'a [String],
    figures: Vec<Figure>,
    arms: Vec<Arm<'a>>,
    claims: Vec<ClaimRow>,
    forest: Option<Forest>,
    histogram: Option<Chart>,
    percentiles: Option<Chart>,
    stacks: Vec<Stack>,
    effect: Option<String>,
    shift_chart: Option<Chart>,
    shift: Vec<ShiftRow>,
    shift_method: Option<String>,
    side_by_side: Vec<FigureCells>,
    trials: Vec<TrialRow>,
    left_out: Vec<String>,
    started: String,
    extent: String,
    built_in_note: Option<&'static str>,
    command_line: String,
    /// What the pointer shows over the charts; JSON that is safe inside a script element.
    chart_data: String,
}

/// One of the figures beside the verdict.
struct Figure {
    label: String,
    value: String,
    note: String,
    class: &'static str,
}

/// One arm, in words.
struct Arm<'a> {
    role: &'static str,
    /// `baseline` or `candidate`: decides the colour.
    class: &'static str,
    record: &'a ArmRecord,
    settings: String,
    responses: String,
}

/// The plan's bands of one arm.
struct Stack {
    name: String,
    class: &'static str,
    parts: Vec<StackPart>,
}

struct StackPart {
    label: String,
    class: &'static str,
    share: String,
    /// Width of its part of the bar, as CSS.
    width: String,
}

/// Renders the page.
///
/// # Errors
/// When the template fails.
pub(in crate::report) fn render(record: &ComparisonRecord) -> Result<String, ReportError> {
    let charts = [
        charts::histogram(record),
        charts::percentiles(record),
        charts::shift(record),
    ];
    let chart_data = chart_data(charts.iter().flatten());
    let [histogram, percentiles, shift_chart] = charts;
    let (reasons, more_reasons) = record.reasons.split_at(record.reasons.len().min(REASONS_SHOWN));
    let (class, icon) = banner(record);
    let page = Page {
        record,
        class,
        icon,
        meaning: view::meaning(record),
        scope: view::scope(record),
        reasons,
        more_reasons,
        figures: figures(record),
        arms: vec![arm(record, Side::Baseline), arm(record, Side::Candidate)],
        claims: view::claims(record),
        forest: forest::forest(record),
        histogram,
        percentiles,
        stacks: vec![stack(record, Side::Baseline), stack(record, Side::Candidate)],
        effect: view::effect(record),
        shift_chart,
        shift: view::shift(record),
        shift_method: view::shift_method(record),
        side_by_side: view::figures(record),
        trials: view::trials(record),
        left_out: left_out(record),
        started: view::started(record),
        extent: view::extent(record),
        built_in_note: view::built_in_note(record),
        command_line: record.environment.command_line.join(" "),
        chart_data,
    };
    Ok(page.render()?)
}

fn banner(record: &ComparisonRecord) -> (&'static str, &'static str) {
    match Verdict::from_name(&record.verdict) {
        Some(Verdict::Go) => ("good", "✓"),
        Some(Verdict::NoGo | Verdict::Rollback) => ("bad", "✕"),
        Some(Verdict::Inconclusive) => ("warn", "?"),
        Some(Verdict::Invalid) => ("warn", "!"),
        Some(Verdict::Interrupted) | None => ("neutral", "■"),
    }
}

/// The ratios that are claimed, then the response times: what a reader asks for first.
fn figures(record: &ComparisonRecord) -> Vec<Figure> {
    const RATIOS_MAX: usize = 2;
    let claimed = record
        .claims
        .iter()
        .zip(view::claims(record))
        .filter(|(claim, _)| claim.is_ratio && !claim.required.contains("worse"));
    let mut figures: Vec<Figure> = claimed
        .filter_map(|(claim, row)| {
            let measured = claim.measured.as_ref()?;
            Some(Figure {
                label: claim.says.clone(),
                value: times(measured.value),
                note: format!("95 % interval {}", range(&Interval::from(measured))),
                class: row.class,
            })
        })
        .take(RATIOS_MAX)
        .collect();
    // The same numbers as in the tables below: means over the runs, not those of all requests together.
    let rows = view::figures(record);
    let cell = |name: &str, side: Side| {
        let row = rows.iter().find(|row| row.name == name);
        row.map_or_else(
            || "–".to_owned(),
            |row| match side {
                Side::Baseline => row.baseline.clone(),
                Side::Candidate => row.candidate.clone(),
            },
        )
    };
    for side in Side::BOTH {
        figures.push(Figure {
            label: format!("{} p95", record.arms.get(side).name),
            value: cell("Response time p95", side),
            note: format!("p50 {}", cell("Response time p50", side)),
            class: side.key(),
        });
    }
    figures
}

fn arm(record: &ComparisonRecord, side: Side) -> Arm<'_> {
    let arm = record.arms.get(side);
    Arm {
        role: match side {
            Side::Baseline => "Baseline",
            Side::Candidate => "Candidate",
        },
        class: side.key(),
        record: arm,
        settings: view::settings(arm),
        responses: view::responses(record.responses.get(side)),
    }
}

fn stack(record: &ComparisonRecord, side: Side) -> Stack {
    const CLASSES: [&str; 6] = ["band-1", "band-2", "band-3", "band-4", "band-5", "band-6"];
    let responses: &ResponsesRecord = record.responses.get(side);
    let parts = responses
        .shares
        .iter()
        .zip(CLASSES)
        .map(|(part, class)| StackPart {
            label: part.label.clone(),
            class,
            share: quantity(part.share, Unit::Ratio),
            width: super::chart::percent(part.share),
        });
    Stack {
        name: record.arms.get(side).name.clone(),
        class: side.key(),
        parts: parts.collect(),
    }
}

fn left_out(record: &ComparisonRecord) -> Vec<String> {
    let pairs = record.pairs.iter();
    pairs
        .filter_map(|pair| {
            let reason = pair.left_out.as_deref()?;
            Some(match record.course.paired {
                true => format!("Pair {} is left out: {reason}.", count(pair.number as u64)),
                false => format!("{reason}."),
            })
        })
        .collect()
}
