//! The criteria as `run.json` holds them.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use super::waiver::WaiverRecord;
use crate::plan::{
    BurnRate, Comparator, Condition, Criteria, JudgeMode, Limit, Metric, Rollback, RollbackLimits, Statistic,
    Unit, WindowPolicy,
};
use crate::units::{Quantile, Rate, Ratio};

/// All that the run was judged by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CriteriaRecord {
    /// `observed` or `certified`.
    pub mode: String,
    /// Whether the load was to end once no pass was possible any more; not so in files of versions that did not say.
    #[serde(default)]
    pub early_stop: bool,
    /// What had to hold over the whole judged part of the run.
    pub targets: Vec<ConditionRecord>,
    /// Metrics that the scenario declares as not measurable on its target.
    pub not_measured: Vec<String>,
    /// Absent in files of versions that knew no waivers.
    #[serde(default)]
    pub waivers: Vec<WaiverRecord>,
    /// The windows whose breach is reported; `null` when there are none.
    pub alerts: Option<WindowPolicyRecord>,
    /// The windows whose breach means "roll back"; `null` when there are none.
    pub rollback: Option<RollbackRecord>,
}

/// One condition. `limit` is in `unit`; `text` is the whole condition as a person reads it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionRecord {
    /// The key of the metric, as in a scenario.
    pub metric: String,
    /// The step that the condition is about; `null` = all steps.
    pub step: Option<String>,
    /// `p95`, `mean`, `max`, `share` or `per_second`.
    pub stat: String,
    /// The quantile as a number, when the statistic is one.
    pub quantile: Option<f64>,
    /// `<`, `<=`, `>` or `>=`.
    pub comparator: String,
    /// The limit as a number in `unit`.
    pub limit: f64,
    /// `ms`, `ratio` or `per_s`.
    pub unit: String,
    /// The whole condition as a person reads it.
    pub text: String,
}

/// A window policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WindowPolicyRecord {
    /// Length of the sliding window, in seconds.
    pub window_s: u64,
    /// In how many seconds a breach must have been seen. 0, raised at first sight, for files of versions that did not say.
    #[serde(default)]
    pub for_s: u64,
    /// The stretch in which those seconds are counted; `null` when they must follow each other.
    #[serde(default)]
    pub within_s: Option<u64>,
    /// The part of the level at which a breach is over.
    #[serde(default = "level_itself")]
    pub clear_at: f64,
    /// Fewer samples than this in a window decide nothing.
    pub samples_min: u64,
    /// What is a breach.
    pub conditions: Vec<ConditionRecord>,
    /// Budgets of targets that must not be spent too fast; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub burn_rates: Vec<BurnRateRecord>,
}

/// Versions that did not say took a breach for over when it was none any more.
fn level_itself() -> f64 {
    1.0
}

/// How fast the budget of a target may be spent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BurnRateRecord {
    /// The target whose budget it is.
    pub target: ConditionRecord,
    /// A breach is a rate above this.
    pub above: f64,
    /// The long window, in seconds.
    pub long_s: u64,
    /// The short window, in seconds.
    pub short_s: u64,
    /// All of it as a person reads it.
    pub text: String,
}

/// The rollback policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackRecord {
    #[serde(flatten)]
    pub policy: WindowPolicyRecord,
    /// Whether the load was to end when a threshold tripped.
    pub stop_load: bool,
    /// How long the parts of a rollback may take; absent in files of versions that knew no such limits.
    #[serde(default)]
    pub limits: RollbackLimitsRecord,
}

/// Limits of a rollback, in seconds; `null` = none is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RollbackLimitsRecord {
    /// From the injected fault, or else the first bad second, to the tripping.
    pub detect_s: Option<f64>,
    /// From the tripping to the end of the action.
    pub act_s: Option<f64>,
    /// From the tripping to the recovery.
    pub recover_s: Option<f64>,
}

