//! How many samples a whole run can bring at most: what bad events would have to be diluted by.

use crate::plan::{Condition, Metric, Plan, Step, StepId};

/// Standard deviations by which the mix of journeys may bring more samples than it does on average.
const SPREAD: f64 = 5.0;

/// Samples of `condition` that `users` bring at most when every one of them comes to the end of a journey; `None` when
/// only the run shows how many there are. Requests and results are counted: what follows from them, such as events and
/// deliveries, may come more often than once.
pub(super) fn samples_at_most(plan: &Plan, condition: &Condition, users: u64) -> Option<u64> {
    let counted = match condition.metric {
        Metric::ResponseTime | Metric::ErrorRate | Metric::Availability => Counted::Requests,
        Metric::ResultTurnaround | Metric::ServerTime => Counted::Results,
        _ => return None,
    };
    let count = Count {
        plan,
        counted,
        step: condition.step.as_deref(),
    };
    let weights: f64 = plan
        .journeys
        .iter()
        .map(|journey| f64::from(journey.weight))
        .sum();
    let (mut mean, mut of_squares) = (0.0, 0.0);
    for journey in &plan.journeys {
        let samples = count.of(&journey.steps);
        let share = f64::from(journey.weight) / weights.max(1.0);
        mean += share * samples;
        of_squares += share * samples * samples;
    }
    let users = users as f64;
    let variance = (of_squares - mean * mean).max(0.0);
    Some((users * mean + SPREAD * (users * variance).sqrt()).ceil() as u64)
}

/// Which steps leave a sample.
#[derive(Clone, Copy)]
enum Counted {
    Requests,
    Results,
}

struct Count<'a> {
    plan: &'a Plan,
    counted: Counted,
    /// Only what belongs to the step with this name.
    step: Option<&'a str>,
}

impl Count<'_> {
    fn of(&self, steps: &[Step]) -> f64 {
        steps.iter().map(|step| self.of_step(step)).sum()
    }

    fn of_step(&self, step: &Step) -> f64 {
        let counts = match (step, self.counted) {
            (Step::Request(request), Counted::Requests) => self.is_meant(request.id),
            // A result is asked for by the name of either end.
            (Step::Await(wait), Counted::Results) => self.is_meant(wait.id) || self.is_meant(wait.trigger),
            (Step::Repeat { times, steps } | Step::Parallel { times, steps }, _) => {
                return f64::from(*times) * self.of(steps);
            }
            _ => false,
        };
        // Who meets an error may send the same request once more, and each is a sample.
        let retries = matches!(self.counted, Counted::Requests)
            && self
                .plan
                .users
                .as_ref()
                .is_some_and(|users| users.retry.get() > 0.0);
        f64::from(u8::from(counts)) * if retries { 2.0 } else { 1.0 }
    }

    fn is_meant(&self, id: StepId) -> bool {
        self.step.is_none_or(|name| {
            self.plan
                .steps
                .get(id.index())
                .is_some_and(|info| info.name == name)
        })
    }
}
