//! `[judge]` and `[sla]`, and the conditions of `[alerts]` and `[rollback]`.

use std::collections::BTreeMap;

use super::super::diagnostic::{Diagnostics, Span, list_names, nearest};
use super::super::raw::{JudgeFile, JudgeModeFile, LimitFile, Limits, SlaFile, StepLimitsFile, WindowKeys};
use super::at::At;
use super::limit::parse_limit;
use crate::plan::{
    Condition, Criteria, JudgeMode, Metric, Rollback, RollbackLimits, Statistic, Unit, Waiver, WindowPolicy,
};
use crate::units::Quantile;

/// A condition, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) condition: Condition,
    pub(super) span: Span,
}

/// The criteria of a scenario, and where their conditions were written.
pub(super) struct WrittenCriteria {
    pub(super) mode: JudgeMode,
    pub(super) early_stop: bool,
    pub(super) targets: Vec<Written>,
    /// Whether a target was written that could not be read.
    pub(super) targets_are_incomplete: bool,
    pub(super) not_measured: Vec<Metric>,
    pub(super) alerts: Option<WrittenPolicy>,
    pub(super) rollback: Option<WrittenRollback>,
    /// Whether a part of `[rollback]` could not be read.
    pub(super) rollback_is_incomplete: bool,
}

impl WrittenCriteria {
    /// Every condition, whatever follows from it. The targets of burn rates are among the targets.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Written> {
        let alerts = self.alerts.iter().flat_map(|policy| &policy.conditions);
        let rollback = self
            .rollback
            .iter()
            .flat_map(|rollback| &rollback.policy.conditions);
        self.targets.iter().chain(alerts).chain(rollback)
    }

    /// The criteria without their places, and what was waived of them.
    pub(super) fn into_criteria(self, waivers: Vec<Waiver>) -> Criteria {
        Criteria {
            mode: self.mode,
            early_stop: self.early_stop,
            targets: without_places(self.targets),
            not_measured: self.not_measured,
            waivers,
            alerts: self.alerts.map(WrittenPolicy::into_policy),
            rollback: self.rollback.map(|rollback| Rollback {
                policy: rollback.policy.into_policy(),
                stop_load: rollback.stop_load,
                limits: rollback.limits,
            }),
        }
    }
}

fn without_places(written: Vec<Written>) -> Vec<Condition> {
    written.into_iter().map(|written| written.condition).collect()
}

/// `[rollback]`, and where its conditions were written.
pub(super) struct WrittenRollback {
    pub(super) policy: WrittenPolicy,
    pub(super) stop_load: bool,
    pub(super) limits: RollbackLimits,
}

/// A window policy, and where its conditions were written.
pub(super) struct WrittenPolicy {
    /// Without its conditions.
    pub(super) rules: WindowPolicy,
    pub(super) conditions: Vec<Written>,
}

impl WrittenPolicy {
    fn into_policy(self) -> WindowPolicy {
        WindowPolicy {
            conditions: without_places(self.conditions),
            ..self.rules
        }
    }
}

/// Whether a condition must hold or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Target,
    Breach,
}

/// Lowers `[judge]`: the mode, and whether the load ends early.
pub(super) fn judge(file: Option<&JudgeFile>) -> (JudgeMode, bool) {
    let mode = match file.and_then(|file| file.mode) {
        None | Some(JudgeModeFile::Observed) => JudgeMode::Observed,
        Some(JudgeModeFile::Certified) => JudgeMode::Certified,
    };
    let early_stop = file.and_then(|file| file.early_stop);
    (mode, early_stop.unwrap_or(mode.stops_early()))
}

