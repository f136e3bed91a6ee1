//! One virtual user in one iteration: values, connections, and the moments later steps refer to.

use std::borrow::Cow;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use uuid::Uuid;

use super::StepFailure;
use super::context::Context;
use super::experience::SharedExperience;
use super::realtime::Realtime;
use super::render::VariableValue;
use crate::chance::Purpose;
use crate::clock::Moment;
use crate::metrics::Outcome;
use crate::plan::{Method, StepId, Variables};
use crate::protocol::{Answer, HeaderBlock, HttpConnection, HttpRequest, Stay};
use crate::traces::Trace;

/// Courses beside each other draw from ranges of their own, so that what one draws does not depend on how far the others
/// have got. No course draws so often.
const DRAWS_PER_COURSE: u64 = 1 << 16;

/// The state of one iteration.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) context: Rc<Context>,
    pub(super) ticket: u64,
    pub(super) warm_up: bool,
    pub(super) token: Option<String>,
    /// The `Authorization` header, or nothing when there is no token; `None` when the token cannot be sent.
    authorization: Option<HeaderBlock>,
    pub(super) values: Vec<VariableValue>,
    /// When the next step should begin: the scheduled arrival, then the end of the step before plus think time.
    pub(super) intended: Moment,
    pub(super) http: Option<HttpConnection>,
    pub(super) realtime: Option<Realtime>,
    /// At which of two servers this user is; `None` for a target with one.
    pub(super) stay: Option<Rc<Stay>>,
    /// The latest sending of each request step, for the steps that wait for its outcome.
    triggers: Vec<(StepId, Trigger)>,
    /// How many draws of each kind were taken: the n in (seed, ticket, purpose, n).
    pub(super) thinks: u64,
    idempotency_keys: u64,
    recordings: u64,
    /// The trace that the iteration's requests name; `None` = they name none.
    trace: Option<Trace>,
    /// Whether a request was begun in this iteration, for whoever accounts for its ticket.
    pub(super) has_requested: Rc<Cell<bool>>,
    /// What the user has been through; `None` without users with patience.
    experience: Option<SharedExperience>,
    /// Which of several courses at once this is, from 1; 0 = the only one.
    course: u32,
}

/// A request whose outcome is waited for.
#[derive(Debug, Clone)]
pub(super) struct Trigger {
    pub(super) intended: Moment,
    pub(super) sent: Moment,
    /// What was handed in: kind and reference.
    pub(super) submission: Option<(String, String)>,
}

/// A request as it goes out; what does not vary is borrowed from the plan.
#[derive(Debug)]
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    pub(super) path: Cow<'a, str>,
    /// The headers of this request alone.
    pub(super) headers: HeaderBlock,
    /// Whether those name a trace of their own.
    pub(super) names_trace: bool,
    /// A JSON text.
    pub(super) body: Option<Cow<'a, str>>,
    /// Whether the answer's body will be looked at.
    pub(super) wants_body: bool,
    pub(super) timeout: Duration,
}

/// How an exchange ended, with the moments that are measured.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) dispatched: Moment,
    pub(super) sent: Moment,
    pub(super) done: Moment,
    pub(super) result: Result<Answer, Outcome>,
}

impl Exchange {
    /// A request that a value of the target's made impossible: a failed check.
    pub(super) fn never_sent(now: Moment) -> Self {
        Self {
            dispatched: now,
            sent: now,
            done: now,
            result: Err(Outcome::Check),
        }
    }
}

impl Session {
    pub(crate) fn new(
        context: Rc<Context>,
        ticket: u64,
        intended: Moment,
        http: Option<HttpConnection>,
        has_requested: Rc<Cell<bool>>,
        experience: Option<SharedExperience>,
    ) -> Self {
        let values = built_in_values(&context, ticket);
        let token = context.identities.token(ticket);
        Self {
            ticket,
            warm_up: context.is_warm_up(intended),
            authorization: authorization(token.as_deref()),
            token,
            values,
            intended,
            http,
            realtime: None,
            stay: context.enter().map(Rc::new),
            triggers: Vec::new(),
            thinks: 0,
            idempotency_keys: 0,
            recordings: 0,
            trace: context.traces.map(|traces| traces.trace(ticket)),
            has_requested,
            experience,
            course: 0,
            context,
        }
    }

    /// Ends the iteration: waits for the last expected events, closes the realtime socket, gives back the connection.
    pub(crate) async fn finish(self) -> Option<HttpConnection> {
        if let Some(realtime) = self.realtime {
            let stale = realtime.finish().await;
            if let Some(experience) = self.experience {
                experience.borrow_mut().add_stale(stale);
            }
        }
        self.http
    }

