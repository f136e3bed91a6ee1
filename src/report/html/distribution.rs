//! How response times are distributed: the percentile curve and the plan's bands.

use super::chart::{Axis, Chart, Limit, Line, Tick, Words, chart, percent};
use super::tape::Tape;
use crate::metrics::Thresholds;
use crate::plan::Unit;
use crate::sla::wording::{count, quantity};

/// One band of response times.
pub(super) struct BandShare {
    pub(super) label: &'static str,
    pub(super) class: &'static str,
    pub(super) count: String,
    pub(super) share: String,
    /// Width of its part of the bar, as CSS.
    pub(super) width: String,
}

/// The percentile curve: every further nine has the same width, so that the tail can be seen.
pub(super) fn spectrum(tape: &Tape) -> Option<Chart> {
    let (response, service) = (&tape.response, &tape.service);
    if response.total == 0 {
        return None;
    }
    // Percentiles beyond the sample are one of a handful of points and are left out.
    let nines_max = (response.total as f64 / 5.0).log10().clamp(1.0, 5.0);
    let positions: Vec<f64> = (0..=200).map(|index| f64::from(index) / 200.0).collect();
    let quantile = |position: f64| 1.0 - 10_f64.powf(-position * nines_max);
    let values = |slice: &crate::metrics::Slice| {
        positions
            .iter()
            .map(|position| slice.quantile_ms(quantile(*position)))
            .collect()
    };
    let axis = Axis {
        labels: positions
            .iter()
            .map(|position| format!("p{}", nines(quantile(*position))))
            .collect(),
        positions: positions.clone(),
        ticks: ticks(nines_max),
        unit: "percentile; every further nine is as wide as the one before",
        bands: Vec::new(),
    };
    let lines = [
        Line {
            name: "response time".into(),
            class: "p95",
            filled: false,
            values: values(response),
        },
        Line {
            name: "service time".into(),
            class: "p99",
            filled: false,
            values: values(service),
        },
    ];
    let limit = Limit {
        value: 150.0,
        label: "150 ms".to_owned(),
        class: "target",
        wanted: false,
    };
    Some(chart(
        Words {
            id: "spectrum",
            title: "Latency distribution".to_owned(),
            caption:
                "Response time counts from the moment a request was due, service time from the moment it was \
                      sent. A gap between the two is waiting before the request went out."
                    .to_owned(),
            y_unit: "ms",
        },
        &axis,
        &lines,
        &[limit],
    ))
}

/// The percentiles that are named on the axis.
pub(super) fn ticks(nines_max: f64) -> Vec<Tick> {
    [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 0.99999]
        .into_iter()
        .map(|quantile: f64| (quantile, -(1.0 - quantile).log10() / nines_max))
        .filter(|(_, at)| *at <= 1.0 + 1e-9)
        .map(|(quantile, at)| Tick {
            at: percent(at),
            label: format!("p{}", nines(quantile)),
        })
        .collect()
}

/// 0.95 as `95`, 0.999 as `99.9`.
pub(super) fn nines(quantile: f64) -> String {
    let text = format!("{:.3}", quantile * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The shares of requests in the plan's bands of response time. Failed requests are a band of their own.
pub(super) fn bands(tape: &Tape) -> Vec<BandShare> {
    let slice = &tape.response;
    if slice.total == 0 {
        return Vec::new();
    }
    let above = Thresholds::BANDS_US.map(|limit| slice.bad_or_above(limit, &tape.thresholds_us) - slice.bad);
    let counts = [
        slice.good() - above[0],
        above[0].saturating_sub(above[1]),
        above[1].saturating_sub(above[2]),
        above[2].saturating_sub(above[3]),
        above[3],
        slice.bad,
    ];
    [
        ("≤ 50 ms", "band-1"),
        ("50–150 ms", "band-2"),
        ("150–200 ms", "band-3"),
        ("200–500 ms", "band-4"),
        ("> 500 ms", "band-5"),
        ("failed", "band-6"),
    ]
    .into_iter()
    .zip(counts)
    .map(|((label, class), number)| {
        let share = number as f64 / slice.total as f64;
        BandShare {
            label,
            class,
            count: count(number),
            share: quantity(share, Unit::Ratio),
            width: percent(share),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::record;
    use crate::sla::fixture::{self, Run};

    fn tape(run: Run) -> Tape {
        let record = record(run);
        let steps = record.context().unwrap().steps;
        Tape::read(&record.series, &steps, 1, 41).unwrap()
    }

    #[test]
    fn the_bands_hold_every_request() {
        let tape = tape(fixture::failing());
        let bands = bands(&tape);
        let widths: f64 = bands
            .iter()
            .map(|band| band.width.trim_end_matches('%').parse::<f64>().unwrap())
            .sum();
        assert!((widths - 100.0).abs() < 0.01, "{widths}");
        assert_eq!(bands[5].count, tape.response.bad.to_string());
        assert!(tape.response.bad > 0);
    }

    #[test]
    fn percentiles_beyond_the_sample_are_left_out() {
        let chart = spectrum(&tape(fixture::healthy())).unwrap();
        let labels: Vec<&str> = chart.x_ticks.iter().map(|tick| tick.label.as_str()).collect();
        assert_eq!(labels, ["p50", "p90", "p95", "p99"]);
    }
}
