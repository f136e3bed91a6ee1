//! How long an analysis takes: four distributions, sampled by hash.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration::PlanDuration;
use crate::decision::{Draws, Purpose};

/// The 99th percentile of the standard normal distribution, Φ⁻¹(0.99).
const NORMAL_P99: f64 = 2.326_347_874_040_841;
const EMPIRICAL_VALUES_MAX: usize = 100_000;

/// A distribution of delays whose parameters fit together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Shape", into = "Shape")]
pub struct Delay(Shape);

/// As written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "distribution", rename_all = "snake_case", deny_unknown_fields)]
enum Shape {
    Lognormal {
        median: PlanDuration,
        p99: PlanDuration,
        max: PlanDuration,
    },
    Fixed {
        value: PlanDuration,
    },
    Uniform {
        min: PlanDuration,
        max: PlanDuration,
    },
    Empirical {
        values: Vec<PlanDuration>,
    },
}

/// Why the parameters of a distribution do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DelayError {
    #[error(
        "a lognormal delay needs 0 < median <= p99 <= max, but has median {median}, p99 {p99}, max {max}"
    )]
    Lognormal {
        median: PlanDuration,
        p99: PlanDuration,
        max: PlanDuration,
    },
    #[error("a uniform delay needs min <= max, but has min {min}, max {max}")]
    Uniform { min: PlanDuration, max: PlanDuration },
    #[error("an empirical delay needs 1 to 100000 values, but has {0}")]
    Empirical(usize),
}

/// A delay that was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampledDelay {
    pub(crate) delay: Duration,
    /// The draw lay beyond `max` and was cut.
    pub(crate) was_clamped: bool,
}

impl Delay {
    /// The delay of one submission.
    ///
    /// The lognormal is given by its median m and 99th percentile: ln X is normal with mean ln m and deviation
    /// σ = ln(p99 / m) / Φ⁻¹(0.99), so X = m · exp(σ z) with z standard normal.
    pub(crate) fn sample(&self, draws: Draws) -> SampledDelay {
        let exact = |delay| SampledDelay {
            delay,
            was_clamped: false,
        };
        match &self.0 {
            Shape::Fixed { value } => exact(value.get()),
            Shape::Uniform { min, max } => {
                let span = max.get() - min.get();
                exact(min.get() + span.mul_f64(draws.uniform(Purpose::Delay, 0)))
            }
            Shape::Empirical { values } => exact(
                draws
                    .pick(Purpose::Delay, 0, values)
                    .map_or(Duration::ZERO, PlanDuration::get),
            ),
            Shape::Lognormal { median, p99, max } => {
                let median = median.get().as_secs_f64();
                let sigma = (p99.get().as_secs_f64() / median).ln() / NORMAL_P99;
                let seconds = median * (sigma * draws.standard_normal(Purpose::Delay, 0)).exp();
                let max = max.get();
                if seconds > max.as_secs_f64() {
                    SampledDelay {
                        delay: max,
                        was_clamped: true,
                    }
                } else {
                    exact(Duration::from_secs_f64(seconds))
                }
            }
        }
    }

    /// What to promise a caller: the middle of the distribution.
    pub(crate) fn typical(&self) -> Duration {
        match &self.0 {
            Shape::Fixed { value } => value.get(),
            Shape::Uniform { min, max } => (min.get() + max.get()) / 2,
            Shape::Lognormal { median, .. } => median.get(),
            // The values were sorted when the distribution was read.
            Shape::Empirical { values } => values
                .get(values.len() / 2)
                .copied()
                .map_or(Duration::ZERO, PlanDuration::get),
        }
    }
}

impl Default for Delay {
    /// Clients are told "2-5 seconds".
    fn default() -> Self {
        Self(Shape::Lognormal {
            median: PlanDuration::from_seconds(2),
            p99: PlanDuration::from_seconds(5),
            max: PlanDuration::from_seconds(10),
        })
    }
}

impl TryFrom<Shape> for Delay {
    type Error = DelayError;

    fn try_from(mut shape: Shape) -> Result<Self, DelayError> {
        match &mut shape {
            &mut Shape::Lognormal { median, p99, max } => {
                if median.get().is_zero() || median > p99 || p99 > max {
                    return Err(DelayError::Lognormal { median, p99, max });
                }
            }
            &mut Shape::Uniform { min, max } => {
                if min > max {
                    return Err(DelayError::Uniform { min, max });
                }
            }
            Shape::Empirical { values } => {
                if values.is_empty() || values.len() > EMPIRICAL_VALUES_MAX {
                    return Err(DelayError::Empirical(values.len()));
                }
                values.sort_unstable();
            }
            Shape::Fixed { .. } => {}
        }
        Ok(Self(shape))
    }
}

impl From<Delay> for Shape {
    fn from(delay: Delay) -> Self {
        delay.0
    }
}