    /// A course of steps beside others of the same user: with the same identity and values, but a connection of its
    /// own, and draws of its own.
    pub(super) fn branch(&self, course: u32) -> Session {
        let own = u64::from(course) * DRAWS_PER_COURSE;
        Session {
            context: Rc::clone(&self.context),
            ticket: self.ticket,
            warm_up: self.warm_up,
            token: None,
            authorization: self.authorization.clone(),
            values: self.values.clone(),
            intended: self.intended,
            http: None,
            realtime: None,
            stay: self.stay.clone(),
            triggers: Vec::new(),
            thinks: self.thinks + own,
            idempotency_keys: self.idempotency_keys + own,
            recordings: self.recordings + own,
            trace: self.trace.clone().map(|trace| trace.after(own)),
            has_requested: Rc::clone(&self.has_requested),
            experience: self.experience.clone(),
            course: course + 1,
        }
    }

    /// All courses have ended: the user goes on when the last of them has, and what they wait for from here on was
    /// triggered by the first sending of each request.
    pub(super) fn rejoin(&mut self, courses: Vec<Session>, times: u32) {
        let drawn = u64::from(times) * DRAWS_PER_COURSE;
        self.thinks += drawn;
        self.idempotency_keys += drawn;
        self.recordings += drawn;
        self.trace = self.trace.take().map(|trace| trace.after(drawn));
        let mut firsts: Vec<(StepId, Trigger)> = Vec::new();
        for course in courses {
            self.intended = self.intended.max(course.intended);
            for (step, trigger) in course.triggers {
                match firsts.iter_mut().find(|(id, _)| *id == step) {
                    Some((_, first)) if first.sent <= trigger.sent => {}
                    Some((_, first)) => *first = trigger,
                    None => firsts.push((step, trigger)),
                }
            }
        }
        for (step, trigger) in firsts {
            // What comes of several is not the result of one.
            let submission = None;
            self.set_trigger(
                step,
                Trigger {
                    submission,
                    ..trigger
                },
            );
        }
    }

    /// The key of the next request that has one.
    pub(super) fn next_idempotency_key(&mut self) -> Uuid {
        let n = self.idempotency_keys;
        self.idempotency_keys += 1;
        self.context.chance.uuid(self.ticket, Purpose::IdempotencyKey, n)
    }

    /// The value of the `traceparent` header of the next request; `None` when requests name no trace.
    pub(super) fn next_traceparent(&mut self) -> Option<&str> {
        self.trace.as_mut().map(Trace::next_traceparent)
    }

    /// Makes the next address of a recording: each rendering of `{{recording_url}}` is another recording.
    pub(super) fn next_recording(&mut self) {
        let url = self
            .context
            .identities
            .recording_url(self.ticket, self.recordings);
        self.values[Variables::RECORDING_URL.index()] = VariableValue::text(url);
        self.recordings += 1;
    }

    /// The user acts, or turns to a result that they wait for.
    pub(super) fn turn_to(&self, step: StepId) {
        if let Some(experience) = &self.experience {
            experience.borrow_mut().turn_to(step, self.intended);
        }
    }

    /// Whether the user tries once more after a request that ended so.
    pub(super) fn tries_again(&self, step: StepId, outcome: Outcome) -> bool {
        self.experience
            .as_ref()
            .is_some_and(|experience| experience.borrow().tries_again(step, outcome, self.course))
    }

    /// A request has ended for good: whether the journey goes on.
    pub(super) fn request_is_over(
        &self,
        step: StepId,
        since: Moment,
        outcome: Outcome,
        tried_again: bool,
    ) -> Result<(), StepFailure> {
        match &self.experience {
            Some(experience) => experience
                .borrow_mut()
                .request_is_over(step, since, outcome, tried_again),
            None if outcome.is_ok() => Ok(()),
            None => Err(StepFailure::Failed),
        }
    }

    /// A result was there at a moment, or did not come within its deadline: whether the journey goes on.
    pub(super) fn result_is_over(&self, step: StepId, received: Option<Moment>) -> Result<(), StepFailure> {
        match &self.experience {
            Some(experience) => experience.borrow_mut().result_is_over(step, received),
            None if received.is_some() => Ok(()),
            None => Err(StepFailure::Failed),
        }
    }

    /// The user pauses, or begins something anew.
    pub(super) fn pause(&self) {
        if let Some(experience) = &self.experience {
            experience.borrow_mut().pause();
        }
    }

    /// Several courses begin at once, which are one step of the user's.
    pub(super) fn begin_at_once(&self) {
        if let Some(experience) = &self.experience {
            experience.borrow_mut().begin_at_once();
        }
    }

