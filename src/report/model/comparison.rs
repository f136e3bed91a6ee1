//! `compare.json`: everything about a comparison, enough to render it again. The runs keep a `run.json` each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::criteria::unit_key;
use super::{EnvironmentRecord, ScenarioRecord};
use crate::comparison::{
    BandShares, Capacity, Case, ClaimFinding, FigureRow, Interval, Outcome, Pair, Shift, Trial, band_shares,
    size_of,
};
use crate::metrics::{SeriesKind, Slice};
use crate::plan::{Band, ClaimTest, Side, Sides};
use crate::sla::wording::quantity;

/// The version of the file's layout, as [`super::SCHEMA_VERSION`] of a run's.
pub const COMPARISON_SCHEMA_VERSION: u32 = 1;

/// Tells the file apart from a run's.
pub const COMPARISON_KIND: &str = "comparison";

/// What a comparison knows about itself that is neither measured nor judged.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonFacts {
    /// Names the comparison, such as `legacy-vs-direct-compare-20260102T030405Z`.
    pub id: String,
    pub started_at: Timestamp,
    pub duration_s: f64,
    pub seed: u64,
    pub scenario: ScenarioRecord,
    pub environment: EnvironmentRecord,
    pub arms: Sides<ArmRecord>,
    pub course: CourseRecord,
    /// What a reader must know before believing anything, each a sentence or two.
    pub notes: Vec<String>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRecord {
    pub schema_version: u32,
    /// `comparison`.
    pub kind: String,
    pub comparison_id: String,
    pub verdict: String,
    pub exit_code: u8,
    /// Whether the runs were shortened, so that nothing but what was observed is said.
    pub observed_only: bool,
    /// Why, in sentences, the weightiest first.
    pub reasons: Vec<String>,
    pub scenario: ScenarioRecord,
    /// Of the first pair; each further pair's is one higher.
    pub seed: u64,
    pub started_at: String,
    pub duration_s: f64,
    pub environment: EnvironmentRecord,
    pub notes: Vec<String>,
    pub arms: SidesRecord<ArmRecord>,
    pub claims: Vec<ClaimRecord>,
    /// Figures side by side, judged or not.
    pub figures: Vec<FigureRecord>,
    pub responses: SidesRecord<ResponsesRecord>,
    /// How much more often a request of the candidate takes longer than one of the baseline than the other way round,
    /// −1 to 1, and what that is called.
    pub cliffs_delta: Option<f64>,
    pub cliffs_size: Option<String>,
    pub shift: Option<ShiftRecord>,
    pub pairs: Vec<PairRecord>,
    pub course: CourseRecord,
}

/// One thing for each arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SidesRecord<T> {
    pub baseline: T,
    pub candidate: T,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArmRecord {
    pub name: String,
    /// What was tested, in words.
    pub target: String,
    pub version: String,
    /// Whether it was the reference server that comes with the tool.
    pub built_in: bool,
    /// What the arm sets, as written.
    pub settings: Vec<SettingRecord>,
    /// Its targets, as a person reads them.
    pub targets: Vec<String>,
}

/// A key that an arm sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingRecord {
    pub key: String,
    pub value: String,
}

/// How the comparison went about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CourseRecord {
    /// Whether the runs belong together in pairs.
    pub paired: bool,
    /// How it was measured, in sentences.
    pub method: Vec<String>,
    /// Pairs that were planned; `null` for stored runs.
    pub pairs_planned: Option<u32>,
    pub time_box_s: Option<f64>,
    /// Why there are fewer pairs than planned, as a sentence.
    pub ended_early: Option<String>,
}

/// One claim and what was found about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimRecord {
    pub says: String,
    pub required: String,
    /// `PASS`, `FAIL`, `INCONCLUSIVE`, `NO_DATA` or `NOT_MEASURED`.
    pub status: String,
    /// The figure of each arm, in `unit`; `null` where there is none, or where it fell on failed events.
    pub baseline: Option<f64>,
    pub candidate: Option<f64>,
    /// `ms`, `ratio` or `per_s`.
    pub unit: String,
    /// Candidate over baseline, or of a band the arm's p95 in `unit`.
    pub measured: Option<IntervalRecord>,
    pub is_ratio: bool,
    /// What the interval rests on, in words.
    pub basis: Option<String>,
    pub sentence: String,
    pub beside: Vec<String>,
}

/// A value with its two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct IntervalRecord {
    pub value: f64,
    /// 0 = unknown.
    pub low: f64,
    /// `null` = unknown.
    pub high: Option<f64>,
}

/// One figure of both arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FigureRecord {
    pub name: String,
    pub unit: String,
    pub baseline: Option<f64>,
    pub candidate: Option<f64>,
    pub ratio: Option<IntervalRecord>,
    pub basis: Option<String>,
}

/// The response times of all runs of an arm that count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponsesRecord {
    /// Runs that count.
    pub runs: usize,
    pub total: u64,
    pub failed: u64,
    /// Lowest value of each bucket in microseconds and the requests in it; HdrHistogram's buckets, three significant
    /// digits.
    pub buckets: Vec<(u32, u64)>,
    /// Shares of the requests in the plan's bands; the last one is that of failed requests.
    pub shares: Vec<ShareRecord>,
    /// The arm's own band, when a claim gives it one.
    pub band: Option<BandRecord>,
}

