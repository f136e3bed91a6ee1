//! `[[actions]]`.

use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{ActionFile, OutageFile, StopModeFile};
use super::at::{At, duration, positive_duration};
use super::request_line::{METHOD_RULE, PATH_FORM_RULE, PATH_START_RULE, is_plain_path, method_of, split};
use crate::plan::{
    Action, ActionRequest, Database, Deed, Load, Method, Outage, PostgresPlace, StopMode, Target, TargetKind,
};
use crate::units::format_duration;

/// Most actions of a run: each is drawn into every chart.
const ACTIONS_MAX: usize = 50;
/// Longest name of an action: it stands beside a mark in a chart.
const NAME_LENGTH_MAX: usize = 80;

/// Lowers `[[actions]]`; `None` after a mistake. What cannot be checked because `target` or `load` has a mistake of its
/// own is left alone.
pub(super) fn lower(
    files: Option<&[ActionFile]>,
    target: Option<&Target>,
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
        let lowered = action(file, target, at, diagnostics);
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
    target: Option<&Target>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Action> {
    let begins = duration(file.at.as_ref(), at.key("at"), diagnostics);
    if let Some(name) = &file.name
        && (name.trim().is_empty()
            || name.chars().count() > NAME_LENGTH_MAX
            || name.contains(char::is_control))
    {
        diagnostics.push(
            at.key("name").value_span(),
            format!("the name of an action is a line of 1 to {NAME_LENGTH_MAX} characters"),
        );
    }
    let deed = match (&file.request, &file.stop_database) {
        (Some(line), None) => request(line, file, at, diagnostics).map(Deed::Request),
        (None, Some(outage)) => {
            if file.body.is_some() {
                diagnostics.push(at.key("body").key_span(), "`body` belongs to a `request`");
            }
            stop_database(outage, target, at.key("stop_database"), diagnostics).map(Deed::StopDatabase)
        }
        (Some(_), Some(_)) => {
            diagnostics.push(
                at.key("stop_database").key_span(),
                "an action does one thing: `request` or `stop_database`, not both",
            );
            None
        }
        (None, None) => {
            if !at.is_refused("request") && !at.is_refused("stop_database") {
                diagnostics.push(
                    at.key_span(),
                    "the action does nothing: write `request` = \"METHOD /path\", or `stop_database` = \"10s\"",
                );
            }
            None
        }
    };
    let deed = deed?;
    Some(Action {
        at: begins?,
        name: file.name.clone().unwrap_or_else(|| deed.to_string()),
        deed,
        injects: file.injects.unwrap_or(false),
    })
}

fn request(
    line: &str,
    file: &ActionFile,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<ActionRequest> {
    let span = at.key("request").value_span();
    let (method, path) = split(line);
    let method = method_of(method);
    if method.is_none() {
        diagnostics.push(span, METHOD_RULE);
    }
    if !path.starts_with('/') {
        diagnostics.push(span, PATH_START_RULE);
        return None;
    }
    if path.contains("{{") {
        diagnostics.push(
            span,
            "an action belongs to no user, so it knows no placeholders such as `{{user_id}}`",
        );
        return None;
    }
    if !is_plain_path(path) {
        diagnostics.push(span, PATH_FORM_RULE);
        return None;
    }
    if method == Some(Method::Get) && file.body.is_some() {
        diagnostics.push(at.key("body").value_span(), "a GET request has no body");
        return None;
    }
    Some(ActionRequest {
        method: method?,
        path: path.to_owned(),
        body: file.body.clone(),
    })
}

fn stop_database(
    file: &OutageFile,
    target: Option<&Target>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Outage> {
    let (downtime, mode) = match file {
        OutageFile::For(text) => (positive_duration(Some(text), at, diagnostics), StopModeFile::Fast),
        OutageFile::Outage(table) => (
            positive_duration(table.downtime.as_ref(), at.key("for"), diagnostics),
            table.mode.unwrap_or(StopModeFile::Fast),
        ),
    };
    if target.is_some_and(|target| !has_throw_away_database(target)) {
        diagnostics.push(
            at.key_span(),
            "only the run's own database can be stopped: write database = \"postgres\" in `[target]`",
        );
        return None;
    }
    Some(Outage {
        downtime: downtime?,
        mode: match mode {
            StopModeFile::Fast => StopMode::Fast,
            StopModeFile::Immediate => StopMode::Immediate,
        },
    })
}

fn has_throw_away_database(target: &Target) -> bool {
    match &target.kind {
        TargetKind::Reference(server) => match &server.database {
            Database::Postgres(postgres) => matches!(postgres.place, PostgresPlace::ThrowAway { .. }),
            Database::Sqlite => false,
        },
        TargetKind::Remote(_) => false,
    }
}

/// From the beginning of an action to its planned end.
fn ends(action: &Action) -> Duration {
    match &action.deed {
        Deed::Request(_) => action.at,
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
