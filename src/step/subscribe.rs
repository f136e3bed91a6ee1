//! The `subscribe` step: done when the server says that the subscription is live, not when the join is acknowledged.

use std::rc::Rc;
use std::time::Duration;

use super::StepFailure;
use super::inbox::{Filter, Inbox, Read, Subscription, SubscriptionState};
use super::poll;
use super::realtime::Realtime;
use super::render::{VariableValue, render};
use super::session::Session;
use crate::metrics::{EventSample, Sample, SeriesKind};
use crate::plan::{InitialRead, SubscribeStep};
use crate::protocol::{Join, JoinBinding, RawRow, connect_realtime};

/// Runs the step.
pub(super) async fn run(session: &mut Session, step: &SubscribeStep) -> Result<(), StepFailure> {
    let clock = session.context.clock;
    let begun = clock.now();
    // Boxed: a user subscribes once, and would carry the room for it about in every step.
    let live = tokio::time::timeout(step.timeout, Box::pin(subscribe(session, step))).await;
    let is_live = live == Ok(Ok(()));
    session.context.recorder.sample(Sample::Event(EventSample {
        kind: SeriesKind::Subscribe,
        step: Some(step.id),
        warm_up: session.warm_up,
        at: begun,
        value_ns: is_live.then(|| clock.now().signed_nanos_since(begun)),
    }));
    // Without a subscription the user goes on, as a real one would: polling brings the results.
    if is_live && let Some(read) = &step.read {
        let read = rendered(read, &session.values);
        read_row(session, read, step.timeout).await;
    }
    session.intended = clock.now();
    Ok(())
}

/// Reads a row that stands for the events that were missed.
pub(super) async fn read_row(session: &mut Session, read: Read, timeout: Duration) {
    session
        .context
        .recorder
        .count(|counters| counters.initial_reads += 1);
    if let Some(body) = poll::read_body(session, read.path, timeout).await
        && let Ok(text) = std::str::from_utf8(&body)
        && let Some(row) = RawRow::parse(text)
        && let Some(realtime) = &session.realtime
    {
        keep_row(session, realtime, &read.table, row);
    }
}

fn rendered(read: &InitialRead, values: &[VariableValue]) -> Read {
    Read {
        path: render(&read.path, values),
        table: read.table.clone(),
    }
}

fn keep_row(session: &Session, realtime: &Realtime, table: &str, row: RawRow<'_>) {
    let context = &session.context;
    let now = context.clock.now();
    if realtime.with_inbox(|inbox| inbox.receive_row(table, row, &context.watched, now)) {
        context.recorder.count(|counters| counters.events_discarded += 1);
    }
}

/// Opens the socket when there is none, joins, and waits until the subscription is live.
async fn subscribe(session: &mut Session, step: &SubscribeStep) -> Result<(), String> {
    let context = Rc::clone(&session.context);
    let realtime = match session.realtime.take() {
        Some(realtime) => session.realtime.insert(realtime),
        None => {
            let connector = context.realtime(session.stay.clone().as_deref());
            let opened =
                connect_realtime(connector, &context.realtime_path, session.next_traceparent()).await;
            let socket = opened.map_err(|error| {
                tracing::debug!(ticket = session.ticket, %error, "no realtime socket");
                if error.is_generators_own() {
                    context.record_unsent(step.id, session.warm_up, context.clock.now());
                }
                error.to_string()
            })?;
            let started = Realtime::start(Rc::clone(&context), session.ticket, session.warm_up, socket);
            session.realtime.insert(started)
        }
    };
    let topic = format!("realtime:{}", render(&step.channel, &session.values));
    let (join, filters) = join(step, &topic, session.token.as_deref(), &session.values);
    let join = Rc::new(join);
    let read = step.read.as_ref().map(|read| rendered(read, &session.values));
    let subscription = Subscription::new(topic.clone(), filters, Rc::clone(&join), read);
    if !realtime.join(&topic, &join, subscription) {
        return Err("the realtime socket was closed".to_owned());
    }
    let never = context.clock.now().plus(step.timeout);
    let settled = |inbox: &Inbox| match inbox.state(&topic) {
        SubscriptionState::Joining => None,
        SubscriptionState::Live => Some(Ok(())),
        SubscriptionState::Failed(reason) => Some(Err(reason)),
    };
    realtime
        .wait_until(never, settled)
        .await
        .unwrap_or_else(|| Err("the subscription did not become live".to_owned()))
}

/// What is asked for, and what may arrive because of it.
fn join(
    step: &SubscribeStep,
    topic: &str,
    token: Option<&str>,
    values: &[VariableValue],
) -> (Join, Vec<Filter>) {
    let filters: Vec<Option<String>> = step
        .changes
        .iter()
        .map(|binding| binding.filter.as_ref().map(|filter| render(filter, values)))
        .collect();
    let bindings = step.changes.iter().zip(&filters);
    let join = Join::new(
        topic,
        bindings.clone().map(|(binding, filter)| JoinBinding {
            event: binding.event,
            schema: &binding.schema,
            table: &binding.table,
            filter: filter.as_deref(),
        }),
        token,
    );
    let filters = bindings.map(|(binding, filter)| Filter {
        table: binding.table.clone(),
        equals: filter.as_deref().and_then(equality),
    });
    (join, filters.collect())
}

/// Column and value of a filter `column=eq.value`; other filters are not checked on receipt.
fn equality(filter: &str) -> Option<(String, String)> {
    let (column, value) = filter.split_once("=eq.")?;
    (!value.contains(',')).then(|| (column.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_single_equalities_are_checked_on_receipt() {
        assert_eq!(equality("id=eq.46"), Some(("id".into(), "46".into())));
        assert_eq!(equality("id=eq.46,status=eq.ready"), None);
        assert_eq!(equality("id=gt.46"), None);
    }
}
