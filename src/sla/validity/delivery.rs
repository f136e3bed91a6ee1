//! Whether the load was what the plan says, and whose doing it is when iterations could not begin.

use super::{Check, CheckName, Severity, check, warn_if};
use crate::metrics::{Delivery, Evidence, IncidentKind};
use crate::plan::{Criteria, Unit};
use crate::sla::context::{Context, FixedIterations};
use crate::sla::wording::{count, counted, quantity};

/// Share of the planned arrivals below which the plan counts as not delivered.
const DELIVERED_INVALID: f64 = 0.99;
/// Share of the planned arrivals below which there is a warning.
const DELIVERED_WARNING: f64 = 0.995;
/// Share of the seconds that may fall short of their arrivals.
const SHORT_SECONDS_INVALID: f64 = 0.01;

/// Whether the load was cut for a reason that leaves the rest judgeable.
pub(super) fn stopped_on_purpose(criteria: &Criteria, evidence: &Evidence) -> bool {
    let rolled_back = evidence
        .incidents
        .iter()
        .any(|incident| incident.kind == IncidentKind::Rollback);
    evidence.interruption.is_some()
        || evidence.early_stop.is_some()
        || rolled_back
            && criteria
                .rollback
                .as_ref()
                .is_some_and(|rollback| rollback.stop_load)
}

pub(super) fn plan_delivered(criteria: &Criteria, evidence: &Evidence, context: &Context) -> Check {
    let name = CheckName::PlanDelivered;
    let stopped = stopped_on_purpose(criteria, evidence);
    let due = evidence.iterations.due;
    if let Some(fixed) = context.fixed_iterations {
        return all_iterations_due(fixed, due, stopped);
    }
    let timeline = &evidence.timeline;
    if timeline.load_ended_s + 1.0 < timeline.load_planned_s && !stopped {
        return check(
            name,
            Severity::Invalid,
            format!(
                "The load ended after {:.0} s of {:.0} s, and neither a rollback nor the user stopped it.",
                timeline.load_ended_s, timeline.load_planned_s
            ),
        );
    }
    let Some(planned) = context.arrivals_planned.filter(|planned| *planned > 0) else {
        return check(
            name,
            if due == 0 { Severity::Invalid } else { Severity::Ok },
            format!(
                "{} began; this load model plans no arrivals.",
                counted(due, "iteration")
            ),
        );
    };
    let share = due as f64 / planned as f64;
    let severity = if share < DELIVERED_INVALID {
        Severity::Invalid
    } else {
        warn_if(share < DELIVERED_WARNING)
    };
    check(
        name,
        severity,
        format!(
            "{} of {} fell due ({}).",
            count(due),
            counted(planned, "planned arrival"),
            quantity(share, Unit::Ratio)
        ),
    )
}

/// A plan that was delivered as a whole may have been cut where it mattered most: at its peak. Seconds that fell short
/// because users waited on the target are the target's doing.
pub(super) fn delivered_per_second(evidence: &Evidence, context: &Context) -> Option<Check> {
    let delivery = evidence.generator.delivery?;
    let (second, planned, began) = delivery.worst.unwrap_or_default();
    let (short, seconds) = (u64::from(delivery.short), u64::from(delivery.seconds));
    let expected = quantity(Delivery::SHORT_BELOW, Unit::Ratio);
    let mut sentence = if short == 0 {
        format!(
            "Each of {} brought at least {expected} of its planned arrivals.",
            counted(seconds, "second")
        )
    } else {
        format!(
            "{} of {} brought less than {expected} of their planned arrivals, second {second} only {} of {}.",
            count(short),
            counted(seconds, "second"),
            count(began),
            count(planned)
        )
    };
    // One second alone can fall on the end of a load that was stopped, or on a single drop.
    let is_much = short > 1 && short as f64 > SHORT_SECONDS_INVALID * seconds as f64;
    let severity = match (is_much, plan_is_feasible(evidence, context)) {
        (true, false) => Severity::Invalid,
        (true, true) => {
            sentence.push_str(
                " The pool suffices on a healthy target, so users were kept waiting by the target.",
            );
            Severity::Warning
        }
        (false, _) => warn_if(short > 0),
    };
    Some(check(CheckName::DeliveredPerSecond, severity, sentence))
}

