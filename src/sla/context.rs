//! What the judge must know of the plan besides the criteria.

use std::time::Duration;

use crate::metrics::Evidence;
use crate::plan::{Executor, Journey, Limit, Metric, Plan, Statistic, Step, StepInfo, TargetKind};

/// Response time that a request is taken to have on a healthy target when the criteria do not say.
const HEALTHY_RESPONSE: Duration = Duration::from_millis(150);

/// The plan's facts that decide what the evidence means. It can be stored with the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    /// Every measured step, indexed by its identifier.
    pub steps: Vec<StepInfo>,
    /// Arrivals that the schedule holds from the start to the end of the load (the planned end, or the moment it was
    /// stopped); `None` for closed models.
    pub arrivals_planned: Option<u64>,
    /// Highest planned rate of arrivals per second; 0 for closed models.
    pub peak_rate: f64,
    /// How long an iteration lasts on a healthy target, without the results it waits for: think times, and requests
    /// at their own limit.
    pub iteration_healthy: Duration,
    /// Results that an iteration waits for, on average.
    pub awaits: f64,
    /// How long one such wait lasts on a healthy target at most, for when no delay was measured: the mock's longest
    /// delivery, or the longest wait that the plan allows.
    pub await_healthy: Duration,
    /// Whether iterations submit work that the audit must find again.
    pub submissions: bool,
    /// Whether `realtime_latency` is an upper bound only, because the target's clock is not known well enough. An
    /// upper bound may pass a target, never fail it.
    pub realtime_is_upper_bound: bool,
}

impl Context {
    /// The context of a plan. `arrivals_planned` is counted by whoever holds the schedule.
    pub fn of(plan: &Plan, arrivals_planned: Option<u64>) -> Self {
        let weights: f64 = plan
            .journeys
            .iter()
            .map(|journey| f64::from(journey.weight))
            .sum();
        let share = |journey: &Journey| f64::from(journey.weight) / weights.max(1.0);
        let healthy = healthy_response(plan);
        let mut busy = Busy::default();
        for journey in &plan.journeys {
            let mut one = Busy::default();
            one.add(&journey.steps, healthy, 1.0);
            busy.seconds += one.seconds * share(journey);
            busy.awaits += one.awaits * share(journey);
            busy.await_longest = busy.await_longest.max(one.await_longest);
            busy.submissions |= one.submissions;
        }
        Self {
            steps: plan.steps.clone(),
            arrivals_planned,
            peak_rate: peak_rate(&plan.load.executor),
            iteration_healthy: Duration::try_from_secs_f64(busy.seconds).unwrap_or(Duration::MAX),
            awaits: busy.awaits,
            await_healthy: plan
                .classconnect
                .as_ref()
                .and_then(|mock| mock.longest_delivery)
                .map_or(busy.await_longest, |longest| longest.min(busy.await_longest)),
            submissions: busy.submissions,
            realtime_is_upper_bound: matches!(plan.target.kind, TargetKind::Remote(_)),
        }
    }

    /// The pool that the plan needs on a healthy target: Little's law at the peak rate, with three standard
    /// deviations of a Poisson number of users on top. The wait for a result is the delay that the mock injected, as
    /// measured, or else the longest one that a healthy target sees.
    pub fn pool_needed(&self, evidence: &Evidence) -> f64 {
        let wait_s = evidence
            .hops
            .iter()
            .find(|hop| hop.injected && hop.count > 0)
            .map_or(self.await_healthy.as_secs_f64(), |hop| hop.p50_ms / 1e3);
        let users = self.peak_rate * (self.iteration_healthy.as_secs_f64() + self.awaits * wait_s);
        users + 3.0 * users.sqrt()
    }
}

/// What a user's steps add up to.
#[derive(Default)]
struct Busy {
    seconds: f64,
    awaits: f64,
    await_longest: Duration,
    submissions: bool,
}

impl Busy {
    fn add(&mut self, steps: &[Step], healthy: Duration, times: f64) {
        for step in steps {
            match step {
                Step::Request(request) => {
                    self.seconds += healthy.as_secs_f64() * times;
                    self.submissions |= request.submission.is_some();
                }
                Step::Subscribe(_) => self.seconds += healthy.as_secs_f64() * times,
                Step::Await(wait) => {
                    self.awaits += times;
                    self.await_longest = self.await_longest.max(wait.timeout);
                }
                Step::Think(think) => self.seconds += think.duration.mean().as_secs_f64() * times,
                Step::Repeat { times: inner, steps } => self.add(steps, healthy, times * f64::from(*inner)),
            }
        }
    }
}

