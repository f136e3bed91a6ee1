//! When a run is ended early, and when it must not be.

use std::time::Duration;

use super::*;
use crate::clock::Moment;
use crate::metrics::{SeriesKind, Thresholds};
use crate::plan::{
    AwaitStep, Comparator, Connections, Database, EventMatch, Executor, Expect, Journey, Load, Method,
    Partition, ReferenceServer, RequestStep, Spacing, Step, StepId, StepKind, Target, Template, Variables,
    Waiver,
};
use crate::sla::fixture::{criteria, share, step, time};
use crate::units::{Rate, Ratio};

const USERS_PER_S: u64 = 10;
const WARM_UP_S: u64 = 10;
const LOAD_S: u64 = 310;

fn request(id: u16) -> Step {
    Step::Request(Box::new(RequestStep {
        id: StepId(id),
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
        timeout: Duration::from_secs(10),
        feedback: None,
        submission: None,
    }))
}

fn wait(id: u16, trigger: u16) -> Step {
    Step::Await(Box::new(AwaitStep {
        id: StepId(id),
        event: EventMatch {
            table: "results".to_owned(),
            columns: Vec::new(),
        },
        trigger: StepId(trigger),
        timeout: Duration::from_secs(10),
        fallback: None,
    }))
}

fn journey(name: &str, weight: u32, steps: Vec<Step>) -> Journey {
    Journey {
        name: name.to_owned(),
        weight,
        steps,
        first_request: StepId(0),
    }
}

/// Ten users a second for five minutes after the warm-up, of two requests and two results each.
fn plan(mode: JudgeMode, targets: Vec<Condition>) -> Plan {
    let twice = Step::Repeat {
        times: 2,
        steps: vec![request(0), wait(1, 0)],
    };
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
            executor: Executor::ConstantArrivalRate {
                rate: Rate::per_second(USERS_PER_S as f64).unwrap(),
                duration: Duration::from_secs(LOAD_S),
                spacing: Spacing::Even,
            },
            max_vus: 100,
            connections: Connections::PerIteration,
            warm_up: Duration::from_secs(WARM_UP_S),
            drain: Duration::from_secs(10),
            workers: 1,
            partition: Partition::WHOLE,
            calibrate: false,
        },
        actions: Vec::new(),
        journeys: vec![journey("only", 1, vec![twice])],
        steps: vec![
            step("submit", StepKind::Request, true),
            step("result", StepKind::Await, false),
        ],
        variables: Variables::new(),
        users: None,
        rollback_action: None,
        criteria: Criteria {
            mode,
            early_stop: true,
            targets,
            ..criteria()
        },
        capacity: None,
    }
}

const USERS: Option<u64> = Some(USERS_PER_S * (LOAD_S - WARM_UP_S));

/// Adds what a second brings: twenty requests, of which so many fail.
fn add_second(measurements: &mut Measurements, second: u64, failed: u64) {
    let warm_up = second < WARM_UP_S;
    for (value_ns, count) in [(Some(20_000_000), 2 * USERS_PER_S - failed), (None, failed)] {
        measurements.add_many(
            SeriesKind::Response,
            Some(StepId(0)),
            warm_up,
            second as u32,
            value_ns,
            count,
        );
    }
}

/// Goes through a run second by second until it is ended; `failed` of the twenty requests of each second fail.
fn ended(plan: &Plan, users: Option<u64>, failed: impl Fn(u64) -> u64) -> Option<EarlyStop> {
    let watch = EarlyStopWatch::of(plan, users).unwrap();
    let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&plan.criteria));
    (0..LOAD_S).find_map(|second| {
        add_second(&mut measurements, second, failed(second));
        watch.tick(&measurements, second as u32)
    })
}

fn errors_below_one_percent() -> Vec<Condition> {
    vec![share(Metric::ErrorRate, Comparator::Less, 1.0)]
}

#[test]
fn a_run_without_failures_goes_on_to_its_end() {
    for mode in [JudgeMode::Certified, JudgeMode::Observed] {
        let plan = plan(mode, criteria().targets);
        assert_eq!(ended(&plan, USERS, |_| 0), None);
        // Failures within the budget.
        let plan = self::plan(mode, errors_below_one_percent());
        let few = |second: u64| u64::from(second.is_multiple_of(20));
        assert_eq!(ended(&plan, USERS, few), None);
    }
}

