//! The heat map of response times: how many requests took how long, second by second.
//!
//! A percentile hides what a server does in two speeds; here each is a stripe of its own. Heights are logarithmic, so
//! that a fast stripe and a slow one are both seen. Cells of one shade are one path: a page stays small, and needs no
//! script to show it.

use serde_json::json;

use super::chart::{Axis, Chart, LimitMark, PathMark, Tick, percent};
use crate::metrics::Slice;

/// Width and height of the drawing's own coordinates.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 300.0;
/// Rows of cells per tenfold time.
const ROWS_PER_DECADE: f64 = 8.0;
/// Columns; longer runs have several seconds in one.
const COLUMNS_MAX: usize = 180;
/// Shades, the faintest first: the largest count of each, as a share of the fullest cell.
const SHADES: [(f64, &str); 5] = [
    (0.02, "heat-1"),
    (0.08, "heat-2"),
    (0.25, "heat-3"),
    (0.60, "heat-4"),
    (1.00, "heat-5"),
];

/// Draws the map of `slices`, one per point of the axis; `None` without a request that was answered.
pub(super) fn heat_map(axis: &Axis, slices: &[Slice], limit_ms: Option<f64>) -> Option<Chart> {
    let (lowest, highest) = range_us(slices)?;
    let rows = Rows::of(lowest, highest);
    let merged = slices.len().div_ceil(COLUMNS_MAX).max(1);
    let columns: Vec<Vec<u64>> = slices.chunks(merged).map(|chunk| rows.counts(chunk)).collect();
    let fullest = columns
        .iter()
        .flatten()
        .copied()
        .max()
        .filter(|count| *count > 0)?;
    let paths = paths(
        &columns,
        &rows,
        fullest,
        WIDTH * merged as f64 / slices.len() as f64,
    );
    let failed: u64 = slices.iter().map(|slice| slice.bad).sum();
    let mut caption = format!(
        "Each cell holds the requests of {} that took so long; the stronger its colour, the more, up to {fullest}. The scale is \
         logarithmic.",
        if merged == 1 {
            "a point in time".to_owned()
        } else {
            format!("{merged} points in time")
        }
    );
    if failed > 0 {
        caption.push_str(" Failed requests have no time and are not in it.");
    }
    let limit = limit_ms.and_then(|limit| rows.share(limit * 1e3).map(|share| (limit, share)));
    Some(Chart {
        id: "heat",
        title: "Response times, every one".to_owned(),
        caption,
        description: format!(
            "Heat map of response times from {} to {} over time",
            milliseconds(lowest),
            milliseconds(highest)
        ),
        y_unit: "ms",
        x_unit: axis.unit,
        y_ticks: rows.ticks(),
        x_ticks: axis
            .ticks
            .iter()
            .map(|tick| Tick {
                at: tick.at.clone(),
                label: tick.label.clone(),
            })
            .collect(),
        bands: axis.bands.clone(),
        limits: limit
            .into_iter()
            .map(|(limit, share)| LimitMark {
                at: percent(share),
                label: format!("{limit:.0} ms"),
                class: "target",
            })
            .collect(),
        paths,
        data: data(axis, slices),
    })
}

/// One path per shade, of all cells that have it.
fn paths(columns: &[Vec<u64>], rows: &Rows, fullest: u64, width: f64) -> Vec<PathMark> {
    let height = HEIGHT / rows.number as f64;
    let mut areas = vec![String::new(); SHADES.len()];
    for (column, counts) in columns.iter().enumerate() {
        for (row, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let share = *count as f64 / fullest as f64;
            let shade = SHADES
                .iter()
                .position(|(most, _)| share <= *most)
                .unwrap_or(SHADES.len() - 1);
            areas[shade].push_str(&format!(
                "M{:.1} {:.1}h{width:.1}v{height:.1}h-{width:.1}z",
                column as f64 * width,
                HEIGHT - (row + 1) as f64 * height,
            ));
        }
    }
    let shades = SHADES.iter().zip(areas).filter(|(_, area)| !area.is_empty());
    shades
        .map(|((most, class), area)| PathMark {
            name: format!("up to {:.0}", (most * fullest as f64).floor()).into(),
            class,
            line: String::new(),
            area,
        })
        .collect()
}

/// Fastest and slowest answer, in microseconds.
fn range_us(slices: &[Slice]) -> Option<(f64, f64)> {
    let answered = || slices.iter().filter(|slice| slice.good() > 0);
    let lowest = answered().map(|slice| slice.min_us).min()?;
    let highest = answered().map(|slice| slice.max_us).max()?;
    Some((f64::from(lowest.max(1)), f64::from(highest.max(1))))
}

/// Rows of times, each by the same factor above the one below.
struct Rows {
    /// Logarithm of the lowest time in microseconds.
    foot: f64,
    number: usize,
}

