//! A stored run in words: what every format shows alike.

use super::incident::seconds;
use super::model::{
    ActionRecord, CheckRecord, HopRecord, PacedRecord, RunRecord, SlaRecord, WindowPolicyRecord,
};
use crate::metrics::SeriesKind;
use crate::plan::{Metric, Unit};
use crate::sla::wording::{count, counted, quantity};
use crate::sla::{STRETCH_S, Verdict, WaiverState};

/// One target as a line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetRow {
    /// `Response time p95`.
    pub(super) name: String,
    /// The step, or empty for all.
    pub(super) step: String,
    pub(super) target: String,
    pub(super) value: String,
    pub(super) interval: String,
    /// The worst ten seconds, in words; empty when there are none to tell.
    pub(super) worst: String,
    /// What is left up to the limit, in percent of it; negative when it is missed.
    pub(super) margin: String,
    pub(super) samples: String,
    pub(super) status: String,
    /// How good the status is: `good`, `bad`, `warn` or `neutral`; a sign; and words. Colour is never alone.
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) status_words: String,
    /// How much of the limit is left, as a CSS width; one that was missed fills it.
    pub(super) gauge: String,
    pub(super) reason: String,
}

/// The verdict with the mode of evidence, and how many misses it does not count: `GO (observed, 1 waiver)`.
pub(super) fn banner(record: &RunRecord) -> String {
    format!("{} ({})", record.verdict, evidence(record))
}

/// The mode of evidence, and how many misses were waived.
pub(super) fn evidence(record: &RunRecord) -> String {
    let applied = WaiverState::Applied.key();
    match record
        .waivers
        .iter()
        .filter(|waiver| waiver.state == applied)
        .count()
    {
        0 => record.evidence.clone(),
        number => format!("{}, {}", record.evidence, counted(number as u64, "waiver")),
    }
}

/// A waiver as a line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WaiverRow {
    pub(super) target: String,
    pub(super) reason: String,
    pub(super) owner: String,
    pub(super) expires: String,
    /// What became of it, in words.
    pub(super) state: &'static str,
    /// `warn` when it decides something or is void, else `neutral`.
    pub(super) class: &'static str,
}

/// All waivers, whatever became of them.
pub(super) fn waivers(record: &RunRecord) -> Vec<WaiverRow> {
    let rows = record.waivers.iter().map(|waiver_use| {
        let (class, state) = match WaiverState::from_key(&waiver_use.state) {
            Some(WaiverState::Applied) => ("warn", "applied: not met, and not counted"),
            Some(WaiverState::NotNeeded) => ("neutral", "not needed: met"),
            Some(WaiverState::Expired) => ("warn", "void: expired"),
            Some(WaiverState::NoTarget) => ("warn", "void: there is no such target"),
            None => ("warn", "unknown"),
        };
        let waiver = &waiver_use.waiver;
        WaiverRow {
            target: waiver.target.clone(),
            reason: waiver.reason.clone(),
            owner: waiver.owner.clone(),
            expires: waiver.expires.clone(),
            state,
            class,
        }
    });
    rows.collect()
}

/// The verdict, when its name is known.
pub(super) fn verdict(record: &RunRecord) -> Option<Verdict> {
    Verdict::from_name(&record.verdict)
}

/// What was tested, in one line.
pub(super) fn target(record: &RunRecord) -> String {
    format!("{}, version {}", record.target.description, record.target.version)
}

/// The note that belongs to a run against the built-in server.
pub(super) fn built_in_note(record: &RunRecord) -> Option<&'static str> {
    record.target.built_in.then_some(
        "This run tested the reference server that comes with the tool. Its verdict says nothing about your own \
         deployment.",
    )
}

/// How much was done, in one line.
pub(super) fn extent(record: &RunRecord) -> String {
    let rate = quantity(round(record.requests.rate_per_s, 1), Unit::PerSecond);
    format!(
        "{} after the warm-up ({rate}), {} due, {:.0} s in all",
        counted(record.requests.total, "request"),
        counted(record.iterations.due, "iteration"),
        record.duration_s,
    )
}

