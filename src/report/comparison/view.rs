//! A stored comparison in words: what every format shows alike.

use crate::comparison::Interval;
use crate::comparison::wording::{range, times};
use crate::plan::{Side, Unit};
use crate::report::model::comparison::{
    ArmRecord, ClaimRecord, ComparisonRecord, FigureRecord, IntervalRecord, PairRecord, ResponsesRecord,
    ShiftPointRecord, TrialRecord,
};
use crate::report::view::unit;
use crate::sla::wording::{count, counted, quantity};
use crate::units::format_duration;

/// One claim as a line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct ClaimRow {
    pub(in crate::report) status_words: String,
    /// How good the status is: `good`, `bad`, `warn` or `neutral`; and a sign. Colour is never alone.
    pub(in crate::report) class: &'static str,
    pub(in crate::report) icon: &'static str,
    pub(in crate::report) says: String,
    pub(in crate::report) required: String,
    pub(in crate::report) baseline: String,
    pub(in crate::report) candidate: String,
    /// The ratio, or of a band the arm's p95.
    pub(in crate::report) measured: String,
    pub(in crate::report) interval: String,
    pub(in crate::report) basis: String,
    pub(in crate::report) sentence: String,
    pub(in crate::report) beside: Vec<String>,
}

/// One figure of both arms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct FigureCells {
    pub(in crate::report) name: String,
    pub(in crate::report) baseline: String,
    pub(in crate::report) candidate: String,
    pub(in crate::report) ratio: String,
    pub(in crate::report) interval: String,
}

/// One quantile of the shift function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct ShiftRow {
    pub(in crate::report) name: String,
    pub(in crate::report) baseline: String,
    pub(in crate::report) candidate: String,
    pub(in crate::report) difference: String,
    pub(in crate::report) interval: String,
}

/// One run of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct TrialRow {
    pub(in crate::report) pair: String,
    pub(in crate::report) arm: String,
    pub(in crate::report) verdict: String,
    pub(in crate::report) requests: String,
    pub(in crate::report) failed: String,
    /// p50, p95, p99.
    pub(in crate::report) times: [String; 3],
    pub(in crate::report) query: String,
    pub(in crate::report) capacity: String,
    pub(in crate::report) folder: String,
    /// Whether the pair says nothing.
    pub(in crate::report) is_left_out: bool,
}

const DASH: &str = "–";

fn dash() -> String {
    DASH.to_owned()
}

/// The verdict, with the word that limits it.
pub(in crate::report) fn banner(record: &ComparisonRecord) -> String {
    match scope(record) {
        Some(scope) => format!("{} ({scope})", record.verdict),
        None => record.verdict.clone(),
    }
}

/// What a verdict rests on when that is less than several runs.
pub(in crate::report) fn scope(record: &ComparisonRecord) -> Option<&'static str> {
    let runs = record
        .responses
        .baseline
        .runs
        .min(record.responses.candidate.runs);
    match (record.observed_only, runs) {
        (true, _) => Some("observed, one pair"),
        (false, 1) => Some("one pair"),
        _ => None,
    }
}

/// What the verdict of a comparison means.
pub(in crate::report) fn meaning(record: &ComparisonRecord) -> &'static str {
    match record.verdict.as_str() {
        "GO" => "Every claim that was judged holds.",
        "NO-GO" => "A claim does not hold.",
        "INCONCLUSIVE" => "The runs are sound, but they hold too little evidence to say.",
        "INVALID" => "Nothing can be compared: the tests themselves went wrong.",
        "INTERRUPTED" => "The comparison was stopped by its user before it was over.",
        _ => "",
    }
}

/// `5 of 5 pairs count, 31 minutes`.
pub(in crate::report) fn extent(record: &ComparisonRecord) -> String {
    let runs = record.responses.baseline.runs;
    let duration = format_duration(std::time::Duration::from_secs(
        record.duration_s.max(0.0).round() as u64
    ));
    if !record.course.paired {
        let candidate = record.responses.candidate.runs;
        return format!(
            "{} of {} and {} of {} count",
            counted(runs as u64, "run"),
            record.arms.baseline.name,
            counted(candidate as u64, "run"),
            record.arms.candidate.name
        );
    }
    match record.course.pairs_planned {
        Some(planned) => {
            let pairs = if planned == 1 { "pair" } else { "pairs" };
            format!("{runs} of {planned} {pairs} count, {duration} in all")
        }
        None => format!("{} of stored runs", counted(runs as u64, "pair")),
    }
}

