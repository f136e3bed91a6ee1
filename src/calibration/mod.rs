//! How fast the generator is by itself: the load path of a run, driven for a moment against a server in the same process
//! that answers at once. What is measured there is the floor of the instrument: no target can be seen to be faster.
//!
//! Nothing here starts a thread; the run does, with the same workers as for its load.

mod echo;

use std::time::Duration;

use hdrhistogram::Histogram;

pub use echo::serve;

use crate::metrics::{Calibration, Sample};
use crate::plan::{
    Connections, Criteria, Executor, Expect, Journey, Load, Method, Partition, Plan, RequestStep, Spacing,
    Step, StepId, StepInfo, StepKind, Template, Variables,
};
use crate::units::Rate;

/// How much faster than the plan's busiest moment it goes: what holds here has some reserve there.
const RESERVE: f64 = 1.2;
/// How long it takes: enough for a p99 of a hundred samples, and hardly noticed before a run.
const WARM_UP: Duration = Duration::from_millis(200);
const MEASURED: Duration = Duration::from_millis(1_000);
/// Answers that are later than this are not worth waiting for.
const DRAIN: Duration = Duration::from_millis(500);
/// Fewer requests per second do not make a p99, more do not fit into the time that it takes to set them up.
const REQUESTS_PER_S: (f64, f64) = (100.0, 20_000.0);
/// Most requests of one connection, as far as the plan's users make so many.
const REQUESTS_EACH_MAX: f64 = 50.0;
/// Users at once: each has a descriptor here and one in the server, which are the same process's.
pub const USERS_MAX: u32 = 64;
/// Longest time that is told apart, in microseconds: a minute.
const TIME_US_MAX: u64 = 60_000_000;

/// A plan that drives the same kind of load as `plan` at its busiest, with requests to one path that answers at once.
/// `arrivals_per_s` are the new users of that moment. `None` when there is no such load.
pub fn plan(plan: &Plan, arrivals_per_s: f64) -> Option<Plan> {
    let each = requests_of_a_user(plan).round().clamp(1.0, REQUESTS_EACH_MAX);
    let (least, most) = REQUESTS_PER_S;
    let requests_per_s = (arrivals_per_s * each * RESERVE).clamp(least, most);
    let rate = Rate::per_second(requests_per_s / each).ok()?;
    let request = RequestStep {
        id: StepId(0),
        method: Method::Get,
        path: Template::literal("/"),
        headers: Vec::new(),
        body: None,
        idempotency_key: false,
        expect: Expect {
            status: vec![200],
            checks: Vec::new(),
        },
        save: Vec::new(),
        timeout: MEASURED,
        feedback: None,
        submission: None,
    };
    let repeated = Step::Repeat {
        times: each as u32,
        steps: vec![Step::Request(Box::new(request))],
    };
    let workers = plan.load.workers.clamp(1, USERS_MAX as u16);
    Some(Plan {
        classconnect: None,
        load: Load {
            executor: Executor::ConstantArrivalRate {
                rate,
                duration: WARM_UP + MEASURED,
                spacing: Spacing::Even,
            },
            max_vus: USERS_MAX,
            connections: Connections::PerIteration,
            warm_up: WARM_UP,
            drain: DRAIN,
            workers,
            partition: Partition::WHOLE,
            ..plan.load.clone()
        },
        actions: Vec::new(),
        journeys: vec![Journey {
            name: "calibration".to_owned(),
            weight: 1,
            steps: vec![repeated],
            first_request: StepId(0),
        }],
        steps: vec![StepInfo {
            name: "calibration".to_owned(),
            kind: StepKind::Request,
            journey: "calibration".to_owned(),
            first_request: true,
        }],
        variables: Variables::new(),
        criteria: Criteria {
            targets: Vec::new(),
            waivers: Vec::new(),
            alerts: None,
            rollback: None,
            ..plan.criteria.clone()
        },
        capacity: None,
        ..plan.clone()
    })
}

/// Requests of one user, averaged over the journeys by their weights. A subscription counts as one.
fn requests_of_a_user(plan: &Plan) -> f64 {
    fn requests(steps: &[Step]) -> f64 {
        let of_step = |step: &Step| match step {
            Step::Request(_) | Step::Subscribe(_) => 1.0,
            Step::Await(_) | Step::Think(_) => 0.0,
            Step::Repeat { times, steps } | Step::Parallel { times, steps } => {
                f64::from(*times) * requests(steps)
            }
        };
        steps.iter().map(of_step).sum()
    }
    let weight = |journey: &Journey| f64::from(journey.weight);
    let journeys = plan.journeys.iter();
    let weighted: f64 = journeys
        .map(|journey| weight(journey) * requests(&journey.steps))
        .sum();
    weighted / plan.journeys.iter().map(weight).sum::<f64>().max(1.0)
}

/// Requests per second that a plan made by [`plan`] is to bring.
fn planned_per_s(plan: &Plan) -> f64 {
    match &plan.load.executor {
        Executor::ConstantArrivalRate { rate, .. } => rate.as_per_second() * requests_of_a_user(plan),
        Executor::RampingArrivalRate { .. }
        | Executor::ConstantVus { .. }
        | Executor::RampingVus { .. }
        | Executor::PerVuIterations { .. }
        | Executor::SharedIterations { .. } => 0.0,
    }
}

/// Counts what comes in.
#[derive(Debug)]
pub struct Tally {
    planned_per_s: f64,
    /// Response times, microseconds.
    times: Histogram<u64>,
    failed: u64,
}

impl Tally {
    /// Of a plan made by [`plan`].
    #[expect(
        clippy::expect_used,
        reason = "the bounds are constants that HdrHistogram accepts"
    )]
    pub fn new(plan: &Plan) -> Self {
        Self {
            planned_per_s: planned_per_s(plan),
            times: Histogram::new_with_bounds(1, TIME_US_MAX, 3).expect("valid constant bounds"),
            failed: 0,
        }
    }

    /// Takes in a sample.
    pub fn take(&mut self, sample: &Sample) {
        let Sample::Request(request) = sample else {
            return;
        };
        if request.warm_up {
            return;
        }
        if request.outcome.is_ok() {
            let time = request.done.since(request.intended);
            self.times
                .saturating_record(u64::try_from(time.as_micros()).unwrap_or(TIME_US_MAX));
        } else {
            self.failed += 1;
        }
    }

    /// What was found; `None` when nothing came back at all.
    pub fn finish(&self) -> Option<Calibration> {
        let at = |quantile: f64| self.times.value_at_quantile(quantile) as f64 / 1e3;
        (!self.times.is_empty()).then(|| Calibration {
            planned_per_s: self.planned_per_s,
            achieved_per_s: self.times.len() as f64 / MEASURED.as_secs_f64(),
            samples: self.times.len(),
            failed: self.failed,
            p50_ms: at(0.5),
            p99_ms: at(0.99),
        })
    }
}

#[cfg(test)]
mod tests;
