//! What a step runs, and what its run says about its rate.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::capacity::Purpose;
use crate::report::tests as reports;
use crate::scenario::{LoadOptions, load};
use crate::sla::fixture;

const SCENARIO: &str = r#"
name = "s"
seed = 7
[target]
server = "reference"
[load]
executor = "ramping-arrival-rate"
arrivals = "even"
stages = [{ target = "40/s", duration = "10s" }, { target = "40/s", duration = "60s" }]
max_vus = 300
drain = "12s"
[[journey]]
name = "j"
steps = [{ request = "GET /" }, { think = "4s" }, { request = "GET /again" }]
[sla]
availability = ">= 99%"
response_time = { p95 = "<= 500ms", p99 = "<= 1s" }
[rollback]
window = "10s"
error_rate = "> 5%"
stop_load = false
[capacity]
rates = { from = "1/s" }
step_hold = "20s"
step_warm_up = "6s"
"#;

fn loaded() -> Loaded {
    let options = LoadOptions {
        sets: &[],
        seed: None,
        cores: 2,
        environment: &|_| None,
        read: &|_| Ok(SCENARIO.to_owned()),
    };
    load(Path::new("s.toml"), &options).unwrap()
}

fn step_at(per_second: f64, number: u32) -> Plan {
    let plan = loaded().plan;
    let rate = Rate::per_second(per_second).unwrap();
    plan_of_step(&plan, plan.capacity.as_ref().unwrap(), rate, number)
}

#[test]
fn a_step_is_the_scenario_at_a_constant_rate() {
    let step = step_at(20.0, 3);
    assert_eq!(
        step.load.executor,
        Executor::ConstantArrivalRate {
            rate: Rate::per_second(20.0).unwrap(),
            duration: Duration::from_secs(26),
            spacing: Spacing::Even,
        }
    );
    assert_eq!(
        (step.load.warm_up, step.load.drain),
        (Duration::from_secs(6), Duration::from_secs(12))
    );
    assert!(
        step.criteria.rollback.unwrap().stop_load,
        "a rate at which a threshold trips has failed"
    );
    // The chance of each step is its own, and that of the whole search follows from the seed.
    assert_eq!((step_at(20.0, 1).seed, step_at(20.0, 3).seed), (7, 9));
    assert_eq!(
        step.description,
        "Step 3 of a search for capacity: 20/s, held for 20s."
    );
}

#[test]
fn the_pool_grows_with_the_rate_and_never_below_the_scenarios_own() {
    assert_eq!(step_at(1.0, 1).load.max_vus, 300);
    // 5 s per user: 4 s of thinking and two requests at their limit of 500 ms. 500 users, three standard deviations
    // more, and half as many again.
    assert_eq!(step_at(100.0, 1).load.max_vus, 851);
    assert_eq!(step_at(100_000.0, 1).load.max_vus, 100_000, "no run has more");
}

#[test]
fn availability_is_left_out_where_no_second_can_decide_it() {
    // Two requests per user: 4 per second are fewer than the 5 that a second needs, 6 are not.
    let is_left_out = |rate| {
        step_at(rate, 1)
            .criteria
            .not_measured
            .contains(&Metric::Availability)
    };
    assert!(is_left_out(2.0) && !is_left_out(3.0));
}

#[test]
fn percentiles_of_too_few_samples_are_told_of() {
    let plan = loaded().plan;
    let said = notes(&plan, plan.capacity.as_ref().unwrap());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with(
            "at 1/s, response_time p99 <= 1s is judged on about 40 samples; with fewer than 100"
        ),
        "{said:?}"
    );
}

fn record_of(run: fixture::Run) -> (Outcome, CapacityStepRecord) {
    let planned = run.context.arrivals_planned.unwrap();
    let run = reports::record(run);
    let outcome = outcome(&run, planned);
    let aim = Aim {
        rate: Rate::per_second(20.0).unwrap(),
        purpose: Purpose::Bisecting,
    };
    (
        outcome,
        record(
            aim,
            4,
            outcome,
            planned,
            &run,
            "capacity-steps/04-20-per-s".to_owned(),
        ),
    )
}

