//! The same seed gives the same arrivals, the same requests and the same webhook delays, however many workers there
//! are; another seed gives others.

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
    let record = ended.record(0, "GO");
    let all = &record["iterations"];
    assert_eq!(all["succeeded"], all["due"], "nothing is missing: {all}");
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
    let first = *arrived.values().min().unwrap();
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

#[tokio::test]
async fn the_number_of_workers_changes_no_arrival_and_no_request() {
    let quick = scenario("quick");
    let (alone, together) = tokio::join!(
        run(&quick, &["--seed", "7", "--set", "load.workers=1"]),
        run(&quick, &["--seed", "7", "--set", "load.workers=2"]),
    );
    assert_eq!(workers(&alone), 1);
    assert_eq!(workers(&together), 2);
    let (alone, together) = (chosen(&alone), chosen(&together));
    assert!(alone.arrivals.len() > 5, "there is something to compare");
    assert_eq!(alone, together);
}

/// Users of a fixed number of iterations come when others are done, so that their moments are the target's. What they
/// do is the seed's.
#[tokio::test]
async fn the_number_of_workers_changes_no_request_of_a_fixed_number_of_iterations() {
    for (executor, iterations) in [("shared-iterations", 12), ("per-vu-iterations", 3)] {
        let executor = format!("load.executor={executor}");
        let iterations = format!("load.iterations={iterations}");
        let fixed = scenario("iterations");
        let common = ["--seed", "7", "--set", &executor, "--set", &iterations, "--set"];
        let with_workers = |workers| [&common[..], &[workers]].concat();
        let (alone, together) = (with_workers("load.workers=1"), with_workers("load.workers=3"));
        let (alone, together) = tokio::join!(run(&fixed, &alone), run(&fixed, &together));
        assert_eq!((workers(&alone), workers(&together)), (1, 3));
        let (alone, together) = (chosen(&alone), chosen(&together));
        assert_eq!(
            alone.requests.keys().copied().collect::<Vec<_>>(),
            Vec::from_iter(0..12)
        );
        assert_eq!(alone.requests, together.requests);
        assert_eq!(alone.delays_us, together.delays_us);
    }
}

/// How often users of `constant-vus` come is the target's doing, so that two runs need not issue the same tickets.
/// What a ticket does is the seed's, whichever worker drives it.
#[tokio::test]
async fn a_ticket_does_the_same_on_every_worker() {
    let (alone, together) = (closed_model("load.workers=1"), closed_model("load.workers=2"));
    let (alone, together) = tokio::join!(alone, together);
    let (alone, together) = (chosen(&alone), chosen(&together));
    let mut compared = 0;
    for (ticket, requests) in &alone.requests {
        if let Some(others) = together.requests.get(ticket) {
            assert_eq!(requests, others, "ticket {ticket}");
            compared += 1;
        }
    }
    assert!(compared > 3, "there is something to compare: {compared}");
    for (key, delay) in &alone.delays_us {
        assert!(
            together.delays_us.get(key).is_none_or(|other| other == delay),
            "{key}"
        );
    }
}

async fn closed_model(workers: &str) -> Ended {
    run(&scenario("closed"), &["--seed", "7", "--set", workers]).await
}

fn workers(ended: &Ended) -> usize {
    ended.record(0, "GO")["generator"]["workers"]
        .as_array()
        .unwrap()
        .len()
}
