//! Bars placed by percent: incidents over time, the way of a submission, the audit's funnel.

use super::chart::percent;
use super::over_time::span_s;
use crate::metrics::Evidence;
use crate::plan::Unit;
use crate::report::model::{ActionRecord, ConditionRecord, IncidentRecord, RunRecord, WindowPolicyRecord};
use crate::report::view;
use crate::sla::wording::{count, quantity};

/// One watched condition over the run.
pub(super) struct Lane {
    /// `alert` or `rollback`.
    pub(super) kind: &'static str,
    pub(super) condition: String,
    /// Whether anything was measured that the condition could be decided on.
    pub(super) watched: bool,
    pub(super) bars: Vec<Bar>,
}

/// One action over the run.
pub(super) struct ActionLane {
    /// `action` or `rollback`.
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) failed: bool,
    /// `None` when it was not begun.
    pub(super) bar: Option<Bar>,
    /// What happened, in words.
    pub(super) words: String,
}

/// A stretch of a lane.
pub(super) struct Bar {
    pub(super) left: String,
    pub(super) width: String,
}

/// One hop of a submission's way.
pub(super) struct HopRow {
    pub(super) name: String,
    pub(super) injected: bool,
    pub(super) left: String,
    pub(super) width: String,
    /// p50, p95, p99, max.
    pub(super) times: [String; 4],
    pub(super) count: String,
}

/// One count of the audit.
pub(super) struct FunnelRow {
    pub(super) label: &'static str,
    pub(super) count: String,
    pub(super) width: String,
    /// `neutral`, `good`, `bad` or `unknown`.
    pub(super) class: &'static str,
}

/// What was done to the target, one lane each.
pub(super) fn actions(record: &RunRecord, evidence: &Evidence) -> Vec<ActionLane> {
    let span = span_s(&evidence.timeline);
    let bar = |action: &ActionRecord| {
        let begun = action.begun_s?;
        let ended = action.ended_s.unwrap_or(span);
        Some(Bar {
            left: percent(begun / span),
            width: percent((ended - begun).max(span * 0.004) / span),
        })
    };
    let lane = |kind, action: &ActionRecord| ActionLane {
        kind,
        name: action.name.clone(),
        failed: action.status == "failed",
        bar: bar(action),
        words: view::action_course(action),
    };
    let actions = record.actions.iter().map(|action| lane("action", action));
    let rollback = record.rollback_action.iter();
    actions
        .chain(rollback.map(|action| lane("rollback", action)))
        .collect()
}

/// All conditions that were watched, with what was found.
pub(super) fn lanes(record: &RunRecord, evidence: &Evidence) -> Vec<Lane> {
    let span = span_s(&evidence.timeline);
    let criteria = &record.criteria;
    let alerts = criteria.alerts.iter().flat_map(WindowPolicyRecord::watched);
    let rollback = criteria
        .rollback
        .iter()
        .flat_map(|rollback| rollback.policy.watched());
    let of_alerts =
        alerts.map(|(condition, text)| lane("alert", &record.alerts, record, span, condition, text));
    let of_rollback =
        rollback.map(|(condition, text)| lane("rollback", &record.rollback, record, span, condition, text));
    of_alerts.chain(of_rollback).collect()
}

fn lane(
    kind: &'static str,
    found: &[IncidentRecord],
    record: &RunRecord,
    span: f64,
    condition: &ConditionRecord,
    text: &str,
) -> Lane {
    let bar = |incident: &IncidentRecord| {
        let from = incident.tripped_at_s - incident.detected_after_s.unwrap_or(0.0);
        let to = incident.cleared_at_s.unwrap_or(span);
        Bar {
            left: percent(from / span),
            width: percent((to - from).max(span * 0.004) / span),
        }
    };
    Lane {
        kind,
        bars: found
            .iter()
            .filter(|incident| incident.breach() == text)
            .map(bar)
            .collect(),
        watched: view::has_samples(record, &condition.metric, condition.step.as_deref()),
        condition: text.to_owned(),
    }
}

/// The hops one after the other, by their medians. The injected delay is set apart: it would dwarf everything else.
pub(super) fn hops(record: &RunRecord) -> Vec<HopRow> {
    let own: f64 = record
        .hops
        .iter()
        .filter(|hop| !hop.injected)
        .map(|hop| hop.p50_ms)
        .sum();
    let mut before = 0.0;
    record
        .hops
        .iter()
        .map(|hop| {
            let scale = own.max(1e-6);
            let (left, width) = if hop.injected {
                (before, 0.0)
            } else {
                (before, hop.p50_ms)
            };
            before += width;
            HopRow {
                name: hop.name.clone(),
                injected: hop.injected,
                left: percent(left / scale),
                width: percent(width.max(scale * 0.004) / scale),
                times: view::hop(hop),
                count: count(hop.count),
            }
        })
        .collect()
}

/// The target's own part of the median way.
pub(super) fn own_time(record: &RunRecord) -> String {
    let own: f64 = record
        .hops
        .iter()
        .filter(|hop| !hop.injected)
        .map(|hop| hop.p50_ms)
        .sum();
    quantity(own, Unit::Time)
}

/// What became of everything that was accepted.
pub(super) fn funnel(record: &RunRecord) -> Vec<FunnelRow> {
    let Some(audit) = &record.audit else {
        return Vec::new();
    };
    let all = audit.accepted.max(1) as f64;
    let row = |label, number: Option<u64>, wrong: bool, class: &'static str| FunnelRow {
        label,
        count: view::witnessed(number),
        width: percent(number.unwrap_or(0) as f64 / all),
        class: match number {
            None => "unknown",
            Some(0) if wrong => "good",
            Some(_) if wrong => "bad",
            Some(_) => class,
        },
    };
    vec![
        row("Accepted", Some(audit.accepted), false, "neutral"),
        row("Completed, result visible", Some(audit.completed), false, "good"),
        row(
            "Failed, and the target says so",
            Some(audit.failed),
            false,
            "neutral",
        ),
        row(
            "Pending when the run ended",
            Some(audit.pending),
            false,
            "neutral",
        ),
        row("Lost", audit.lost, true, "bad"),
        row("Duplicated", audit.duplicated, true, "bad"),
        row("Misdelivered", audit.misdelivered, true, "bad"),
    ]
}
