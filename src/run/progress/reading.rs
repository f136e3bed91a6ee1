//! The figures of one moment of a run.

use super::super::collect::Collector;
use crate::metrics::SeriesKind;
use crate::plan::{Plan, Unit};
use crate::sla::wording::quantity;
use crate::sla::{Glance, glances};

/// Seconds that the figures cover.
const SPAN_S: u32 = 5;
/// Seconds that the values of the targets cover: as long as most windows, so that what is shown is what alerts see.
const GLANCE_S: u32 = 10;

/// The part of the run that is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Phase {
    WarmingUp,
    Measuring,
    Draining,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Phase::WarmingUp => "warm-up",
            Phase::Measuring => "measuring",
            Phase::Draining => "draining",
        }
    }
}

/// What a second of the run looks like.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::run) struct Reading {
    /// Seconds since the start of the load.
    pub(super) second: u32,
    pub(super) phase: Phase,
    pub(super) requests_per_s: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) failed_share: Option<f64>,
    pub(super) users: u64,
    pub(super) dropped: u64,
    /// Results that ClassConnect owes, or whose webhook was not acknowledged yet; `None` without a mock.
    pub(super) pending: Option<u64>,
}

impl Reading {
    /// The figures of the seconds up to and with `ended`.
    pub(in crate::run) fn of(collector: &Collector, ended: u32, phase: Phase) -> Self {
        let measurements = &collector.measurements;
        let iterations = &collector.iterations;
        let from = (ended + 1).saturating_sub(SPAN_S);
        let mut slice = measurements.sum(SeriesKind::Response, None, from..ended + 1);
        if slice.total == 0 {
            slice = measurements.sum_warm_up(SeriesKind::Response, from..ended + 1);
        }
        Self {
            second: ended + 1,
            phase,
            requests_per_s: slice.total as f64 / f64::from(ended + 1 - from),
            p50_ms: slice.quantile_ms(0.50),
            p95_ms: slice.quantile_ms(0.95),
            p99_ms: slice.quantile_ms(0.99),
            failed_share: slice.bad_share(),
            users: iterations.under_way(),
            dropped: iterations.dropped,
            pending: collector.results_pending(),
        }
    }

    /// How the targets of the plan stand now.
    pub(in crate::run) fn glances(collector: &Collector, plan: &Plan, ended: u32) -> Vec<Glance> {
        glances(
            &plan.criteria.targets,
            &plan.steps,
            &collector.measurements,
            plan.load.warm_up.as_secs() as u32,
            (ended + 1).saturating_sub(GLANCE_S)..ended + 1,
        )
    }

    /// The reading in one line, for a log.
    pub(super) fn line(&self) -> String {
        let dropped = if self.dropped > 0 {
            format!(" · {} arrivals dropped", self.dropped)
        } else {
            String::new()
        };
        format!(
            "{} {:<9} {:>7.1} requests/s · p95 {} · errors {} · {} users{dropped}",
            clock(self.second),
            self.phase.name(),
            self.requests_per_s,
            milliseconds(self.p95_ms),
            self.errors(),
            self.users,
        )
    }

    pub(super) fn errors(&self) -> String {
        self.failed_share
            .map_or("no data".to_owned(), |share| format!("{:.2}%", share * 100.0))
    }
}

/// `01:15`.
pub(super) fn clock(second: u32) -> String {
    format!("{:02}:{:02}", second / 60, second % 60)
}

pub(super) fn milliseconds(value: Option<f64>) -> String {
    match value {
        None => "no data".to_owned(),
        Some(ms) if ms.is_finite() => format!("{ms:.1} ms"),
        Some(_) => "failed".to_owned(),
    }
}

/// The value of a target over the last seconds.
pub(super) fn recent(glance: &Glance) -> String {
    let unit: Unit = glance.condition.limit.unit();
    match glance.recent {
        None => "no data".to_owned(),
        Some(value) if value.is_finite() => quantity(value, unit),
        Some(_) => "failed".to_owned(),
    }
}

#[cfg(test)]
pub(super) fn reading() -> Reading {
    Reading {
        second: 75,
        phase: Phase::Measuring,
        requests_per_s: 201.25,
        p50_ms: Some(8.5),
        p95_ms: Some(34.25),
        p99_ms: Some(61.0),
        failed_share: Some(0.001),
        users: 412,
        dropped: 3,
        pending: Some(57),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_units_and_says_when_there_is_no_data() {
        assert_eq!(
            reading().line(),
            "01:15 measuring   201.2 requests/s · p95 34.2 ms · errors 0.10% · 412 users · 3 arrivals dropped"
        );
        let silent = Reading {
            p95_ms: None,
            failed_share: None,
            dropped: 0,
            ..reading()
        };
        assert!(silent.line().contains("p95 no data · errors no data · 412 users"));
    }
}
