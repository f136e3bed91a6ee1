//! The charts of a comparison: both distributions on a logarithmic axis of time, and where they differ.

use std::collections::BTreeMap;

use crate::metrics::Slice;
use crate::plan::{Side, Sides};
use crate::report::comparison::view::quantile_name;
use crate::report::html::chart::{
    Axis, Band, Chart, Limit, Line, Ribbon, Scale, Tick, Words, chart_on, nice_step, percent,
};
use crate::report::html::distribution;
use crate::report::model::comparison::ComparisonRecord;

/// Bins of the histogram.
const BINS: usize = 70;
/// The share of requests at either end that the histogram's axis may cut off: single slow ones would press all others
/// together.
const CUT_OFF: f64 = 0.001;

fn slices(record: &ComparisonRecord) -> Option<Sides<Slice>> {
    let slices = Sides {
        baseline: record.responses.baseline.slice(),
        candidate: record.responses.candidate.slice(),
    };
    let all_have_some = slices.iter().all(|slice| slice.good() > 0);
    all_have_some.then_some(slices)
}

/// The axis of time, from one moment to another, by its logarithm.
struct TimeAxis {
    low_ms: f64,
    high_ms: f64,
}

impl TimeAxis {
    fn of(slices: &Sides<Slice>) -> Self {
        let mut axis = Self {
            low_ms: f64::INFINITY,
            high_ms: 0.0,
        };
        for slice in slices.iter() {
            let highest = slice
                .quantile_ms(1.0 - CUT_OFF)
                .filter(|value| value.is_finite())
                .unwrap_or(f64::from(slice.max_us) / 1e3);
            let lowest = slice.quantile_ms(CUT_OFF).unwrap_or(highest);
            axis.low_ms = axis.low_ms.min(lowest * 0.8).max(1e-3);
            axis.high_ms = axis.high_ms.max(highest * 1.25);
        }
        axis
    }

    fn place(&self, ms: f64) -> f64 {
        ((ms.max(self.low_ms) / self.low_ms).ln() / (self.high_ms / self.low_ms).ln()).clamp(0.0, 1.0)
    }

    fn at(&self, place: f64) -> f64 {
        self.low_ms * (self.high_ms / self.low_ms).powf(place)
    }

    fn ticks(&self) -> Vec<Tick> {
        let is_long = self.high_ms / self.low_ms > 2_000.0;
        let mut ticks = Vec::new();
        let mut value = nice_step(self.low_ms);
        while value <= self.high_ms {
            let is_power = (value.log10() - value.log10().round()).abs() < 1e-6;
            if is_power || !is_long {
                ticks.push(Tick {
                    at: percent(self.place(value)),
                    label: milliseconds(value),
                });
            }
            value = nice_step(value * 1.01);
        }
        ticks
    }
}

