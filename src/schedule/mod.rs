//! When tickets are due: a pure iterator of offsets from the start of the load. No clock, no waiting.
//!
//! *When* is kept apart from *how*: a new arrival profile needs no new executor.

mod profile;

use std::time::Duration;

use crate::chance::{Chance, Purpose};
use crate::plan::{Executor, Partition, Spacing};
pub use profile::{RateProfile, VuProfile};

/// The right to start one iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The ticket's number in the one global sequence.
    pub ticket: u64,
    /// When it is due, from the start of the load.
    pub offset: Duration,
}

/// The arrivals of an open model, in order of time.
#[derive(Debug, Clone)]
pub struct Arrivals {
    profile: RateProfile,
    spacing: Spacing,
    chance: Chance,
    partition: Partition,
    next_ticket: u64,
    /// Expected number of arrivals before the next one: the argument of the inverted cumulative rate.
    position: f64,
}

impl Arrivals {
    /// The arrivals of `executor` that belong to `partition`; `None` for closed models, which schedule none.
    pub fn new(executor: &Executor, chance: Chance, partition: Partition) -> Option<Self> {
        let (profile, spacing) = match executor {
            Executor::ConstantArrivalRate {
                rate,
                duration,
                spacing,
            } => (RateProfile::constant(*rate, *duration), *spacing),
            Executor::RampingArrivalRate {
                start_rate,
                stages,
                spacing,
            } => (RateProfile::ramping(*start_rate, stages), *spacing),
            Executor::ConstantVus { .. }
            | Executor::RampingVus { .. }
            | Executor::PerVuIterations { .. }
            | Executor::SharedIterations { .. } => return None,
        };
        let mut arrivals = Self {
            profile,
            spacing,
            chance,
            partition,
            next_ticket: 0,
            position: 0.0,
        };
        if spacing == Spacing::Poisson {
            arrivals.position = arrivals.gap(0);
        }
        Some(arrivals)
    }

    /// The gap before ticket `ticket`, in expected arrivals: 1 when even, exponential with mean 1 when Poisson. A
    /// Poisson process of a changing rate is a unit-rate process seen through the cumulative rate (time change).
    fn gap(&self, ticket: u64) -> f64 {
        match self.spacing {
            Spacing::Even => 1.0,
            Spacing::Poisson => -self.chance.uniform(ticket, Purpose::Arrival, 0).ln(),
        }
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        loop {
            let offset = self.profile.time_of(self.position)?;
            let ticket = self.next_ticket;
            self.next_ticket += 1;
            self.position += self.gap(self.next_ticket);
            if self.partition.holds(ticket) {
                return Some(Arrival { ticket, offset });
            }
        }
    }
}

#[cfg(test)]
mod tests;
