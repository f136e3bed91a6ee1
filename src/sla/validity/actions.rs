//! Whether what the scenario does to its target was done: a drill that did not happen proves nothing.

use super::delivery::stopped_on_purpose;
use super::{Check, CheckName, Severity, check};
use crate::metrics::{ActionOutcome, ActionRun, Evidence};
use crate::plan::Criteria;
use crate::sla::wording::counted;

/// The check, when the scenario has actions.
pub(super) fn carried_out(criteria: &Criteria, evidence: &Evidence) -> Option<Check> {
    let actions = &evidence.actions;
    if actions.is_empty() {
        return None;
    }
    let called_off = stopped_on_purpose(criteria, evidence);
    let (severity, sentence) = match actions.iter().find_map(|action| undone(action, called_off)) {
        Some(sentence) => (Severity::Invalid, sentence),
        None => (Severity::Ok, all_done(actions)),
    };
    Some(check(CheckName::ActionsCarriedOut, severity, sentence))
}

/// Why an action was not done, when that is a fault of the run.
fn undone(action: &ActionRun, called_off: bool) -> Option<String> {
    let ActionRun { name, planned_s, .. } = action;
    let why = match &action.outcome {
        ActionOutcome::Done(_) => return None,
        // Whoever stopped the load stopped what belongs to it.
        ActionOutcome::NotBegun | ActionOutcome::UnderWay if called_off => return None,
        ActionOutcome::NotBegun => "the load was over before".to_owned(),
        ActionOutcome::UnderWay => "it was still under way when the run ended".to_owned(),
        ActionOutcome::Failed(reason) => reason.clone(),
    };
    Some(format!(
        "The action \"{name}\" at {planned_s:.0} s was not carried out, so the run is not the one that was planned: {why}."
    ))
}

fn all_done(actions: &[ActionRun]) -> String {
    let done = actions
        .iter()
        .filter(|action| matches!(action.outcome, ActionOutcome::Done(_)))
        .count();
    let others = actions.len() - done;
    if others == 0 {
        return match actions {
            [_] => "The scenario's only action was carried out.".to_owned(),
            _ => format!(
                "All {} of the scenario were carried out.",
                counted(done as u64, "action")
            ),
        };
    }
    format!(
        "{} carried out; {} called off when the load was stopped.",
        were(done),
        were(others)
    )
}

fn were(number: usize) -> String {
    let verb = if number == 1 { "was" } else { "were" };
    format!("{} {verb}", counted(number as u64, "action"))
}
