//! How many users come, and when.

use std::time::Duration;

use super::Partition;
use crate::units::Rate;

/// The load of a run.
#[derive(Debug, Clone)]
pub struct Load {
    pub executor: Executor,
    /// Most virtual users at once; an arrival that finds none free is dropped and counted.
    pub max_vus: u32,
    pub connections: Connections,
    /// Tickets scheduled before this offset are warm-up: shown, not judged.
    pub warm_up: Duration,
    /// After the last ticket: how long iterations under way, and the results they wait for, may take to end.
    pub drain: Duration,
    /// Threads that drive virtual users; at least 1, and no more than there are virtual users.
    pub workers: u16,
    /// The part of the whole load that this run drives; its workers share it.
    pub partition: Partition,
    /// Whether the generator is tried out against a server of its own before the load.
    pub calibrate: bool,
}

/// Whether a connection lasts for one iteration or for the life of a virtual user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connections {
    /// Each iteration is a new user with a connection of its own.
    PerIteration,
    /// A virtual user keeps its connection from iteration to iteration.
    PerVirtualUser,
}

/// How arrivals are spaced at a given rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Equal gaps.
    Even,
    /// Exponential gaps: independent users.
    Poisson,
}

/// What drives iterations. Open models schedule arrivals whether the target keeps up or not; closed models keep a
/// number of users busy, for a time or for a number of iterations.
#[derive(Debug, Clone, PartialEq)]
pub enum Executor {
    ConstantArrivalRate {
        rate: Rate,
        duration: Duration,
        spacing: Spacing,
    },
    RampingArrivalRate {
        start_rate: Rate,
        stages: Vec<Stage<Rate>>,
        spacing: Spacing,
    },
    ConstantVus {
        vus: u32,
        duration: Duration,
    },
    RampingVus {
        start_vus: u32,
        stages: Vec<Stage<u32>>,
    },
    PerVuIterations {
        vus: u32,
        /// Iterations of each virtual user.
        iterations: u32,
        max_duration: Duration,
    },
    SharedIterations {
        vus: u32,
        /// Iterations of all virtual users together; at least as many as there are users.
        iterations: u32,
        max_duration: Duration,
    },
}

/// A straight line from the value before to `target`, over `duration`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage<T> {
    pub target: T,
    pub duration: Duration,
}

