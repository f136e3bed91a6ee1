//! `[[actions]]`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::text::DurationText;

/// Something that is done to the target at a given time: `request` or `stop_database`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct ActionFile {
    /// When it begins, from the start of the load; before the load's end.
    #[schemars(required)]
    pub(in crate::scenario) at: Option<DurationText>,
    /// What it is called in reports. Default: what is done.
    pub(in crate::scenario) name: Option<String>,
    /// A request in the name of the target's operator, such as `"PUT /admin/v1/rollout"`.
    pub(in crate::scenario) request: Option<String>,
    /// The JSON body of the request. Default: none.
    pub(in crate::scenario) body: Option<Value>,
    /// Stops the throw-away database for so long, and starts it again.
    pub(in crate::scenario) stop_database: Option<OutageFile>,
    /// Whether this is the fault of a drill: reports time its detection and the recovery from it. Default: `false`.
    pub(in crate::scenario) injects: Option<bool>,
}

/// A time without the database.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::scenario) enum OutageFile {
    For(DurationText),
    Outage(OutageTable),
}

/// How long the database is away, and how it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a table with `for` and `mode`")]
pub(in crate::scenario) struct OutageTable {
    /// How long it is away.
    #[serde(rename = "for")]
    #[schemars(required)]
    pub(in crate::scenario) downtime: Option<DurationText>,
    /// How it is stopped. Default: `fast`.
    pub(in crate::scenario) mode: Option<StopModeFile>,
}

/// How the database is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum StopModeFile {
    /// In order: connections are cut, and what is committed is written out.
    Fast,
    /// As in a crash: it recovers from its log when it starts again.
    Immediate,
}