/// A round time without more digits than it needs.
fn milliseconds(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Both distributions as histograms over the logarithm of time, the arms' bands behind them.
pub(super) fn histogram(record: &ComparisonRecord) -> Option<Chart> {
    let slices = slices(record)?;
    let time = TimeAxis::of(&slices);
    let edges: Vec<f64> = (0..=BINS).map(|bin| time.at(bin as f64 / BINS as f64)).collect();
    let positions: Vec<f64> = (0..BINS).map(|bin| (bin as f64 + 0.5) / BINS as f64).collect();
    let axis = Axis {
        labels: edges
            .windows(2)
            .map(|ends| format!("{} to {} ms", rounded(ends[0]), rounded(ends[1])))
            .collect(),
        positions,
        ticks: time.ticks(),
        unit: "response time in ms; every doubling has the same width",
        bands: bands(record, &time),
    };
    let line = |side: Side| Line {
        name: record.arms.get(side).name.clone().into(),
        class: side.key(),
        filled: true,
        values: shares(slices.get(side), &time),
    };
    Some(chart_on(
        Scale::FromZero,
        Words {
            id: "histogram",
            title: "How response times are distributed".to_owned(),
            caption: format!(
                "Share of the requests of each arm in {BINS} bins of equal width on the logarithm of time.{}",
                if record.responses.baseline.band.is_some() {
                    " Shaded: the band that is claimed of each arm."
                } else {
                    ""
                }
            ),
            y_unit: "% of requests",
        },
        &axis,
        &[line(Side::Baseline), line(Side::Candidate)],
        &[],
        &[],
    ))
}

fn rounded(value: f64) -> String {
    let digits = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

/// Percent of the requests in each bin.
fn shares(slice: &Slice, time: &TimeAxis) -> Vec<Option<f64>> {
    let mut bins: BTreeMap<usize, u64> = BTreeMap::new();
    for (bucket_us, count) in &slice.values {
        let bin = (time.place(f64::from(*bucket_us) / 1e3) * BINS as f64) as usize;
        *bins.entry(bin.min(BINS - 1)).or_default() += count;
    }
    // Where neither a bin nor its neighbours hold a request, there is no line: it would only run along the axis.
    let count = |bin: usize| bins.get(&bin).copied().unwrap_or(0);
    (0..BINS)
        .map(|bin| {
            let around = bin.saturating_sub(1)..=bin + 1;
            let is_near = around.into_iter().any(|near| count(near) > 0);
            is_near.then(|| count(bin) as f64 * 100.0 / slice.total as f64)
        })
        .collect()
}

fn bands(record: &ComparisonRecord, time: &TimeAxis) -> Vec<Band> {
    let band = |side: Side| {
        let band = record.responses.get(side).band.as_ref()?;
        let (from, to) = (time.place(band.from_ms), time.place(band.to_ms));
        (to > from).then(|| Band {
            left: percent(from),
            width: percent(to - from),
            label: format!("{}–{} ms", band.from_ms, band.to_ms),
            class: match side {
                Side::Baseline => "of-baseline",
                Side::Candidate => "of-candidate",
            },
        })
    };
    Side::BOTH.into_iter().filter_map(band).collect()
}

/// The percentile curves of both arms.
pub(super) fn percentiles(record: &ComparisonRecord) -> Option<Chart> {
    let slices = slices(record)?;
    let fewest = slices.iter().map(|slice| slice.total).min().unwrap_or(0);
    // Percentiles beyond the sample are one of a handful of points and are left out.
    let nines_max = (fewest as f64 / 5.0).log10().clamp(1.0, 5.0);
    let positions: Vec<f64> = (0..=200).map(|index| f64::from(index) / 200.0).collect();
    let quantile = |position: f64| 1.0 - 10_f64.powf(-position * nines_max);
    let axis = Axis {
        labels: positions
            .iter()
            .map(|position| format!("p{}", distribution::nines(quantile(*position))))
            .collect(),
        ticks: distribution::ticks(nines_max),
        unit: "percentile; every further nine is as wide as the one before",
        bands: Vec::new(),
        positions: positions.clone(),
    };
    let line = |side: Side| Line {
        name: record.arms.get(side).name.clone().into(),
        class: side.key(),
        filled: false,
        values: positions
            .iter()
            .map(|position| slices.get(side).quantile_ms(quantile(*position)))
            .collect(),
    };
    let limits: Vec<Limit> = Side::BOTH
        .into_iter()
        .filter_map(|side| {
            let band = record.responses.get(side).band.as_ref()?;
            Some(Limit {
                value: band.to_ms,
                label: format!("{}: {} ms", record.arms.get(side).name, band.to_ms),
                class: side.key(),
                wanted: false,
            })
        })
        .collect();
    Some(chart_on(
        Scale::Logarithmic,
        Words {
            id: "percentiles",
            title: "Percentiles".to_owned(),
            caption: "From the moment a request was due; failed requests count as infinitely slow."
                .to_owned(),
            y_unit: "ms, logarithmic",
        },
        &axis,
        &[line(Side::Baseline), line(Side::Candidate)],
        &[],
        &limits,
    ))
}

/// The shift function with its interval.
pub(super) fn shift(record: &ComparisonRecord) -> Option<Chart> {
    let shift = record.shift.as_ref().filter(|shift| !shift.points.is_empty())?;
    let count = shift.points.len();
    let positions: Vec<f64> = (0..count)
        .map(|index| (index as f64 + 0.5) / count as f64)
        .collect();
    let names: Vec<String> = shift
        .points
        .iter()
        .map(|point| quantile_name(point.quantile))
        .collect();
    let axis = Axis {
        ticks: positions
            .iter()
            .zip(&names)
            .map(|(position, name)| Tick {
                at: percent(*position),
                label: name.clone(),
            })
            .collect(),
        labels: names,
        unit: "percentile",
        bands: Vec::new(),
        positions,
    };
    let difference = Line {
        name: "difference".into(),
        class: "candidate",
        filled: false,
        values: shift.points.iter().map(|point| point.difference_ms).collect(),
    };
    let ribbon = Ribbon {
        name: "95 % interval",
        class: "ribbon",
        ends: shift
            .points
            .iter()
            .map(|point| point.low_ms.zip(point.high_ms))
            .collect(),
    };
    let same = Limit {
        value: 0.0,
        label: "no difference".to_owned(),
        class: "zero",
        wanted: false,
    };
    let (baseline, candidate) = (&record.arms.baseline.name, &record.arms.candidate.name);
    Some(chart_on(
        Scale::AroundZero,
        Words {
            id: "shift",
            title: "Where they differ".to_owned(),
            caption: format!(
                "{candidate} minus {baseline} at each percentile; below zero, {candidate} is faster."
            ),
            y_unit: "ms",
        },
        &axis,
        &[difference],
        &[ribbon],
        &[same],
    ))
}
