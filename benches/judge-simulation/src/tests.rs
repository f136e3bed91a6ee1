//! The short version of the simulation: the judge keeps its limits, as far as some hundred runs can tell.

use clap::ValueEnum as _;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;

use super::binomial::{Side, side, tails};
use super::simulation::{Case, simulate};
use super::tally::Tallies;
use super::workload::{Second, Workload};

/// Any number would do. It is fixed, so a test that passes once passes always.
const SEED: u64 = 20_261_130;
/// An unoptimised judge takes some milliseconds for a run. The long simulation (`docs/measurement.md` has its command)
/// tells more.
const RUNS: u64 = 200;
/// Where a judge is either nearly always right or broken.
const RUNS_FEW: u64 = 40;
/// A rate counts as above its limit when a judge exactly at the limit would be wrong that often in one of a hundred
/// such tests: with 200 runs, from 24 of them on for a limit of 7 %, and from 31 on for one of 10 %.
const SUSPICIOUS: f64 = 0.01;

fn simulated(workload: Workload, part_of_budget: f64, runs: u64) -> Tallies {
    let case = Case {
        workload,
        seconds: 300,
        part_of_budget,
    };
    simulate(&case, runs, SEED).unwrap()
}

#[track_caller]
fn at_most(what: &str, count: u64, runs: u64, limit: f64) {
    let (_, so_many_or_more) = tails(count, runs, limit);
    assert!(
        so_many_or_more >= SUSPICIOUS,
        "{what}: {count} of {runs} runs, which is more than {limit}"
    );
}

/// The workloads whose requests depend on each other, and how often a certified GO at the boundary may be wrong. Five
/// minutes hold few of the long waves of a queue that is nine tenths busy, so more is conceded there.
const DEPENDENT: [(Workload, f64); 4] = [
    (Workload::Bursts, 0.07),
    (Workload::Mm1Rho50, 0.07),
    (Workload::Mm1Rho80, 0.07),
    (Workload::Mm1Rho90, 0.10),
];

#[test]
fn at_the_boundary_the_judge_is_rarely_wrong_where_a_plain_interval_often_is() {
    for (workload, limit) in DEPENDENT {
        let tallies = simulated(workload, 1.0, RUNS);
        at_most(workload.title(), tallies.certified.go, RUNS, limit);
        // The counter-test, on the same runs: this is what the design effect is for.
        assert!(
            tallies.plain.go * 5 >= RUNS,
            "{}: a plain interval was wrong in {} of {RUNS} runs only",
            workload.title(),
            tallies.plain.go
        );
        assert!(
            tallies.certified.covered > tallies.plain.covered + RUNS / 5,
            "{}: {tallies:?}",
            workload.title()
        );
    }
}

#[test]
fn at_the_boundary_of_independent_requests_the_judge_is_as_good_as_a_plain_interval() {
    let tallies = simulated(Workload::Independent, 1.0, RUNS);
    at_most("independent", tallies.certified.go, RUNS, 0.07);
    at_most("plain", tallies.plain.go, RUNS, 0.05);
}

#[test]
fn stalls_at_the_boundary_are_rarely_a_go() {
    for workload in [Workload::PeriodicStalls, Workload::RandomStalls] {
        let tallies = simulated(workload, 1.0, RUNS_FEW);
        at_most(workload.title(), tallies.certified.go, RUNS_FEW, 0.07);
    }
}

#[test]
fn a_healthy_server_gets_its_go() {
    // A busier queue needs more than five minutes to be certified: its 30,000 requests are worth some 500.
    for workload in [Workload::Independent, Workload::Mm1Rho50] {
        let tallies = simulated(workload, 0.5, RUNS);
        let title = workload.title();
        at_most(title, RUNS - tallies.certified.go, RUNS, 0.01);
        at_most(title, RUNS - tallies.observed.go, RUNS, 0.01);
    }
}

#[test]
fn a_server_with_twice_the_bad_requests_that_are_allowed_gets_no_go() {
    for workload in Workload::value_variants() {
        let tallies = simulated(*workload, 2.0, RUNS_FEW);
        at_most(workload.title(), tallies.certified.go, RUNS_FEW, 0.01);
    }
}

#[test]
fn workloads_are_as_bad_as_they_say() {
    // As long as all the runs of a case together: what the truth says must show, whatever the requests have in common.
    const SECONDS: u32 = 100_000;
    for workload in Workload::value_variants() {
        for part_of_budget in [0.25, 1.0] {
            let target = workload.target(part_of_budget);
            let mut chance = Xoshiro256PlusPlus::seed_from_u64(SEED);
            let run = workload.run(&target, SECONDS, &mut chance);
            let sum = |of: fn(&Second) -> u64| run.iter().map(of).sum::<u64>() as f64;
            let (requests, bad) = (sum(Second::requests), sum(Second::bad));
            let seen = bad / requests;
            let title = workload.title();
            assert!(
                (seen / target.truth - 1.0).abs() < 0.1,
                "{title}: {seen} is not {}",
                target.truth
            );
            assert!((target.truth / target.budget / part_of_budget - 1.0).abs() < 1e-3);
            let rate = requests / f64::from(SECONDS);
            assert!((rate - 100.0).abs() < 0.5, "{title}: {rate} requests per second");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_runs() {
    let case = Case {
        workload: Workload::Bursts,
        seconds: 60,
        part_of_budget: 1.0,
    };
    let of = |seed| simulate(&case, 20, seed).unwrap();
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

#[test]
fn plain_intervals_agree_with_the_tables() {
    // The smallest samples that show no more than this share with 95 % confidence, by allowed bad requests.
    for (share, bad, needed) in [
        (0.05, 0, 59),
        (0.01, 0, 299),
        (0.05, 10, 336),
        (0.01, 10, 1_693),
        (0.001, 10, 16_959),
    ] {
        assert_eq!(side(bad, needed, share, 0.05), Side::Within);
        assert_eq!(side(bad, needed - 1, share, 0.05), Side::Around);
    }
    // And the least number of bad requests that shows more than the share.
    for (requests, bad) in [(20, 4), (100, 10), (1_000, 63), (10_000, 537)] {
        assert_eq!(side(bad, requests, 0.05, 0.05), Side::Beyond);
        assert_eq!(side(bad - 1, requests, 0.05, 0.05), Side::Around);
    }
}
