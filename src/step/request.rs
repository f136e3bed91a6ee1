//! The `request` step: send, check, save, and remember what was handed in.

use serde_json::Value;
use uuid::Uuid;

use super::StepFailure;
use super::inbox::ExpectationPurpose;
use super::render::{VariableValue, render, render_cow};
use super::session::{Exchange, Outgoing, Session, Trigger};
use crate::clock::Moment;
use crate::metrics::{
    Acceptance, EventSample, HistoryRecord, Outcome, RequestSample, Sample, SeriesKind, SubmissionRecord,
};
use crate::plan::{RequestStep, StepId, Template, Variables};
use crate::protocol::{Answer, HeaderBlock};

/// Runs the step. A user with patience may try again after an error: the very same request, by its key too, so that a
/// target that had carried it out does not do so twice.
pub(super) async fn run(session: &mut Session, step: &RequestStep) -> Result<(), StepFailure> {
    if mentions_recording(step) {
        session.next_recording();
    }
    let key = step.idempotency_key.then(|| session.next_idempotency_key());
    session.turn_to(step.id);
    let since = session.intended;
    let mut tried_again = false;
    let outcome = loop {
        let outcome = attempt(session, step, key).await;
        if tried_again || !session.tries_again(step.id, outcome) {
            break outcome;
        }
        tried_again = true;
    };
    session.request_is_over(step.id, since, outcome, tried_again)
}

/// Sends the request once, and keeps what it led to.
async fn attempt(session: &mut Session, step: &RequestStep, key: Option<Uuid>) -> Outcome {
    let intended = session.intended;
    let outgoing = compose(session, step, key);
    let expectation = expect_feedback(session, step);
    let mut unfinished = UnfinishedRequest::new(session, step.id, intended);
    session.has_requested.set(true);
    let exchange = match outgoing {
        Some(outgoing) => session.exchange(outgoing).await,
        None => Exchange::never_sent(session.context.clock.now()),
    };
    unfinished.disarm();
    let outcome = match &exchange.result {
        Ok(answer) => assess(session, step, answer),
        Err(outcome) => *outcome,
    };
    session.context.recorder.sample(Sample::Request(RequestSample {
        step: step.id,
        ticket: session.ticket,
        warm_up: session.warm_up,
        intended,
        dispatched: exchange.dispatched,
        sent: exchange.sent,
        done: exchange.done,
        outcome,
    }));
    if outcome == Outcome::Generator {
        session.context.record_unsent(step.id, session.warm_up, intended);
    }
    resolve_feedback(session, step, expectation, outcome, &exchange);
    remember(session, step, intended, &exchange, outcome);
    session.intended = exchange.done;
    outcome
}

fn mentions_recording(step: &RequestStep) -> bool {
    let templates = step.body.iter().chain(std::iter::once(&step.path));
    templates
        .flat_map(Template::variables)
        .any(|id| id == Variables::RECORDING_URL)
}

fn compose<'a>(session: &Session, step: &'a RequestStep, key: Option<Uuid>) -> Option<Outgoing<'a>> {
    let mut headers = HeaderBlock::default();
    for (name, template) in &step.headers {
        headers.push(name, &render_cow(template, &session.values)).ok()?;
    }
    if let Some(key) = key {
        // A structured-field string: quoted.
        headers.push("idempotency-key", &format!("\"{key}\"")).ok()?;
    }
    Some(Outgoing {
        method: step.method,
        path: render_cow(&step.path, &session.values),
        headers,
        names_trace: step.headers.iter().any(|(name, _)| name == "traceparent"),
        body: step.body.as_ref().map(|body| render_cow(body, &session.values)),
        wants_body: looks_into_body(step),
        timeout: step.timeout,
    })
}

fn looks_into_body(step: &RequestStep) -> bool {
    !step.expect.checks.is_empty() || !step.save.is_empty()
}

