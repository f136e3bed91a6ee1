//! `[judge]`, `[sla]`, `[alerts]` and `[rollback]`.
//!
//! A metric's key takes a table of statistics for times (`{ p95 = "<= 150ms" }`) and a text for shares and rates
//! (`"< 1%"`). The keys come from the plan's table of metrics, so the schema always knows every metric.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::json;

use super::action::RollbackActionFile;
use super::text::{DurationText, PercentText};
use crate::plan::{Metric, Unit};

/// How the verdict is found.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct JudgeFile {
    /// How sure a verdict must be. Default: `observed`.
    pub(in crate::scenario) mode: Option<JudgeModeFile>,
    /// Whether the load ends once a target is settled and the run cannot end in a GO any more. Default: `true` in certified
    /// mode, `false` in observed.
    pub(in crate::scenario) early_stop: Option<bool>,
}

/// How sure a verdict must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum JudgeModeFile {
    /// A target is met when the measured value meets it.
    Observed,
    /// A target is met only when its confidence bound meets it as well.
    Certified,
}

/// Limits by metric.
pub(in crate::scenario) type Limits = BTreeMap<String, LimitFile>;

/// One limit, or one for each statistic of a time.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(in crate::scenario) enum LimitFile {
    One(String),
    ByStatistic(BTreeMap<String, String>),
}

/// The targets: conditions that must hold. A file of targets has the same keys.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(transform = with_targets)]
pub(in crate::scenario) struct SlaFile {
    /// A file with targets, relative to the scenario; a target given here replaces the file's. Default: none.
    pub(in crate::scenario) file: Option<String>,
    /// Metrics that cannot be measured on this target: shown in the report, never passed. Default: none.
    pub(in crate::scenario) not_measured: Option<Vec<String>>,
    /// Targets of single steps, by the step's name.
    pub(in crate::scenario) step: Option<BTreeMap<String, StepLimitsFile>>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::scenario) metrics: Limits,
}

/// Limits of one step.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(transform = with_step_metrics)]
pub(in crate::scenario) struct StepLimitsFile {
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::scenario) metrics: Limits,
}

/// Conditions whose breach is reported.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(transform = with_breaches)]
pub(in crate::scenario) struct AlertsFile {
    /// Length of the sliding window; whole seconds.
    pub(in crate::scenario) over: Option<DurationText>,
    /// An older name of `over`.
    pub(in crate::scenario) window: Option<DurationText>,
    /// In how many seconds the window must have been in breach before that is raised; whole seconds, one after the other
    /// unless `within` says otherwise. Default: raised at first sight.
    #[serde(rename = "for")]
    pub(in crate::scenario) sustained: Option<DurationText>,
    /// The stretch in which the seconds of `for` are counted: `for = "5s", within = "20s"` is five of the last twenty.
    pub(in crate::scenario) within: Option<DurationText>,
    /// A breach is over once a whole window's length was no worse than this part of the level. Default: `80%`.
    pub(in crate::scenario) clear_at: Option<PercentText>,
    /// Fewer samples than this in a window decide nothing. Default: 20.
    #[schemars(range(min = 1))]
    pub(in crate::scenario) samples_min: Option<i64>,
    /// Budgets of targets of `[sla]` that must not be spent too fast. Default: none.
    pub(in crate::scenario) budget: Option<Vec<BudgetFile>>,
    /// Breaches of single steps, by the step's name.
    pub(in crate::scenario) step: Option<BTreeMap<String, StepLimitsFile>>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::scenario) metrics: Limits,
}

/// Conditions whose breach means "roll back".
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(transform = with_breaches)]
pub(in crate::scenario) struct RollbackFile {
    /// Whether the load ends when a threshold trips. Default: `true`, and `false` with an `action`, so that the report can
    /// say when all was well again.
    pub(in crate::scenario) stop_load: Option<bool>,
    /// What is done to the target when the first threshold trips. Default: nothing.
    pub(in crate::scenario) action: Option<RollbackActionFile>,
    /// How long it may take until the trouble is detected, acted on and over. Default: no limits.
    pub(in crate::scenario) limits: Option<RollbackLimitsFile>,
    /// Length of the sliding window; whole seconds.
    pub(in crate::scenario) over: Option<DurationText>,
    /// An older name of `over`.
    pub(in crate::scenario) window: Option<DurationText>,
    /// In how many seconds the window must have been in breach before that is raised; whole seconds, one after the other
    /// unless `within` says otherwise. Default: raised at first sight.
    #[serde(rename = "for")]
    pub(in crate::scenario) sustained: Option<DurationText>,
    /// The stretch in which the seconds of `for` are counted: `for = "5s", within = "20s"` is five of the last twenty.
    pub(in crate::scenario) within: Option<DurationText>,
    /// A breach is over once a whole window's length was no worse than this part of the level. Default: `80%`.
    pub(in crate::scenario) clear_at: Option<PercentText>,
    /// Fewer samples than this in a window decide nothing. Default: 20.
    #[schemars(range(min = 1))]
    pub(in crate::scenario) samples_min: Option<i64>,
    /// Budgets of targets of `[sla]` that must not be spent too fast. Default: none.
    pub(in crate::scenario) budget: Option<Vec<BudgetFile>>,
    /// Breaches of single steps, by the step's name.
    pub(in crate::scenario) step: Option<BTreeMap<String, StepLimitsFile>>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::scenario) metrics: Limits,
}

/// How long the parts of a rollback may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RollbackLimitsFile {
    /// From the injected fault, or else the first bad second, to the threshold's tripping. Default: no limit.
    pub(in crate::scenario) detect: Option<DurationText>,
    /// From the threshold's tripping to the end of the action. Default: no limit.
    pub(in crate::scenario) act: Option<DurationText>,
    /// From the threshold's tripping to the first second after which all is well. Default: no limit.
    pub(in crate::scenario) recover: Option<DurationText>,
}

