//! Bars placed by percent: incidents over time, the way of a submission, the audit's funnel.

use super::chart::percent;
use super::over_time::span_s;
use crate::metrics::{Evidence, IncidentKind};
use crate::plan::{Condition, Criteria, Unit};
use crate::report::model::{ActionRecord, RunRecord};
use crate::report::view;
use crate::sla::wording::{count, quantity};

/// Incidents of one condition that are put into words.
const WORDS_MAX: usize = 5;

/// One watched condition over the run.
pub(super) struct Lane {
    /// `alert` or `rollback`.
    pub(super) kind: &'static str,
    pub(super) condition: String,
    /// Whether anything was measured that the condition could be decided on.
    pub(super) watched: bool,
    pub(super) bars: Vec<Bar>,
    /// What happened, in words.
    pub(super) words: Vec<String>,
    /// Incidents that are not put into words.
    pub(super) words_left_out: usize,
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
pub(super) fn lanes(record: &RunRecord, criteria: &Criteria, evidence: &Evidence) -> Vec<Lane> {
    let alerts = criteria.alerts.iter().flat_map(|policy| &policy.conditions);
    let rollback = criteria
        .rollback
        .iter()
        .flat_map(|rollback| &rollback.policy.conditions);
    alerts
        .map(|condition| (IncidentKind::Alert, condition))
        .chain(rollback.map(|condition| (IncidentKind::Rollback, condition)))
        .map(|(kind, condition)| lane(record, evidence, kind, condition))
        .collect()
}

fn lane(record: &RunRecord, evidence: &Evidence, kind: IncidentKind, condition: &Condition) -> Lane {
    let span = span_s(&evidence.timeline);
    let (name, records) = match kind {
        IncidentKind::Alert => ("alert", &record.alerts),
        IncidentKind::Rollback => ("rollback", &record.rollback),
    };
    let text = condition.to_string();
    let found: Vec<_> = records
        .iter()
        .filter(|incident| incident.condition.text == text)
        .collect();
    Lane {
        kind: name,
        bars: found
            .iter()
            .map(|incident| {
                let from = incident.tripped_at_s - incident.detected_after_s.unwrap_or(0.0);
                let to = incident.cleared_at_s.unwrap_or(span);
                Bar {
                    left: percent(from / span),
                    width: percent((to - from).max(span * 0.004) / span),
                }
            })
            .collect(),
        words: found
            .iter()
            .take(WORDS_MAX)
            .map(|incident| view::incident_course(incident))
            .collect(),
        words_left_out: found.len().saturating_sub(WORDS_MAX),
        watched: view::has_samples(record, condition.metric.key(), condition.step.as_deref()),
        condition: text,
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
