//! From what was found to what is stored of it, and what reports read back.

use super::super::criteria::unit_key;
use super::{
    BandRecord, CapacityOfArmRecord, ClaimRecord, FigureRecord, IntervalRecord, PairRecord, ResponsesRecord,
    ShareRecord, ShiftPointRecord, ShiftRecord, TrialRecord,
};
use crate::comparison::{
    BandShares, Capacity, Case, ClaimFinding, FigureRow, Interval, Outcome, Pair, Shift, Trial, band_shares,
};
use crate::metrics::{SeriesKind, Slice};
use crate::plan::{Band, ClaimTest, Side, Sides};
use crate::sla::wording::quantity;

/// The bands that the first claim about bands gives.
pub(super) fn bands_of(case: &Case) -> Option<Sides<Band>> {
    case.claims.iter().find_map(|claim| match &claim.test {
        ClaimTest::Bands(bands) => Some(*bands),
        _ => None,
    })
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

impl From<Interval> for IntervalRecord {
    fn from(interval: Interval) -> Self {
        Self {
            value: interval.value,
            low: interval.low,
            high: finite(interval.high),
        }
    }
}

impl From<&IntervalRecord> for Interval {
    fn from(record: &IntervalRecord) -> Self {
        Self {
            value: record.value,
            low: record.low,
            high: record.high.unwrap_or(f64::INFINITY),
        }
    }
}

impl From<&ClaimFinding> for ClaimRecord {
    fn from(finding: &ClaimFinding) -> Self {
        Self {
            says: finding.says.clone(),
            required: finding.required.clone(),
            status: finding.status.name().to_owned(),
            baseline: finding.figures.baseline.and_then(finite),
            candidate: finding.figures.candidate.and_then(finite),
            unit: unit_key(finding.unit).to_owned(),
            // A ratio over nothing has no value.
            measured: finding
                .measured
                .filter(|measured| measured.value.is_finite())
                .map(IntervalRecord::from),
            is_ratio: finding.is_ratio,
            basis: finding.basis.map(|basis| basis.words()),
            sentence: finding.sentence.clone(),
            beside: finding.beside.clone(),
        }
    }
}

impl From<&FigureRow> for FigureRecord {
    fn from(row: &FigureRow) -> Self {
        Self {
            name: row.name.to_owned(),
            unit: unit_key(row.unit).to_owned(),
            baseline: row.figures.baseline.and_then(finite),
            candidate: row.figures.candidate.and_then(finite),
            ratio: row.ratio.map(IntervalRecord::from),
            basis: row.basis.map(|basis| basis.words()),
        }
    }
}

impl ResponsesRecord {
    pub(super) fn of(side: Side, case: &Case, outcome: &Outcome, band: Option<Band>) -> Self {
        let slice = outcome.responses.get(side);
        let trials = case
            .pairs
            .iter()
            .filter_map(|pair| pair.trials.get(side).as_ref());
        let thresholds = trials.clone().next().map_or(&[] as &[u32], |trial| {
            trial
                .evidence
                .measurements
                .thresholds
                .of_kind(SeriesKind::Response)
        });
        Self {
            runs: *outcome.runs.get(side),
            total: slice.total,
            failed: slice.bad,
            buckets: slice
                .values
                .iter()
                .map(|(bucket, count)| (*bucket, *count))
                .collect(),
            shares: shares(slice, thresholds),
            band: band.and_then(|band| {
                let found = band_shares(slice, thresholds, band)?;
                Some(BandRecord::of(band, found))
            }),
        }
    }

    /// The response times as they can be counted again, without the exact extremes.
    pub(in crate::report) fn slice(&self) -> Slice {
        let ends = self.buckets.first().zip(self.buckets.last());
        Slice {
            total: self.total,
            bad: self.failed,
            values: self.buckets.iter().copied().collect(),
            min_us: ends.map_or(0, |(first, _)| first.0),
            max_us: ends.map_or(0, |(_, last)| last.0),
            ..Slice::default()
        }
    }
}

/// The bands of the report of a run.
fn shares(slice: &Slice, thresholds: &[u32]) -> Vec<ShareRecord> {
    const ENDS_US: [u32; 4] = crate::metrics::Thresholds::BANDS_US;
    if slice.total == 0 {
        return Vec::new();
    }
    let above = ENDS_US.map(|end| slice.bad_or_above(end, thresholds) - slice.bad);
    let counts = [
        slice.good() - above[0],
        above[0].saturating_sub(above[1]),
        above[1].saturating_sub(above[2]),
        above[2].saturating_sub(above[3]),
        above[3],
        slice.bad,
    ];
    let labels = [
        "≤ 50 ms",
        "50–150 ms",
        "150–200 ms",
        "200–500 ms",
        "> 500 ms",
        "failed",
    ];
    labels
        .into_iter()
        .zip(counts)
        .map(|(label, count)| ShareRecord {
            label: label.to_owned(),
            share: count as f64 / slice.total as f64,
        })
        .collect()
}

impl BandRecord {
    fn of(band: Band, shares: BandShares) -> Self {
        Self {
            from_ms: band.from.as_secs_f64() * 1e3,
            to_ms: band.to.as_secs_f64() * 1e3,
            below: shares.below,
            within: shares.within,
            above: shares.above,
        }
    }
}

impl From<&Shift> for ShiftRecord {
    fn from(shift: &Shift) -> Self {
        let points = shift.points.iter().map(|point| ShiftPointRecord {
            quantile: point.quantile,
            baseline_ms: finite(point.quantiles_ms.baseline),
            candidate_ms: finite(point.quantiles_ms.candidate),
            difference_ms: point.difference_ms,
            low_ms: point.low_ms,
            high_ms: point.high_ms,
        });
        Self {
            points: points.collect(),
            across_runs: shift.across_runs,
            block_s: shift.block_s,
            replicates: shift.replicates,
        }
    }
}

impl PairRecord {
    pub(super) fn of(number: usize, pair: &Pair, left_out: Option<String>, arms: &Sides<String>) -> Self {
        Self {
            number,
            first: pair.first.map(|side| arms.get(side).clone()),
            baseline: pair.trials.baseline.as_ref().map(TrialRecord::from),
            candidate: pair.trials.candidate.as_ref().map(TrialRecord::from),
            capacities: pair
                .capacities
                .map(|capacity| capacity.map(CapacityOfArmRecord::from))
                .into(),
            left_out,
        }
    }
}

impl From<&Trial> for TrialRecord {
    fn from(trial: &Trial) -> Self {
        let measurements = &trial.evidence.measurements;
        let responses = measurements.total(SeriesKind::Response, None);
        let quantile = |quantile: f64| responses.quantile_ms(quantile).and_then(finite);
        Self {
            folder: trial.label.clone(),
            verdict: trial.verdict.name().to_owned(),
            requests: responses.total,
            failed: responses.bad,
            p50_ms: quantile(0.5),
            p95_ms: quantile(0.95),
            p99_ms: quantile(0.99),
            query_ms: measurements.total(SeriesKind::DbQuery, None).mean_ms(),
        }
    }
}

impl From<Capacity> for CapacityOfArmRecord {
    fn from(capacity: Capacity) -> Self {
        Self {
            held_per_s: capacity.held,
            not_held_per_s: capacity.not_held,
            lowest_tried_per_s: capacity.lowest_tried,
        }
    }
}

impl CapacityOfArmRecord {
    /// The capacity in words: between which rates it lies.
    pub(in crate::report) fn words(&self) -> String {
        let rate = |value: f64| quantity(value, crate::plan::Unit::PerSecond);
        match (self.held_per_s, self.not_held_per_s) {
            (Some(held), Some(not_held)) => format!("{} to {}", rate(held), rate(not_held)),
            (Some(held), None) => format!("{} or more", rate(held)),
            (None, _) => format!("below {}", rate(self.lowest_tried_per_s)),
        }
    }
}
