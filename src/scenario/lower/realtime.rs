//! The asynchronous half: subscriptions, the events that are expected on them, and the waits for results.

use std::time::Duration;

use super::super::diagnostic::{list_names, nearest};
use super::super::raw::{
    AwaitStepFile, BindingFile, ChangeEventFile, EventFile, FallbackFile, InitialReadFile, SubscribeStepFile,
};
use super::at::{At, positive_duration_or};
use super::journey::Walk;
use crate::plan::{
    AwaitStep, Binding, ChangeEvent, Encoding, EventMatch, Fallback, InitialRead, StepKind, SubscribeStep,
};
use crate::units::format_duration;

/// Deadline of a wait or of a subscription, unless the step says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Lowers a subscribe step.
pub(super) fn subscribe(
    file: &SubscribeStepFile,
    at: At<'_>,
    walk: &mut Walk<'_, '_>,
) -> Option<SubscribeStep> {
    let id = walk.register(StepKind::Subscribe, file.name.as_deref(), "subscribe", at)?;
    let channel = walk.template(&file.subscribe, Encoding::Raw, at.key("subscribe"));
    let changes_at = at.key("changes");
    let mut changes = Vec::new();
    let mut complete = !changes_at.lost_items();
    for (index, binding) in file.changes.iter().flatten().enumerate() {
        match lower_binding(binding, changes_at.item(index), walk) {
            Some(binding) => {
                walk.subscribed.insert(binding.table.clone());
                changes.push(binding);
            }
            None => complete = false,
        }
    }
    // A table of a binding that could not be read may be the one that is awaited later.
    walk.incomplete |= !complete;
    let read = match &file.read {
        Some(read) => initial_read(read, at.key("read"), walk).map(Some),
        None => Some(None),
    };
    let timeout = positive_duration_or(
        TIMEOUT,
        file.timeout.as_ref(),
        at,
        "timeout",
        walk.shared.diagnostics,
    );
    if !complete || changes.is_empty() {
        return None;
    }
    Some(SubscribeStep {
        id,
        channel: channel?,
        changes,
        read: read?,
        timeout: timeout?,
    })
}