/// When it started, to the second.
pub(super) fn started(record: &RunRecord) -> String {
    record.started().map_or_else(
        |_| record.started_at.clone(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// The unit behind its key.
pub(super) fn unit(key: &str) -> Unit {
    match key {
        "ratio" => Unit::Ratio,
        "per_s" => Unit::PerSecond,
        _ => Unit::Time,
    }
}

/// All targets.
pub(super) fn targets(record: &RunRecord) -> Vec<TargetRow> {
    let mut rows: Vec<TargetRow> = record.sla.iter().map(target_row).collect();
    // What a run that proves nothing has missed is nothing to be alarmed at.
    if proves_nothing(record) {
        for row in &mut rows {
            row.class = "neutral";
        }
    }
    rows
}

/// What the verdict means, for somebody who sees it for the first time.
pub(super) fn meaning(record: &RunRecord) -> String {
    let Some(verdict) = verdict(record) else {
        return String::new();
    };
    let missed = is_missed(record);
    match verdict {
        Verdict::NoGo if missed && !is_harmed(record) => "A target was missed.".to_owned(),
        Verdict::NoGo if is_harmed(record) && !missed => {
            "Accepted work was lost, done twice, or delivered to somebody else.".to_owned()
        }
        _ => verdict.meaning().to_owned(),
    }
}

/// Whether a target was missed that nobody has waived.
pub(super) fn is_missed(record: &RunRecord) -> bool {
    record.sla.iter().any(|sla| sla.status == "FAIL" && !sla.waived)
}

/// Whether the audit found accepted work lost, duplicated or misdelivered.
pub(super) fn is_harmed(record: &RunRecord) -> bool {
    record.audit.as_ref().is_some_and(|audit| {
        [audit.lost, audit.duplicated, audit.misdelivered]
            .into_iter()
            .flatten()
            .any(|number| number > 0)
    })
}

/// Whether nothing that was measured says anything of the target.
pub(super) fn proves_nothing(record: &RunRecord) -> bool {
    matches!(verdict(record), Some(Verdict::Invalid | Verdict::Interrupted))
}

fn target_row(sla: &SlaRecord) -> TargetRow {
    let unit = unit(&sla.unit);
    let measured = sla.samples > 0;
    let waived = if sla.waived { ", waived" } else { "" };
    let (class, icon) = match sla.status.as_str() {
        _ if sla.waived => ("warn", "!"),
        "PASS" => ("good", "✓"),
        "FAIL" => ("bad", "✕"),
        "NOT_MEASURED" => ("neutral", "–"),
        _ => ("warn", "?"),
    };
    TargetRow {
        class,
        icon,
        status_words: format!("{}{waived}", sla.status.replace('_', " ")),
        gauge: match margin(sla) {
            Some(margin) if margin >= 0.0 => format!("{:.1}%", (margin * 100.0).min(100.0)),
            Some(_) => "100%".to_owned(),
            // An infinite value is beyond every limit.
            None if measured && sla.value.is_none() => "100%".to_owned(),
            None => "0%".to_owned(),
        },
        name: sla.title(),
        step: sla.step.clone().unwrap_or_default(),
        target: sla
            .target
            .as_deref()
            .map_or_else(|| "–".to_owned(), pretty_target),
        value: if measured {
            quantity(sla.value.unwrap_or(f64::INFINITY), unit)
        } else {
            "–".to_owned()
        },
        interval: match (sla.ci_low, sla.ci_high) {
            (Some(low), high) => format!(
                "{} to {}",
                quantity(low, unit),
                quantity(high.unwrap_or(f64::INFINITY), unit)
            ),
            (None, _) => "–".to_owned(),
        },
        worst: sla.worst.as_ref().map_or_else(String::new, |worst| {
            let value = quantity(worst.value.unwrap_or(f64::INFINITY), unit);
            format!("worst {STRETCH_S} s: {value}, from {} s", worst.from_s)
        }),
        margin: margin(sla).map_or_else(|| "–".to_owned(), signed_percent),
        samples: if measured {
            count(sla.samples)
        } else {
            "–".to_owned()
        },
        status: format!("{}{waived}", sla.status),
        reason: sla.reason.clone(),
    }
}

/// `<= 150ms` as `≤ 150 ms`.
pub(super) fn pretty_target(target: &str) -> String {
    let mut text = target.replace("<=", "≤").replace(">=", "≥");
    if let Some(unit) =
        text.find(|letter: char| letter == '%' || letter.is_ascii_alphabetic() || letter == 'µ')
    {
        text.insert(unit, '\u{a0}');
    }
    text
}

/// What is left up to the limit, relative to the limit; for shares of good events relative to the allowed bad share.
pub(super) fn margin(sla: &SlaRecord) -> Option<f64> {
    let (value, limit) = (sla.value?, sla.limit?);
    let upper = sla.target.as_deref()?.starts_with('<');
    let (used, allowed) = match (unit(&sla.unit), upper) {
        (Unit::Ratio, false) => (1.0 - value, 1.0 - limit),
        (_, true) => (value, limit),
        (_, false) => return (limit > 0.0).then(|| value / limit - 1.0),
    };
    (allowed > 0.0).then(|| 1.0 - used / allowed)
}

fn signed_percent(ratio: f64) -> String {
    let percent = (ratio * 100.0).round();
    if percent.abs() > 999.0 {
        return if percent > 0.0 { "> +999 %" } else { "< −999 %" }.to_owned();
    }
    match percent {
        percent if percent < 0.0 => format!("−{:.0} %", -percent),
        percent => format!("+{percent:.0} %"),
    }
}

/// Everything that was done to the target, each with its name and what became of it, as sentences.
pub(super) fn actions(record: &RunRecord) -> impl Iterator<Item = String> {
    let sentence = |action: &ActionRecord| format!("{}: {}", action.name, action_course(action));
    let rollback = record.rollback_action.iter();
    let actions = record.actions.iter().map(sentence);
    actions.chain(rollback.map(move |action| format!("rollback: {}", sentence(action))))
}

/// When an action was carried out, and what was seen.
pub(super) fn action_course(action: &ActionRecord) -> String {
    let Some(begun) = action.begun_s else {
        return format!("planned at {:.0} s, not begun", action.planned_s);
    };
    let detail = action.detail.as_deref().unwrap_or_default();
    match (action.status.as_str(), action.ended_s) {
        ("done", Some(ended)) if ended - begun >= 0.05 => {
            format!("from {begun:.1} s to {ended:.1} s; {detail}")
        }
        ("done", _) => format!("at {begun:.1} s; {detail}"),
        ("failed", _) => format!("FAILED at {begun:.1} s; {detail}"),
        _ => format!("begun at {begun:.1} s and still under way when the run ended"),
    }
}

/// How long a rollback took, against its limits; `None` when none was called for, or the scenario neither acts nor sets
/// limits.
pub(super) fn rollback_times(record: &RunRecord) -> Option<String> {
    let times = record.rollback_times.as_ref()?;
    let parts = [
        ("detect", &times.detect),
        ("act", &times.act),
        ("recover", &times.recover),
    ];
    let has_limits = parts.iter().any(|(_, part)| part.limit_s.is_some());
    if record.rollback_action.is_none() && !has_limits {
        return None;
    }
    let words = |(name, part): (&str, &PacedRecord)| {
        let took = match (part.seconds, part.more_than_s) {
            (Some(took), _) => seconds(took),
            (None, Some(took)) => format!("more than {}", seconds(took)),
            (None, None) => "not known".to_owned(),
        };
        let limit = part.limit_s.map(|limit| {
            let kept = match part.kept {
                Some(true) => "kept",
                Some(false) => "MISSED",
                None => "not decided",
            };
            format!(" (limit {}: {kept})", seconds(limit))
        });
        format!("time to {name} {took}{}", limit.unwrap_or_default())
    };
    Some(parts.map(words).join("; "))
}

/// The window conditions that nothing was measured for: they cannot have been breached, nor kept.
pub(super) fn unwatched(record: &RunRecord) -> impl Iterator<Item = &str> {
    let alerts = record.criteria.alerts.iter();
    let policies = alerts.chain(record.criteria.rollback.iter().map(|rollback| &rollback.policy));
    policies
        .flat_map(WindowPolicyRecord::watched)
        .filter(|(condition, _)| !has_samples(record, &condition.metric, condition.step.as_deref()))
        .map(|(_, text)| text)
}

/// Whether anything was measured for a metric after the warm-up.
pub(super) fn has_samples(record: &RunRecord, metric: &str, step: Option<&str>) -> bool {
    let kind = Metric::from_key(metric).and_then(SeriesKind::of_metric);
    let Some(metric) = kind.and_then(|kind| record.metrics.get(kind.key())) else {
        return false;
    };
    let summary = match step {
        Some(step) => metric.by_step.get(step),
        None => Some(&metric.summary),
    };
    summary.is_some_and(|summary| summary.count > 0)
}

/// A count that nobody may have witnessed.
pub(super) fn witnessed(number: Option<u64>) -> String {
    number.map_or_else(|| "not known".to_owned(), count)
}

/// The same with what is counted.
pub(super) fn witnessed_as(number: Option<u64>, what: &str) -> String {
    number.map_or_else(
        || format!("{what} not known"),
        |number| format!("{} {what}", count(number)),
    )
}

/// The audit in one line.
pub(super) fn audit(record: &RunRecord) -> String {
    match &record.audit {
        None if record.plan.submissions => "The audit did not take place.".to_owned(),
        None => "Nothing was submitted, so there is nothing to audit.".to_owned(),
        Some(audit) => format!(
            "{} accepted: {} completed, {} failed, {}, {} pending; {}, {}.",
            count(audit.accepted),
            count(audit.completed),
            count(audit.failed),
            witnessed_as(audit.lost, "lost"),
            count(audit.pending),
            witnessed_as(audit.duplicated, "duplicated"),
            witnessed_as(audit.misdelivered, "misdelivered"),
        ),
    }
}

/// What a hop took, typically and at p95.
pub(super) fn hop(hop: &HopRecord) -> [String; 4] {
    [hop.p50_ms, hop.p95_ms, hop.p99_ms, hop.max_ms].map(|value| quantity(value, Unit::Time))
}

/// Whether the run can be trusted, in one line.
pub(super) fn trust(record: &RunRecord) -> String {
    let checks = checks(record);
    let of = |severity: &str| checks.iter().filter(|check| check.severity == severity).count() as u64;
    let first = checks.first().map_or("", |check| check.sentence.as_str());
    match (record.validity.valid, of("warning")) {
        (true, 0) => format!("Yes: all {} checks are fine.", checks.len()),
        (true, 1) => format!("Yes, with a warning: {first}"),
        (true, warnings) => format!("Yes, with {warnings} warnings. The first: {first}"),
        (false, _) => format!("No: {first}"),
    }
}

/// The validity checks, the worst first.
pub(super) fn checks(record: &RunRecord) -> Vec<&CheckRecord> {
    let weight = |check: &CheckRecord| match check.severity.as_str() {
        "invalid" => 0,
        "warning" => 1,
        _ => 2,
    };
    let mut checks: Vec<&CheckRecord> = record.validity.checks.iter().collect();
    checks.sort_by_key(|check| weight(check));
    checks
}
