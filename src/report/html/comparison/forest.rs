//! Every claimed ratio on one logarithmic axis: its interval, and the limit that it has to keep.

use crate::comparison::Interval;
use crate::comparison::wording::times;
use crate::report::comparison::view;
use crate::report::html::chart::{Tick, percent};
use crate::report::model::comparison::{ClaimRecord, ComparisonRecord};

/// The axis shows at least this range of ratios.
const RANGE_LEAST: (f64, f64) = (0.5, 2.0);
/// And at most this one: what lies beyond is drawn at its end.
const RANGE_MOST: (f64, f64) = (1e-3, 1e3);

/// All ratios and their axis.
pub(super) struct Forest {
    pub(super) rows: Vec<ForestRow>,
    pub(super) ticks: Vec<Tick>,
    /// Where the ratio of 1 is, as CSS.
    pub(super) same_at: String,
}

/// One ratio. Places are CSS percentages.
pub(super) struct ForestRow {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) left: String,
    pub(super) width: String,
    pub(super) at: String,
    pub(super) value: String,
    /// Where the limit is, and in words.
    pub(super) limit: Option<(String, String)>,
}

/// The ratios that were measured; `None` when there is none.
pub(super) fn forest(record: &ComparisonRecord) -> Option<Forest> {
    let rows: Vec<(&ClaimRecord, Interval, Option<f64>, &'static str)> = record
        .claims
        .iter()
        .zip(view::claims(record))
        .filter(|(claim, _)| claim.is_ratio)
        .filter_map(|(claim, row)| {
            let measured = claim.measured.as_ref().filter(|measured| measured.value > 0.0)?;
            Some((claim, Interval::from(measured), limit(&claim.required), row.class))
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let (mut low, mut high) = RANGE_LEAST;
    for (_, interval, limit, _) in &rows {
        for value in [interval.low, interval.value, interval.high]
            .into_iter()
            .chain(*limit)
        {
            if value > 0.0 && value.is_finite() {
                low = low.min(value / 1.3).max(RANGE_MOST.0);
                high = high.max(value * 1.3).min(RANGE_MOST.1);
            }
        }
    }
    let place = |ratio: f64| ((ratio.max(low) / low).ln() / (high / low).ln()).clamp(0.0, 1.0);
    Some(Forest {
        rows: rows
            .iter()
            .map(|(claim, interval, limit, class)| {
                let (left, right) = (place(interval.low), place(interval.high));
                ForestRow {
                    name: claim.says.clone(),
                    class,
                    left: percent(left),
                    width: percent((right - left).max(0.004)),
                    at: percent(place(interval.value)),
                    value: times(interval.value),
                    limit: limit.map(|limit| (percent(place(limit)), format!("limit {}", times(limit)))),
                }
            })
            .collect(),
        ticks: ticks(low, high, place),
        same_at: percent(place(1.0)),
    })
}

/// The ratio in what a claim requires: `ratio ≤ 0.4×`, or `at most 10% worse`.
fn limit(required: &str) -> Option<f64> {
    if let Some((_, rest)) = required.split_once("at most ")
        && let Some((share, _)) = rest.split_once("% worse")
    {
        return share.parse::<f64>().ok().map(|share| 1.0 + share / 100.0);
    }
    let (before, _) = required.rsplit_once('×')?;
    before.rsplit(' ').next()?.parse().ok()
}

/// Ticks at 1, 2, 5, 10, …, thinned out on a long axis.
fn ticks(low: f64, high: f64, place: impl Fn(f64) -> f64) -> Vec<Tick> {
    let factors: &[f64] = if high / low > 100.0 {
        &[1.0]
    } else {
        &[1.0, 2.0, 5.0]
    };
    (-3..=3)
        .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
        .filter(|value| (low..=high).contains(value))
        .map(|value| Tick {
            at: percent(place(value)),
            label: times(value),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_they_are_written() {
        assert_eq!(limit("db_query_time mean: ratio ≤ 0.4×"), Some(0.4));
        assert_eq!(limit("ratio of capacities ≥ 3×"), Some(3.0));
        assert_eq!(
            limit("response_time p95: at most 10% worse, or by less than 1ms"),
            Some(1.1)
        );
        assert_eq!(limit("0 lost, doubled or misdelivered"), None);
    }
}