impl Rows {
    fn of(lowest_us: f64, highest_us: f64) -> Self {
        let foot = (lowest_us.log10() * ROWS_PER_DECADE).floor();
        let top = (highest_us.log10() * ROWS_PER_DECADE).floor() + 1.0;
        Self {
            foot: foot / ROWS_PER_DECADE,
            number: ((top - foot) as usize).max(1),
        }
    }

    fn row(&self, us: f64) -> usize {
        let row = ((us.max(1.0).log10() - self.foot) * ROWS_PER_DECADE).floor();
        (row.max(0.0) as usize).min(self.number - 1)
    }

    fn counts(&self, slices: &[Slice]) -> Vec<u64> {
        let mut counts = vec![0; self.number];
        for slice in slices {
            for (bucket, count) in &slice.values {
                counts[self.row(f64::from(*bucket))] += count;
            }
        }
        counts
    }

    /// Height of a time as a share of the whole; `None` when it lies outside.
    fn share(&self, us: f64) -> Option<f64> {
        let share = (us.log10() - self.foot) * ROWS_PER_DECADE / self.number as f64;
        (0.0..=1.0).contains(&share).then_some(share)
    }

    /// The round times within the range.
    fn ticks(&self) -> Vec<Tick> {
        let decades = (0..10).flat_map(|decade| {
            let one = 10_f64.powi(decade);
            [one, 2.0 * one, 5.0 * one]
        });
        let shown: Vec<(f64, f64)> = decades
            .filter_map(|us| self.share(us).map(|share| (us, share)))
            .collect();
        // More than a few labels would run into each other: then only the powers of ten.
        let few = shown.len() <= 8;
        shown
            .into_iter()
            .filter(|(us, _)| few || us.log10().fract().abs() < 1e-9)
            .map(|(us, share)| Tick {
                at: percent(share),
                label: number(us / 1e3),
            })
            .collect()
    }
}

fn number(ms: f64) -> String {
    if ms >= 1.0 {
        format!("{ms:.0}")
    } else {
        format!("{ms}")
    }
}

fn milliseconds(us: f64) -> String {
    crate::sla::wording::quantity(us / 1e3, crate::plan::Unit::Time)
}

/// The pointer shows what a cell cannot: the numbers of its second.
fn data(axis: &Axis, slices: &[Slice]) -> serde_json::Value {
    let values = |quantile: f64| -> Vec<serde_json::Value> {
        slices
            .iter()
            .map(|slice| match slice.quantile_ms(quantile) {
                None => serde_json::Value::Null,
                Some(value) if value.is_infinite() => json!("∞"),
                Some(value) => json!(format!("{value:.1}")),
            })
            .collect()
    };
    let positions: Vec<f64> = axis.positions.iter().map(|at| (at * 1e5).round() / 1e5).collect();
    json!({
        "x": positions, "labels": axis.labels, "unit": "ms",
        "lines": [
            { "name": "p50", "values": values(0.50) },
            { "name": "p95", "values": values(0.95) },
            { "name": "p99", "values": values(0.99) },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(points: usize) -> Axis {
        Axis {
            positions: (0..points).map(|point| point as f64 / points as f64).collect(),
            labels: (0..points).map(|point| format!("second {point}")).collect(),
            ticks: Vec::new(),
            unit: "seconds",
            bands: Vec::new(),
        }
    }

    fn slice(values_us: &[u32]) -> Slice {
        let mut slice = Slice::default();
        for value in values_us {
            slice.add_value(*value, *value, 1, &[]);
        }
        slice
    }

    #[test]
    fn two_speeds_are_two_stripes() {
        let slices = vec![slice(&[5_000, 5_000, 5_000, 900_000]); 10];
        let chart = heat_map(&axis(10), &slices, Some(150.0)).unwrap();
        let cells: usize = chart
            .paths
            .iter()
            .map(|path| path.area.matches('M').count())
            .sum();
        assert_eq!(cells, 20, "two cells in each of ten seconds");
        // Three of four are the fullest cell; one of four is a third of it.
        let cells = |class: &str| {
            let path = chart.paths.iter().find(|path| path.class == class);
            path.map_or(0, |path| path.area.matches('M').count())
        };
        assert_eq!((cells("heat-5"), cells("heat-4")), (10, 10));
        assert_eq!(chart.limits.len(), 1);
        assert!(chart.y_ticks.iter().any(|tick| tick.label == "100"));
    }

    #[test]
    fn what_was_not_answered_has_no_cell_and_long_runs_stay_small() {
        let mut failed = Slice::default();
        failed.add_bad(3);
        assert!(heat_map(&axis(1), &[failed], None).is_none());
        let long = vec![slice(&[1_000, 2_000, 30_000, 400_000, 5_000_000]); 3_600];
        let chart = heat_map(&axis(3_600), &long, None).unwrap();
        let bytes: usize = chart.paths.iter().map(|path| path.area.len()).sum();
        assert!(bytes < 60_000, "{bytes}");
    }
}