/// What an arm sets: `target.architecture = trigger`.
pub(in crate::report) fn settings(arm: &ArmRecord) -> String {
    if arm.settings.is_empty() {
        return "the scenario as it is".to_owned();
    }
    let all: Vec<String> = arm
        .settings
        .iter()
        .map(|setting| format!("{} = {}", setting.key, setting.value))
        .collect();
    all.join(", ")
}

/// All claims.
pub(in crate::report) fn claims(record: &ComparisonRecord) -> Vec<ClaimRow> {
    record.claims.iter().map(claim).collect()
}

fn claim(claim: &ClaimRecord) -> ClaimRow {
    let (class, icon) = match claim.status.as_str() {
        "PASS" => ("good", "✓"),
        "FAIL" => ("bad", "✕"),
        "NOT_MEASURED" => ("neutral", DASH),
        _ => ("warn", "?"),
    };
    let unit = unit(&claim.unit);
    let figure = |value: Option<f64>| value.map_or_else(dash, |value| quantity(value, unit));
    let (measured, interval) = match &claim.measured {
        Some(found) if claim.is_ratio => ratio(found),
        Some(found) => (quantity(found.value, unit), value_range(found, unit)),
        None => (dash(), dash()),
    };
    ClaimRow {
        status_words: claim.status.replace('_', " "),
        class,
        icon,
        says: claim.says.clone(),
        required: claim.required.clone(),
        baseline: figure(claim.baseline),
        candidate: figure(claim.candidate),
        measured,
        interval,
        basis: claim.basis.clone().unwrap_or_default(),
        sentence: claim.sentence.clone(),
        beside: claim.beside.clone(),
    }
}

fn ratio(found: &IntervalRecord) -> (String, String) {
    (times(found.value), range(&Interval::from(found)))
}

fn value_range(found: &IntervalRecord, unit: Unit) -> String {
    match found.high {
        Some(high) => format!("{} to {}", quantity(found.low, unit), quantity(high, unit)),
        None => "unknown".to_owned(),
    }
}

/// All figures.
pub(in crate::report) fn figures(record: &ComparisonRecord) -> Vec<FigureCells> {
    let cells = |row: &FigureRecord| {
        let unit = unit(&row.unit);
        // A row is there because an arm has the figure; a value that is not finite fell on failed events.
        let figure = |value: Option<f64>| value.map_or_else(dash, |value| quantity(value, unit));
        let (ratio, interval) = row.ratio.as_ref().map_or_else(|| (dash(), dash()), ratio);
        FigureCells {
            name: row.name.clone(),
            baseline: figure(row.baseline),
            candidate: figure(row.candidate),
            ratio,
            interval,
        }
    };
    record.figures.iter().map(cells).collect()
}

