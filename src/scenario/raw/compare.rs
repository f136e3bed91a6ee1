//! `[compare]`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::text::{DurationText, PercentText};

/// Two arms of this scenario, run in interleaved pairs by `loadtest compare SCENARIO`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct CompareFile {
    /// How many pairs are run. One pair shows no difference between runs and decides nothing. Default: 5.
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::scenario) pairs: Option<i64>,
    /// No pair begins that would not be over within this time. Default: `1h`.
    pub(in crate::scenario) time_box: Option<DurationText>,
    /// What is there already.
    #[schemars(required)]
    pub(in crate::scenario) baseline: Option<ArmFile>,
    /// What is meant to replace it.
    #[schemars(required)]
    pub(in crate::scenario) candidate: Option<ArmFile>,
    /// What is claimed of the candidate. Default: the claims of the migration plan.
    #[schemars(length(min = 1))]
    pub(in crate::scenario) claims: Option<Vec<ClaimFile>>,
    /// What `--quick` sets in both arms: dotted keys and their values. Default: the load is shortened to 20 s.
    pub(in crate::scenario) quick: Option<Map<String, Value>>,
    /// By how much runs of one system are known to differ: the standard deviation of a figure over earlier runs, as a
    /// share of it. With it, a single pair can decide. Default: not known.
    pub(in crate::scenario) run_to_run: Option<PercentText>,
}

/// One arm: the scenario with other settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ArmFile {
    /// Name of the arm in reports. Default: `baseline` or `candidate`.
    pub(in crate::scenario) name: Option<String>,
    /// What differs from the scenario: dotted keys (`"target.architecture"`) and their values, as with `--set`.
    /// Default: nothing.
    #[serde(rename = "set")]
    pub(in crate::scenario) settings: Option<Map<String, Value>>,
}

/// A claim: what it is about, and one of `ratio`, `not_worse_by`, `before` with `after`, or `not_measured`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ClaimFile {
    /// The claim in words, such as `"API throughput +200 %"`. Default: made from the rest.
    pub(in crate::scenario) says: Option<String>,
    /// `"capacity"`, or a metric whose low values are good.
    pub(in crate::scenario) metric: Option<String>,
    /// The statistic of a time: `p50`, `p95`, `p99`, `mean`. Default: `p95`, of `db_query_time` `mean`.
    pub(in crate::scenario) stat: Option<String>,
    /// What candidate over baseline must be, such as `">= 3.0"`.
    pub(in crate::scenario) ratio: Option<String>,
    /// How much worse than the baseline still counts as not worse.
    pub(in crate::scenario) not_worse_by: Option<PercentText>,
    /// A difference that nobody notices: a duration, of shares a percentage. Default: `1ms` or `0.1%`.
    pub(in crate::scenario) negligible: Option<String>,
    /// The band of the baseline's response times, such as `"200ms..800ms"`.
    pub(in crate::scenario) before: Option<String>,
    /// The band of the candidate's response times.
    pub(in crate::scenario) after: Option<String>,
    /// Why nothing here can show the claim: it is listed as not measured.
    pub(in crate::scenario) not_measured: Option<String>,
}