/// Checks an answer and saves what later steps need. The body is parsed only when something looks into it.
fn assess(session: &mut Session, step: &RequestStep, answer: &Answer) -> Outcome {
    if !step.expect.status.contains(&answer.status) {
        return Outcome::Status(answer.status);
    }
    if !looks_into_body(step) {
        return Outcome::Ok;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else {
        return Outcome::Check;
    };
    for check in &step.expect.checks {
        if body.pointer(check.pointer.as_str()) != Some(&check.equals) {
            return Outcome::Check;
        }
    }
    for (variable, pointer) in &step.save {
        match body.pointer(pointer.as_str()) {
            None | Some(Value::Null) => return Outcome::Check,
            Some(value) => session.values[variable.index()] = VariableValue::from_json(value),
        }
    }
    Outcome::Ok
}

/// Begins to look for the status change before the request goes out: the event may precede the answer.
fn expect_feedback(session: &Session, step: &RequestStep) -> Option<u64> {
    let (event, realtime) = (step.feedback.as_ref()?, session.realtime.as_ref()?);
    let purpose = ExpectationPurpose {
        step: step.id,
        feedback: true,
    };
    let since = session.context.clock.now();
    let wanted = session.context.watched.wanted(event, &session.values);
    Some(realtime.with_inbox(|inbox| inbox.expect(wanted, purpose, since)))
}

/// The answer says that the change was committed; any other end says nothing, so nothing is expected.
fn resolve_feedback(
    session: &Session,
    step: &RequestStep,
    expectation: Option<u64>,
    outcome: Outcome,
    exchange: &Exchange,
) {
    match (&session.realtime, expectation) {
        (Some(realtime), Some(id)) if outcome.is_ok() => realtime.commit(id, exchange.done),
        (Some(realtime), Some(id)) => realtime.with_inbox(|inbox| inbox.cancel(id)),
        (None, _) if outcome.is_ok() && step.feedback.is_some() => {
            // The user has no socket, because none could be opened: what they should hear of cannot reach them.
            for (kind, at) in [
                (SeriesKind::RealtimeDelivery, exchange.done),
                (SeriesKind::Feedback, exchange.sent),
            ] {
                session.context.recorder.sample(Sample::Event(EventSample {
                    kind,
                    step: Some(step.id),
                    warm_up: session.warm_up,
                    at,
                    value_ns: None,
                }));
            }
        }
        _ => {}
    }
}

/// Keeps what later steps and the audit need to know of the request.
fn remember(
    session: &mut Session,
    step: &RequestStep,
    intended: Moment,
    exchange: &Exchange,
    outcome: Outcome,
) {
    let mut handed_in = None;
    if let Some(submission) = &step.submission {
        let acceptance = match outcome {
            Outcome::Ok => Some(Acceptance::Accepted),
            Outcome::Timeout | Outcome::Reset | Outcome::Protocol => Some(Acceptance::Unknown),
            // Refused, or never sent: there is nothing to lose.
            Outcome::Status(_)
            | Outcome::Check
            | Outcome::Connect
            | Outcome::Generator
            | Outcome::Dropped
            | Outcome::Unfinished => None,
        };
        if let Some(acceptance) = acceptance {
            let known = acceptance == Acceptance::Accepted;
            let reference = known.then(|| render(&submission.reference, &session.values));
            handed_in = reference
                .clone()
                .map(|reference| (submission.kind.clone(), reference));
            session
                .context
                .recorder
                .history(HistoryRecord::Submission(SubmissionRecord {
                    ticket: session.ticket,
                    warm_up: session.warm_up,
                    step: session.context.plan.step_name(step.id).to_owned(),
                    kind: submission.kind.clone(),
                    reference,
                    read_back: known.then(|| render(&submission.read_back, &session.values)),
                    acceptance,
                    intended_ns: intended.as_nanos(),
                    sent_ns: exchange.sent.as_nanos(),
                    answered_ns: exchange.done.as_nanos(),
                }));
        }
    }
    session.set_trigger(
        step.id,
        Trigger {
            intended,
            sent: exchange.sent,
            submission: handed_in,
        },
    );
}

/// Records a request that is cut off at the end of the drain: its task is dropped in the middle.
struct UnfinishedRequest {
    context: std::rc::Rc<super::Context>,
    sample: Option<RequestSample>,
}

impl UnfinishedRequest {
    fn new(session: &Session, step: StepId, intended: Moment) -> Self {
        let now = session.context.clock.now();
        let sample = RequestSample {
            step,
            ticket: session.ticket,
            warm_up: session.warm_up,
            intended,
            dispatched: now,
            sent: now,
            done: now,
            outcome: Outcome::Unfinished,
        };
        Self {
            context: session.context.clone(),
            sample: Some(sample),
        }
    }

    fn disarm(&mut self) {
        self.sample = None;
    }
}

impl Drop for UnfinishedRequest {
    fn drop(&mut self) {
        if let Some(sample) = self.sample.take() {
            self.context.recorder.sample(Sample::Request(sample));
        }
    }
}