/// Lowers the targets of `[sla]` and of the file that it names. A target of the scenario replaces the file's.
pub(super) fn targets(
    own: Option<(&SlaFile, At<'_>)>,
    named: Option<(&SlaFile, At<'_>)>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Written>, Vec<Metric>) {
    if let Some((file, at)) = named
        && file.file.is_some()
    {
        diagnostics.push(
            at.key("file").key_span(),
            "a file of targets cannot name another one",
        );
    }
    let mut read = |sla: Option<(&SlaFile, At<'_>)>| {
        sla.map_or_else(Vec::new, |(file, at)| {
            conditions(&file.metrics, file.step.as_ref(), Sense::Target, at, diagnostics)
        })
    };
    let own_targets = read(own);
    let mut targets = read(named);
    targets.retain(|target| {
        !own_targets
            .iter()
            .any(|own| is_same_subject(&own.condition, &target.condition))
    });
    targets.extend(own_targets);
    let lists = own.filter(|(file, _)| file.not_measured.is_some()).or(named);
    let not_measured = lists.map_or_else(Vec::new, |(file, at)| {
        not_measured(
            file.not_measured.as_deref().unwrap_or_default(),
            at.key("not_measured"),
            diagnostics,
        )
    });
    (targets, not_measured)
}

/// Whether two conditions are about the same value.
fn is_same_subject(a: &Condition, b: &Condition) -> bool {
    a.metric == b.metric && a.step == b.step && a.statistic == b.statistic
}

fn not_measured(names: &[String], at: At<'_>, diagnostics: &mut Diagnostics) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for (index, name) in names.iter().enumerate() {
        if let Some(metric) = metric_named(name, at.item(index), diagnostics)
            && !metrics.contains(&metric)
        {
            metrics.push(metric);
        }
    }
    metrics
}

/// The metric of this name; a mistake is reported at the value.
pub(super) fn metric_named(name: &str, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Metric> {
    let metric = Metric::from_key(name);
    if metric.is_none() {
        let keys = Metric::ALL.map(Metric::key);
        let mut sentence = format!("`{name}` is not a metric");
        if let Some(meant) = nearest(name, keys) {
            sentence.push_str(&format!("; did you mean `{meant}`?"));
        }
        sentence.push_str(&format!(" (metrics: {})", list_names(keys)));
        diagnostics.push(at.value_span(), sentence);
    }
    metric
}

/// The breaches that a table of `[alerts]` or `[rollback]` names.
pub(super) fn breaches(keys: &WindowKeys<'_>, at: At<'_>, diagnostics: &mut Diagnostics) -> Vec<Written> {
    conditions(keys.metrics, keys.steps, Sense::Breach, at, diagnostics)
}

fn conditions(
    metrics: &Limits,
    steps: Option<&BTreeMap<String, StepLimitsFile>>,
    sense: Sense,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Written> {
    let mut written = limits(metrics, None, sense, at, diagnostics);
    for (step, file) in steps.into_iter().flatten() {
        let at = at.key("step").key(step);
        written.extend(limits(&file.metrics, Some(step), sense, at, diagnostics));
    }
    written
}

fn limits(
    metrics: &Limits,
    step: Option<&str>,
    sense: Sense,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Vec<Written> {
    let mut written = Vec::new();
    // In the order in which reports list the metrics.
    for metric in Metric::ALL {
        let at = at.key(metric.key());
        match metrics.get(metric.key()) {
            None => {}
            Some(LimitFile::One(text)) => {
                let statistic = match metric.unit() {
                    Unit::PerSecond => Statistic::PerSecond,
                    Unit::Time | Unit::Ratio => Statistic::Share,
                };
                written.extend(condition(metric, step, statistic, text, sense, at, diagnostics));
            }
            Some(LimitFile::ByStatistic(by_statistic)) => {
                for (name, text) in by_statistic {
                    let at = at.key(name);
                    if let Some(statistic) = statistic(name, at.key_span(), diagnostics) {
                        written.extend(condition(metric, step, statistic, text, sense, at, diagnostics));
                    }
                }
            }
        }
    }
    written
}

/// The statistic of this name; a mistake is reported at `span`.
pub(super) fn statistic(name: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<Statistic> {
    match name {
        "mean" => Some(Statistic::Mean),
        "max" => Some(Statistic::Max),
        _ => match name.parse::<Quantile>() {
            Ok(quantile) => Some(Statistic::Quantile(quantile)),
            Err(error) => {
                diagnostics.push(span, error.to_string());
                None
            }
        },
    }
}

fn condition(
    metric: Metric,
    step: Option<&str>,
    statistic: Statistic,
    text: &str,
    sense: Sense,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Written> {
    let (comparator, limit) = match parse_limit(text, metric.unit()) {
        Ok(parsed) => parsed,
        Err(sentence) => {
            diagnostics.push(at.value_span(), sentence);
            return None;
        }
    };
    let upper_expected = (sense == Sense::Target) != metric.higher_is_better();
    if comparator.is_upper() != upper_expected {
        let sentence = wrong_way(metric, sense, upper_expected);
        diagnostics.push(at.value_span(), sentence);
        return None;
    }
    Some(Written {
        condition: Condition {
            metric,
            step: step.map(str::to_owned),
            statistic,
            comparator,
            limit,
        },
        span: at.value_span(),
    })
}

fn wrong_way(metric: Metric, sense: Sense, upper_expected: bool) -> String {
    let good = if metric.higher_is_better() { "high" } else { "low" };
    let signs = if upper_expected {
        "`<` or `<=`"
    } else {
        "`>` or `>=`"
    };
    match sense {
        Sense::Target => format!(
            "the comparison points the wrong way: a {good} `{metric}` is good, so a target takes {signs}"
        ),
        Sense::Breach => format!(
            "the comparison points the wrong way: a {good} `{metric}` is good, and this describes the breach, so it takes {signs}"
        ),
    }
}
