//! `compare.json`: everything about a comparison, enough to render it again. The runs keep a `run.json` each.

mod convert;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::convert::bands_of;
use super::super::ReportError;
use super::{EnvironmentRecord, ScenarioRecord};
use crate::comparison::{Case, Outcome, size_of};
use crate::plan::{Side, Sides};
use crate::sla::{Status, Verdict};

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

/// A comparison of two arms: its verdict, and what was found about each claim. New keys may come without a new
/// `schema_version`, so ignore those that you do not know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "compare.json of loadtest")]
pub struct ComparisonRecord {
    /// Version of the layout.
    #[schemars(extend("const" = COMPARISON_SCHEMA_VERSION))]
    pub schema_version: u32,
    /// Tells the file apart from a run's.
    #[schemars(extend("const" = COMPARISON_KIND))]
    pub kind: String,
    /// Names the comparison, such as `legacy-vs-direct-compare-20260102T030405Z`.
    pub comparison_id: String,
    /// What the claims come to.
    #[schemars(extend("enum" = Verdict::ALL.map(Verdict::name)))]
    pub verdict: String,
    /// Exit code of the program for this verdict.
    pub exit_code: u8,
    /// Whether the runs were shortened, so that nothing but what was observed is said.
    pub observed_only: bool,
    /// Why, in sentences, the weightiest first.
    pub reasons: Vec<String>,
    /// The scenario of both arms.
    pub scenario: ScenarioRecord,
    /// Of the first pair; each further pair's is one higher.
    pub seed: u64,
    /// When the first run started (UTC, RFC 3339).
    pub started_at: String,
    /// How long the comparison took, in seconds.
    pub duration_s: f64,
    /// Where the load came from.
    pub environment: EnvironmentRecord,
    /// What a reader must know before believing anything, each a sentence or two.
    pub notes: Vec<String>,
    /// What was compared.
    pub arms: SidesRecord<ArmRecord>,
    /// What is claimed of the candidate, and what was found.
    pub claims: Vec<ClaimRecord>,
    /// Figures side by side, judged or not.
    pub figures: Vec<FigureRecord>,
    /// The response times of each arm.
    pub responses: SidesRecord<ResponsesRecord>,
    /// How much more often a request of the candidate takes longer than one of the baseline than the other way round,
    /// −1 to 1, and what that is called.
    pub cliffs_delta: Option<f64>,
    /// What the size of `cliffs_delta` is called: `negligible`, `small`, `medium` or `large`.
    pub cliffs_size: Option<String>,
    /// By how much each quantile of the response times differs; `null` when it could not be told.
    pub shift: Option<ShiftRecord>,
    /// The runs, pair by pair.
    pub pairs: Vec<PairRecord>,
    /// How the comparison went about it.
    pub course: CourseRecord,
}

/// One thing for each arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SidesRecord<T> {
    /// Of what is there already.
    pub baseline: T,
    /// Of what is meant to replace it.
    pub candidate: T,
}

/// One arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ArmRecord {
    /// Name of the arm.
    pub name: String,
    /// What was tested, in words.
    pub target: String,
    /// The version that was tested.
    pub version: String,
    /// Whether it was the reference server that comes with the tool.
    pub built_in: bool,
    /// What the arm sets, as written.
    pub settings: Vec<SettingRecord>,
    /// Its targets, as a person reads them.
    pub targets: Vec<String>,
}

/// A key that an arm sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SettingRecord {
    /// Dotted path of the key.
    pub key: String,
    /// Its value, as TOML.
    pub value: String,
}

/// How the comparison went about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CourseRecord {
    /// Whether the runs belong together in pairs.
    pub paired: bool,
    /// How it was measured, in sentences.
    pub method: Vec<String>,
    /// Pairs that were planned; `null` for stored runs.
    pub pairs_planned: Option<u32>,
    /// The longest time that the comparison could take, in seconds; `null` for stored runs.
    pub time_box_s: Option<f64>,
    /// Why there are fewer pairs than planned, as a sentence.
    pub ended_early: Option<String>,
}