impl Executor {
    /// The executor's name, as in the scenario file.
    pub fn name(&self) -> &'static str {
        match self {
            Executor::ConstantArrivalRate { .. } => "constant-arrival-rate",
            Executor::RampingArrivalRate { .. } => "ramping-arrival-rate",
            Executor::ConstantVus { .. } => "constant-vus",
            Executor::RampingVus { .. } => "ramping-vus",
            Executor::PerVuIterations { .. } => "per-vu-iterations",
            Executor::SharedIterations { .. } => "shared-iterations",
        }
    }

    /// How long tickets are issued; at most, when there is a fixed number of them.
    pub fn duration(&self) -> Duration {
        match self {
            Executor::ConstantArrivalRate { duration, .. } | Executor::ConstantVus { duration, .. } => {
                *duration
            }
            Executor::RampingArrivalRate { stages, .. } => stages.iter().map(|stage| stage.duration).sum(),
            Executor::RampingVus { stages, .. } => stages.iter().map(|stage| stage.duration).sum(),
            Executor::PerVuIterations { max_duration, .. }
            | Executor::SharedIterations { max_duration, .. } => *max_duration,
        }
    }

    /// The longest stretch of time in which the load does not change, from its beginning to its end; `None` when there is
    /// none, or when only the run shows how long it is.
    pub fn plateau(&self) -> Option<(Duration, Duration)> {
        fn longest<T: Copy + PartialEq + Default>(
            mut before: T,
            stages: &[Stage<T>],
        ) -> Option<(Duration, Duration)> {
            let mut begun = Duration::ZERO;
            let mut longest = None;
            // Stages at one height are one plateau.
            let mut level_since = None;
            for stage in stages {
                let ended = begun + stage.duration;
                if stage.target == before && before != T::default() {
                    let since = *level_since.get_or_insert(begun);
                    if longest.is_none_or(|(from, to)| ended - since > to - from) {
                        longest = Some((since, ended));
                    }
                } else {
                    level_since = None;
                }
                (before, begun) = (stage.target, ended);
            }
            longest
        }
        match self {
            Executor::ConstantArrivalRate { duration, .. } | Executor::ConstantVus { duration, .. } => {
                Some((Duration::ZERO, *duration))
            }
            Executor::RampingArrivalRate {
                start_rate, stages, ..
            } => {
                let per_second: Vec<Stage<f64>> = stages
                    .iter()
                    .map(|stage| Stage {
                        target: stage.target.as_per_second(),
                        duration: stage.duration,
                    })
                    .collect();
                longest(start_rate.as_per_second(), &per_second)
            }
            Executor::RampingVus { start_vus, stages } => longest(*start_vus, stages),
            Executor::PerVuIterations { .. } | Executor::SharedIterations { .. } => None,
        }
    }

    /// Makes everything that takes time take `factor` times as long, at the same rates and numbers of users. A fixed
    /// number of iterations stays as it is.
    pub fn scale_time(&mut self, factor: f64) {
        fn scale<T>(stages: &mut [Stage<T>], factor: f64) {
            for stage in stages {
                stage.duration = stage.duration.mul_f64(factor);
            }
        }
        match self {
            Executor::ConstantArrivalRate { duration, .. } | Executor::ConstantVus { duration, .. } => {
                *duration = duration.mul_f64(factor);
            }
            Executor::RampingArrivalRate { stages, .. } => scale(stages, factor),
            Executor::RampingVus { stages, .. } => scale(stages, factor),
            Executor::PerVuIterations { .. } | Executor::SharedIterations { .. } => {}
        }
    }

    /// Whether arrivals are scheduled independently of the target (open model).
    pub fn is_open(&self) -> bool {
        match self {
            Executor::ConstantArrivalRate { .. } | Executor::RampingArrivalRate { .. } => true,
            Executor::ConstantVus { .. }
            | Executor::RampingVus { .. }
            | Executor::PerVuIterations { .. }
            | Executor::SharedIterations { .. } => false,
        }
    }

    /// The iterations of one part of the load, when their number is fixed.
    pub fn fixed_iterations(&self, partition: Partition) -> Option<u64> {
        match self {
            Executor::ConstantArrivalRate { .. }
            | Executor::RampingArrivalRate { .. }
            | Executor::ConstantVus { .. }
            | Executor::RampingVus { .. } => None,
            Executor::PerVuIterations { vus, iterations, .. } => {
                Some(u64::from(partition.share(*vus)) * u64::from(*iterations))
            }
            Executor::SharedIterations { iterations, .. } => Some(u64::from(partition.share(*iterations))),
        }
    }
}

/// A distribution of durations.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationDistribution {
    Fixed(Duration),
    /// `min <= max`.
    Uniform {
        min: Duration,
        max: Duration,
    },
    /// `0 < median <= p99`; values above `max` are cut to it.
    LogNormal {
        median: Duration,
        p99: Duration,
        max: Option<Duration>,
    },
}

impl DurationDistribution {
    /// The expected value; of a lognormal without its cut at `max`.
    pub fn mean(&self) -> Duration {
        match self {
            DurationDistribution::Fixed(value) => *value,
            DurationDistribution::Uniform { min, max } => (*min + *max) / 2,
            DurationDistribution::LogNormal { median, p99, .. } => {
                let sigma = (p99.as_secs_f64() / median.as_secs_f64()).ln() / 2.326_347_874_040_841;
                median.mul_f64((sigma * sigma / 2.0).exp())
            }
        }
    }

    /// The longest value that the distribution gives, or `None` when it has no end.
    pub fn longest(&self) -> Option<Duration> {
        match self {
            DurationDistribution::Fixed(value) => Some(*value),
            DurationDistribution::Uniform { max, .. } => Some(*max),
            DurationDistribution::LogNormal { max, .. } => *max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_is_where_the_load_stays_and_is_not_zero() {
        let seconds = Duration::from_secs;
        let stages = |heights: &[(u32, u64)]| Executor::RampingVus {
            start_vus: 0,
            stages: heights
                .iter()
                .map(|(target, duration)| Stage {
                    target: *target,
                    duration: seconds(*duration),
                })
                .collect(),
        };
        for (heights, plateau) in [
            (&[(40, 15), (40, 60), (0, 5), (0, 600)][..], Some((15, 75))),
            (
                &[(40, 15), (40, 60), (40, 30), (80, 1), (80, 50)],
                Some((15, 105)),
            ),
            (&[(40, 15), (80, 60), (0, 5)], None),
        ] {
            let expected = plateau.map(|(from, to)| (seconds(from), seconds(to)));
            assert_eq!(stages(heights).plateau(), expected, "{heights:?}");
        }
        let constant = Executor::ConstantVus {
            vus: 3,
            duration: seconds(9),
        };
        assert_eq!(constant.plateau(), Some((Duration::ZERO, seconds(9))));
    }
}
