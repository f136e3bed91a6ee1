//! `[[waiver]]`.

use schemars::JsonSchema;
use serde::Deserialize;

/// A target that may be missed up to a day without deciding the verdict, because somebody has accepted that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct WaiverFile {
    /// A target of `[sla]`, without its limit: `"error_rate"`, `"response_time p95"`,
    /// `"response_time{submit_recording} p99"`.
    #[schemars(required)]
    pub(in crate::scenario) target: Option<String>,
    /// Why it may be missed.
    #[schemars(title = "a line of text", required)]
    pub(in crate::scenario) reason: Option<String>,
    /// Who answers for that.
    #[schemars(title = "a line of text", required)]
    pub(in crate::scenario) owner: Option<String>,
    /// The last day (UTC) on which it holds: `2026-12-31`, with or without quotes. After it the waiver is void.
    #[schemars(title = "a date", required)]
    pub(in crate::scenario) expires: Option<String>,
}
