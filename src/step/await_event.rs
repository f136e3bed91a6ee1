//! The `await` step: a result reaches the user by a realtime event, or by polling when that does not come.

use super::StepFailure;
use super::inbox::{ExpectationPurpose, Wanted, is_text};
use super::poll;
use super::render::render;
use super::request::wanted;
use super::session::{Session, Trigger};
use crate::clock::Moment;
use crate::metrics::{EventSample, HistoryRecord, ResultChannel, ResultRecord, Sample, SeriesKind};
use crate::plan::{AwaitStep, Fallback};

/// Runs the step.
pub(super) async fn run(session: &mut Session, step: &AwaitStep) -> Result<(), StepFailure> {
    let now = session.context.clock.now();
    let trigger = session.trigger(step.trigger).cloned().unwrap_or(Trigger {
        intended: now,
        sent: now,
        submission: None,
    });
    let wanted = wanted(session, &step.event);
    let found = wait(session, step, &wanted, &trigger).await;
    record_turnaround(session, step, &trigger, found.map(|(_, at)| at));
    if let Some((channel, at)) = found {
        record_delivery(session, step, wanted, &trigger, channel, at);
    }
    session.intended = session.context.clock.now();
    if found.is_some() { Ok(()) } else { Err(StepFailure) }
}

/// Waits for the event; polls while the socket is down or once the event is overdue. `None` when the deadline passed.
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
    loop {
        let is_up = session
            .realtime
            .as_ref()
            .is_some_and(|realtime| !realtime.with_inbox(|inbox| inbox.is_lost()));
        if !is_up && let Some(next_poll) = &mut next_poll {
            *next_poll = (*next_poll).min(clock.now());
        }
        let until = next_poll.map_or(deadline, |next_poll| next_poll.min(deadline));
        let found = match &session.realtime {
            Some(realtime) if is_up => {
                // A lost socket ends the wait as well, so that polling can begin.
                let look = |inbox: &super::inbox::Inbox| match inbox.find(wanted, trigger.sent) {
                    Some(found) => Some(Some(found)),
                    None => inbox.is_lost().then_some(None),
                };
                realtime.wait_until(until, look).await.flatten()
            }
            _ => {
                clock.sleep_until(until).await;
                None
            }
        };
        if found.is_some() {
            return found;
        }
        let now = clock.now();
        if let (Some(fallback), Some(due)) = (&step.fallback, next_poll)
            && now >= due
        {
            if poll_shows(session, fallback).await {
                return Some((ResultChannel::Poll, clock.now()));
            }
            // From here the polls keep their pace, whether the socket comes back or not.
            next_poll = Some(now.plus(fallback.every));
            if !is_up {
                clock.sleep_until(now.plus(fallback.every).min(deadline)).await;
            }
        }
        if now >= deadline {
            return None;
        }
    }
}

async fn poll_shows(session: &mut Session, fallback: &Fallback) -> bool {
    session.context.recorder.count(|counters| counters.polls += 1);
    let path = render(&fallback.path, &session.values);
    let Some(row) = poll::read(session, path, fallback.every).await else {
        return false;
    };
    fallback.until.iter().all(|(pointer, template)| {
        row.pointer(pointer.as_str())
            .is_some_and(|value| is_text(value, &render(template, &session.values)))
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
