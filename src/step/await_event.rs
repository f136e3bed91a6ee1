//! The `await` step: a result reaches the user by a realtime event, or by polling when that does not come.

use std::time::Duration;

use super::StepFailure;
use super::inbox::{ExpectationPurpose, Inbox, Wanted};
use super::render::{VariableValue, render};
use super::session::{Session, Trigger};
use super::{poll, subscribe};
use crate::clock::Moment;
use crate::metrics::{EventSample, HistoryRecord, ResultChannel, ResultRecord, Sample, SeriesKind};
use crate::plan::{AwaitStep, Fallback};

/// Runs the step.
pub(super) async fn run(session: &mut Session, step: &AwaitStep) -> Result<(), StepFailure> {
    let now = session.context.clock.now();
    session.turn_to(step.id);
    let trigger = session.trigger(step.trigger).cloned().unwrap_or(Trigger {
        intended: now,
        sent: now,
        submission: None,
    });
    let wanted = session.context.watched.wanted(&step.event, &session.values);
    let found = wait(session, step, &wanted, &trigger).await;
    record_turnaround(session, step, &trigger, found.map(|(_, at)| at));
    if let Some((channel, at)) = found {
        record_delivery(session, step, wanted, &trigger, channel, at);
    }
    session.intended = session.context.clock.now();
    session.result_is_over(step.id, found.map(|(_, at)| at))
}

/// Waits for the event; polls while no subscription is live or once the event is overdue. `None` when the deadline
/// passed.
async fn wait(
    session: &mut Session,
    step: &AwaitStep,
    wanted: &Wanted,
    trigger: &Trigger,
) -> Option<(ResultChannel, Moment)> {
    let clock = session.context.clock;
    let deadline = trigger.sent.plus(step.timeout);
    let mut next_poll = step
        .fallback
        .as_ref()
        .map(|fallback| trigger.sent.plus(fallback.after));
    let mut has_polled = false;
    loop {
        read_what_was_missed(session, deadline).await;
        let is_live = session
            .realtime
            .as_ref()
            .is_some_and(|realtime| realtime.with_inbox(|inbox| inbox.is_live()));
        if let Some(next_poll) = &mut next_poll
            && !is_live
            && !has_polled
        {
            *next_poll = (*next_poll).min(clock.now());
        }
        let until = next_poll.map_or(deadline, |next_poll| next_poll.min(deadline));
        let found = match &session.realtime {
            // What was received before the socket broke is looked at all the same.
            Some(realtime) => {
                let look = |inbox: &Inbox| match inbox.find(wanted, trigger.sent) {
                    Some(found) => Some(Some(found)),
                    // A subscription that is lost ends the wait as well, so that polling can begin; so does one that is
                    // live again.
                    None => (is_live && !inbox.is_live() || inbox.has_read_due()).then_some(None),
                };
                realtime.wait_until(until, look).await.flatten()
            }
            None => {
                clock.sleep_until(until).await;
                None
            }
        };
        if let Some((channel, at)) = found {
            // The user may have thought so long that the event was late before they turned to it.
            return (at <= deadline).then_some((channel, at));
        }
        let now = clock.now();
        if now >= deadline {
            return None;
        }
        if let (Some(fallback), Some(due)) = (&step.fallback, next_poll)
            && now >= due
        {
            // From here the polls keep their pace, whether the socket comes back or not.
            has_polled = true;
            next_poll = Some(now.plus(fallback.every));
            // An answer after the deadline would be too late.
            let timeout = fallback.every.min(deadline.since(now));
            if poll_shows(session, fallback, timeout).await {
                return Some((ResultChannel::Poll, clock.now()));
            }
        }
    }
}

/// A channel that was joined again has missed what happened meanwhile: the rows are read, as after the first join.
async fn read_what_was_missed(session: &mut Session, deadline: Moment) {
    loop {
        let due = session.realtime.as_ref();
        let Some(read) = due.and_then(|realtime| realtime.with_inbox(Inbox::take_due_read)) else {
            return;
        };
        let timeout = deadline.since(session.context.clock.now());
        Box::pin(subscribe::read_row(session, read, timeout)).await;
    }
}

async fn poll_shows(session: &mut Session, fallback: &Fallback, timeout: Duration) -> bool {
    session.context.recorder.count(|counters| counters.polls += 1);
    let path = render(&fallback.path, &session.values);
    let Some(row) = poll::read(session, path, timeout).await else {
        return false;
    };
    fallback.until.iter().all(|(pointer, template)| {
        row.pointer(pointer.as_str()).is_some_and(|value| {
            VariableValue::from_json(value).as_str() == render(template, &session.values)
        })
    })
}

fn record_turnaround(session: &Session, step: &AwaitStep, trigger: &Trigger, received: Option<Moment>) {
    session.context.recorder.sample(Sample::Event(EventSample {
        kind: SeriesKind::Turnaround,
        step: Some(step.id),
        warm_up: session.warm_up,
        at: trigger.intended,
        value_ns: received.map(|at| at.signed_nanos_since(trigger.intended)),
    }));
}

/// An event that was awaited arrived, or a poll showed that it should have: then it has until its deadline.
fn record_delivery(
    session: &Session,
    step: &AwaitStep,
    wanted: Wanted,
    trigger: &Trigger,
    channel: ResultChannel,
    at: Moment,
) {
    let context = &session.context;
    let delivery = |value_ns| {
        Sample::Event(EventSample {
            kind: SeriesKind::RealtimeDelivery,
            step: Some(step.id),
            warm_up: session.warm_up,
            at,
            value_ns,
        })
    };
    match (channel, &session.realtime) {
        (ResultChannel::Event, _) => context.recorder.sample(delivery(Some(0))),
        // It had happened before the subscription was live: no event was due.
        (ResultChannel::Read, _) => {}
        (ResultChannel::Poll, None) => context.recorder.sample(delivery(None)),
        (ResultChannel::Poll, Some(realtime)) => {
            let purpose = ExpectationPurpose {
                step: step.id,
                feedback: false,
            };
            let id = realtime.with_inbox(|inbox| inbox.expect(wanted, purpose, trigger.sent));
            realtime.commit(id, at);
        }
    }
    if let Some((kind, reference)) = &trigger.submission {
        context.recorder.history(HistoryRecord::Result(ResultRecord {
            ticket: session.ticket,
            kind: kind.clone(),
            reference: reference.clone(),
            channel,
            received_ns: at.as_nanos(),
        }));
    }
}