/// 0.95 as `p95`, 0.999 as `p99.9`.
pub(in crate::report) fn quantile_name(quantile: f64) -> String {
    let text = format!("{:.3}", quantile * 100.0);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The shift function.
pub(in crate::report) fn shift(record: &ComparisonRecord) -> Vec<ShiftRow> {
    let points = record.shift.iter().flat_map(|shift| &shift.points);
    points.map(shift_row).collect()
}

fn shift_row(point: &ShiftPointRecord) -> ShiftRow {
    let time = |value: Option<f64>| quantity(value.unwrap_or(f64::INFINITY), Unit::Time);
    ShiftRow {
        name: quantile_name(point.quantile),
        baseline: time(point.baseline_ms),
        candidate: time(point.candidate_ms),
        difference: point.difference_ms.map_or_else(dash, signed_time),
        interval: match (point.low_ms, point.high_ms) {
            (Some(low), Some(high)) => format!("{} to {}", signed_time(low), signed_time(high)),
            _ => dash(),
        },
    }
}

/// A difference of times with its sign.
fn signed_time(value: f64) -> String {
    let text = quantity(value.abs(), Unit::Time);
    match value {
        value if value < 0.0 => format!("−{text}"),
        value if value > 0.0 => format!("+{text}"),
        _ => text,
    }
}

/// How the shift's interval came about.
pub(in crate::report) fn shift_method(record: &ComparisonRecord) -> Option<String> {
    let shift = record.shift.as_ref()?;
    let drawn = if shift.across_runs {
        "pairs of runs and, within each run, blocks of up to"
    } else {
        "within each run, blocks of up to"
    };
    let limit = if shift.across_runs {
        ""
    } else {
        " Differences between runs are not part of it: within-run uncertainty only."
    };
    Some(format!(
        "The interval holds at all quantiles together with 95 % confidence: {} resamples of {drawn} {}, max-statistic.{limit}",
        count(shift.replicates),
        counted(shift.block_s as u64, "second"),
    ))
}

/// Cliff's delta in words.
pub(in crate::report) fn effect(record: &ComparisonRecord) -> Option<String> {
    let (delta, size) = (record.cliffs_delta?, record.cliffs_size.as_deref()?);
    let (arms, share) = (&record.arms, (1.0 + delta.abs()) / 2.0);
    let (slower, faster) = if delta > 0.0 {
        (&arms.candidate.name, &arms.baseline.name)
    } else {
        (&arms.baseline.name, &arms.candidate.name)
    };
    Some(format!(
        "A request of {slower} takes longer than one of {faster} in {} of all comparisons (ties count half); Cliff's \
         delta {}, a {size} effect.",
        quantity(share, Unit::Ratio),
        format!("{delta:.2}").replace('-', "−")
    ))
}

/// How the requests of an arm lie: `p50 412 ms, p95 655 ms, p99 702 ms; 96.1 % within its band of 200 to 800 ms`.
pub(in crate::report) fn responses(responses: &ResponsesRecord) -> String {
    let slice = responses.slice();
    let time = |quantile: f64| {
        slice
            .quantile_ms(quantile)
            .map_or_else(dash, |value| quantity(value, Unit::Time))
    };
    let mut text = format!(
        "{}, {} failed; p50 {}, p95 {}, p99 {}",
        counted(responses.total, "request"),
        count(responses.failed),
        time(0.5),
        time(0.95),
        time(0.99)
    );
    if let Some(band) = &responses.band {
        let share = |value: f64| quantity(value, Unit::Ratio);
        text.push_str(&format!(
            "; {} within its band of {} to {} ms, {} below, {} above",
            share(band.within),
            band.from_ms,
            band.to_ms,
            share(band.below),
            share(band.above)
        ));
    }
    text
}

/// All runs, pair by pair in the order of the arms.
pub(in crate::report) fn trials(record: &ComparisonRecord) -> Vec<TrialRow> {
    let mut rows = Vec::new();
    for pair in &record.pairs {
        for side in Side::BOTH {
            rows.extend(trial(record, pair, side));
        }
    }
    rows
}

fn trial(record: &ComparisonRecord, pair: &PairRecord, side: Side) -> Option<TrialRow> {
    let run = match side {
        Side::Baseline => pair.baseline.as_ref(),
        Side::Candidate => pair.candidate.as_ref(),
    };
    let capacity = pair.capacities.get(side).as_ref();
    if run.is_none() && capacity.is_none() && !record.course.paired {
        return None;
    }
    let name = &record.arms.get(side).name;
    let is_first = pair.first.as_deref() == Some(name.as_str());
    let of = |read: fn(&TrialRecord) -> String| run.map_or_else(dash, read);
    let time = |value: Option<f64>, run: Option<&TrialRecord>| match (value, run) {
        (Some(value), _) => quantity(value, Unit::Time),
        (None, Some(run)) if run.requests > 0 => quantity(f64::INFINITY, Unit::Time),
        (None, _) => dash(),
    };
    Some(TrialRow {
        pair: if record.course.paired {
            pair.number.to_string()
        } else {
            dash()
        },
        arm: if is_first {
            format!("{name} (first)")
        } else {
            name.clone()
        },
        verdict: of(|run| run.verdict.clone()),
        requests: of(|run| count(run.requests)),
        failed: of(|run| count(run.failed)),
        times: [
            time(run.and_then(|run| run.p50_ms), run),
            time(run.and_then(|run| run.p95_ms), run),
            time(run.and_then(|run| run.p99_ms), run),
        ],
        query: run
            .and_then(|run| run.query_ms)
            .map_or_else(dash, |value| quantity(value, Unit::Time)),
        capacity: capacity.map_or_else(dash, |capacity| capacity.words()),
        folder: of(|run| run.folder.clone()),
        is_left_out: pair.left_out.is_some(),
    })
}

/// What belongs to the built-in server: its figures say nothing about a deployment.
pub(in crate::report) fn built_in_note(record: &ComparisonRecord) -> Option<&'static str> {
    let all_built_in = record.arms.baseline.built_in || record.arms.candidate.built_in;
    all_built_in.then_some(
        "This comparison tested the reference server that comes with the tool. Its verdict says nothing about your own \
         deployment.",
    )
}

/// When it started, to the second.
pub(in crate::report) fn started(record: &ComparisonRecord) -> String {
    record.started_at.parse::<jiff::Timestamp>().map_or_else(
        |_| record.started_at.clone(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}
