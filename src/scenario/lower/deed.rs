//! What is done to the target: the keys that `[[actions]]` and `[rollback.action]` have in common.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{DeedKeys, OutageFile, StopModeFile};
use super::at::{At, positive_duration};
use super::request_line::{METHOD_RULE, PATH_FORM_RULE, PATH_START_RULE, is_plain_path, method_of, split};
use crate::plan::{
    ActionRequest, CommandDeed, Database, Deed, Method, Outage, PostgresPlace, SqlDeed, StopMode, Target,
    TargetKind,
};
use crate::units::format_duration;

/// How long statements and programs may take when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The longest that they may be given: the plan's limit for a full rollback. A run waits for them at its end.
const TIMEOUT_MAX: Duration = Duration::from_secs(30 * 60);
/// Most arguments of a program.
const ARGUMENTS_MAX: usize = 100;
/// Most environment variables that a program is given.
const VARIABLES_MAX: usize = 50;
/// Longest name in a report: it stands beside a mark in a chart.
const NAME_LENGTH_MAX: usize = 80;
/// Longest text that a report calls a deed by, in characters.
const SHOWN_LENGTH_MAX: usize = 120;
/// The keys of which a deed has exactly one.
const KINDS: [&str; 6] = [
    "request",
    "sql",
    "sql_file",
    "command",
    "switch_to_standby",
    "stop_database",
];

/// What deeds are checked against.
#[derive(Clone, Copy)]
pub(super) struct DeedContext<'a> {
    /// `None` when the target has a mistake of its own.
    pub(super) target: Option<&'a Target>,
    /// The folder that a program runs in.
    pub(super) folder: &'a Path,
    /// The text of each file of statements, by the name it is written with; `None` for one that could not be read.
    pub(super) sql_files: &'a HashMap<String, Option<String>>,
}

/// Checks the name of what is done.
pub(super) fn check_name(name: Option<&str>, at: At<'_>, diagnostics: &mut Diagnostics) {
    if let Some(name) = name
        && (name.trim().is_empty()
            || name.chars().count() > NAME_LENGTH_MAX
            || name.contains(char::is_control))
    {
        diagnostics.push(
            at.key("name").value_span(),
            format!("the name of an action is a line of 1 to {NAME_LENGTH_MAX} characters"),
        );
    }
}

