//! Test of the tester: a server that stands still must be seen, and blamed.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::program::{Run, scenario};

const STALL: Duration = Duration::from_secs(2);
/// The longest time is somewhat shorter than the stall, because a request must first come to meet it.
const SEEN_MS: f64 = 1_500.0;

#[tokio::test]
async fn a_server_that_stands_still_raises_response_and_service_time_and_the_run_is_valid() {
    let run = Run::start(&scenario("stall"), &[]).await;
    run.accepts(25).await;
    let server = run.child("practice-server");
    server.signal(Signal::STOP);
    tokio::time::sleep(STALL).await;
    server.signal(Signal::CONT);
    let ended = run.end().await;
    let record: Value = serde_json::from_str(&ended.file("run.json")).unwrap();
    let max = |metric: &str| record["metrics"][metric]["max"].as_f64().unwrap();
    for metric in ["response_time", "service_time"] {
        assert!(max(metric) >= SEEN_MS, "{metric} was at most {} ms", max(metric));
    }
    // A quarter of the arrivals met the stall: the target is missed, by the server's own fault.
    assert_eq!(
        record["validity"]["valid"], true,
        "{}\n{}",
        ended.said.stdout, record["validity"]
    );
    let response_time = &record["sla"][0];
    assert_ne!(response_time["status"], "PASS", "{response_time}");
    match record["verdict"].as_str().unwrap() {
        "NO-GO" => drop(ended.record(10, "NO-GO")),
        // With few independent samples a missed target may be undecided, yet never good.
        "INCONCLUSIVE" => drop(ended.record(11, "INCONCLUSIVE")),
        other => panic!("{other}: {}", ended.said.stdout),
    }
    assert_eq!(record["iterations"]["due"], 150);
    assert_eq!(record["iterations"]["dropped"], 0);
    assert_eq!(record["audit"]["lost"], 0);
}

/// Long enough for most arrivals to be late, so that the miss is beyond chance.
const LONG_STALL: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_generator_that_stands_still_makes_the_run_invalid_and_not_the_target_bad() {
    let run = Run::start(&scenario("stall"), &[]).await;
    run.accepts(25).await;
    run.process().signal(Signal::STOP);
    tokio::time::sleep(LONG_STALL).await;
    run.process().signal(Signal::CONT);
    let ended = run.end().await;
    let record = ended.record(12, "INVALID");
    let checks = record["validity"]["checks"].as_array().unwrap();
    let severity = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        check.map_or("none", |check| check["severity"].as_str().unwrap())
    };
    assert_eq!(severity("result_explained"), "invalid", "{checks:#?}");
    // By itself a late generator is a warning.
    assert_eq!(severity("scheduling_lag"), "warning", "{checks:#?}");
    let response_time = &record["sla"][0];
    assert_eq!(
        response_time["status"], "FAIL",
        "the miss stays one: {response_time}"
    );
    assert_eq!(record["audit"]["lost"], 0);
}