#[test]
fn more_failures_than_the_whole_plan_can_dilute_end_it() {
    // 6 000 requests are planned: fewer than 60 may fail, and 47 of a certified pass.
    for (mode, allowed) in [(JudgeMode::Observed, 59), (JudgeMode::Certified, 47)] {
        let plan = plan(mode, errors_below_one_percent());
        // One failure in each of the first seconds, among 20 requests: few enough for no test to be sure of more.
        let failures = |count: u64| move |second: u64| u64::from((100..100 + count).contains(&second));
        let is_curtailed = |stop: &EarlyStop| stop.sentence.contains("cannot pass any more");
        assert!(ended(&plan, USERS, failures(allowed)).is_none_or(|stop| !is_curtailed(&stop)));
        let stop = ended(&plan, None, failures(200));
        assert!(
            stop.is_none_or(|stop| !is_curtailed(&stop)),
            "nobody knows how many are to come"
        );
        let curtailed = {
            let watch = EarlyStopWatch::of(&plan, USERS).unwrap();
            let mut measurements = Measurements::new(Moment::from_nanos(0), Thresholds::of(&plan.criteria));
            add_second(&mut measurements, 12, 0);
            measurements.add_many(
                SeriesKind::Response,
                Some(StepId(0)),
                false,
                13,
                None,
                allowed + 1,
            );
            watch.tick(&measurements, 13).unwrap()
        };
        assert_eq!(curtailed.at_s, 14.0);
        assert!(
            curtailed
                .sentence
                .contains("error_rate < 1% cannot pass any more")
                && curtailed.sentence.contains(&format!("more than the {allowed} ")),
            "{}",
            curtailed.sentence
        );
    }
}

#[test]
fn what_fails_beyond_doubt_ends_it_though_bursts_are_assumed() {
    let plan = plan(JudgeMode::Certified, errors_below_one_percent());
    // Half of everything fails. Without a known number of users only the test can tell.
    let stop = ended(&plan, None, |_| 10).unwrap();
    assert!(
        stop.sentence.contains("is missed beyond doubt"),
        "{}",
        stop.sentence
    );
    // Not before twenty seconds are known whole.
    assert!((35.0..60.0).contains(&stop.at_s), "{}", stop.at_s);
    // At its budget, in bursts of 12 s, it goes on to its end.
    let bursts = |second: u64| if second % 60 < 12 { 1 } else { 0 };
    assert_eq!(ended(&plan, None, bursts), None);
}

#[test]
fn what_the_judge_cannot_fail_does_not_end_a_run() {
    let availability = vec![share(Metric::Availability, Comparator::GreaterOrEqual, 99.5)];
    let observed = plan(JudgeMode::Observed, availability.clone());
    assert!(
        EarlyStopWatch::of(&observed, USERS).is_none(),
        "seconds are counted at the end"
    );
    let certified = plan(JudgeMode::Certified, availability);
    assert!(ended(&certified, USERS, |_| 10).is_some());

    let mut off = plan(JudgeMode::Certified, errors_below_one_percent());
    off.criteria.early_stop = false;
    assert!(EarlyStopWatch::of(&off, USERS).is_none());
    let mut waived = plan(JudgeMode::Certified, errors_below_one_percent());
    waived.criteria.waivers = vec![Waiver {
        target: waived.criteria.targets[0].name(),
        reason: "known".to_owned(),
        owner: "somebody".to_owned(),
        expires: "2026-01-31".parse().unwrap(),
    }];
    assert!(EarlyStopWatch::of(&waived, USERS).is_none());
    let mut declared = plan(JudgeMode::Certified, errors_below_one_percent());
    declared.criteria.not_measured = vec![Metric::ErrorRate];
    assert!(EarlyStopWatch::of(&declared, USERS).is_none());
}

#[test]
fn samples_are_counted_along_the_journeys() {
    let mut plan = plan(JudgeMode::Certified, Vec::new());
    let of = |plan: &Plan, condition: &Condition| planned::samples_at_most(plan, condition, 100);
    let requests = share(Metric::ErrorRate, Comparator::Less, 1.0);
    assert_eq!(of(&plan, &requests), Some(200));
    let result = |step: Option<&str>| Condition {
        step: step.map(str::to_owned),
        ..time(Metric::ResultTurnaround, 0.95, Comparator::Less, 100)
    };
    assert_eq!(of(&plan, &result(None)), Some(200));
    // By either end of the wait.
    assert_eq!(
        (
            of(&plan, &result(Some("submit"))),
            of(&plan, &result(Some("result")))
        ),
        (Some(200), Some(200))
    );
    assert_eq!(of(&plan, &result(Some("other"))), Some(0));
    assert_eq!(
        of(&plan, &time(Metric::RealtimeLatency, 0.95, Comparator::Less, 50)),
        None
    );
    // One user in four sends eight requests in place of two: 3.5 on average, and never more than by chance.
    let busy = Step::Parallel {
        times: 8,
        steps: vec![request(0)],
    };
    let twice = plan.journeys.remove(0).steps;
    plan.journeys = vec![journey("short", 3, twice), journey("busy", 1, vec![busy])];
    let samples = of(&plan, &requests).unwrap();
    assert!((350..=500).contains(&samples), "{samples}");
}