impl From<RollbackLimits> for RollbackLimitsRecord {
    fn from(limits: RollbackLimits) -> Self {
        let seconds = |limit: Option<Duration>| limit.map(|limit| limit.as_secs_f64());
        Self {
            detect_s: seconds(limits.detect),
            act_s: seconds(limits.act),
            recover_s: seconds(limits.recover),
        }
    }
}

impl RollbackLimitsRecord {
    fn read(self) -> Result<RollbackLimits, ReportError> {
        let duration = |seconds: Option<f64>| {
            let duration = seconds.map(Duration::try_from_secs_f64).transpose();
            duration.map_err(|error| ReportError::invalid(format!("a limit of a rollback: {error}")))
        };
        Ok(RollbackLimits {
            detect: duration(self.detect_s)?,
            act: duration(self.act_s)?,
            recover: duration(self.recover_s)?,
        })
    }
}

/// The unit as `run.json` writes it.
pub(super) fn unit_key(unit: Unit) -> &'static str {
    match unit {
        Unit::Time => "ms",
        Unit::Ratio => "ratio",
        Unit::PerSecond => "per_s",
    }
}

/// The mode as `run.json` writes it.
pub(super) fn mode_key(mode: JudgeMode) -> &'static str {
    match mode {
        JudgeMode::Observed => "observed",
        JudgeMode::Certified => "certified",
    }
}

/// The metric with this key.
pub(super) fn metric(key: &str) -> Result<Metric, ReportError> {
    Metric::from_key(key).ok_or_else(|| ReportError::invalid(format!("\"{key}\" is not a metric")))
}

impl CriteriaRecord {
    pub(super) fn of(criteria: &Criteria) -> Self {
        Self {
            mode: mode_key(criteria.mode).to_owned(),
            early_stop: criteria.early_stop,
            targets: criteria.targets.iter().map(ConditionRecord::of).collect(),
            not_measured: criteria
                .not_measured
                .iter()
                .map(|metric| metric.key().to_owned())
                .collect(),
            waivers: criteria.waivers.iter().map(WaiverRecord::from).collect(),
            alerts: criteria.alerts.as_ref().map(WindowPolicyRecord::of),
            rollback: criteria.rollback.as_ref().map(|rollback| RollbackRecord {
                policy: WindowPolicyRecord::of(&rollback.policy),
                stop_load: rollback.stop_load,
                limits: rollback.limits.into(),
            }),
        }
    }

    pub(super) fn read(&self) -> Result<Criteria, ReportError> {
        let mode = match self.mode.as_str() {
            "observed" => JudgeMode::Observed,
            "certified" => JudgeMode::Certified,
            other => {
                return Err(ReportError::invalid(format!(
                    "\"{other}\" is not a mode of judging"
                )));
            }
        };
        Ok(Criteria {
            mode,
            early_stop: self.early_stop,
            targets: self
                .targets
                .iter()
                .map(ConditionRecord::read)
                .collect::<Result<_, _>>()?,
            not_measured: self
                .not_measured
                .iter()
                .map(|key| metric(key))
                .collect::<Result<_, _>>()?,
            waivers: self
                .waivers
                .iter()
                .map(WaiverRecord::read)
                .collect::<Result<_, _>>()?,
            alerts: self.alerts.as_ref().map(WindowPolicyRecord::read).transpose()?,
            rollback: self
                .rollback
                .as_ref()
                .map(|rollback| {
                    Ok::<_, ReportError>(Rollback {
                        policy: rollback.policy.read()?,
                        stop_load: rollback.stop_load,
                        limits: rollback.limits.read()?,
                    })
                })
                .transpose()?,
        })
    }
}

impl WindowPolicyRecord {
    fn of(policy: &WindowPolicy) -> Self {
        Self {
            window_s: policy.window.as_secs(),
            for_s: policy.sustained.as_secs(),
            within_s: policy.within.map(|within| within.as_secs()),
            clear_at: policy.clear_at,
            samples_min: policy.samples_min,
            conditions: policy.conditions.iter().map(ConditionRecord::of).collect(),
            burn_rates: policy.burn_rates.iter().map(BurnRateRecord::of).collect(),
        }
    }

