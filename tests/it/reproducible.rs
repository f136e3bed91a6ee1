//! The same seed gives the same arrivals, the same requests and the same webhook delays; another seed gives others.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::program::{Ended, run, scenario};

/// What follows from the seed. Ids that the server invents, and polls, do not.
#[derive(Debug, PartialEq)]
struct Chosen {
    /// Each user's arrival, in nanoseconds after the first user's.
    arrivals: BTreeMap<u64, u64>,
    /// What each user did, in order.
    requests: BTreeMap<u64, Vec<String>>,
    /// What was handed in, with the mock's delay.
    delays_us: BTreeMap<String, u64>,
}

fn chosen(ended: &Ended) -> Chosen {
    ended.record(0, "GO");
    let number = |value: &Value| value.as_u64().unwrap();
    let mut submissions: Vec<Value> = ended
        .records("history.jsonl")
        .into_iter()
        .filter(|record| record["record"] == "submission")
        .collect();
    submissions.sort_by_key(|record| number(&record["intended_ns"]));
    let mut arrived = BTreeMap::new();
    let mut requests: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for record in &submissions {
        let ticket = number(&record["ticket"]);
        if record["step"] == "create_session" {
            arrived.insert(ticket, number(&record["intended_ns"]));
        }
        let step = record["step"].as_str().unwrap().to_owned();
        requests.entry(ticket).or_default().push(step);
    }
    let first = arrived[&0];
    let delays_us = ended
        .records("ledger.jsonl")
        .iter()
        .filter(|record| record["kind"] == "planned")
        .map(|record| {
            let key = record["submission_key"].as_str().unwrap();
            let kind = record["submission"].as_str().unwrap();
            (format!("{kind} {key}"), number(&record["delay_us"]))
        })
        .collect();
    Chosen {
        arrivals: arrived
            .into_iter()
            .map(|(ticket, at)| (ticket, at - first))
            .collect(),
        requests,
        delays_us,
    }
}

#[tokio::test]
async fn the_seed_decides_arrivals_requests_and_delays() {
    let quick = scenario("quick");
    let (first, again, other) = tokio::join!(
        run(&quick, &["--seed", "7"]),
        run(&quick, &["--seed", "7"]),
        run(&quick, &["--seed", "8"]),
    );
    let (first, again, other) = (chosen(&first), chosen(&again), chosen(&other));
    assert!(
        first.arrivals.len() > 5,
        "there is something to compare: {first:?}"
    );
    // Five submissions a user, no two of them alike.
    assert_eq!(first.delays_us.len(), first.arrivals.len() * 5);
    assert_eq!(first, again);
    assert_ne!(first.arrivals, other.arrivals);
    assert!(
        first
            .delays_us
            .keys()
            .all(|key| !other.delays_us.contains_key(key) || first.delays_us[key] != other.delays_us[key]),
        "another seed, another fate"
    );
}
