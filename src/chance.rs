//! All chance of a run, derived from the seed.
//!
//! Every decision is a pure function of (seed, ticket, purpose, n). Nothing is drawn from a shared generator, so the
//! order in which concurrent users act cannot change what any of them does.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, LogNormal};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::plan::DurationDistribution;

/// What a draw decides. The discriminants are part of the run's reproducibility: never renumber them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Arrival = 1,
    Journey = 2,
    User = 3,
    Transcript = 4,
    Think = 5,
    IdempotencyKey = 6,
    Heartbeat = 7,
    /// Which seconds of a run the bootstrap draws.
    Resample = 8,
    /// How long a user waits at a step.
    Patience = 9,
    /// Whether a user tries again after an error.
    Retry = 10,
    /// The name of an iteration's trace; drawn from the run's own number, not from the seed.
    Trace = 11,
}

/// The seed of a run, from which everything that looks random follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// The chance that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// 64 well-mixed bits for the `n`-th decision of `purpose` in the iteration of `ticket`.
    pub fn bits(&self, ticket: u64, purpose: Purpose, n: u64) -> u64 {
        let mut key = [0_u8; 17];
        key[..8].copy_from_slice(&ticket.to_le_bytes());
        key[8] = purpose as u8;
        key[9..].copy_from_slice(&n.to_le_bytes());
        xxh3_64_with_seed(&key, self.seed)
    }

    /// A number uniform in (0, 1]: never 0, so that its logarithm is finite.
    pub fn uniform(&self, ticket: u64, purpose: Purpose, n: u64) -> f64 {
        ((self.bits(ticket, purpose, n) >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }

    /// A version-4 shaped identifier.
    pub fn uuid(&self, ticket: u64, purpose: Purpose, n: u64) -> Uuid {
        let high = self.bits(ticket, purpose, n.wrapping_mul(2));
        let low = self.bits(ticket, purpose, n.wrapping_mul(2).wrapping_add(1));
        uuid::Builder::from_random_bytes((u128::from(high) << 64 | u128::from(low)).to_be_bytes()).into_uuid()
    }

    /// A duration drawn from `distribution`.
    pub fn duration(
        &self,
        distribution: &DurationDistribution,
        ticket: u64,
        purpose: Purpose,
        n: u64,
    ) -> Duration {
        match distribution {
            DurationDistribution::Fixed(value) => *value,
            DurationDistribution::Uniform { min, max } => {
                min.saturating_add(max.saturating_sub(*min).mul_f64(self.uniform(ticket, purpose, n)))
            }
            DurationDistribution::LogNormal { median, p99, max } => {
                let sigma = lognormal_sigma(*median, *p99);
                let Ok(shape) = LogNormal::new(median.as_secs_f64().ln(), sigma) else {
                    return *median;
                };
                let mut generator = ChaCha8Rng::seed_from_u64(self.bits(ticket, purpose, n));
                let seconds = shape.sample(&mut generator);
                max.map_or(Duration::from_secs_f64(seconds), |max| {
                    Duration::from_secs_f64(seconds.min(max.as_secs_f64()))
                })
            }
        }
    }
}

/// The sigma of a lognormal with this median and 99th percentile: `ln(p99 / median) / z(0.99)`.
fn lognormal_sigma(median: Duration, p99: Duration) -> f64 {
    const Z_99: f64 = 2.326_347_874_040_841;
    (p99.as_secs_f64() / median.as_secs_f64()).ln() / Z_99
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_do_not_depend_on_their_order() {
        let chance = Chance::new(7);
        let forward: Vec<u64> = (0..100)
            .map(|ticket| chance.bits(ticket, Purpose::User, 0))
            .collect();
        let backward: Vec<u64> = (0..100)
            .rev()
            .map(|ticket| chance.bits(ticket, Purpose::User, 0))
            .collect();
        assert!(forward.iter().eq(backward.iter().rev()));
        assert_ne!(
            chance.bits(1, Purpose::User, 0),
            chance.bits(1, Purpose::Think, 0)
        );
        assert_ne!(
            chance.bits(1, Purpose::User, 0),
            Chance::new(8).bits(1, Purpose::User, 0)
        );
    }

    #[test]
    fn a_lognormal_keeps_its_median_and_p99() {
        let distribution = DurationDistribution::LogNormal {
            median: Duration::from_millis(800),
            p99: Duration::from_secs(3),
            max: None,
        };
        let chance = Chance::new(1);
        let mut seconds: Vec<f64> = (0..20_000)
            .map(|ticket| {
                chance
                    .duration(&distribution, ticket, Purpose::Think, 0)
                    .as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        assert!((seconds[10_000] - 0.8).abs() < 0.03, "median {}", seconds[10_000]);
        assert!((seconds[19_800] - 3.0).abs() < 0.25, "p99 {}", seconds[19_800]);
    }
}