    fn read(&self) -> Result<WindowPolicy, ReportError> {
        Ok(WindowPolicy {
            window: Duration::from_secs(self.window_s),
            sustained: Duration::from_secs(self.for_s),
            within: self.within_s.map(Duration::from_secs),
            clear_at: self.clear_at,
            samples_min: self.samples_min,
            conditions: self
                .conditions
                .iter()
                .map(ConditionRecord::read)
                .collect::<Result<_, _>>()?,
            burn_rates: self
                .burn_rates
                .iter()
                .map(BurnRateRecord::read)
                .collect::<Result<_, _>>()?,
        })
    }

    /// Everything that is watched, as a person reads it.
    pub fn watched(&self) -> impl Iterator<Item = (&ConditionRecord, &str)> {
        let plain = self
            .conditions
            .iter()
            .map(|condition| (condition, condition.text.as_str()));
        let burning = self
            .burn_rates
            .iter()
            .map(|burn_rate| (&burn_rate.target, burn_rate.text.as_str()));
        plain.chain(burning)
    }
}

impl BurnRateRecord {
    pub(super) fn of(burn_rate: &BurnRate) -> Self {
        Self {
            target: ConditionRecord::of(&burn_rate.target),
            above: burn_rate.above,
            long_s: burn_rate.long.as_secs(),
            short_s: burn_rate.short.as_secs(),
            text: burn_rate.to_string(),
        }
    }

    pub(super) fn read(&self) -> Result<BurnRate, ReportError> {
        Ok(BurnRate {
            target: self.target.read()?,
            above: self.above,
            long: Duration::from_secs(self.long_s),
            short: Duration::from_secs(self.short_s),
        })
    }
}

impl ConditionRecord {
    pub(super) fn of(condition: &Condition) -> Self {
        Self {
            metric: condition.metric.key().to_owned(),
            step: condition.step.clone(),
            stat: condition.statistic.to_string(),
            quantile: match condition.statistic {
                Statistic::Quantile(quantile) => Some(quantile.get()),
                Statistic::Mean | Statistic::Max | Statistic::Share | Statistic::PerSecond => None,
            },
            comparator: condition.comparator.to_string(),
            limit: condition.limit.as_number(),
            unit: unit_key(condition.limit.unit()).to_owned(),
            text: condition.to_string(),
        }
    }

    pub(super) fn read(&self) -> Result<Condition, ReportError> {
        let wrong =
            |what: String| ReportError::invalid(format!("the condition \"{}\" is broken: {what}", self.text));
        let statistic = match (self.stat.as_str(), self.quantile) {
            (_, Some(quantile)) => {
                Statistic::Quantile(Quantile::new(quantile).map_err(|error| wrong(error.to_string()))?)
            }
            ("mean", None) => Statistic::Mean,
            ("max", None) => Statistic::Max,
            ("share", None) => Statistic::Share,
            ("per_second", None) => Statistic::PerSecond,
            (other, None) => return Err(wrong(format!("\"{other}\" is not a statistic"))),
        };
        let comparator = match self.comparator.as_str() {
            "<" => Comparator::Less,
            "<=" => Comparator::LessOrEqual,
            ">" => Comparator::Greater,
            ">=" => Comparator::GreaterOrEqual,
            other => return Err(wrong(format!("\"{other}\" is not a comparison"))),
        };
        let limit = match self.unit.as_str() {
            "ms" => Duration::try_from_secs_f64((self.limit * 1e6).round() / 1e9)
                .map(Limit::Time)
                .map_err(|error| wrong(error.to_string()))?,
            "ratio" => Limit::Ratio(Ratio::new(self.limit).map_err(|error| wrong(error.to_string()))?),
            "per_s" => {
                Limit::PerSecond(Rate::per_second(self.limit).map_err(|error| wrong(error.to_string()))?)
            }
            other => return Err(wrong(format!("\"{other}\" is not a unit"))),
        };
        Ok(Condition {
            metric: metric(&self.metric)?,
            step: self.step.clone(),
            statistic,
            comparator,
            limit,
        })
    }
}