/// How fast the budget of a target may be spent: `burn_rate` or `consumed`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct BudgetFile {
    /// The metric of the target in `[sla]`: the bad events that it allows are the budget.
    #[schemars(required)]
    pub(in crate::scenario) target: Option<String>,
    /// The step of the target. Default: the target over all steps.
    pub(in crate::scenario) step: Option<String>,
    /// The statistic of the target, such as `p95`. Default: that of the only target on the metric.
    pub(in crate::scenario) stat: Option<String>,
    /// What is a breach, such as `"> 6"`: at a rate of 1 the budget lasts exactly to the end of the run.
    pub(in crate::scenario) burn_rate: Option<String>,
    /// Instead of `burn_rate`: the share of the whole run's budget that must not be spent within `long`.
    pub(in crate::scenario) consumed: Option<PercentText>,
    /// The window that says that enough of the budget is gone; whole seconds.
    #[schemars(required)]
    pub(in crate::scenario) long: Option<DurationText>,
    /// The window that says that it is still being spent; whole seconds. Default: a twelfth of `long`, at least `5s`.
    pub(in crate::scenario) short: Option<DurationText>,
}

/// The keys that `[alerts]` and `[rollback]` share.
#[derive(Debug, Clone, Copy)]
pub(in crate::scenario) struct WindowKeys<'a> {
    pub(in crate::scenario) over: Option<&'a DurationText>,
    pub(in crate::scenario) window: Option<&'a DurationText>,
    pub(in crate::scenario) sustained: Option<&'a DurationText>,
    pub(in crate::scenario) within: Option<&'a DurationText>,
    pub(in crate::scenario) clear_at: Option<&'a PercentText>,
    pub(in crate::scenario) samples_min: Option<i64>,
    pub(in crate::scenario) budgets: &'a [BudgetFile],
    pub(in crate::scenario) steps: Option<&'a BTreeMap<String, StepLimitsFile>>,
    pub(in crate::scenario) metrics: &'a Limits,
}

impl AlertsFile {
    pub(in crate::scenario) fn keys(&self) -> WindowKeys<'_> {
        WindowKeys {
            over: self.over.as_ref(),
            window: self.window.as_ref(),
            sustained: self.sustained.as_ref(),
            within: self.within.as_ref(),
            clear_at: self.clear_at.as_ref(),
            samples_min: self.samples_min,
            budgets: self.budget.as_deref().unwrap_or_default(),
            steps: self.step.as_ref(),
            metrics: &self.metrics,
        }
    }
}

impl RollbackFile {
    pub(in crate::scenario) fn keys(&self) -> WindowKeys<'_> {
        WindowKeys {
            over: self.over.as_ref(),
            window: self.window.as_ref(),
            sustained: self.sustained.as_ref(),
            within: self.within.as_ref(),
            clear_at: self.clear_at.as_ref(),
            samples_min: self.samples_min,
            budgets: self.budget.as_deref().unwrap_or_default(),
            steps: self.step.as_ref(),
            metrics: &self.metrics,
        }
    }
}

/// Whether limits say what must hold or what is a breach: the examples point the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Target,
    Breach,
}

fn with_targets(schema: &mut Schema) {
    add_metrics(schema, Metric::ALL.into_iter(), Sense::Target);
}

fn with_breaches(schema: &mut Schema) {
    add_metrics(schema, Metric::ALL.into_iter(), Sense::Breach);
}

/// The tables of single steps are shared by targets and breaches; the examples are those of targets.
fn with_step_metrics(schema: &mut Schema) {
    let of_steps = Metric::ALL.into_iter().filter(|metric| metric.is_per_step());
    add_metrics(schema, of_steps, Sense::Target);
}

/// Adds a property for every metric and closes the object.
fn add_metrics(schema: &mut Schema, metrics: impl Iterator<Item = Metric>, sense: Sense) {
    let object = schema.ensure_object();
    object.insert("additionalProperties".to_owned(), json!(false));
    let properties = object.entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        for metric in metrics {
            properties.insert(metric.key().to_owned(), limit_schema(metric, sense));
        }
    }
}

fn limit_schema(metric: Metric, sense: Sense) -> serde_json::Value {
    let is_upper = (sense == Sense::Target) != metric.higher_is_better();
    let (title, example) = match (metric.unit(), is_upper) {
        (Unit::Time, true) => ("a comparison with a duration", "<= 150ms"),
        (Unit::Time, false) => ("a comparison with a duration", "> 500ms"),
        (Unit::Ratio, true) if metric.higher_is_better() => ("a comparison with a percentage", "< 99%"),
        (Unit::Ratio, true) => ("a comparison with a percentage", "< 1%"),
        (Unit::Ratio, false) if metric.higher_is_better() => ("a comparison with a percentage", ">= 99.5%"),
        (Unit::Ratio, false) => ("a comparison with a percentage", "> 5%"),
        (Unit::PerSecond, true) => ("a comparison with a rate", "< 100/s"),
        (Unit::PerSecond, false) => ("a comparison with a rate", ">= 100/s"),
    };
    let limit = json!({ "type": "string", "title": title, "examples": [example] });
    if metric.unit() != Unit::Time {
        return limit;
    }
    json!({
        "type": "object",
        "title": "a table of statistics",
        "examples": [{ "p95": example }],
        "description": "Limits of percentiles (`p50`, `p95`, `p999`), `mean` and `max`.",
        "minProperties": 1,
        "properties": { "mean": limit, "max": limit },
        "patternProperties": { r"^p[0-9]+(\.[0-9]+)?$": limit },
        "additionalProperties": false,
    })
}
