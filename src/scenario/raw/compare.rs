//! `[compare]`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::text::{DurationText, PercentText};

/// Two arms of this scenario, run in interleaved pairs by `loadtest compare SCENARIO`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct CompareFile {
    /// How many pairs are run. One pair does not show how much runs differ, and can make no claim hold. Default: 5.
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::scenario) pairs: Option<i64>,
    /// No pair begins that would not be over by then. Default: `"1h"`.
    #[schemars(title = "a duration > 0")]
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
    /// What `--quick` sets in both arms, over what they set themselves. Default: the load shortened to 20 s, the search for capacity coarse.
    #[schemars(title = "a table: dotted key → value")]
    pub(in crate::scenario) quick: Option<Map<String, Value>>,
    /// By how much runs of one system are known to differ: standard deviation over earlier runs, as a share. With it
    /// a single pair can decide. Default: not known.
    pub(in crate::scenario) run_to_run: Option<PercentText>,
}

/// One arm: the scenario with other settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ArmFile {
    /// Name of the arm in reports, at most 40 characters. Default: the arm's key.
    pub(in crate::scenario) name: Option<String>,
    /// What differs from the scenario, as with `--set`, over which it wins: dotted keys in quotes, such as
    /// `"target.architecture"`, and their values. A table adds to what is there. Default: nothing.
    #[serde(rename = "set")]
    #[schemars(title = "a table: dotted key → value")]
    pub(in crate::scenario) settings: Option<Map<String, Value>>,
}

/// A claim: what it is about, and one of `ratio`, `not_worse_by`, `before` with `after`, or `not_measured`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ClaimFile {
    /// The claim in words, such as `"API throughput +200 %"`. Default: made from the rest.
    pub(in crate::scenario) says: Option<String>,
    /// What it is about. `"capacity"` is the highest rate at which all targets of the arm hold, searched for in each
    /// pair as `[capacity]` says. Required, but for bands.
    #[schemars(
        title = "`\"capacity\"`, or a metric whose low values are good; with `ratio` also `\"completion_rate\"` and `\"apdex\"`"
    )]
    pub(in crate::scenario) metric: Option<String>,
    /// The statistic of a time. Default: `"p95"`, of `db_query_time` `"mean"`.
    #[schemars(title = "`\"p50\"`, `\"p95\"`, `\"mean\"`, …")]
    pub(in crate::scenario) stat: Option<String>,
    /// What candidate over baseline must be: `">= 3.0"` is "+200 %", `"<= 0.40"` is "−60 %".
    #[schemars(title = "a comparison with a number")]
    pub(in crate::scenario) ratio: Option<String>,
    /// How much worse than the baseline still counts as not worse.
    pub(in crate::scenario) not_worse_by: Option<PercentText>,
    /// Beside `not_worse_by`: a difference that nobody notices, whatever the ratio. Default: `"1ms"`, of
    /// `db_query_time` `"100us"`, of shares `"0.1%"`.
    #[schemars(title = "a duration; of shares a percentage")]
    pub(in crate::scenario) negligible: Option<String>,
    /// The band of the baseline's response times.
    #[schemars(title = "`\"200ms..800ms\"`")]
    pub(in crate::scenario) before: Option<String>,
    /// The band of the candidate's response times.
    #[schemars(title = "`\"50ms..150ms\"`")]
    pub(in crate::scenario) after: Option<String>,
    /// Why nothing here can show the claim: it is listed, and decides nothing.
    pub(in crate::scenario) not_measured: Option<String>,
}