/// Lowers the one deed of the table at `at`. `offers` names what such a table can hold, for who wrote nothing.
pub(super) fn deed(
    keys: DeedKeys<'_>,
    context: DeedContext<'_>,
    offers: &str,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Deed> {
    let given: Vec<&str> = KINDS.into_iter().filter(|kind| at.has(kind)).collect();
    let kind = match given.as_slice() {
        [kind] => *kind,
        [] => {
            if !KINDS.iter().any(|kind| at.is_refused(kind)) {
                diagnostics.push(at.key_span(), format!("the action does nothing: write {offers}"));
            }
            return None;
        }
        [first, others @ ..] => {
            let last = others.last().copied().unwrap_or_default();
            diagnostics.push(
                at.key(last).key_span(),
                format!("an action does one thing: `{first}` or `{last}`, not both"),
            );
            return None;
        }
    };
    refuse_strangers(kind, at, diagnostics);
    match kind {
        "request" => request(keys, at, diagnostics).map(Deed::Request),
        "sql" | "sql_file" => sql(keys, context, at, diagnostics).map(Deed::Sql),
        "command" => command(keys, context, at, diagnostics).map(Deed::Command),
        "switch_to_standby" => switch_to_standby(keys, context.target, at, diagnostics),
        _ => stop_database(
            keys.stop_database?,
            context.target,
            at.key("stop_database"),
            diagnostics,
        )
        .map(Deed::StopDatabase),
    }
}

/// Keys that say something about a deed of another kind.
fn refuse_strangers(kind: &str, at: At<'_>, diagnostics: &mut Diagnostics) {
    for (key, kinds) in [
        ("body", &["request"][..]),
        ("environment", &["command"]),
        ("timeout", &["sql", "sql_file", "command"]),
    ] {
        if at.has(key) && !kinds.contains(&kind) {
            let owners: Vec<String> = kinds.iter().map(|kind| format!("a `{kind}`")).collect();
            diagnostics.push(
                at.key(key).key_span(),
                format!("`{key}` belongs to {}", owners.join(", ")),
            );
        }
    }
}

fn request(keys: DeedKeys<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<ActionRequest> {
    let span = at.key("request").value_span();
    let (method, path) = split(keys.request?);
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
    if method == Some(Method::Get) && keys.body.is_some() {
        diagnostics.push(at.key("body").value_span(), "a GET request has no body");
        return None;
    }
    Some(ActionRequest {
        method: method?,
        path: path.to_owned(),
        body: keys.body.cloned(),
    })
}

fn sql(
    keys: DeedKeys<'_>,
    context: DeedContext<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<SqlDeed> {
    let timeout = timeout(keys, at, diagnostics);
    let (at, statements, shown) = match (keys.sql, keys.sql_file) {
        (Some(text), _) => (at.key("sql"), Some(text.to_owned()), first_line(text)),
        (None, Some(file)) => {
            // One that could not be read was told of already.
            let text = context.sql_files.get(file).cloned().flatten();
            (at.key("sql_file"), text, format!("the statements of {file}"))
        }
        (None, None) => return None,
    };
    if context.target.is_some_and(|target| !has_database(target)) {
        diagnostics.push(
            at.key_span(),
            "the run knows no database to run statements on: write database = \"postgres\", or the address of your own, in \
             `[target]`",
        );
        return None;
    }
    let statements = statements?;
    if statements.trim().is_empty() {
        diagnostics.push(at.value_span(), "there are no statements in it");
        return None;
    }
    Some(SqlDeed {
        statements,
        timeout: timeout?,
        shown: shorten(diagnostics.without_secrets(shown)),
    })
}

fn command(
    keys: DeedKeys<'_>,
    context: DeedContext<'_>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<CommandDeed> {
    let timeout = timeout(keys, at, diagnostics);
    let arguments = keys.command?;
    let place = at.key("command");
    if place.lost_items() {
        return None;
    }
    let mistake = if arguments.first().is_none_or(|program| program.trim().is_empty()) {
        Some("the first item of a command is its program".to_owned())
    } else if arguments.len() > ARGUMENTS_MAX {
        Some(format!("a command takes at most {ARGUMENTS_MAX} items"))
    } else if arguments.iter().any(|argument| argument.contains('\0')) {
        Some("an argument cannot hold a NUL character".to_owned())
    } else {
        None
    };
    if let Some(mistake) = mistake {
        diagnostics.push(place.value_span(), mistake);
        return None;
    }
    let environment = variables(keys.environment, at.key("environment"), diagnostics);
    let shown = diagnostics.without_secrets(arguments.join(" "));
    Some(CommandDeed {
        arguments: arguments.to_vec(),
        folder: context.folder.to_owned(),
        environment: environment?,
        timeout: timeout?,
        shown: shorten(shown),
    })
}

/// The names of environment variables; their values are looked up when the program is run.
fn variables(names: Option<&[String]>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Vec<String>> {
    let names = names.unwrap_or_default();
    let mut complete = !at.lost_items();
    if names.len() > VARIABLES_MAX {
        diagnostics.push(
            at.value_span(),
            format!("a program is given at most {VARIABLES_MAX} variables"),
        );
        complete = false;
    }
    for (index, name) in names.iter().enumerate() {
        let is_name = name
            .chars()
            .enumerate()
            .all(|(index, c)| c == '_' || c.is_ascii_alphabetic() || (index > 0 && c.is_ascii_digit()));
        if name.is_empty() || !is_name {
            diagnostics.push(
                at.item(index).value_span(),
                "this is not the name of an environment variable; write the name alone, such as \"DEPLOY_TOKEN\"",
            );
            complete = false;
        }
    }
    complete.then(|| names.to_vec())
}

fn timeout(keys: DeedKeys<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    if keys.timeout.is_none() {
        return (!at.is_refused("timeout")).then_some(TIMEOUT);
    }
    let at = at.key("timeout");
    let timeout = positive_duration(keys.timeout, at, diagnostics)?;
    if timeout > TIMEOUT_MAX {
        diagnostics.push(
            at.value_span(),
            format!("the run waits for this: at most {}", format_duration(TIMEOUT_MAX)),
        );
        return None;
    }
    Some(timeout)
}

/// The first line with anything on it, and a sign that there is more.
fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default().to_owned();
    match lines.next() {
        Some(_) => format!("{first} …"),
        None => first,
    }
}

fn shorten(text: String) -> String {
    let plain: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(SHOWN_LENGTH_MAX)
        .collect();
    if plain.chars().count() < text.chars().count() {
        format!("{plain}…")
    } else {
        plain
    }
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

fn switch_to_standby(
    keys: DeedKeys<'_>,
    target: Option<&Target>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Deed> {
    let at = at.key("switch_to_standby");
    let patience = positive_duration(keys.switch_to_standby, at, diagnostics);
    let has_standby = |target: &Target| match &target.kind {
        TargetKind::Reference(server) => server.standby.is_some(),
        TargetKind::Remote(_) => false,
    };
    if target.is_some_and(|target| !has_standby(target)) {
        diagnostics.push(
            at.key_span(),
            "there is no second server to switch to: write a section [target.standby]",
        );
        return None;
    }
    Some(Deed::SwitchToStandby { patience: patience? })
}

fn has_database(target: &Target) -> bool {
    match &target.kind {
        TargetKind::Reference(server) => matches!(server.database, Database::Postgres(_)),
        TargetKind::Remote(_) => false,
    }
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
