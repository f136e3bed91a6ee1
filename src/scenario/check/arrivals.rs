//! How many users a plan brings, and when.

use std::time::Duration;

use crate::plan::{Executor, Partition};

/// New users per second over time: straight lines from corner to corner.
pub(super) struct Flow {
    /// Seconds from the start, and users per second there. At a jump, two corners share a time.
    corners: Vec<(f64, f64)>,
}

/// The flow of an executor. In a closed model each user begins again when its journey of `journey_time` is over.
pub(super) fn flow(executor: &Executor, journey_time: Duration) -> Flow {
    let constant = |value: f64, duration: Duration| vec![(0.0, value), (duration.as_secs_f64(), value)];
    let per_vu = 1.0 / journey_time.as_secs_f64().max(1e-3);
    let until_done = |vus: u32, max_duration: Duration| {
        let rate = f64::from(vus) * per_vu;
        let iterations = executor.fixed_iterations(Partition::WHOLE).unwrap_or_default();
        let taken = Duration::try_from_secs_f64(iterations as f64 / rate).unwrap_or(Duration::MAX);
        constant(rate, taken.min(max_duration))
    };
    let corners = match executor {
        Executor::ConstantArrivalRate { rate, duration, .. } => constant(rate.as_per_second(), *duration),
        Executor::ConstantVus { vus, duration } => constant(f64::from(*vus) * per_vu, *duration),
        Executor::RampingArrivalRate {
            start_rate, stages, ..
        } => {
            let targets = stages
                .iter()
                .map(|stage| (stage.target.as_per_second(), stage.duration));
            ramp(start_rate.as_per_second(), targets)
        }
        Executor::RampingVus { start_vus, stages } => {
            let targets = stages
                .iter()
                .map(|stage| (f64::from(stage.target) * per_vu, stage.duration));
            ramp(f64::from(*start_vus) * per_vu, targets)
        }
        Executor::PerVuIterations {
            vus, max_duration, ..
        }
        | Executor::SharedIterations {
            vus, max_duration, ..
        } => until_done(*vus, *max_duration),
    };
    Flow { corners }
}

fn ramp(start: f64, stages: impl Iterator<Item = (f64, Duration)>) -> Vec<(f64, f64)> {
    let mut corners = vec![(0.0, start)];
    let mut time = 0.0;
    for (target, duration) in stages {
        time += duration.as_secs_f64();
        corners.push((time, target));
    }
    corners
}

impl Flow {
    /// Users per second at the busiest moment.
    pub(super) fn peak(&self) -> f64 {
        self.corners.iter().map(|(_, rate)| *rate).fold(0.0, f64::max)
    }

    /// When the last user comes.
    pub(super) fn end(&self) -> Duration {
        let end = self.corners.last().map_or(0.0, |(time, _)| *time);
        Duration::try_from_secs_f64(end).unwrap_or(Duration::MAX)
    }

    /// Users that come from one moment to another: the area below the lines.
    pub(super) fn between(&self, from: Duration, to: Duration) -> f64 {
        let (from, to) = (from.as_secs_f64(), to.as_secs_f64());
        let mut users = 0.0;
        for pair in self.corners.windows(2) {
            let [(start, rate), (end, target)] = pair else {
                continue;
            };
            let (cut_start, cut_end) = (start.max(from), end.min(to));
            if cut_end <= cut_start {
                continue;
            }
            let rate_at = |time: f64| rate + (target - rate) * (time - start) / (end - start);
            users += (rate_at(cut_start) + rate_at(cut_end)) / 2.0 * (cut_end - cut_start);
        }
        users
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Spacing, Stage};
    use crate::units::Rate;

    #[test]
    fn a_ramp_brings_half_of_its_plateau() {
        let stage = |target: f64, seconds: u64| Stage {
            target: Rate::per_second(target).unwrap(),
            duration: Duration::from_secs(seconds),
        };
        let executor = Executor::RampingArrivalRate {
            start_rate: Rate::per_second(0.0).unwrap(),
            stages: vec![stage(40.0, 15), stage(40.0, 60), stage(0.0, 5)],
            spacing: Spacing::Poisson,
        };
        let flow = flow(&executor, Duration::from_secs(1));
        assert_eq!(flow.peak(), 40.0);
        assert_eq!(
            flow.between(Duration::ZERO, Duration::from_secs(80)),
            300.0 + 2400.0 + 100.0
        );
        assert_eq!(
            flow.between(Duration::from_secs(15), Duration::from_secs(80)),
            2500.0
        );
    }

    #[test]
    fn a_fixed_number_of_iterations_ends_when_it_is_reached_or_its_time_is_over() {
        let shared = |max_duration_s| Executor::SharedIterations {
            vus: 10,
            iterations: 100,
            max_duration: Duration::from_secs(max_duration_s),
        };
        let each_takes = Duration::from_secs(2);
        let done = flow(&shared(60), each_takes);
        assert_eq!((done.peak(), done.end()), (5.0, Duration::from_secs(20)));
        assert_eq!(done.between(Duration::ZERO, done.end()), 100.0);
        let cut = flow(&shared(15), each_takes);
        assert_eq!(cut.between(Duration::ZERO, cut.end()), 75.0);
    }

    #[test]
    fn a_jump_has_no_area() {
        let executor = Executor::RampingVus {
            start_vus: 10,
            stages: vec![
                Stage {
                    target: 10,
                    duration: Duration::from_secs(5),
                },
                Stage {
                    target: 80,
                    duration: Duration::ZERO,
                },
                Stage {
                    target: 80,
                    duration: Duration::from_secs(5),
                },
            ],
        };
        let flow = flow(&executor, Duration::from_secs(2));
        assert_eq!(flow.peak(), 40.0);
        assert_eq!(
            flow.between(Duration::ZERO, Duration::from_secs(10)),
            25.0 + 200.0
        );
    }
}
