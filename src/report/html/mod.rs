//! `report.html`: one file that needs nothing else, neither a network nor a script.
//!
//! The page is laid out by the template; this module computes what the template shows. All text is escaped by the
//! template, and the data that the script reads is JSON without a single `<`.

mod capacity;
mod chart;
mod comparison;
mod distribution;
mod heat;
mod history;
mod lanes;
mod over_time;
mod tape;

pub(super) use capacity::render_capacity;
pub(super) use comparison::render as render_comparison;
pub(super) use history::render_history;

use askama::Template;
use serde_json::{Map, Value};

use self::chart::{Band, Chart, Tick};
use self::distribution::BandShare;
use self::lanes::{ActionLane, FunnelRow, HopRow, Lane};
use self::over_time::OverTime;
use super::ReportError;
use super::asked::{self, AskedGroup};
use super::baseline::{self, BesideBaseline};
use super::generator;
use super::incident::{self, IncidentView};
use super::model::{CheckRecord, MetricSummary, RunRecord, UsersRecord};
use super::outlook;
use super::users;
use super::view::{self, TargetRow, WaiverRow};
use crate::metrics::SeriesKind;
use crate::plan::Unit;
use crate::sla::wording::{count, quantity};
use crate::sla::{Status, Verdict};

/// Reasons that are shown without unfolding more.
const REASONS_SHOWN: usize = 4;
/// Incidents whose moments are shown; of more, the lanes show where they were.
const INCIDENTS_SHOWN: usize = 20;

