//! `[classconnect]`, and the distributions of durations.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, PercentText};

/// The mock of ClassConnect: how long its work takes and what goes wrong.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ClassConnectFile {
    /// From the acceptance of a recording to its webhook; a distribution must have an end. Default: lognormal with
    /// median `"1200ms"`, p99 `"2500ms"`, max `"5s"`.
    pub(in crate::scenario) analysis_delay: Option<DelayFile>,
    /// From the acceptance of a transcript to improve to its webhook. Default: as `analysis_delay`.
    pub(in crate::scenario) improvement_delay: Option<DelayFile>,
    /// From the acceptance of a sentence extraction to its webhook. Default: as `analysis_delay`.
    pub(in crate::scenario) extraction_delay: Option<DelayFile>,
    /// Waits before the second and each further delivery attempt; an empty list means no retries.
    /// Default: `["1s", "3s"]`.
    pub(in crate::scenario) retry_schedule: Option<Vec<DurationText>>,
    /// Longest wait for the answer to one delivery attempt. Default: `"10s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) delivery_timeout: Option<DurationText>,
    /// Lowest score with which a recording is passed. Default: 80.
    #[schemars(range(min = 0, max = 100))]
    pub(in crate::scenario) pass_threshold: Option<i64>,
    /// What goes wrong, for drills.
    pub(in crate::scenario) faults: Option<ClassConnectFaults>,
    /// Where the mock listens; your deployment calls it there. Required beside `base_url`, and only there.
    #[schemars(title = "an address and port, such as `\"127.0.0.1:8090\"`")]
    pub(in crate::scenario) listen: Option<String>,
    /// The key with which your deployment calls ClassConnect. Required beside `base_url`, and only there.
    #[schemars(title = "text from the environment, such as `\"${VAR}\"`")]
    pub(in crate::scenario) api_key: Option<String>,
    /// The secret (`whsec_…`) by which your deployment verifies webhooks. Required beside `base_url`, and only there.
    #[schemars(title = "text from the environment, such as `\"${VAR}\"`")]
    pub(in crate::scenario) webhook_secret: Option<String>,
}

/// Faults of the mock, each as a share of the submissions. Default of each: `0%`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ClassConnectFaults {
    /// Webhooks never sent. Default: `"0%"`.
    pub(in crate::scenario) drop: Option<PercentText>,
    /// Webhooks sent twice. Default: `"0%"`.
    pub(in crate::scenario) duplicate: Option<PercentText>,
    /// Submissions refused. Default: `"0%"`.
    pub(in crate::scenario) reject_submit: Option<PercentText>,
    /// Webhooks sent with a wrong signature. Default: `"0%"`.
    pub(in crate::scenario) wrong_signature: Option<PercentText>,
    /// Jobs that end as failed. Default: `"0%"`.
    pub(in crate::scenario) fail_analysis: Option<PercentText>,
    /// Jobs that complete with an error inside the result. Default: `"0%"`.
    pub(in crate::scenario) soft_error: Option<PercentText>,
}

/// A duration, or a distribution of durations.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a duration or distribution")]
pub(in crate::scenario) enum DelayFile {
    /// Always the same duration.
    Fixed(DurationText),
    Distribution(DistributionFile),
}

/// A distribution of durations.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(title = "a table with a `distribution`")]
#[serde(tag = "distribution", rename_all = "lowercase", deny_unknown_fields)]
pub(in crate::scenario) enum DistributionFile {
    /// Always the same.
    Fixed {
        #[schemars(required)]
        value: Option<DurationText>,
    },
    /// Every duration from `min` to `max` alike.
    Uniform {
        #[schemars(required)]
        min: Option<DurationText>,
        #[schemars(required)]
        max: Option<DurationText>,
    },
    /// The usual shape of service and thinking times: given by its median and 99th percentile.
    LogNormal {
        /// Half of the values are below it.
        #[schemars(required)]
        median: Option<DurationText>,
        /// 99 % of the values are below it.
        #[schemars(required)]
        p99: Option<DurationText>,
        /// Longer values are cut to it. Default: no end.
        max: Option<DurationText>,
    },
    /// Measured durations, each drawn alike. Only for the mock's delays.
    Empirical {
        #[schemars(required, length(min = 1))]
        values: Option<Vec<DurationText>>,
    },
}
