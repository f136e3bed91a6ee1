//! Rates and numbers of users over time, made of straight lines.

use std::time::Duration;

use crate::plan::Stage;
use crate::units::Rate;

/// An arrival rate over time, and its integral: the cumulative number of expected arrivals.
#[derive(Debug, Clone, PartialEq)]
pub struct RateProfile {
    segments: Vec<Segment>,
}

/// A stretch in which the rate changes along a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Segment {
    start_s: f64,
    duration_s: f64,
    rate_from: f64,
    rate_to: f64,
    /// Expected arrivals before this segment.
    arrivals_before: f64,
}

impl Segment {
    /// Expected arrivals within the segment: the area of a trapezium.
    fn arrivals(&self) -> f64 {
        (self.rate_from + self.rate_to) / 2.0 * self.duration_s
    }
}

impl RateProfile {
    /// The same rate throughout.
    pub fn constant(rate: Rate, duration: Duration) -> Self {
        Self::ramping(
            rate,
            &[Stage {
                target: rate,
                duration,
            }],
        )
    }

    /// From `start_rate` along straight lines to each stage's target.
    pub fn ramping(start_rate: Rate, stages: &[Stage<Rate>]) -> Self {
        let mut segments: Vec<Segment> = Vec::with_capacity(stages.len());
        let (mut start_s, mut arrivals_before, mut rate_from) = (0.0, 0.0, start_rate.as_per_second());
        for stage in stages {
            let segment = Segment {
                start_s,
                duration_s: stage.duration.as_secs_f64(),
                rate_from,
                rate_to: stage.target.as_per_second(),
                arrivals_before,
            };
            start_s += segment.duration_s;
            arrivals_before += segment.arrivals();
            rate_from = segment.rate_to;
            segments.push(segment);
        }
        Self { segments }
    }

    /// Expected arrivals over the whole profile.
    pub fn total(&self) -> f64 {
        self.segments
            .last()
            .map_or(0.0, |last| last.arrivals_before + last.arrivals())
    }

    /// The rate at `time`, per second; 0 after the end.
    pub fn rate_at(&self, time: Duration) -> f64 {
        let time_s = time.as_secs_f64();
        self.segments
            .iter()
            .find(|segment| time_s < segment.start_s + segment.duration_s)
            .map_or(0.0, |segment| {
                let progress = (time_s - segment.start_s) / segment.duration_s;
                segment.rate_from + (segment.rate_to - segment.rate_from) * progress
            })
    }

    /// When the cumulative number of expected arrivals reaches `position`; `None` when it never does.
    ///
    /// Within a segment with rates r₀ → r₁ over d seconds, the count after t seconds is r₀·t + (r₁−r₀)·t²/(2d).
    /// The root is taken in the form 2c / (r₀ + √(r₀² + 2·a·c)) with a = (r₁−r₀)/d, which stays exact when a is 0.
    pub fn time_of(&self, position: f64) -> Option<Duration> {
        // Segments of no length or no arrivals can hold none; `position` equal to a segment's end belongs to the next.
        let segment = self.segments.iter().find(|segment| {
            position < segment.arrivals_before + segment.arrivals() - 1e-9 * position.max(1.0)
        })?;
        let count = (position - segment.arrivals_before).max(0.0);
        let slope = (segment.rate_to - segment.rate_from) / segment.duration_s;
        let root = (segment.rate_from * segment.rate_from + 2.0 * slope * count)
            .max(0.0)
            .sqrt();
        let within_s = if count == 0.0 {
            0.0
        } else {
            2.0 * count / (segment.rate_from + root)
        };
        Some(Duration::from_secs_f64(segment.start_s + within_s))
    }
}

/// A number of virtual users over time.
#[derive(Debug, Clone, PartialEq)]
pub struct VuProfile {
    start: u32,
    stages: Vec<Stage<u32>>,
}

impl VuProfile {
    /// The same number throughout.
    pub fn constant(vus: u32, duration: Duration) -> Self {
        Self {
            start: vus,
            stages: vec![Stage {
                target: vus,
                duration,
            }],
        }
    }

    /// From `start` along straight lines to each stage's target.
    pub fn ramping(start: u32, stages: &[Stage<u32>]) -> Self {
        Self {
            start,
            stages: stages.to_vec(),
        }
    }

    /// How many users are wanted at `time`; `None` after the end.
    pub fn vus_at(&self, time: Duration) -> Option<u32> {
        let (mut from, mut start) = (self.start, Duration::ZERO);
        for stage in &self.stages {
            if time < start + stage.duration {
                let progress = (time - start).as_secs_f64() / stage.duration.as_secs_f64();
                let vus = f64::from(from) + (f64::from(stage.target) - f64::from(from)) * progress;
                return Some(vus.round() as u32);
            }
            from = stage.target;
            start += stage.duration;
        }
        None
    }

    /// The highest number of users that is ever wanted.
    pub fn peak(&self) -> u32 {
        self.stages
            .iter()
            .map(|stage| stage.target)
            .fold(self.start, u32::max)
    }
}