/// Everything that the template shows.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    record: &'a RunRecord,
    banner: Banner,
    reasons: Vec<Reason<'a>>,
    more_reasons: Vec<Reason<'a>>,
    figures: Vec<Figure>,
    targets: Vec<TargetRow>,
    waivers: Vec<WaiverRow>,
    baseline: Option<BesideBaseline>,
    lanes: Vec<Lane>,
    rollback_times: Option<String>,
    incidents: Vec<IncidentView>,
    incidents_left_out: usize,
    actions: Vec<ActionLane>,
    phases: Vec<Band>,
    time_ticks: Vec<Tick>,
    strips: Vec<Chart>,
    over_time: Vec<Chart>,
    asked: Vec<AskedGroup>,
    spectrum: Option<Chart>,
    bands: Vec<BandShare>,
    steps: Vec<TimeRow>,
    times: Vec<TimeRow>,
    hops: Vec<HopRow>,
    own_time: String,
    funnel: Vec<FunnelRow>,
    users: Option<UsersSection>,
    checks: Vec<&'a CheckRecord>,
    health: Vec<(&'static str, String)>,
    worker_columns: [&'static str; 9],
    workers: Vec<[String; 9]>,
    generator: Vec<(&'static str, String)>,
    started: String,
    extent: String,
    trust: String,
    tested: String,
    audit: String,
    built_in_note: Option<&'static str>,
    /// Whether the run is still going on.
    live: bool,
    next_action: String,
    not_shown: Vec<String>,
    command_line: String,
    /// What the pointer shows over the charts; JSON that is safe inside a script element.
    chart_data: String,
}

/// Users with patience.
struct UsersSection {
    simulated: &'static str,
    lines: Vec<(&'static str, String)>,
    columns: [&'static str; 8],
    steps: Vec<[String; 8]>,
    bars: Vec<UserBar>,
}

/// How the sessions ended, as a part of one bar.
struct UserBar {
    label: &'static str,
    class: &'static str,
    count: String,
    share: String,
    /// Width of its part of the bar, as CSS.
    width: String,
}

/// Why the verdict is what it is: what was found first, and then how.
struct Reason<'a> {
    first: &'a str,
    rest: &'a str,
}

impl<'a> Reason<'a> {
    /// Divides a text after its first sentence.
    fn of(text: &'a str) -> Self {
        match text.find(". ") {
            Some(end) => Self {
                first: &text[..=end],
                rest: &text[end + 2..],
            },
            None => Self {
                first: text,
                rest: "",
            },
        }
    }
}

/// The verdict at the top.
struct Banner {
    verdict: String,
    /// How sure, and how many misses were waived.
    evidence: String,
    class: &'static str,
    icon: &'static str,
    meaning: String,
    confidence: &'static str,
}

/// One of the figures beside the verdict.
struct Figure {
    label: &'static str,
    value: String,
    note: String,
    /// Whether a target about it was missed, or nothing of it should be there.
    bad: bool,
}

/// A line of a table of times.
struct TimeRow {
    name: String,
    count: String,
    failed: String,
    any_failed: bool,
    /// p50, p95, p99, max.
    times: [String; 4],
    mean: String,
}

/// Renders the page.
pub(super) fn render(record: &RunRecord) -> Result<String, ReportError> {
    page(record, false)
}

/// Renders the page of a run that is going on.
pub(super) fn render_live(record: &RunRecord) -> Result<String, ReportError> {
    page(record, true)
}

fn page(record: &RunRecord, live: bool) -> Result<String, ReportError> {
    let evidence = record.evidence_without_series()?;
    let criteria = record.criteria()?;
    let context = record.context()?;
    let charts = OverTime::read(&record.series, &evidence, &criteria, &context.steps)?;
    let (strips, over_time) = (charts.strips(), charts.charts());
    let spectrum = distribution::spectrum(charts.tape());
    let chart_data = chart_data(strips.iter().chain(&over_time).chain(&spectrum));
    let mut reasons: Vec<Reason<'_>> = record.reasons.iter().map(|text| Reason::of(text)).collect();
    let more_reasons = reasons.split_off(reasons.len().min(REASONS_SHOWN));
    let incidents = incident::incidents(record);
    let page = Page {
        reasons,
        more_reasons,
        record,
        banner: banner(record),
        figures: figures(record),
        targets: view::targets(record),
        waivers: view::waivers(record),
        baseline: baseline::beside(record),
        lanes: lanes::lanes(record, &evidence),
        rollback_times: view::rollback_times(record),
        incidents_left_out: incidents.len().saturating_sub(INCIDENTS_SHOWN),
        incidents: incidents.into_iter().take(INCIDENTS_SHOWN).collect(),
        actions: lanes::actions(record, &evidence),
        phases: over_time::phases(&evidence.timeline),
        time_ticks: over_time::time_ticks(over_time::span_s(&evidence.timeline)),
        strips,
        over_time,
        asked: asked::asked(record),
        spectrum,
        bands: distribution::bands(charts.tape()),
        steps: steps(record),
        times: times(record),
        hops: lanes::hops(record),
        own_time: lanes::own_time(record),
        funnel: lanes::funnel(record),
        users: record.users.as_ref().map(users_section),
        checks: view::checks(record),
        health: generator::health(record),
        worker_columns: generator::WORKER_COLUMNS,
        workers: generator::workers(record),
        generator: generator::counts(record),
        started: view::started(record),
        extent: view::extent(record),
        trust: view::trust(record),
        tested: view::target(record),
        audit: view::audit(record),
        built_in_note: view::built_in_note(record),
        live,
        next_action: outlook::next_action(record),
        not_shown: outlook::not_shown(record),
        command_line: record.environment.command_line.join(" "),
        chart_data,
    };
    Ok(page.render()?)
}

/// The data of all charts by their identifiers. A `<` could end the script element, so none is left.
fn chart_data<'a>(charts: impl Iterator<Item = &'a Chart>) -> String {
    let data: Map<String, Value> = charts
        .map(|chart| (chart.id.to_owned(), chart.data.clone()))
        .collect();
    Value::Object(data).to_string().replace('<', "\\u003c")
}

fn banner(record: &RunRecord) -> Banner {
    let verdict = view::verdict(record);
    let (class, icon) = match verdict {
        Some(Verdict::Go) => ("good", "✓"),
        Some(Verdict::NoGo) => ("bad", "✕"),
        Some(Verdict::Rollback) => ("bad", "↩"),
        Some(Verdict::Inconclusive) => ("warn", "?"),
        Some(Verdict::Invalid) => ("warn", "!"),
        Some(Verdict::Interrupted) | None => ("neutral", "■"),
    };
    Banner {
        verdict: record.verdict.clone(),
        // How sure a run without a result is goes without saying.
        evidence: if view::proves_nothing(record) {
            String::new()
        } else {
            view::evidence(record)
        },
        class,
        icon,
        meaning: view::meaning(record),
        confidence: confidence(record),
    }
}

/// How sure the verdict is. A pass and a miss are not the same question: a miss must be beyond chance in both modes.
fn confidence(record: &RunRecord) -> &'static str {
    match view::verdict(record) {
        _ if view::proves_nothing(record) => {
            "Not at all: whatever was measured, it says nothing of the target."
        }
        Some(Verdict::NoGo) if view::is_harmed(record) => {
            "Certain of what the audit found: each violation names the submission and its witness."
        }
        Some(Verdict::NoGo) if view::is_missed(record) => {
            "A target counts as missed only when, with 95 % confidence, it was not chance."
        }
        Some(Verdict::NoGo) => "The reasons say what was seen; no interval decides it.",
        Some(Verdict::Rollback) => {
            "It says what this run saw: a threshold on shares and percentiles trips only beyond chance, one on a mean or \
             a rate when its value does."
        }
        _ if record.evidence == "certified" => {
            "Certified: a target passes only when it is met with 95 % confidence, bursts taken into account."
        }
        _ => {
            "Observed: a target passes when the values of this run meet it. The intervals show how far chance could have \
             moved them."
        }
    }
}

fn figures(record: &RunRecord) -> Vec<Figure> {
    let response = record.metrics.get(SeriesKind::Response.key());
    let p95 = response.map_or_else(
        || "–".to_owned(),
        |metric| time(&metric.summary, metric.summary.p95),
    );
    let failed = record.requests.failed as f64 / record.requests.total.max(1) as f64;
    let mut figures = vec![
        Figure {
            label: "Response time p95",
            value: p95,
            note: "over all steps".to_owned(),
            bad: missed(record, "response_time"),
        },
        Figure {
            label: "Failed requests",
            value: quantity(failed, Unit::Ratio),
            note: format!(
                "{} of {}",
                count(record.requests.failed),
                count(record.requests.total)
            ),
            bad: missed(record, "error_rate"),
        },
    ];
    if let Some(audit) = &record.audit {
        figures.push(Figure {
            label: "Lost results",
            value: view::witnessed(audit.lost),
            note: format!("of {} accepted", count(audit.accepted)),
            bad: audit.lost.is_some_and(|lost| lost > 0),
        });
    }
    if view::proves_nothing(record) {
        for figure in &mut figures {
            figure.bad = false;
        }
    }
    figures.push(Figure {
        label: "Users",
        value: count(record.iterations.due),
        note: format!("at most {} at once", count(u64::from(record.generator.vus_peak))),
        bad: record.iterations.dropped > 0,
    });
    figures
}

/// Whether a target over all steps on this metric was missed.
fn missed(record: &RunRecord, metric: &str) -> bool {
    record
        .sla
        .iter()
        .any(|sla| sla.metric == metric && sla.step.is_none() && sla.status == Status::Fail.name())
}

/// A time of a metric; without samples a dash, and infinite where the quantile fell on a failed event.
fn time(summary: &MetricSummary, value: Option<f64>) -> String {
    match value {
        Some(value) => quantity(value, Unit::Time),
        None if summary.count == 0 => "–".to_owned(),
        None => quantity(f64::INFINITY, Unit::Time),
    }
}

fn time_row(name: String, summary: &MetricSummary) -> TimeRow {
    let share = summary.failed as f64 / summary.count.max(1) as f64;
    TimeRow {
        name,
        count: count(summary.count),
        failed: if summary.failed == 0 {
            "0".to_owned()
        } else {
            format!("{} ({})", count(summary.failed), quantity(share, Unit::Ratio))
        },
        any_failed: summary.failed > 0,
        times: [
            time(summary, summary.p50),
            time(summary, summary.p95),
            time(summary, summary.p99),
            summary
                .max
                .map_or_else(|| "–".to_owned(), |max| quantity(max, Unit::Time)),
        ],
        mean: summary
            .mean
            .map_or_else(|| "–".to_owned(), |mean| quantity(mean, Unit::Time)),
    }
}

fn users_section(found: &UsersRecord) -> UsersSection {
    let sessions = &found.sessions;
    let begun = sessions.begun.max(1) as f64;
    let completed = found
        .completion
        .as_ref()
        .map_or(0, |completion| completion.completed);
    let parts = [
        ("completed", "band-1", completed),
        (
            "not read back",
            "band-3",
            sessions.reached_end.saturating_sub(completed),
        ),
        ("left while waiting", "band-4", sessions.left_waiting),
        ("left after an error", "band-5", sessions.left_after_error),
        (
            "cut off or failed",
            "band-6",
            sessions.unfinished + sessions.failed,
        ),
    ];
    UsersSection {
        simulated: users::SIMULATED,
        lines: users::lines(found),
        columns: users::STEP_COLUMNS,
        steps: users::steps(found),
        bars: parts
            .into_iter()
            .map(|(label, class, number)| UserBar {
                label,
                class,
                count: count(number),
                share: quantity(number as f64 / begun, Unit::Ratio),
                width: chart::percent(number as f64 / begun),
            })
            .collect(),
    }
}

/// The request steps in the order of the journey, then all together.
fn steps(record: &RunRecord) -> Vec<TimeRow> {
    let Some(metric) = record.metrics.get(SeriesKind::Response.key()) else {
        return Vec::new();
    };
    let mut names: Vec<&str> = Vec::new();
    for step in &record.plan.steps {
        if !names.contains(&step.name.as_str()) {
            names.push(&step.name);
        }
    }
    names
        .into_iter()
        .filter_map(|name| {
            metric
                .by_step
                .get(name)
                .map(|summary| time_row(name.to_owned(), summary))
        })
        .chain([time_row("All requests".to_owned(), &metric.summary)])
        .collect()
}

/// Every other time that was measured.
fn times(record: &RunRecord) -> Vec<TimeRow> {
    SeriesKind::ALL
        .into_iter()
        .filter(|kind| *kind != SeriesKind::Response && kind.is_time())
        .filter_map(|kind| {
            let metric = record.metrics.get(kind.key())?;
            let name = words(kind.key());
            let mut letters = name.chars();
            let name = letters
                .next()
                .map(|first| first.to_uppercase().chain(letters).collect())?;
            Some(time_row(name, &metric.summary))
        })
        .collect()
}

/// A key as words: `scheduling_lag` as `scheduling lag`.
fn words(key: &str) -> String {
    key.replace('_', " ")
}
