//! `[[actions]]`.

use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::ActionFile;
use super::at::{At, duration};
use super::deed::{DeedContext, check_name, deed};
use crate::plan::{Action, Deed, Load};
use crate::units::format_duration;

/// Most actions of a run: each is drawn into every chart.
const ACTIONS_MAX: usize = 50;
/// What an action can do, for who wrote nothing.
const OFFERS: &str = "`request` = \"METHOD /path\", `sql` = \"…\", `sql_file` = \"…\", `command` = [\"…\"], `switch_to_standby` = \"30s\", \
                      or `stop_database` = \"10s\"";

/// Lowers `[[actions]]`; `None` after a mistake. What cannot be checked because target or `load` has a mistake of its
/// own is left alone.
pub(super) fn lower(
    files: Option<&[ActionFile]>,
    context: DeedContext<'_>,
    load: Option<&Load>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Action>> {
    let files = files.unwrap_or_default();
    let mut complete = !at.lost_items();
    if files.len() > ACTIONS_MAX {
        diagnostics.push(
            at.key_span(),
            format!("a run takes at most {ACTIONS_MAX} actions"),
        );
        return None;
    }
    let mut actions: Vec<Action> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let at = at.item(index);
        let lowered = action(file, context, at, diagnostics);
        let Some(action) = lowered else {
            complete = false;
            continue;
        };
        if let Some(load) = load {
            check_time(&action, load, at, diagnostics);
        }
        if let Some(other) = actions.iter().find(|other| overlap(other, &action)) {
            diagnostics.push(
                at.key("at").value_span(),
                format!(
                    "the database is stopped already by the action at {}, and would be stopped again before it is back",
                    format_duration(other.at)
                ),
            );
        }
        actions.push(action);
    }
    actions.sort_by_key(|action| action.at);
    complete.then_some(actions)
}

fn action(
    file: &ActionFile,
    context: DeedContext<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Action> {
    let begins = duration(file.at.as_ref(), at.key("at"), diagnostics);
    check_name(file.name.as_deref(), at, diagnostics);
    let deed = deed(file.deed(), context, OFFERS, at, diagnostics)?;
    Some(Action {
        at: begins?,
        name: file.name.clone().unwrap_or_else(|| deed.to_string()),
        deed,
        injects: file.injects.unwrap_or(false),
    })
}

/// From the beginning of an action to its planned end.
fn ends(action: &Action) -> Duration {
    match &action.deed {
        Deed::Request(_) | Deed::Sql(_) | Deed::Command(_) | Deed::SwitchToStandby { .. } => action.at,
        Deed::StopDatabase(outage) => action.at + outage.downtime,
    }
}

/// What an action does must be seen while users are there: afterwards nothing would show its effect.
fn check_time(action: &Action, load: &Load, at: At<'_>, diagnostics: &mut Diagnostics) {
    let load_ends = load.executor.duration();
    if action.at >= load_ends {
        diagnostics.push(
            at.key("at").value_span(),
            format!(
                "the load is over after {}, so nobody would be there to notice this action",
                format_duration(load_ends)
            ),
        );
    } else if ends(action) >= load_ends {
        diagnostics.push(
            at.key("stop_database").value_span(),
            format!(
                "the database would be back after {}, when the load of {} is over: nothing would show that the target \
                 recovers",
                format_duration(ends(action)),
                format_duration(load_ends)
            ),
        );
    }
}

/// Whether two outages are at the same time.
fn overlap(one: &Action, other: &Action) -> bool {
    let both = [one, other]
        .iter()
        .all(|action| matches!(action.deed, Deed::StopDatabase(_)));
    both && one.at <= ends(other) && other.at <= ends(one)
}