/// One claim and what was found about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClaimRecord {
    /// The claim in words.
    pub says: String,
    /// What must hold for the claim.
    pub required: String,
    /// What came of it.
    #[schemars(extend("enum" = Status::ALL.map(Status::name)))]
    pub status: String,
    /// The baseline's figure, in `unit`; `null` where there is none, or where it fell on failed events.
    pub baseline: Option<f64>,
    /// The candidate's figure, in `unit`; `null` where there is none, or where it fell on failed events.
    pub candidate: Option<f64>,
    /// `ms`, `ratio` or `per_s`.
    pub unit: String,
    /// Candidate over baseline, or of a band the arm's p95 in `unit`.
    pub measured: Option<IntervalRecord>,
    /// Whether `measured` is candidate over baseline.
    pub is_ratio: bool,
    /// What the interval rests on, in words.
    pub basis: Option<String>,
    /// What was found, as a sentence.
    pub sentence: String,
    /// What else a reader of the claim should know, in sentences.
    pub beside: Vec<String>,
}

/// A value with its two-sided 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalRecord {
    /// The value itself.
    pub value: f64,
    /// 0 = unknown.
    pub low: f64,
    /// `null` = unknown.
    pub high: Option<f64>,
}

/// One figure of both arms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FigureRecord {
    /// What it is, for people.
    pub name: String,
    /// `ms`, `ratio` or `per_s`.
    pub unit: String,
    /// The baseline's, in `unit`; `null` when it has none.
    pub baseline: Option<f64>,
    /// The candidate's, in `unit`; `null` when it has none.
    pub candidate: Option<f64>,
    /// Candidate over baseline.
    pub ratio: Option<IntervalRecord>,
    /// What the interval rests on, in words.
    pub basis: Option<String>,
}

/// The response times of all runs of an arm that count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResponsesRecord {
    /// Runs that count.
    pub runs: usize,
    /// Requests of these runs.
    pub total: u64,
    /// Requests that failed.
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShareRecord {
    /// The band, for people.
    pub label: String,
    /// The share of the requests in it, 0 to 1.
    pub share: f64,
}

/// A band and how the requests lie to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BandRecord {
    /// Lower end of the band, in milliseconds.
    pub from_ms: f64,
    /// Upper end of the band, in milliseconds.
    pub to_ms: f64,
    /// Share of the requests below the band, 0 to 1.
    pub below: f64,
    /// Share of the requests within the band.
    pub within: f64,
    /// Share of the requests above the band, failed ones included.
    pub above: f64,
}

/// The shift function of the response times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShiftRecord {
    /// One entry for each quantile.
    pub points: Vec<ShiftPointRecord>,
    /// Whether runs were resampled too; else the interval holds within these runs only.
    pub across_runs: bool,
    /// Length of the blocks of seconds that were resampled.
    pub block_s: usize,
    /// How many resamples the intervals rest on.
    pub replicates: u64,
}

/// The shift at one quantile, in milliseconds. `null` = the quantile fell on failed requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShiftPointRecord {
    /// The quantile, 0 to 1.
    pub quantile: f64,
    /// The baseline's response time at the quantile.
    pub baseline_ms: Option<f64>,
    /// The candidate's response time at the quantile.
    pub candidate_ms: Option<f64>,
    /// Candidate less baseline.
    pub difference_ms: Option<f64>,
    /// Lower end of the 95 % interval of the difference.
    pub low_ms: Option<f64>,
    /// Upper end of the 95 % interval of the difference.
    pub high_ms: Option<f64>,
}

/// One pair, or of stored runs that are no pairs, one run of each arm at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairRecord {
    /// From 1.
    pub number: usize,
    /// The arm that ran first.
    pub first: Option<String>,
    /// The baseline's run; `null` when there was none.
    pub baseline: Option<TrialRecord>,
    /// The candidate's run; `null` when there was none.
    pub candidate: Option<TrialRecord>,
    /// The capacity of each arm, where a claim is about it.
    pub capacities: SidesRecord<Option<CapacityOfArmRecord>>,
    /// Why the pair says nothing; `null` when it counts.
    pub left_out: Option<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TrialRecord {
    /// Its folder, relative to this file's; of a stored run, as it was named.
    pub folder: String,
    /// The run's verdict.
    pub verdict: String,
    /// Requests that were measured.
    pub requests: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Median response time; `null` = it fell on a failed request.
    pub p50_ms: Option<f64>,
    /// 95th percentile of the response time; `null` = it fell on a failed request.
    pub p95_ms: Option<f64>,
    /// 99th percentile of the response time; `null` = it fell on a failed request.
    pub p99_ms: Option<f64>,
    /// Mean time of a database query.
    pub query_ms: Option<f64>,
}

/// The capacity of an arm in one pair; new users per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CapacityOfArmRecord {
    /// The highest rate that held; `null` when none did.
    pub held_per_s: Option<f64>,
    /// The lowest rate that failed; `null` when none did.
    pub not_held_per_s: Option<f64>,
    /// The lowest rate that was tried.
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
