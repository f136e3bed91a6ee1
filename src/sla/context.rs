//! What the judge must know of the plan besides the criteria.

use std::time::Duration;

use jiff::civil::Date;

use crate::metrics::Evidence;
use crate::plan::{Executor, Journey, Limit, Load, Metric, Plan, Statistic, Step, StepInfo, TargetKind};

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
    /// What an executor with a fixed number of iterations sets out to do; `None` for all others.
    pub fixed_iterations: Option<FixedIterations>,
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
    /// Whether the target runs on the generator's own host, so that a stall of the host may be the target's doing.
    pub target_on_this_host: bool,
    /// The longest stretch of judged seconds in which the load is constant and nothing is done to the target, from the
    /// first to before the last: where its values should not drift. `None` when there is none.
    pub plateau: Option<(u32, u32)>,
    /// Faults that the scenario injects from the start of the load on, in words.
    pub faults_from_the_start: Vec<String>,
    /// The day (UTC) of the judgement, which decides what waivers hold: of a run the day it started, of a stored run
    /// that is judged again the day of that. `None`: nobody said, and no waiver holds.
    pub judged_on: Option<Date>,
}

/// A number of iterations, and who has how long for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedIterations {
    pub iterations: u64,
    pub vus: u32,
    /// How long iterations may begin.
    pub max_duration: Duration,
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
            peak_rate: peak_rate(&plan.load),
            fixed_iterations: fixed_iterations(&plan.load),
            iteration_healthy: Duration::try_from_secs_f64(busy.seconds).unwrap_or(Duration::MAX),
            awaits: busy.awaits,
            await_healthy: plan
                .classconnect
                .as_ref()
                .and_then(|mock| mock.longest_delivery)
                .map_or(busy.await_longest, |longest| longest.min(busy.await_longest)),
            submissions: busy.submissions,
            realtime_is_upper_bound: matches!(plan.target.kind, TargetKind::Remote(_)),
            target_on_this_host: plan.target.is_on_this_host(),
            plateau: plateau(plan),
            faults_from_the_start: plan.faults_from_the_start(),
            judged_on: None,
        }
    }

    /// The pool that the plan needs on a healthy target: Little's law at the peak rate, with three standard
    /// deviations of a Poisson number of users on top. The wait for a result is the delay that the mock injected, as
    /// measured, or else the longest one that a healthy target sees.
    pub fn pool_needed(&self, evidence: &Evidence) -> f64 {
        let users = self.peak_rate * self.iteration_s(evidence);
        users + 3.0 * users.sqrt()
    }

    /// How long the users need on a healthy target for a fixed number of iterations.
    pub fn time_needed(&self, fixed: FixedIterations, evidence: &Evidence) -> Duration {
        let of_each = fixed.iterations.div_ceil(u64::from(fixed.vus.max(1)));
        Duration::try_from_secs_f64(of_each as f64 * self.iteration_s(evidence)).unwrap_or(Duration::MAX)
    }

    /// How many seconds an iteration lasts on a healthy target, waits included.
    fn iteration_s(&self, evidence: &Evidence) -> f64 {
        let wait_s = evidence
            .hops
            .iter()
            .find(|hop| hop.injected && hop.count > 0)
            .map_or(self.await_healthy.as_secs_f64(), |hop| hop.p50_ms / 1e3);
        self.iteration_healthy.as_secs_f64() + self.awaits * wait_s
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
                // At once: they take as long as one of them.
                Step::Parallel { steps, .. } => self.add(steps, healthy, times),
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

/// Where the target should be steady. What a scenario does to its target changes it on purpose.
fn plateau(plan: &Plan) -> Option<(u32, u32)> {
    let (from, to) = plan.load.executor.plateau().filter(|_| plan.actions.is_empty())?;
    let from = from.max(plan.load.warm_up).as_secs_f64().ceil() as u32;
    let to = to.as_secs_f64() as u32;
    (from < to).then_some((from, to))
}

/// The rate of the part of the load that the run drives.
fn peak_rate(load: &Load) -> f64 {
    let whole = match &load.executor {
        Executor::ConstantArrivalRate { rate, .. } => rate.as_per_second(),
        Executor::RampingArrivalRate {
            start_rate, stages, ..
        } => stages
            .iter()
            .map(|stage| stage.target.as_per_second())
            .fold(start_rate.as_per_second(), f64::max),
        Executor::ConstantVus { .. }
        | Executor::RampingVus { .. }
        | Executor::PerVuIterations { .. }
        | Executor::SharedIterations { .. } => 0.0,
    };
    whole / load.partition.of() as f64
}

fn fixed_iterations(load: &Load) -> Option<FixedIterations> {
    Some(FixedIterations {
        iterations: load.executor.fixed_iterations(load.partition)?,
        vus: load.partition.share(load.max_vus),
        max_duration: load.executor.duration(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        Connections, Criteria, Database, DurationDistribution, JudgeMode, Load, Partition, ReferenceServer,
        Spacing, Stage, Target, ThinkStep, Variables,
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
                    answer_delay: Duration::ZERO,
                    error_rate: Ratio::ZERO,
                    poll_classconnect: false,
                    standby: None,
                }),
                version: "1".to_owned(),
                allow_hosts: Vec::new(),
                connect_timeout: Duration::from_secs(1),
                traceparent: crate::plan::Traceparent::default(),
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
                partition: Partition::WHOLE,
                calibrate: false,
            },
            actions: Vec::new(),
            rollback_action: None,
            journeys,
            steps: Vec::new(),
            users: None,
            variables: Variables::new(),
            criteria: Criteria {
                mode: JudgeMode::Observed,
                ..fixture::criteria()
            },
            capacity: None,
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
        assert_eq!(context.fixed_iterations, None);
        assert_eq!(context.plateau, None, "the rate changes all the time");
    }

    #[test]
    fn the_plateau_is_judged_and_nothing_is_done_to_the_target_in_it() {
        let mut plan = plan(vec![journey("only", 1, vec![think(4)])]);
        plan.load.executor = Executor::ConstantVus {
            vus: 10,
            duration: Duration::from_secs(400),
        };
        plan.load.warm_up = Duration::from_millis(20_500);
        assert_eq!(Context::of(&plan, None).plateau, Some((21, 400)));
        plan.load.warm_up = Duration::from_secs(400);
        assert_eq!(Context::of(&plan, None).plateau, None);
    }

    #[test]
    fn the_time_for_a_fixed_number_of_iterations_follows_from_what_each_user_has_to_do() {
        let mut plan = plan(vec![journey("only", 1, vec![think(4)])]);
        plan.load.max_vus = 10;
        plan.load.executor = Executor::SharedIterations {
            vus: 10,
            iterations: 101,
            max_duration: Duration::from_secs(60),
        };
        let context = Context::of(&plan, None);
        let fixed = context.fixed_iterations.unwrap();
        assert_eq!((fixed.iterations, fixed.vus), (101, 10));
        // One of the ten users has eleven iterations of 4 s.
        let needed = context.time_needed(fixed, &fixture::healthy().evidence);
        assert_eq!(needed, Duration::from_secs(44));
    }

    #[test]
    fn one_of_several_machines_needs_its_part_only() {
        let mut plan = plan(vec![journey("only", 1, vec![think(4)])]);
        plan.load.partition = Partition::try_new(1, 4).unwrap();
        assert_eq!(Context::of(&plan, None).peak_rate, 6.25);
        plan.load.max_vus = 10;
        plan.load.executor = Executor::PerVuIterations {
            vus: 10,
            iterations: 3,
            max_duration: Duration::from_secs(60),
        };
        let fixed = Context::of(&plan, None).fixed_iterations.unwrap();
        // Users 1, 5 and 9 of ten.
        assert_eq!((fixed.iterations, fixed.vus), (9, 3));
    }
}
