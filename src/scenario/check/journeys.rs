//! What one user does on average.

use std::collections::HashMap;
use std::time::Duration;

use crate::plan::{Plan, Step, StepId, StepKind};

/// What one user does, averaged over the journeys by their weights.
pub(super) struct Averages {
    /// How often a user takes each step, by its identifier.
    pub(super) visits: Vec<f64>,
    /// How often a user hands work in.
    pub(super) submissions: f64,
    /// Steps that expect an event: how often a user takes each.
    pub(super) feedback: HashMap<StepId, f64>,
    /// The wait that a request triggers, and the request that a wait depends on.
    pub(super) waits: Vec<(StepId, StepId)>,
    /// Mean think times and mean delays of results.
    pub(super) time: Duration,
    /// Mean delays of results alone.
    pub(super) waiting: Duration,
    /// Waits whose results have no known delay.
    pub(super) guessed_waits: usize,
}

impl Averages {
    pub(super) fn of(plan: &Plan) -> Self {
        let weights: f64 = plan
            .journeys
            .iter()
            .map(|journey| f64::from(journey.weight))
            .sum();
        let mut averages = Self {
            visits: vec![0.0; plan.steps.len()],
            submissions: 0.0,
            feedback: HashMap::new(),
            waits: Vec::new(),
            time: Duration::ZERO,
            waiting: Duration::ZERO,
            guessed_waits: 0,
        };
        for journey in &plan.journeys {
            let mut kinds = HashMap::new();
            averages.add(
                &journey.steps,
                f64::from(journey.weight) / weights,
                plan,
                &mut kinds,
            );
        }
        averages
    }

    /// Adds steps that are taken `times` times by the average user. `kinds` holds the job that each request hands in.
    fn add<'p>(
        &mut self,
        steps: &'p [Step],
        times: f64,
        plan: &'p Plan,
        kinds: &mut HashMap<StepId, &'p str>,
    ) {
        for step in steps {
            match step {
                Step::Request(request) => {
                    self.visit(request.id, times);
                    if request.feedback.is_some() {
                        *self.feedback.entry(request.id).or_default() += times;
                    }
                    if let Some(submission) = &request.submission {
                        self.submissions += times;
                        kinds.insert(request.id, submission.kind.as_str());
                    }
                }
                Step::Subscribe(subscribe) => self.visit(subscribe.id, times),
                Step::Await(wait) => {
                    self.visit(wait.id, times);
                    self.waits.push((wait.trigger, wait.id));
                    let mean = kinds.get(&wait.trigger).and_then(|kind| {
                        let mock = plan.classconnect.as_ref()?;
                        mock.mean_delays.get(*kind).copied()
                    });
                    self.guessed_waits += usize::from(mean.is_none());
                    let waited = mean.unwrap_or(wait.timeout).mul_f64(times);
                    self.time += waited;
                    self.waiting += waited;
                }
                Step::Think(think) => self.time += think.duration.mean().mul_f64(times),
                Step::Repeat {
                    times: repeats,
                    steps,
                } => {
                    self.add(steps, times * f64::from(*repeats), plan, kinds);
                }
                Step::Parallel {
                    times: courses,
                    steps,
                } => {
                    let before = self.time;
                    self.add(steps, times * f64::from(*courses), plan, kinds);
                    // At once: they take as long as one of them.
                    self.time = before + (self.time - before) / *courses;
                }
            }
        }
    }

    fn visit(&mut self, id: StepId, times: f64) {
        if let Some(visits) = self.visits.get_mut(id.index()) {
            *visits += times;
        }
    }

    /// How often a user takes a step.
    pub(super) fn visits_of(&self, id: StepId) -> f64 {
        self.visits.get(id.index()).copied().unwrap_or(0.0)
    }

    /// Requests of one user.
    pub(super) fn requests(&self, plan: &Plan) -> f64 {
        self.visits_of_kind(plan, StepKind::Request)
    }

    /// Waits of one user.
    pub(super) fn results(&self, plan: &Plan) -> f64 {
        self.visits_of_kind(plan, StepKind::Await)
    }

    fn visits_of_kind(&self, plan: &Plan, kind: StepKind) -> f64 {
        let of_kind = plan
            .steps
            .iter()
            .zip(&self.visits)
            .filter(|(step, _)| step.kind == kind);
        of_kind.map(|(_, visits)| visits).sum()
    }
}
