//! `compare.json`: everything about a comparison, enough to render it again. The runs keep a `run.json` each.

mod convert;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::convert::bands_of;
use super::super::ReportError;
use super::{EnvironmentRecord, ScenarioRecord};
use crate::comparison::{Case, Outcome, size_of};
use crate::plan::{Side, Sides};

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
