//! `[judge]`, `[sla]`, `[alerts]` and `[rollback]`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::diagnostic::{Diagnostics, Span, list_names, nearest};
use super::super::raw::{
    AlertsFile, JudgeFile, JudgeModeFile, LimitFile, Limits, RollbackFile, SlaFile, StepLimitsFile,
};
use super::at::{At, positive_duration};
use super::limit::parse_limit;
use crate::plan::{
    Condition, Criteria, JudgeMode, Metric, Rollback, RollbackLimits, Statistic, Unit, WindowPolicy,
};
use crate::units::Quantile;

/// Fewer samples than this in a window decide nothing, unless the scenario says otherwise.
const SAMPLES_MIN: i64 = 20;

/// A condition, and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) condition: Condition,
    pub(super) span: Span,
}

/// The criteria of a scenario, and where their conditions were written.
pub(super) struct WrittenCriteria {
    pub(super) mode: JudgeMode,
    pub(super) targets: Vec<Written>,
    pub(super) not_measured: Vec<Metric>,
    pub(super) alerts: Option<(Duration, u64, Vec<Written>)>,
    pub(super) rollback: Option<(Duration, u64, Vec<Written>, bool)>,
    /// How long the parts of a rollback may take.
    pub(super) rollback_limits: RollbackLimits,
    /// Whether a part of `[rollback]` could not be read.
    pub(super) rollback_is_incomplete: bool,
}

impl WrittenCriteria {
    /// Every condition, whatever follows from it.
    pub(super) fn conditions(&self) -> impl Iterator<Item = &Written> {
        let alerts = self.alerts.iter().flat_map(|(_, _, conditions)| conditions);
        let rollback = self.rollback.iter().flat_map(|(_, _, conditions, _)| conditions);
        self.targets.iter().chain(alerts).chain(rollback)
    }

    /// The criteria without their places.
    pub(super) fn into_criteria(self) -> Criteria {
        let conditions =
            |written: Vec<Written>| written.into_iter().map(|written| written.condition).collect();
        Criteria {
            mode: self.mode,
            targets: conditions(self.targets),
            not_measured: self.not_measured,
            alerts: self.alerts.map(|(window, samples_min, written)| WindowPolicy {
                window,
                samples_min,
                conditions: conditions(written),
            }),
            rollback: self
                .rollback
                .map(|(window, samples_min, written, stop_load)| Rollback {
                    policy: WindowPolicy {
                        window,
                        samples_min,
                        conditions: conditions(written),
                    },
                    stop_load,
                    limits: self.rollback_limits,
                }),
        }
    }
}

/// Whether a condition must hold or must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Target,
    Breach,
}

/// Lowers `[judge]`.
pub(super) fn judge_mode(file: Option<&JudgeFile>, at: At<'_>, diagnostics: &mut Diagnostics) -> JudgeMode {
    match file.and_then(|file| file.mode) {
        None | Some(JudgeModeFile::Observed) => JudgeMode::Observed,
        Some(JudgeModeFile::Certified) => {
            diagnostics.push(
                at.key("mode").value_span(),
                "certified mode is not available yet; write \"observed\"",
            );
            JudgeMode::Certified
        }
    }
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
        let Some(metric) = Metric::from_key(name) else {
            let keys = Metric::ALL.map(Metric::key);
            let mut sentence = format!("`{name}` is not a metric");
            if let Some(meant) = nearest(name, keys) {
                sentence.push_str(&format!("; did you mean `{meant}`?"));
            }
            sentence.push_str(&format!(" (metrics: {})", list_names(keys)));
            diagnostics.push(at.item(index).value_span(), sentence);
            continue;
        };
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics
}

/// Lowers `[alerts]`.
pub(super) fn alerts(
    file: &AlertsFile,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Duration, u64, Vec<Written>)> {
    let conditions = conditions(&file.metrics, file.step.as_ref(), Sense::Breach, at, diagnostics);
    let window = positive_duration(file.window.as_ref(), at.key("window"), diagnostics);
    let window = whole_seconds(window, at, diagnostics)?;
    require_conditions(&conditions, "alerts", at, diagnostics);
    Some((window, samples_min(file.samples_min), conditions))
}

/// Lowers `[rollback]`.
pub(super) fn rollback(
    file: &RollbackFile,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<(Duration, u64, Vec<Written>, bool)> {
    let conditions = conditions(&file.metrics, file.step.as_ref(), Sense::Breach, at, diagnostics);
    let window = positive_duration(file.window.as_ref(), at.key("window"), diagnostics);
    let window = whole_seconds(window, at, diagnostics)?;
    require_conditions(&conditions, "rollback", at, diagnostics);
    Some((
        window,
        samples_min(file.samples_min),
        conditions,
        // An action is proven by what the load meets after it.
        file.stop_load.unwrap_or(file.action.is_none()),
    ))
}

fn samples_min(given: Option<i64>) -> u64 {
    u64::try_from(given.unwrap_or(SAMPLES_MIN)).unwrap_or(1)
}

fn whole_seconds(window: Option<Duration>, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let window = window?;
    if window.subsec_nanos() != 0 {
        diagnostics.push(
            at.key("window").value_span(),
            "a window is made of whole seconds, because it moves once a second",
        );
        return None;
    }
    Some(window)
}

fn require_conditions(conditions: &[Written], table: &str, at: At<'_>, diagnostics: &mut Diagnostics) {
    if conditions.is_empty()
        && !at.is_incomplete()
        && !at.has_other_than(&["window", "samples_min", "stop_load", "action", "limits"])
    {
        diagnostics.push(
            at.key_span(),
            format!("`[{table}]` has no condition; write for instance error_rate = \"> 5%\""),
        );
    }
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
                    if let Some(statistic) = statistic(name, at, diagnostics) {
                        written.extend(condition(metric, step, statistic, text, sense, at, diagnostics));
                    }
                }
            }
        }
    }
    written
}

fn statistic(name: &str, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Statistic> {
    match name {
        "mean" => Some(Statistic::Mean),
        "max" => Some(Statistic::Max),
        _ => match name.parse::<Quantile>() {
            Ok(quantile) => Some(Statistic::Quantile(quantile)),
            Err(error) => {
                diagnostics.push(at.key_span(), error.to_string());
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
