//! The breaker shared by everything that calls ClassConnect, with the clock and the figures it needs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Breaker, BreakerSettings, CallResult, Permit};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// Cloning shares the breaker.
#[derive(Debug, Clone)]
pub struct Gate {
    breaker: Arc<Mutex<Breaker>>,
    clock: Clock,
    metrics: Metrics,
}

impl Gate {
    pub fn new(settings: BreakerSettings, clock: Clock, metrics: Metrics) -> Self {
        Self {
            breaker: Arc::new(Mutex::new(Breaker::new(settings))),
            clock,
            metrics,
        }
    }

    /// How many calls would be let through now.
    pub fn available(&self) -> u32 {
        let now = self.clock.monotonic();
        self.with(|breaker| breaker.available(now))
    }

    /// Whether calls pass freely; probes do not count.
    pub fn is_closed(&self) -> bool {
        self.with(|breaker| breaker.is_closed())
    }

    /// The time until a call may be let through.
    pub fn pause_left(&self) -> Duration {
        let now = self.clock.monotonic();
        self.with(|breaker| breaker.pause_left(now))
    }

    /// Lets one call through, or does not.
    pub(super) fn enter(&self) -> Option<Passage> {
        let now = self.clock.monotonic();
        let permit = self.with(|breaker| breaker.permit(now))?;
        Some(Passage {
            gate: self.clone(),
            permit,
            result: CallResult::Abandoned,
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = act(&mut breaker);
        self.metrics.breaker_state.set(breaker.state_number());
        answer
    }
}

/// A call that was let through. Its result is recorded when it goes out of scope, however that happens.
#[derive(Debug)]
pub(super) struct Passage {
    gate: Gate,
    permit: Permit,
    result: CallResult,
}

impl Passage {
    pub(super) fn set(&mut self, result: CallResult) {
        self.result = result;
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        let now = self.gate.clock.monotonic();
        if self
            .gate
            .with(|breaker| breaker.record(now, self.permit, self.result))
        {
            self.gate.metrics.breaker_opened.inc();
            tracing::warn!("the circuit breaker to ClassConnect opened");
        }
    }
}