    /// The courses have ended.
    pub(super) fn end_at_once(&self) {
        if let Some(experience) = &self.experience {
            experience.borrow_mut().end_at_once();
        }
    }

    pub(super) fn set_trigger(&mut self, step: StepId, trigger: Trigger) {
        match self.triggers.iter_mut().find(|(id, _)| *id == step) {
            Some((_, slot)) => *slot = trigger,
            None => self.triggers.push((step, trigger)),
        }
    }

    pub(super) fn trigger(&self, step: StepId) -> Option<&Trigger> {
        self.triggers
            .iter()
            .find(|(id, _)| *id == step)
            .map(|(_, trigger)| trigger)
    }

    /// Sends one request on the user's connection, which is opened when there is none, and reads the answer.
    pub(super) async fn exchange(&mut self, outgoing: Outgoing<'_>) -> Exchange {
        let clock = self.context.clock;
        let dispatched = clock.now();
        let timeout = outgoing.timeout;
        // Until the request is on its way, a failure is one of the connection.
        let mut sent = None;
        let result = tokio::time::timeout(timeout, self.send(outgoing, &mut sent)).await;
        let done = clock.now();
        let result = result.unwrap_or(Err(if sent.is_some() {
            Outcome::Timeout
        } else {
            Outcome::Connect
        }));
        if matches!(
            result,
            Err(Outcome::Timeout | Outcome::Reset | Outcome::Protocol | Outcome::Connect)
        ) {
            // What is still under way on this connection belongs to a request that was given up.
            self.http = None;
        }
        Exchange {
            dispatched,
            sent: sent.unwrap_or(done),
            done,
            result,
        }
    }

    async fn send(&mut self, outgoing: Outgoing<'_>, sent: &mut Option<Moment>) -> Result<Answer, Outcome> {
        let context = &self.context;
        if let Some(connection) = &mut self.http
            && !connection.is_open().await
        {
            self.http = None;
        }
        let connection = match &mut self.http {
            Some(connection) => connection,
            none => {
                let connector = context.http(self.stay.as_deref());
                let stream = connector.connect().await.map_err(|error| {
                    tracing::debug!(ticket = self.ticket, %error, "no connection");
                    error.outcome()
                })?;
                let opened = HttpConnection::open(stream, connector.http_version()).await;
                none.insert(opened.map_err(|error| error.outcome())?)
            }
        };
        let common = match outgoing.body {
            Some(_) => &context.headers.with_json,
            None => &context.headers.without_body,
        };
        // A header that a saved value made invalid is a failed check: the target gave us that value.
        let authorization = self.authorization.as_ref().ok_or(Outcome::Check)?;
        let traceparent = match &mut self.trace {
            Some(trace) if !outgoing.names_trace => Some(trace.next_traceparent()),
            _ => None,
        };
        let request = HttpRequest {
            method: method(outgoing.method),
            base_path: &context.base_path,
            path: &outgoing.path,
            headers: &[common, authorization, &outgoing.headers],
            traceparent,
            body: outgoing.body.as_deref().map(str::as_bytes),
            wants_body: outgoing.wants_body,
        };
        *sent = Some(context.clock.now());
        connection.send(&request).await.map_err(|error| {
            tracing::debug!(ticket = self.ticket, %error, "no answer");
            error.outcome()
        })
    }
}

/// The values that a user starts with. Only those that the plan's templates name are made: a practice text and an
/// identifier cost more than a small request.
fn built_in_values(context: &Context, ticket: u64) -> Vec<VariableValue> {
    let mut values = vec![VariableValue::default(); context.plan.variables.len()];
    for id in &context.built_ins {
        values[id.index()] = match *id {
            Variables::USER_ID => VariableValue::text(context.identities.user_id(ticket).to_string()),
            Variables::TICKET => VariableValue::number(ticket),
            Variables::TRANSCRIPT => VariableValue::text(context.identities.transcript(ticket)),
            Variables::REPETITION => VariableValue::number(0),
            // Made anew for each request that names it.
            _ => VariableValue::default(),
        };
    }
    values
}

fn authorization(token: Option<&str>) -> Option<HeaderBlock> {
    let mut header = HeaderBlock::default();
    if let Some(token) = token {
        header.push("authorization", &format!("Bearer {token}")).ok()?;
    }
    Some(header)
}

fn method(method: Method) -> &'static http::Method {
    match method {
        Method::Get => &http::Method::GET,
        Method::Post => &http::Method::POST,
        Method::Put => &http::Method::PUT,
        Method::Patch => &http::Method::PATCH,
        Method::Delete => &http::Method::DELETE,
    }
}