/// The response-time limit over all steps, which a healthy target keeps by definition.
fn healthy_response(plan: &Plan) -> Duration {
    plan.criteria
        .targets
        .iter()
        .filter(|target| target.metric == Metric::ResponseTime && target.step.is_none())
        .filter(|target| matches!(target.statistic, Statistic::Quantile(_) | Statistic::Mean))
        .find_map(|target| match target.limit {
            Limit::Time(limit) => Some(limit),
            Limit::Ratio(_) | Limit::PerSecond(_) => None,
        })
        .unwrap_or(HEALTHY_RESPONSE)
}

fn peak_rate(executor: &Executor) -> f64 {
    match executor {
        Executor::ConstantArrivalRate { rate, .. } => rate.as_per_second(),
        Executor::RampingArrivalRate {
            start_rate, stages, ..
        } => stages
            .iter()
            .map(|stage| stage.target.as_per_second())
            .fold(start_rate.as_per_second(), f64::max),
        Executor::ConstantVus { .. } | Executor::RampingVus { .. } => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        Architecture, Connections, Criteria, Database, DurationDistribution, JudgeMode, Load,
        ReferenceServer, Spacing, Stage, Target, ThinkStep, Variables,
    };
    use crate::sla::fixture;
    use crate::units::{Rate, Ratio};

    fn think(seconds: u64) -> Step {
        Step::Think(ThinkStep {
            duration: DurationDistribution::Fixed(Duration::from_secs(seconds)),
        })
    }

    fn journey(name: &str, weight: u32, steps: Vec<Step>) -> Journey {
        Journey {
            name: name.to_owned(),
            weight,
            steps,
            first_request: crate::plan::StepId(0),
        }
    }

    fn plan(journeys: Vec<Journey>) -> Plan {
        let rate = |value| Rate::per_second(value).unwrap();
        Plan {
            name: "test".to_owned(),
            description: String::new(),
            seed: 1,
            target: Target {
                kind: TargetKind::Reference(ReferenceServer {
                    database: Database::Sqlite,
                    architecture: Architecture::Direct,
                    answer_delay: Duration::ZERO,
                    error_rate: Ratio::ZERO,
                    poll_classconnect: false,
                }),
                version: "1".to_owned(),
                allow_hosts: Vec::new(),
                connect_timeout: Duration::from_secs(1),
            },
            classconnect: None,
            load: Load {
                executor: Executor::RampingArrivalRate {
                    start_rate: rate(1.0),
                    stages: vec![
                        Stage {
                            target: rate(25.0),
                            duration: Duration::from_secs(10),
                        },
                        Stage {
                            target: rate(0.0),
                            duration: Duration::from_secs(10),
                        },
                    ],
                    spacing: Spacing::Even,
                },
                max_vus: 100,
                connections: Connections::PerIteration,
                warm_up: Duration::ZERO,
                drain: Duration::from_secs(10),
                workers: 1,
            },
            journeys,
            steps: Vec::new(),
            variables: Variables::new(),
            criteria: Criteria {
                mode: JudgeMode::Observed,
                ..fixture::criteria()
            },
        }
    }

    #[test]
    fn the_pool_follows_from_the_peak_rate_and_the_time_users_stay() {
        let repeated = Step::Repeat {
            times: 2,
            steps: vec![think(1)],
        };
        let plan = plan(vec![
            journey("short", 3, vec![repeated]),
            journey("long", 1, vec![think(10)]),
        ]);
        let context = Context::of(&plan, Some(250));
        assert_eq!(context.peak_rate, 25.0);
        // Three of four users stay for 2 s, one for 10 s: 4 s on average, 100 users at the peak, and three standard
        // deviations more.
        assert_eq!(context.iteration_healthy, Duration::from_secs(4));
        assert_eq!(context.pool_needed(&fixture::healthy().evidence), 130.0);
        assert!(!context.submissions && !context.realtime_is_upper_bound);
    }
}
