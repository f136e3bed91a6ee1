//! What a reader of the verdict must know of a rollback.

use crate::metrics::{ActionOutcome, ActionRun, Evidence};

/// What became of the rollback action, in sentences; a failure is said in capitals.
pub(super) fn sentences(evidence: &Evidence) -> Vec<String> {
    evidence.rollback_action.iter().map(what_was_done).collect()
}

fn what_was_done(action: &ActionRun) -> String {
    let name = &action.name;
    let took = action
        .begun_s
        .zip(action.ended_s)
        .map(|(begun, ended)| ended - begun);
    match &action.outcome {
        ActionOutcome::Done(_) => format!(
            "The rollback \"{name}\" was carried out in {:.1} s.",
            took.unwrap_or_default()
        ),
        ActionOutcome::Failed(reason) => {
            format!("THE ROLLBACK FAILED: \"{name}\" was not carried out: {reason}.")
        }
        ActionOutcome::NotBegun | ActionOutcome::UnderWay => {
            format!("THE ROLLBACK FAILED: \"{name}\" was not over when the run ended.")
        }
    }
}
