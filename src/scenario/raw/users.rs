//! `[users]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, PercentText};

/// Users with patience: they leave when a step takes too long, and are content or not.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct UsersFile {
    /// How long users wait at a step. Default: the profile `app`.
    pub(in crate::scenario) patience: Option<PatienceFile>,
    /// How likely a user tries once more after an error, before they leave. Default: `"70%"`.
    pub(in crate::scenario) retry: Option<PercentText>,
    /// The share of those with reason to complain who do: turns sessions into expected tickets. Default: `"100%"`.
    pub(in crate::scenario) complain: Option<PercentText>,
    /// How long a step may take for a user to be satisfied.
    pub(in crate::scenario) apdex: Option<ApdexFile>,
}

/// How long users wait: either a known profile, or two anchors.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct PatienceFile {
    /// A known profile of patience. Required without `anchors`.
    pub(in crate::scenario) profile: Option<ProfileFile>,
    /// Instead of a profile: two points that the distribution goes through, the earlier first.
    #[schemars(title = "a list of two `{ after, leave }`", length(min = 2, max = 2))]
    pub(in crate::scenario) anchors: Option<Vec<AnchorFile>>,
}

/// A known profile of patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::scenario) enum ProfileFile {
    /// An application that people want to use (5 % leave after 2 s, half after 10 s).
    App,
    /// Passers-by on a telephone (10 % leave after 1 s, 53 % after 3 s).
    ImpatientMobile,
}

/// After so long, so many have left.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct AnchorFile {
    /// How long they have waited.
    #[schemars(required)]
    pub(in crate::scenario) after: Option<DurationText>,
    /// The share of users who have left by then.
    #[schemars(required)]
    pub(in crate::scenario) leave: Option<PercentText>,
}

/// The T of Apdex: up to T satisfied, up to 4 T tolerating.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ApdexFile {
    /// How long a request may take for a user to be satisfied (T); up to 4 T is tolerated. Default: `"150ms"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) request: Option<DurationText>,
    /// The same of a result that is waited for, from the request on. Default: `"2s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) result: Option<DurationText>,
    /// The same of single request or await steps. Default: the above.
    #[schemars(title = "a table: name of a step → duration > 0")]
    pub(in crate::scenario) step: Option<BTreeMap<String, DurationText>>,
}
