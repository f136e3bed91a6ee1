//! Distributions of durations.

use std::time::Duration;

use super::super::diagnostic::Diagnostics;
use super::super::raw::{DelayFile, DistributionFile, DurationText};
use super::at::{At, duration, positive_duration};
use crate::plan::DurationDistribution;

/// A delay as the mock knows it: also one that is drawn from measured values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Delay {
    Shape(DurationDistribution),
    Empirical(Vec<Duration>),
}

impl Delay {
    /// The expected delay.
    pub(super) fn mean(&self) -> Duration {
        match self {
            Delay::Shape(distribution) => distribution.mean(),
            Delay::Empirical(values) => {
                let count = u32::try_from(values.len().max(1)).unwrap_or(u32::MAX);
                values.iter().sum::<Duration>() / count
            }
        }
    }

    /// The longest delay, or `None` when there is no end to it.
    pub(super) fn longest(&self) -> Option<Duration> {
        match self {
            Delay::Shape(distribution) => distribution.longest(),
            Delay::Empirical(values) => values.iter().max().copied(),
        }
    }
}

/// Lowers a duration or a distribution of durations.
pub(super) fn delay(file: &DelayFile, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Delay> {
    let distribution = match file {
        DelayFile::Fixed(text) => {
            return duration(Some(text), at, diagnostics)
                .map(|value| Delay::Shape(DurationDistribution::Fixed(value)));
        }
        DelayFile::Distribution(distribution) => distribution,
    };
    match distribution {
        DistributionFile::Fixed { value } => {
            let value = duration(value.as_ref(), at.key("value"), diagnostics)?;
            Some(Delay::Shape(DurationDistribution::Fixed(value)))
        }
        DistributionFile::Uniform { min, max } => {
            let min = duration(min.as_ref(), at.key("min"), diagnostics);
            let max = duration(max.as_ref(), at.key("max"), diagnostics);
            let (min, max) = min.zip(max)?;
            if min > max {
                diagnostics.push(at.key("min").value_span(), "`min` is longer than `max`");
                return None;
            }
            Some(Delay::Shape(DurationDistribution::Uniform { min, max }))
        }
        DistributionFile::LogNormal { median, p99, max } => {
            lognormal(median.as_ref(), p99.as_ref(), max.as_ref(), at, diagnostics).map(Delay::Shape)
        }
        DistributionFile::Empirical { values } => {
            let values: Option<Vec<Duration>> = values
                .as_ref()?
                .iter()
                .enumerate()
                .map(|(index, value)| duration(Some(value), at.key("values").item(index), diagnostics))
                .collect();
            values.filter(|values| !values.is_empty()).map(Delay::Empirical)
        }
    }
}

fn lognormal(
    median: Option<&DurationText>,
    p99: Option<&DurationText>,
    max: Option<&DurationText>,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<DurationDistribution> {
    let median = positive_duration(median, at.key("median"), diagnostics);
    let p99 = positive_duration(p99, at.key("p99"), diagnostics);
    let end = positive_duration(max, at.key("max"), diagnostics);
    if at.is_refused("max") || (max.is_some() && end.is_none()) {
        return None;
    }
    let (median, p99) = median.zip(p99)?;
    if median > p99 {
        diagnostics.push(at.key("median").value_span(), "`median` is longer than `p99`");
        return None;
    }
    if end.is_some_and(|end| end < median) {
        diagnostics.push(
            at.key("max").value_span(),
            "`max` is shorter than `median`: more than half of the values would be cut",
        );
        return None;
    }
    Some(DurationDistribution::LogNormal {
        median,
        p99,
        max: end,
    })
}

/// A pause: a distribution that the load generator can draw from.
pub(super) fn think(
    file: &DelayFile,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<DurationDistribution> {
    match delay(file, at, diagnostics)? {
        Delay::Shape(distribution) => Some(distribution),
        Delay::Empirical(_) => {
            diagnostics.push(
                at.value_span(),
                "the empirical distribution is for the mock's delays; think times take fixed, uniform or lognormal",
            );
            None
        }
    }
}
