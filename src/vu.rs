//! One iteration of a virtual user: the steps of a journey, in order, and the count of how it ended.

use std::cell::Cell;
use std::rc::Rc;

use crate::chance::Purpose;
use crate::clock::Moment;
use crate::metrics::{Outcome, RequestSample, Sample, SessionEnd};
use crate::plan::{Connections, Journey};
use crate::protocol::HttpConnection;
use crate::step::{Context, Experience, Session, SharedExperience, StepFailure, run_steps};

/// A virtual user between iterations: what they keep is their connection, and only if the plan says so.
#[derive(Debug, Default)]
pub struct VirtualUser {
    http: Option<HttpConnection>,
}

impl VirtualUser {
    /// Runs an iteration to its end.
    pub async fn iterate(&mut self, mut iteration: Iteration) {
        let context = Rc::clone(&iteration.context);
        let Some(journey) = journey_of(&context, iteration.ticket) else {
            return;
        };
        let mut session = Session::new(
            Rc::clone(&context),
            iteration.ticket,
            iteration.intended,
            self.http.take(),
            Rc::clone(&iteration.has_requested),
            iteration.experience.clone(),
        );
        let result = run_steps(&mut session, &journey.steps).await;
        if let Some(experience) = &iteration.experience {
            experience.borrow_mut().steps_are_over();
        }
        let http = session.finish().await;
        if context.plan.load.connections == Connections::PerVirtualUser {
            self.http = http;
        }
        iteration.end(result);
    }
}

/// Counts and records an arrival that found no free virtual user: one bad event of the journey's first request.
pub fn drop_arrival(context: &Context, ticket: u64, intended: Moment) {
    context.recorder.iterations(|iterations| iterations.dropped += 1);
    charge_first_request(context, ticket, intended, Outcome::Dropped);
}

/// Records one bad event of the journey's first request, for a ticket that never got to send it.
fn charge_first_request(context: &Context, ticket: u64, intended: Moment, outcome: Outcome) {
    let now = context.clock.now();
    if let Some(journey) = journey_of(context, ticket) {
        context.recorder.sample(Sample::Request(RequestSample {
            step: journey.first_request,
            ticket,
            warm_up: context.is_warm_up(intended),
            intended,
            dispatched: now,
            sent: now,
            done: now,
            outcome,
        }));
    }
}

/// The journey of a ticket.
fn journey_of(context: &Context, ticket: u64) -> Option<&Journey> {
    context.plan.journeys.get(journey_place(context, ticket)?)
}

/// The place of a ticket's journey in the plan, drawn by weight.
fn journey_place(context: &Context, ticket: u64) -> Option<usize> {
    let journeys = &context.plan.journeys;
    let total: u64 = journeys.iter().map(|journey| u64::from(journey.weight)).sum();
    let mut drawn = context
        .chance
        .bits(ticket, Purpose::Journey, 0)
        .checked_rem(total)?;
    journeys.iter().position(|journey| {
        let weight = u64::from(journey.weight);
        let chosen = drawn < weight;
        drawn = drawn.saturating_sub(weight);
        chosen
    })
}

/// The iteration of a ticket, from the moment the ticket is taken: it is counted as started, and when its task is
/// dropped before it ended, or before it ran at all, as unfinished.
#[derive(Debug)]
pub struct Iteration {
    context: Rc<Context>,
    ticket: u64,
    intended: Moment,
    /// Whether a request was begun: its own sample then says how it ended.
    has_requested: Rc<Cell<bool>>,
    /// What its user goes through; `None` without users with patience.
    experience: Option<SharedExperience>,
    has_ended: bool,
}

impl Iteration {
    /// Begins the iteration of a ticket that was due at `intended`.
    pub fn begin(context: Rc<Context>, ticket: u64, intended: Moment) -> Self {
        context.recorder.iterations(|iterations| iterations.started += 1);
        let experience = match &context.plan.users {
            Some(_) => journey_place(&context, ticket)
                .map(|journey| Experience::begin(&context, ticket, journey, intended)),
            None => None,
        };
        Self {
            experience,
            context,
            ticket,
            intended,
            has_requested: Rc::default(),
            has_ended: false,
        }
    }

    fn end(&mut self, result: Result<(), StepFailure>) {
        self.has_ended = true;
        self.conclude(match result {
            Ok(()) => SessionEnd::Reached,
            Err(StepFailure::Failed) => SessionEnd::Failed,
            // The user knows why they left.
            Err(StepFailure::Left) => SessionEnd::LeftAfterError,
        });
    }

    /// Counts the iteration as ended, and says so to its user.
    fn conclude(&self, end: SessionEnd) {
        let end = match &self.experience {
            Some(experience) => experience.borrow_mut().conclude(end),
            None => end,
        };
        self.context.recorder.iterations(|iterations| {
            let counter = match end {
                SessionEnd::Reached => &mut iterations.succeeded,
                SessionEnd::LeftWaiting | SessionEnd::LeftAfterError => &mut iterations.abandoned,
                SessionEnd::Failed => &mut iterations.failed,
                SessionEnd::Unfinished => &mut iterations.unfinished,
            };
            *counter += 1;
        });
    }
}

impl Drop for Iteration {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        self.conclude(SessionEnd::Unfinished);
        if !self.has_requested.get() {
            // A ticket that was due never just vanishes.
            charge_first_request(&self.context, self.ticket, self.intended, Outcome::Unfinished);
        }
    }
}
