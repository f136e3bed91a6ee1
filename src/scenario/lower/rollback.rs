//! `[rollback.action]` and `[rollback.limits]`.

use super::super::diagnostic::Diagnostics;
use super::super::raw::{RollbackActionFile, RollbackLimitsFile};
use super::at::{At, positive_duration};
use super::deed::{DeedContext, check_name, deed};
use crate::plan::{RollbackAction, RollbackLimits};

/// Most deeds of one rollback.
const STEPS_MAX: usize = 20;
/// What it is called when the scenario gives it no name.
const NAME: &str = "rollback";
/// What a rollback can do, for who wrote nothing.
const OFFERS: &str = "`request` = \"METHOD /path\", `sql` = \"…\", `sql_file` = \"…\", `command` = [\"…\"], `switch_to_standby` = \"30s\", \
     or several of them in `steps`";

/// Lowers the action; `None` after a mistake.
pub(super) fn action(
    file: &RollbackActionFile,
    context: DeedContext<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<RollbackAction> {
    check_name(file.name.as_deref(), at, diagnostics);
    let name = file.name.clone().unwrap_or_else(|| NAME.to_owned());
    let Some(steps) = &file.steps else {
        if at.is_refused("steps") {
            return None;
        }
        let deed = deed(file.deed(), context, OFFERS, at, diagnostics)?;
        return Some(RollbackAction {
            name,
            deeds: vec![deed],
        });
    };
    let at_steps = at.key("steps");
    if at.has_other_than(&["name", "steps"]) {
        diagnostics.push(
            at_steps.key_span(),
            "an action does one thing, or what its `steps` say: a `request`, `sql`, … beside them belongs among them",
        );
        return None;
    }
    if steps.len() > STEPS_MAX {
        diagnostics.push(
            at_steps.key_span(),
            format!("a rollback takes at most {STEPS_MAX} steps"),
        );
        return None;
    }
    let mut complete = !at_steps.lost_items();
    let mut deeds = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        match deed(
            step.deed(),
            context,
            OFFERS_OF_STEP,
            at_steps.item(index),
            diagnostics,
        ) {
            Some(deed) => deeds.push(deed),
            None => complete = false,
        }
    }
    complete.then_some(RollbackAction { name, deeds })
}

/// What one of several steps can do.
const OFFERS_OF_STEP: &str = "`request` = \"METHOD /path\", `sql` = \"…\", `sql_file` = \"…\", `command` = [\"…\"] or \
                              `switch_to_standby` = \"30s\"";

/// Lowers the limits. A mistake in one of them leaves it out.
pub(super) fn limits(
    file: Option<&RollbackLimitsFile>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> RollbackLimits {
    let Some(file) = file else {
        return RollbackLimits::default();
    };
    RollbackLimits {
        detect: positive_duration(file.detect.as_ref(), at.key("detect"), diagnostics),
        act: positive_duration(file.act.as_ref(), at.key("act"), diagnostics),
        recover: positive_duration(file.recover.as_ref(), at.key("recover"), diagnostics),
    }
}
