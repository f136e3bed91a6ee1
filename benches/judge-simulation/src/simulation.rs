//! Many runs of one case, on all threads. A run's chance follows from the seed, the case and its number, so that the
//! result does not depend on who simulates it.

use std::thread;

use anyhow::{Result, anyhow};
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::court::Court;
use crate::tally::Tallies;
use crate::workload::Workload;

/// Threads that simulate.
const THREADS: u64 = 2;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Case {
    pub(crate) workload: Workload,
    pub(crate) seconds: u32,
    /// The true share of bad requests, as a part of what the target allows.
    pub(crate) part_of_budget: f64,
}

/// Simulates and judges `runs` runs of a case.
///
/// # Errors
/// When a run is judged to be no run at all; see [`Court::rule`].
pub(crate) fn simulate(case: &Case, runs: u64, seed: u64) -> Result<Tallies> {
    let target = case.workload.target(case.part_of_budget);
    let court = Court::new(target, case.seconds)?;
    let part = |first: u64| -> Result<Tallies> {
        let mut tallies = Tallies::new(court.coverage_is_known());
        for number in (first..runs).step_by(THREADS as usize) {
            let mut chance = Xoshiro256PlusPlus::seed_from_u64(seed_of(case, seed, number));
            let run = case.workload.run(&target, case.seconds, &mut chance);
            tallies.add(&court.rule(&run)?);
        }
        Ok(tallies)
    };
    let part = &part;
    let mut all = Tallies::new(court.coverage_is_known());
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || part(first)))
            .collect();
        for thread in threads {
            let tallies = thread
                .join()
                .map_err(|_| anyhow!("a thread of the simulation panicked"))??;
            all.merge(&tallies);
        }
        Ok(all)
    })
}

fn seed_of(case: &Case, seed: u64, number: u64) -> u64 {
    let mut key = case.workload.title().as_bytes().to_vec();
    key.extend(case.seconds.to_le_bytes());
    key.extend(case.part_of_budget.to_le_bytes());
    key.extend(number.to_le_bytes());
    xxh3_64_with_seed(&key, seed)
}
