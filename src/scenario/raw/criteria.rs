//! `[judge]`, `[sla]`, `[alerts]` and `[rollback]`.
//!
//! A metric's key takes a table of statistics for times (`{ p95 = "<= 150ms" }`) and a text for shares and rates
//! (`"< 1%"`). What the schema says of them comes from `metric`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::action::RollbackActionFile;
use super::metric::{with_breaches, with_step_metrics, with_targets};
use super::text::{DurationText, PercentText};

/// How the verdict is found.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct JudgeFile {
    /// How sure a verdict must be. Default: `"observed"`.
    pub(in crate::scenario) mode: Option<JudgeModeFile>,
    /// Whether the load ends once a target cannot be met any more, or is missed beyond doubt; not in arms of a
    /// comparison and steps of a search. Default: `true` in certified mode, `false` in observed.
    pub(in crate::scenario) early_stop: Option<bool>,
}

/// How sure a verdict must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::scenario) enum JudgeModeFile {
    /// A target is met when the measured value meets it.
    Observed,
    /// A target is met when the bound of its 95 % confidence meets it as well.
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
    /// A file with the same keys; a target given here replaces the file's. Default: none.
    #[schemars(title = "a path, relative to the scenario")]
    pub(in crate::scenario) file: Option<String>,
    /// Cannot be measured on this target: shown in the report, never passed. Default: none.
    #[schemars(title = "a list of metrics")]
    pub(in crate::scenario) not_measured: Option<Vec<String>>,
    /// Targets of single steps.
    #[schemars(title = "a table: name of a step → metrics")]
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
    /// Length of the sliding window. Required, but beside budgets only.
    #[schemars(title = "whole seconds")]
    pub(in crate::scenario) over: Option<DurationText>,
    /// An older name of `over`.
    #[schemars(title = "whole seconds")]
    pub(in crate::scenario) window: Option<DurationText>,
    /// In how many seconds, one after the other, the window must have been in breach before the breach is raised.
    /// Default: raised at first sight.
    #[serde(rename = "for")]
    #[schemars(title = "whole seconds")]
    pub(in crate::scenario) sustained: Option<DurationText>,
    /// The stretch in which the seconds of `for` are counted instead: `for = "5s"`, `within = "20s"` is five of the
    /// last twenty, whether or not they follow each other.
    #[schemars(title = "whole seconds, at least `for`")]
    pub(in crate::scenario) within: Option<DurationText>,
    /// A breach is over once a whole window's length was no worse than this part of the level. Default: `"80%"`.
    #[schemars(title = "a percentage > 0")]
    pub(in crate::scenario) clear_at: Option<PercentText>,
    /// Fewer samples than this in a window decide nothing. Default: 20.
    #[schemars(range(min = 1))]
    pub(in crate::scenario) samples_min: Option<i64>,
    /// Budgets of targets of `[sla]` that must not be spent too fast. Default: none.
    #[schemars(title = "a list of tables, at most 50")]
    pub(in crate::scenario) budget: Option<Vec<BudgetFile>>,
    /// Conditions of single steps.
    #[schemars(title = "a table: name of a step → metrics")]
    pub(in crate::scenario) step: Option<BTreeMap<String, StepLimitsFile>>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::scenario) metrics: Limits,
}

/// Conditions whose breach means "roll back".
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(transform = with_breaches)]
pub(in crate::scenario) struct RollbackFile {
    /// Whether the load ends when a threshold trips; without that, the report can say when all was well again.
    /// Default: `true`; `false` with an `action`.
    pub(in crate::scenario) stop_load: Option<bool>,
    /// What is done to the target when the first threshold trips. Default: nothing.
    pub(in crate::scenario) action: Option<RollbackActionFile>,
    /// How long it may take until the trouble is detected, acted on and over. Default: no limits.
    pub(in crate::scenario) limits: Option<RollbackLimitsFile>,
    /// Length of the sliding window. Required, but beside budgets only.
    #[schemars(title = "whole seconds")]
    pub(in crate::scenario) over: Option<DurationText>,
    /// An older name of `over`.
    #[schemars(title = "whole seconds")]
    pub(in crate::scenario) window: Option<DurationText>,
    /// In how many seconds, one after the other, the window must have been in breach before the breach is raised.
    /// Default: raised at first sight.
    #[serde(rename = "for")]
    #[schemars(title = "whole seconds")]
    pub(in crate::scenario) sustained: Option<DurationText>,
    /// The stretch in which the seconds of `for` are counted instead: `for = "5s"`, `within = "20s"` is five of the
    /// last twenty, whether or not they follow each other.
    #[schemars(title = "whole seconds, at least `for`")]
    pub(in crate::scenario) within: Option<DurationText>,
    /// A breach is over once a whole window's length was no worse than this part of the level. Default: `"80%"`.
    #[schemars(title = "a percentage > 0")]
    pub(in crate::scenario) clear_at: Option<PercentText>,
    /// Fewer samples than this in a window decide nothing. Default: 20.
    #[schemars(range(min = 1))]
    pub(in crate::scenario) samples_min: Option<i64>,
    /// Budgets of targets of `[sla]` that must not be spent too fast. Default: none.
    #[schemars(title = "a list of tables, at most 50")]
    pub(in crate::scenario) budget: Option<Vec<BudgetFile>>,
    /// Conditions of single steps.
    #[schemars(title = "a table: name of a step → metrics")]
    pub(in crate::scenario) step: Option<BTreeMap<String, StepLimitsFile>>,
    #[serde(flatten)]
    #[schemars(skip)]
    pub(in crate::scenario) metrics: Limits,
}

/// How long the parts of a rollback may take.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct RollbackLimitsFile {
    /// From the injected fault, or else the first bad second, to the tripping of the first threshold. Default: no
    /// limit.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) detect: Option<DurationText>,
    /// From that tripping to the end of the action. Default: no limit.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) act: Option<DurationText>,
    /// From that tripping to the first second of a window's length in which all was well. Default: no limit.
    #[schemars(title = "a duration > 0")]
    pub(in crate::scenario) recover: Option<DurationText>,
}

/// How fast the budget of a target may be spent: `burn_rate` or `consumed`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::scenario) struct BudgetFile {
    /// A target of `[sla]` that allows a share of bad events and is measured while the load goes on: a percentile or a
    /// share, not a mean, a rate, `availability` or `completion_rate`.
    #[schemars(title = "a metric", required)]
    pub(in crate::scenario) target: Option<String>,
    /// The step of the target. Default: over all steps.
    #[schemars(title = "a name")]
    pub(in crate::scenario) step: Option<String>,
    /// Which target, when there are several on the metric. Default: that of the only one.
    #[schemars(title = "a statistic, such as `\"p95\"`")]
    pub(in crate::scenario) stat: Option<String>,
    /// What is a breach; at a rate of 1 the budget lasts exactly to the end of the run.
    #[schemars(title = "a comparison with a number, such as `\"> 6\"`")]
    pub(in crate::scenario) burn_rate: Option<String>,
    /// Instead of `burn_rate`: the share *f* of the whole run's budget that must not be spent within `long`; the rate
    /// is *f* · length of the load / `long`. 10 % in a minute of an hour's run is a rate of 6.
    pub(in crate::scenario) consumed: Option<PercentText>,
    /// The long window: it says that enough of the budget is gone to matter.
    #[schemars(title = "whole seconds", required)]
    pub(in crate::scenario) long: Option<DurationText>,
    /// The short window: it says that the budget is still being spent, and its length of calm ends the breach.
    /// Default: a twelfth of `long`, at least `"5s"`.
    #[schemars(title = "whole seconds, shorter than `long`")]
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
