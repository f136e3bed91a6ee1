//! Texts with a form of their own. They are parsed when the file is lowered, where a mistake can be explained.

use schemars::JsonSchema;
use serde::Deserialize;

/// A length of time: a number with its unit (`us`, `ms`, `s`, `m`, `h` or `d`), or several.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(
    title = "a duration with its unit",
    example = "30s",
    example = "1m30s",
    extend("pattern" = r"^\s*([0-9]*\.?[0-9]+ *(us|µs|ms|s|m|h|d) *)+$|\$\{")
)]
pub(in crate::scenario) struct DurationText(pub(in crate::scenario) String);

/// Events per unit of time: per second, minute or hour.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(
    title = "a rate with its unit",
    example = "40/s",
    example = "90/m",
    extend("pattern" = r"^\s*[0-9]*\.?[0-9]+ */ *(s|m|h)\s*$|\$\{")
)]
pub(in crate::scenario) struct RateText(pub(in crate::scenario) String);

/// A share of a whole, as a percentage from 0 to 100.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(
    title = "a percentage",
    example = "5%",
    example = "0.5%",
    extend("pattern" = r"^\s*[0-9]*\.?[0-9]+ *%\s*$|\$\{")
)]
pub(in crate::scenario) struct PercentText(pub(in crate::scenario) String);
