//! One iteration of a virtual user: the steps of a journey, in order, and the count of how it ended.

use std::rc::Rc;

use crate::chance::Purpose;
use crate::clock::Moment;
use crate::metrics::{Outcome, Recorder, RequestSample, Sample};
use crate::plan::{Connections, Journey};
use crate::protocol::HttpConnection;
use crate::step::{Context, Session, run_steps};

/// A virtual user between iterations: what they keep is their connection, and only if the plan says so.
#[derive(Debug, Default)]
pub struct VirtualUser {
    http: Option<HttpConnection>,
}

impl VirtualUser {
    /// Runs the iteration of a ticket that was due at `intended`.
    pub async fn iterate(&mut self, context: Rc<Context>, ticket: u64, intended: Moment) {
        let mut unfinished = UnfinishedIteration::begin(context.recorder.clone());
        let plan = context.plan.clone();
        let Some(journey) = journey_of(&context, ticket) else {
            return;
        };
        let mut session = Session::new(Rc::clone(&context), ticket, intended, self.http.take());
        let result = run_steps(&mut session, &journey.steps).await;
        let http = session.finish().await;
        if plan.load.connections == Connections::PerVirtualUser {
            self.http = http;
        }
        unfinished.end(result.is_ok());
    }
}

/// Counts and records an arrival that found no free virtual user: one bad event of the journey's first request.
pub fn drop_arrival(context: &Context, ticket: u64, intended: Moment) {
    context.recorder.iterations(|iterations| iterations.dropped += 1);
    if let Some(journey) = journey_of(context, ticket) {
        context.recorder.sample(Sample::Request(RequestSample {
            step: journey.first_request,
            ticket,
            warm_up: context.is_warm_up(intended),
            intended,
            dispatched: context.clock.now(),
            sent: context.clock.now(),
            done: context.clock.now(),
            outcome: Outcome::Dropped,
        }));
    }
}

/// The journey of a ticket, drawn by weight.
fn journey_of(context: &Context, ticket: u64) -> Option<&Journey> {
    let journeys = &context.plan.journeys;
    let total: u64 = journeys.iter().map(|journey| u64::from(journey.weight)).sum();
    let mut drawn = context
        .chance
        .bits(ticket, Purpose::Journey, 0)
        .checked_rem(total)?;
    journeys.iter().find(|journey| {
        let weight = u64::from(journey.weight);
        let chosen = drawn < weight;
        drawn = drawn.saturating_sub(weight);
        chosen
    })
}

/// Counts an iteration as unfinished when its task is dropped before it ended.
struct UnfinishedIteration {
    recorder: Recorder,
    ended: bool,
}

impl UnfinishedIteration {
    fn begin(recorder: Recorder) -> Self {
        recorder.iterations(|iterations| iterations.started += 1);
        Self {
            recorder,
            ended: false,
        }
    }

    fn end(&mut self, succeeded: bool) {
        self.ended = true;
        self.recorder.iterations(|iterations| {
            if succeeded {
                iterations.succeeded += 1;
            } else {
                iterations.failed += 1;
            }
        });
    }
}

impl Drop for UnfinishedIteration {
    fn drop(&mut self) {
        if !self.ended {
            self.recorder.iterations(|iterations| iterations.unfinished += 1);
        }
    }
}
