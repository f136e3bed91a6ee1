//! `[capacity]`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::text::{DurationText, PercentText, RateText};

/// How `loadtest capacity` searches for the highest rate at which all targets hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct CapacityFile {
    /// The rates to try, in new users per second.
    pub(in crate::scenario) rates: Option<RatesFile>,
    /// How long each rate is held and judged. Default: `"15s"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) step_hold: Option<DurationText>,
    /// How long each rate is held before it is judged, until as many users are at work as there will be. Default: the
    /// mean time of a journey, at least `"2s"`.
    pub(in crate::scenario) step_warm_up: Option<DurationText>,
    /// How far the lowest rate that failed may lie above the highest that held. Default: `"10%"`.
    #[schemars(title = "a percentage from 1 to 100")]
    pub(in crate::scenario) resolution: Option<PercentText>,
    /// No step begins that might end later; there is at least one step. Default: `"15m"`.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) time_box: Option<DurationText>,
    /// Whether the rate that was found must hold a second time. Default: `true`.
    pub(in crate::scenario) confirm: Option<bool>,
}

/// The rates to try.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RatesFile {
    /// The lowest rate to try; a step must judge 5 users at least on average. Default: a quarter of the highest rate
    /// of `[load]`.
    #[schemars(title = "a rate > 0")]
    pub(in crate::scenario) from: Option<RateText>,
    /// The highest rate to try. Default: sixteen times the highest rate of `[load]`.
    pub(in crate::scenario) to: Option<RateText>,
    /// How many times higher each next rate is, until one fails. Default: 2.
    #[schemars(range(min = 1.1, max = 10.0))]
    pub(in crate::scenario) factor: Option<f64>,
}
