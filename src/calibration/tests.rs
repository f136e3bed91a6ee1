//! What is driven, and what is made of it.

use super::*;
use crate::clock::Moment;
use crate::metrics::{Outcome, RequestSample};
use crate::scenario::{LoadOptions, load};

fn plan_of(load_section: &str) -> Plan {
    let text = format!(
        "name = \"s\"\n[target]\nserver = \"reference\"\n[load]\n{load_section}\n[[journey]]\nname = \"a\"\nweight = 3\n\
         steps = [{{ request = \"GET /a\" }}, {{ think = \"1s\" }}, {{ repeat = 4, steps = [{{ request = \"GET /b\" }}] }}]\n\
         [[journey]]\nname = \"b\"\nweight = 1\nsteps = [{{ request = \"GET /c\" }}]\n"
    );
    let options = LoadOptions {
        sets: &[],
        seed: None,
        cores: 4,
        environment: &|_| None,
        read: &|_| Ok(text.clone()),
    };
    match load(std::path::Path::new("s.toml"), &options) {
        Ok(loaded) => loaded.plan,
        Err(mistakes) => panic!("{mistakes}"),
    }
}

fn open(rate: &str) -> Plan {
    plan_of(&format!(
        "executor = \"constant-arrival-rate\"\nrate = \"{rate}\"\nduration = \"60s\"\nmax_vus = 500"
    ))
}

#[test]
fn the_rate_is_that_of_the_plan_and_some_more() {
    let own = open("100/s");
    // Three of four users make five requests, one makes one: four on average.
    let calibration = plan(&own, 100.0).unwrap();
    let Executor::ConstantArrivalRate { rate, .. } = calibration.load.executor else {
        panic!("{:?}", calibration.load.executor);
    };
    assert!((rate.as_per_second() - 120.0).abs() < 1e-9, "{rate}");
    assert!((planned_per_s(&calibration) - 480.0).abs() < 1e-9);
    assert_eq!(calibration.load.workers, own.load.workers);
    assert!(calibration.load.max_vus <= USERS_MAX);
    assert!(calibration.actions.is_empty() && calibration.criteria.targets.is_empty());
}

#[test]
fn a_small_plan_is_tried_fast_enough_to_see_a_p99_and_a_huge_one_within_reason() {
    for (arrivals, expected) in [(0.01, 100.0), (0.0, 100.0), (900_000.0, 20_000.0)] {
        let calibration = plan(&open("1/s"), arrivals).unwrap();
        let planned = planned_per_s(&calibration);
        assert!((planned - expected).abs() < 1e-6, "{arrivals}: {planned}");
    }
}

fn request(after_us: u64, outcome: Outcome, warm_up: bool) -> Sample {
    let at = |micros: u64| Moment::from_nanos(micros * 1_000);
    Sample::Request(RequestSample {
        step: StepId(0),
        ticket: 1,
        warm_up,
        intended: at(1_000),
        dispatched: at(1_000),
        sent: at(1_000),
        done: at(1_000 + after_us),
        outcome,
    })
}

#[test]
fn only_what_succeeded_after_the_warm_up_has_a_time() {
    let mut tally = Tally::new(&plan(&open("100/s"), 100.0).unwrap());
    assert_eq!(tally.finish(), None, "no data is no calibration");
    tally.take(&request(9_000_000, Outcome::Ok, true));
    for _ in 0..98 {
        tally.take(&request(200, Outcome::Ok, false));
    }
    tally.take(&request(5_000, Outcome::Ok, false));
    tally.take(&request(5_000, Outcome::Ok, false));
    tally.take(&request(1, Outcome::Generator, false));
    let found = tally.finish().unwrap();
    assert_eq!((found.samples, found.failed), (100, 1));
    assert_eq!(found.achieved_per_s, 100.0);
    assert!(
        (found.p50_ms - 0.2).abs() < 0.001 && (found.p99_ms - 5.0).abs() < 0.01,
        "{found:?}"
    );
}