/// A share of the requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareRecord {
    pub label: String,
    pub share: f64,
}

/// A band and how the requests lie to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BandRecord {
    pub from_ms: f64,
    pub to_ms: f64,
    pub below: f64,
    pub within: f64,
    pub above: f64,
}

/// The shift function of the response times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShiftRecord {
    pub points: Vec<ShiftPointRecord>,
    /// Whether runs were resampled too; else the interval holds within these runs only.
    pub across_runs: bool,
    pub block_s: usize,
    pub replicates: u64,
}

/// The shift at one quantile, in milliseconds. `null` = the quantile fell on failed requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ShiftPointRecord {
    pub quantile: f64,
    pub baseline_ms: Option<f64>,
    pub candidate_ms: Option<f64>,
    pub difference_ms: Option<f64>,
    pub low_ms: Option<f64>,
    pub high_ms: Option<f64>,
}

/// One pair, or of stored runs that are no pairs, one run of each arm at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairRecord {
    /// From 1.
    pub number: usize,
    /// The arm that ran first.
    pub first: Option<String>,
    pub baseline: Option<TrialRecord>,
    pub candidate: Option<TrialRecord>,
    pub capacities: SidesRecord<Option<CapacityOfArmRecord>>,
    /// Why the pair says nothing; `null` when it counts.
    pub left_out: Option<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// Its folder, relative to this file's; of a stored run, as it was named.
    pub folder: String,
    pub verdict: String,
    pub requests: u64,
    pub failed: u64,
    pub p50_ms: Option<f64>,
    pub p95_ms: Option<f64>,
    pub p99_ms: Option<f64>,
    /// Mean time of a database query.
    pub query_ms: Option<f64>,
}

/// The capacity of an arm in one pair; new users per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CapacityOfArmRecord {
    pub held_per_s: Option<f64>,
    pub not_held_per_s: Option<f64>,
    pub lowest_tried_per_s: f64,
}

impl<T> SidesRecord<T> {
    pub(in crate::report) fn get(&self, side: Side) -> &T {
        match side {
            Side::Baseline => &self.baseline,
            Side::Candidate => &self.candidate,
        }
    }
}

impl<T> From<Sides<T>> for SidesRecord<T> {
    fn from(sides: Sides<T>) -> Self {
        Self {
            baseline: sides.baseline,
            candidate: sides.candidate,
        }
    }
}

impl ComparisonRecord {
    /// The record of a comparison.
    pub fn new(facts: ComparisonFacts, case: &Case, outcome: &Outcome) -> Self {
        let bands = bands_of(case);
        let responses =
            |side: Side| ResponsesRecord::of(side, case, outcome, bands.map(|bands| *bands.get(side)));
        let pairs = (1..).zip(case.pairs.iter().zip(&outcome.left_out));
        Self {
            schema_version: COMPARISON_SCHEMA_VERSION,
            kind: COMPARISON_KIND.to_owned(),
            comparison_id: facts.id,
            verdict: outcome.verdict.name().to_owned(),
            exit_code: outcome.verdict.exit_code().code(),
            observed_only: case.observed_only,
            reasons: outcome.reasons.clone(),
            scenario: facts.scenario,
            seed: facts.seed,
            started_at: facts.started_at.to_string(),
            duration_s: facts.duration_s,
            environment: facts.environment,
            notes: facts.notes,
            arms: facts.arms.into(),
            claims: outcome.findings.iter().map(ClaimRecord::from).collect(),
            figures: outcome.figures.iter().map(FigureRecord::from).collect(),
            responses: SidesRecord {
                baseline: responses(Side::Baseline),
                candidate: responses(Side::Candidate),
            },
            cliffs_delta: outcome.delta,
            cliffs_size: outcome.delta.map(|delta| size_of(delta).to_owned()),
            shift: outcome.shift.as_ref().map(ShiftRecord::from),
            pairs: pairs
                .map(|(number, (pair, left_out))| PairRecord::of(number, pair, left_out.clone(), &case.arms))
                .collect(),
            course: facts.course,
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When the text is not such a file, or was written by another version.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        #[derive(Deserialize)]
        struct Head {
            schema_version: Option<u32>,
            kind: Option<String>,
        }
        let head: Head = serde_json::from_str(text).map_err(ReportError::NotJson)?;
        if head.kind.as_deref() != Some(COMPARISON_KIND) {
            return Err(ReportError::NotAComparison);
        }
        match head.schema_version {
            Some(COMPARISON_SCHEMA_VERSION) => serde_json::from_str(text).map_err(ReportError::NotJson),
            other => Err(ReportError::Version {
                found: other.unwrap_or_default(),
            }),
        }
    }
}

/// The bands that the first claim about bands gives.
fn bands_of(case: &Case) -> Option<Sides<Band>> {
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
    fn of(side: Side, case: &Case, outcome: &Outcome, band: Option<Band>) -> Self {
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
    fn of(number: usize, pair: &Pair, left_out: Option<String>, arms: &Sides<String>) -> Self {
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