fn lower_binding(file: &BindingFile, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<Binding> {
    let filter = match &file.filter {
        Some(filter) => walk.template(filter, Encoding::Raw, at.key("filter")).map(Some),
        None => Some(None),
    };
    let event = match file.event.unwrap_or(ChangeEventFile::All) {
        ChangeEventFile::All => ChangeEvent::All,
        ChangeEventFile::Insert => ChangeEvent::Insert,
        ChangeEventFile::Update => ChangeEvent::Update,
        ChangeEventFile::Delete => ChangeEvent::Delete,
    };
    Some(Binding {
        schema: file.schema.clone().unwrap_or_else(|| "public".to_owned()),
        table: file.table.clone()?,
        event,
        filter: filter?,
    })
}

fn initial_read(file: &InitialReadFile, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<InitialRead> {
    let path = walk.read_line(file.request.as_ref(), at.key("request"));
    let table = file.table.clone()?;
    check_subscribed(&table, at.key("table"), walk)?;
    Some(InitialRead { path: path?, table })
}

/// Lowers an event that is expected on a live subscription.
pub(super) fn event(file: &EventFile, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<EventMatch> {
    let table = file.table.clone();
    let subscribed = table
        .as_deref()
        .and_then(|table| check_subscribed(table, at.key("table"), walk));
    let mut columns = Vec::new();
    let mut complete = true;
    for (column, value) in file.columns.iter().flatten() {
        match walk.template(value, Encoding::Raw, at.key("where").key(column)) {
            Some(template) => columns.push((column.clone(), template)),
            None => complete = false,
        }
    }
    subscribed?;
    if !complete || columns.is_empty() {
        return None;
    }
    Some(EventMatch {
        table: table?,
        columns,
    })
}

/// Only what a subscription covers can be received.
fn check_subscribed(table: &str, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<()> {
    if walk.subscribed.contains(table) {
        return Some(());
    }
    if walk.incomplete {
        return None;
    }
    let sentence = if walk.subscribed.is_empty() {
        format!("no step before this one subscribes to anything, so changes of `{table}` cannot be received")
    } else {
        let mut sentence = format!("no step before this one subscribes to the table `{table}`");
        if let Some(meant) = nearest(table, walk.subscribed.iter().map(String::as_str)) {
            sentence.push_str(&format!("; did you mean `{meant}`?"));
        }
        let known = list_names(walk.subscribed.iter().map(String::as_str));
        sentence.push_str(&format!(" (subscribed: {known})"));
        sentence
    };
    walk.mistake(at, sentence);
    None
}

/// Lowers a wait for a result.
pub(super) fn wait(file: &AwaitStepFile, at: At<'_>, walk: &mut Walk<'_, '_>) -> Option<AwaitStep> {
    let table = file.event.table.as_deref().unwrap_or("event");
    let id = walk.register(
        StepKind::Await,
        file.name.as_deref(),
        &format!("await_{table}"),
        at,
    )?;
    let event = event(&file.event, at.key("await"), walk);
    let timeout = positive_duration_or(
        TIMEOUT,
        file.timeout.as_ref(),
        at,
        "timeout",
        walk.shared.diagnostics,
    );
    let fallback = match &file.fallback {
        Some(fallback) => lower_fallback(fallback, timeout, at.key("fallback"), walk).map(Some),
        None => Some(None),
    };
    if walk.last_request.is_none() && !walk.incomplete {
        walk.shared.diagnostics.push(
            at.key("await").key_span(),
            "no request comes before this step, so there is nothing to wait for",
        );
    }
    if let Some(timeout) = timeout {
        walk.shared.longest_await = walk.shared.longest_await.max(timeout);
        check_deadline(timeout, at, walk);
    }
    let (trigger, _) = walk.last_request?;
    Some(AwaitStep {
        id,
        event: event?,
        trigger,
        timeout: timeout?,
        fallback: fallback?,
    })
}

/// A deadline before the last delivery attempt would count results as lost that are merely late by plan.
fn check_deadline(timeout: Duration, at: At<'_>, walk: &mut Walk<'_, '_>) {
    let kind = walk.last_request.and_then(|(_, kind)| kind);
    let Some(mock) = walk.shared.mock else {
        return;
    };
    let at = at.key("timeout");
    match mock.longest_delivery(kind) {
        Some(longest) if timeout < longest => walk.shared.diagnostics.push(
            at.value_span(),
            format!(
                "the deadline of {} is shorter than the mock may take by plan: its longest delay plus its retry \
                 schedule is {}; raise `timeout`, or lower `max` or `retry_schedule` in `[classconnect]`",
                format_duration(timeout),
                format_duration(longest)
            ),
        ),
        // A delay without an end is a mistake of `[classconnect]`, and told there.
        Some(_) | None => {}
    }
}

fn lower_fallback(
    file: &FallbackFile,
    deadline: Option<Duration>,
    at: At<'_>,
    walk: &mut Walk<'_, '_>,
) -> Option<Fallback> {
    let path = walk.read_line(file.poll.as_ref(), at.key("poll"));
    let every = positive_duration_or(
        Duration::from_secs(1),
        file.every.as_ref(),
        at,
        "every",
        walk.shared.diagnostics,
    );
    let after = positive_duration_or(
        Duration::from_secs(5),
        file.after.as_ref(),
        at,
        "after",
        walk.shared.diagnostics,
    );
    if let Some((after, deadline)) = after.zip(deadline)
        && after >= deadline
    {
        walk.mistake(
            at.key("after"),
            format!(
                "polling would begin after {}, when the wait of {} is over",
                format_duration(after),
                format_duration(deadline)
            ),
        );
    }
    let mut until = Vec::new();
    let mut complete = true;
    for (pointer, value) in file.until.iter().flatten() {
        let at = at.key("until").key(pointer);
        let pointer = walk.pointer_key(pointer, at);
        match pointer.zip(walk.template(value, Encoding::Raw, at)) {
            Some(pair) => until.push(pair),
            None => complete = false,
        }
    }
    if !complete || until.is_empty() {
        return None;
    }
    Some(Fallback {
        path: path?,
        every: every?,
        after: after?,
        until,
    })
}
