//! Figures of both arms side by side, whether a claim is made about them or not.

use super::interval::Interval;
use super::measure::{Basis, Quantity, Usable};
use super::tape::Figure;
use crate::metrics::SeriesKind;
use crate::plan::{Sides, Unit};

/// One figure of both arms.
#[derive(Debug, Clone, PartialEq)]
pub struct FigureRow {
    pub name: &'static str,
    pub unit: Unit,
    /// Geometric means over the runs (of shares: all events together); infinite where a percentile fell on failed events,
    /// `None` where there is no data.
    pub figures: Sides<Option<f64>>,
    /// Candidate over baseline.
    pub ratio: Option<Interval>,
    pub basis: Option<Basis>,
}

const ROWS: [(&str, Unit, Quantity); 18] = [
    (
        "Response time p50",
        Unit::Time,
        quantile(SeriesKind::Response, 0.5),
    ),
    (
        "Response time p95",
        Unit::Time,
        quantile(SeriesKind::Response, 0.95),
    ),
    (
        "Response time p99",
        Unit::Time,
        quantile(SeriesKind::Response, 0.99),
    ),
    (
        "Mean response time",
        Unit::Time,
        Quantity::Series(SeriesKind::Response, Figure::Mean),
    ),
    (
        "Error rate",
        Unit::Ratio,
        Quantity::Series(SeriesKind::Response, Figure::BadShare),
    ),
    (
        "Feedback latency p95",
        Unit::Time,
        quantile(SeriesKind::Feedback, 0.95),
    ),
    (
        "Realtime latency p95",
        Unit::Time,
        quantile(SeriesKind::Realtime, 0.95),
    ),
    (
        "Realtime failures",
        Unit::Ratio,
        Quantity::Series(SeriesKind::RealtimeDelivery, Figure::BadShare),
    ),
    (
        "Webhook processing p95",
        Unit::Time,
        quantile(SeriesKind::WebhookProcessing, 0.95),
    ),
    (
        "Webhook failures",
        Unit::Ratio,
        Quantity::Series(SeriesKind::WebhookAttempt, Figure::BadShare),
    ),
    (
        "Result turnaround p95",
        Unit::Time,
        quantile(SeriesKind::Turnaround, 0.95),
    ),
    (
        "Server time p95",
        Unit::Time,
        quantile(SeriesKind::ServerTime, 0.95),
    ),
    (
        "Mean database query time",
        Unit::Time,
        Quantity::Series(SeriesKind::DbQuery, Figure::Mean),
    ),
    (
        "Database time per completed journey",
        Unit::Time,
        Quantity::QueryTimePerJourney,
    ),
    (
        "Completion rate",
        Unit::Ratio,
        Quantity::Series(SeriesKind::Completion, Figure::GoodShare),
    ),
    (
        "Abandonment rate",
        Unit::Ratio,
        Quantity::Series(SeriesKind::Abandonment, Figure::BadShare),
    ),
    (
        "Complaint rate",
        Unit::Ratio,
        Quantity::Series(SeriesKind::Complaint, Figure::BadShare),
    ),
    (
        "Apdex",
        Unit::Ratio,
        Quantity::Series(SeriesKind::Apdex, Figure::Apdex),
    ),
];

const fn quantile(kind: SeriesKind, quantile: f64) -> Quantity {
    Quantity::Series(kind, Figure::Quantile(quantile))
}

/// All figures that either arm has.
pub(super) fn figures(usable: &Usable<'_>) -> Vec<FigureRow> {
    ROWS.into_iter()
        .filter_map(|(name, unit, quantity)| row(usable, name, unit, quantity))
        .collect()
}

fn row(usable: &Usable<'_>, name: &'static str, unit: Unit, quantity: Quantity) -> Option<FigureRow> {
    let plain = usable.trials.as_ref().map(|trials| {
        let values: Vec<f64> = trials.iter().filter_map(|trial| quantity.read(trial)).collect();
        let sum: f64 = match unit {
            Unit::Ratio => values.iter().sum(),
            Unit::Time | Unit::PerSecond => values.iter().map(|value| value.ln()).sum(),
        };
        (!values.is_empty()).then(|| {
            let mean = sum / values.len() as f64;
            if unit == Unit::Ratio { mean } else { mean.exp() }
        })
    });
    if plain.iter().all(Option::is_none) {
        return None;
    }
    let measured = usable
        .measure(quantity)
        .ok()
        .filter(|measured| measured.ratio.value.is_finite() && measured.ratio.value > 0.0);
    Some(FigureRow {
        name,
        unit,
        figures: plain,
        ratio: measured.as_ref().map(|measured| measured.ratio),
        basis: measured.map(|measured| measured.basis),
    })
}
