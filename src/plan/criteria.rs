//! What decides the verdict: targets, alerts, rollback thresholds.

use std::fmt;
use std::time::Duration;

use super::metric::{Metric, Unit};
use super::waiver::Waiver;
use super::window::WindowPolicy;
use crate::units::{Quantile, Rate, Ratio, format_duration};

/// All that a run is judged by.
#[derive(Debug, Clone, PartialEq)]
pub struct Criteria {
    pub mode: JudgeMode,
    /// Whether the load ends as soon as a target cannot be met any more, or is missed beyond doubt.
    pub early_stop: bool,
    /// Conditions that must hold over the whole measured part of the run.
    pub targets: Vec<Condition>,
    /// Metrics that the user declares as not measurable on this target: shown, never silently passed.
    pub not_measured: Vec<Metric>,
    /// Targets that may be missed for now, because somebody has accepted that. Losses and tripped rollback thresholds
    /// cannot be waived.
    pub waivers: Vec<Waiver>,
    /// Conditions whose breach is reported.
    pub alerts: Option<WindowPolicy>,
    /// Conditions whose breach means "roll back".
    pub rollback: Option<Rollback>,
}

/// How sure a verdict must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JudgeMode {
    /// PASS when the measured value meets the target.
    Observed,
    /// PASS only when the confidence bound meets the target.
    Certified,
}

impl JudgeMode {
    /// Whether the load ends early unless the scenario says otherwise. A certified run is long, and worth nothing once it
    /// cannot end in a GO; an observed one is short, and shows what happened.
    pub fn stops_early(self) -> bool {
        self == JudgeMode::Certified
    }
}

/// `metric statistic comparator limit`, for one step or over all: a target that must hold, or, in a window policy,
/// a breach that must not.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub metric: Metric,
    /// The step it is about, by name; `None` = over all steps.
    pub step: Option<String>,
    pub statistic: Statistic,
    pub comparator: Comparator,
    pub limit: Limit,
}

/// What is computed from a metric's samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    Quantile(Quantile),
    Mean,
    Max,
    /// Bad (or good) events over all events.
    Share,
    /// Events per second.
    PerSecond,
}

/// How value and limit are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The limit, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    Time(Duration),
    Ratio(Ratio),
    PerSecond(Rate),
}

/// The rollback thresholds and what follows when one trips.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollback {
    pub policy: WindowPolicy,
    /// Whether the load ends when a threshold trips.
    pub stop_load: bool,
    /// How long the three parts of a rollback may take.
    pub limits: RollbackLimits,
}

/// How long a rollback may take; `None` = no limit is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollbackLimits {
    /// From the injected fault, or else the first bad second, to the threshold's tripping.
    pub detect: Option<Duration>,
    /// From the threshold's tripping to the end of the rollback action.
    pub act: Option<Duration>,
    /// From the threshold's tripping to the first second after which all is well.
    pub recover: Option<Duration>,
}

impl Comparator {
    /// Whether `value` stands in this relation to `limit`.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Comparator::Less => value < limit,
            Comparator::LessOrEqual => value <= limit,
            Comparator::Greater => value > limit,
            Comparator::GreaterOrEqual => value >= limit,
        }
    }

    /// Whether the comparison sets an upper limit (`<`, `<=`).
    pub fn is_upper(self) -> bool {
        matches!(self, Comparator::Less | Comparator::LessOrEqual)
    }
}

impl Limit {
    /// The limit as a number: milliseconds, a ratio from 0 to 1, or events per second.
    pub fn as_number(self) -> f64 {
        match self {
            Limit::Time(duration) => duration.as_secs_f64() * 1e3,
            Limit::Ratio(ratio) => ratio.get(),
            Limit::PerSecond(rate) => rate.as_per_second(),
        }
    }

    /// The unit of the limit.
    pub fn unit(self) -> Unit {
        match self {
            Limit::Time(_) => Unit::Time,
            Limit::Ratio(_) => Unit::Ratio,
            Limit::PerSecond(_) => Unit::PerSecond,
        }
    }
}

impl fmt::Display for Statistic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Statistic::Quantile(quantile) => quantile.fmt(f),
            Statistic::Mean => f.write_str("mean"),
            Statistic::Max => f.write_str("max"),
            Statistic::Share => f.write_str("share"),
            Statistic::PerSecond => f.write_str("per_second"),
        }
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => ">=",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Time(duration) => f.write_str(&format_duration(*duration)),
            Limit::Ratio(ratio) => ratio.fmt(f),
            Limit::PerSecond(rate) => rate.fmt(f),
        }
    }
}

impl Condition {
    /// What it is about, without the limit: `response_time{submit_recording} p99`, `error_rate`. No two targets of a
    /// run have the same name.
    pub fn name(&self) -> String {
        let mut name = self.metric.to_string();
        if let Some(step) = &self.step {
            name.push_str(&format!("{{{step}}}"));
        }
        if !matches!(self.statistic, Statistic::Share | Statistic::PerSecond) {
            name.push_str(&format!(" {}", self.statistic));
        }
        name
    }
}

impl fmt::Display for Condition {
    /// `response_time{submit_recording} p99 <= 150ms`, `error_rate < 1%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name(), self.comparator, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_read_as_they_are_written() {
        let condition = Condition {
            metric: Metric::ResponseTime,
            step: Some("submit_recording".into()),
            statistic: Statistic::Quantile(Quantile::new(0.99).unwrap()),
            comparator: Comparator::LessOrEqual,
            limit: Limit::Time(Duration::from_millis(150)),
        };
        assert_eq!(
            condition.to_string(),
            "response_time{submit_recording} p99 <= 150ms"
        );
        assert_eq!(condition.name(), "response_time{submit_recording} p99");
        assert!(condition.comparator.holds(150.0, condition.limit.as_number()));
        assert!(!Comparator::Less.holds(150.0, 150.0));
    }
}