/// Every iteration falls due when its user gets to it or its time is over, unless the load was stopped.
fn all_iterations_due(fixed: FixedIterations, due: u64, stopped: bool) -> Check {
    let numbers = format!(
        "{} of {} fell due",
        count(due),
        counted(fixed.iterations, "planned iteration")
    );
    let (severity, sentence) = if due >= fixed.iterations {
        (Severity::Ok, format!("{numbers}."))
    } else if stopped {
        (
            Severity::Ok,
            format!("{numbers} before the load was stopped; the others were called off."),
        )
    } else {
        (
            Severity::Invalid,
            format!("{numbers}, and neither a rollback nor the user stopped the load."),
        )
    };
    check(CheckName::PlanDelivered, severity, sentence)
}

/// Whether iterations were dropped because users waited on the target. Then the drops are the target's doing.
pub(crate) fn dropped_by_target(evidence: &Evidence, context: &Context) -> bool {
    dropped_share(evidence) > 1.0 - DELIVERED_INVALID && plan_is_feasible(evidence, context)
}

fn dropped_share(evidence: &Evidence) -> f64 {
    evidence.iterations.dropped as f64 / (evidence.iterations.due.max(1)) as f64
}

/// Whether a healthy target would have left nothing to be dropped: users would have been free, or done in time.
fn plan_is_feasible(evidence: &Evidence, context: &Context) -> bool {
    match context.fixed_iterations {
        Some(fixed) => context.time_needed(fixed, evidence) <= fixed.max_duration,
        None => f64::from(evidence.generator.vus_max) >= context.pool_needed(evidence),
    }
}

/// What was dropped, and whose doing that was; nothing for load models that drop nothing.
pub(super) fn dropped(evidence: &Evidence, context: &Context) -> Option<Check> {
    let name = CheckName::DroppedArrivals;
    let noun = match (context.fixed_iterations, context.arrivals_planned) {
        (Some(_), _) => "iteration",
        (None, Some(_)) => "arrival",
        (None, None) => return None,
    };
    if evidence.iterations.dropped == 0 {
        return Some(check(name, Severity::Ok, format!("No {noun} was dropped.")));
    }
    let sentence = match context.fixed_iterations {
        Some(fixed) => cut_off_sentence(fixed, evidence, context),
        None => no_free_user_sentence(evidence, context),
    };
    let ours = dropped_share(evidence) > 1.0 - DELIVERED_INVALID && !plan_is_feasible(evidence, context);
    let severity = if ours {
        Severity::Invalid
    } else {
        Severity::Warning
    };
    Some(check(name, severity, sentence))
}

fn no_free_user_sentence(evidence: &Evidence, context: &Context) -> String {
    let what = format!(
        "{} ({}) found no free virtual user",
        counted(evidence.iterations.dropped, "arrival"),
        quantity(dropped_share(evidence), Unit::Ratio)
    );
    let pool = evidence.generator.vus_max;
    let needed = context.pool_needed(evidence).ceil();
    if plan_is_feasible(evidence, context) {
        format!(
            "{what}. The pool of {pool} suffices for this plan on a healthy target (about {needed:.0}), so users \
             were kept waiting by the target."
        )
    } else {
        format!(
            "{what}. The pool of {pool} is too small for this plan even on a healthy target: raise max_vus to \
             {needed:.0} or more."
        )
    }
}

fn cut_off_sentence(fixed: FixedIterations, evidence: &Evidence, context: &Context) -> String {
    let time = |duration: std::time::Duration| quantity(duration.as_secs_f64() * 1e3, Unit::Time);
    let what = format!(
        "{} ({}) had not begun when the max_duration of {} was over",
        counted(evidence.iterations.dropped, "iteration"),
        quantity(dropped_share(evidence), Unit::Ratio),
        time(fixed.max_duration)
    );
    let needed = time(context.time_needed(fixed, evidence));
    if plan_is_feasible(evidence, context) {
        format!(
            "{what}. A healthy target lets {} do them in about {needed}, so users were kept waiting by the target.",
            counted(u64::from(fixed.vus), "user")
        )
    } else {
        format!(
            "{what}. Even on a healthy target {} would need about {needed}: raise max_duration, or set more users.",
            counted(u64::from(fixed.vus), "user")
        )
    }
}