#[test]
fn a_rate_holds_when_the_run_is_go() {
    let (outcome, record) = record_of(fixture::healthy());
    assert_eq!(outcome, Outcome::Answered(Answer::Held));
    assert_eq!((record.outcome.as_str(), record.why.as_str()), ("held", ""));
    assert_eq!(
        (record.number, record.rate_per_s, record.purpose.as_str()),
        (4, 20.0, "bisecting")
    );
    assert!(record.sla.iter().all(|sla| sla.status == "PASS"));
}

#[test]
fn what_keeps_a_rate_from_holding_is_said_in_a_few_words() {
    for (run, expected) in [
        (fixture::slow(), "response_time p95"),
        (fixture::lossy(), "accepted and then lost"),
    ] {
        let (outcome, record) = record_of(run);
        assert_eq!(outcome, Outcome::Answered(Answer::NotHeld));
        assert_eq!(record.outcome, "not_held");
        assert!(record.why.contains(expected), "{}", record.why);
    }
    let (outcome, record) = record_of(fixture::failing());
    assert_eq!(outcome, Outcome::Answered(Answer::NotHeld));
    assert_eq!(record.verdict, "ROLLBACK");
    assert!(record.why.contains(", target "), "{}", record.why);
}

#[test]
fn a_few_bad_seconds_alone_may_be_chance() {
    let missed = |metrics: &[Metric], more: &str| {
        let mut run = reports::record(fixture::healthy());
        run.verdict = Verdict::NoGo.name().to_owned();
        run.reasons = metrics.iter().map(ToString::to_string).collect();
        run.reasons.extend((!more.is_empty()).then(|| more.to_owned()));
        for sla in &mut run.sla {
            if metrics.iter().any(|metric| metric.key() == sla.metric) {
                sla.status = Status::Fail.name().to_owned();
            }
        }
        outcome(&run, run.iterations.due)
    };
    let (seconds, errors) = (Metric::Availability, Metric::ErrorRate);
    assert_eq!(missed(&[seconds], ""), Outcome::Answered(Answer::Doubtful));
    assert_eq!(missed(&[errors], ""), Outcome::Answered(Answer::NotHeld));
    assert_eq!(missed(&[seconds, errors], ""), Outcome::Answered(Answer::NotHeld));
    let turned_away = missed(&[seconds], "12 arriving users were turned away.");
    assert_eq!(turned_away, Outcome::Answered(Answer::NotHeld));
}

#[test]
fn trouble_of_the_generator_is_no_failure() {
    let (outcome, record) = record_of(fixture::starved_generator());
    assert_eq!(outcome, Outcome::Answered(Answer::Invalid));
    assert_eq!(record.outcome, "invalid");
    assert!(!record.why.is_empty());
}

#[test]
fn a_load_that_was_not_sent_does_not_hold() {
    let mut run = fixture::healthy();
    // Neither those that never fell due nor those that were dropped are enough to change the verdict by themselves.
    let iterations = &mut run.evidence.iterations;
    let few = iterations.due / 125;
    iterations.due -= few;
    iterations.dropped = few;
    iterations.started = iterations.due - few;
    iterations.succeeded = iterations.started;
    let planned = run.context.arrivals_planned.unwrap();
    let record = reports::record(run);
    assert_eq!(record.verdict, "GO");
    assert_eq!(outcome(&record, planned), Outcome::Answered(Answer::NotHeld));
    let words = why(&record, planned);
    assert!(
        words.starts_with("only 98") && words.ends_with("of the planned arrivals were sent"),
        "{words}"
    );
    assert_eq!(
        outcome(&record, 0),
        Outcome::Answered(Answer::NotHeld),
        "no data is never a pass"
    );
}

#[test]
fn a_run_that_was_stopped_says_nothing() {
    let mut run = fixture::healthy();
    run.evidence.interruption = Some(crate::metrics::Interruption::Drained);
    assert_eq!(record_of(run).0, Outcome::Interrupted);
}

#[test]
fn folders_sort_by_step_and_tell_the_rate() {
    let name = |number, rate| folder_name(number, Rate::per_second(rate).unwrap());
    assert_eq!(name(1, 40.0), "01-40-per-s");
    assert_eq!(name(12, 28.3), "12-28.3-per-s");
}
