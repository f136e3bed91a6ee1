//! What each target can be judged on.

use std::fmt;

use super::journeys::Averages;
use crate::plan::{Comparator, Condition, JudgeMode, Limit, Metric, Partition, Plan, Statistic, StepId};
use crate::sla::{certifiable_bad, certifiable_samples};

/// What one target can be judged on.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetCheck {
    /// The target as it reads in reports.
    pub target: String,
    /// Samples that the plan brings; `None` when only the run shows how many there are.
    pub samples: Option<u64>,
    /// How many of the samples may be bad; `None` when the target is no share of samples. In certified mode, when they
    /// come in bursts.
    pub failures_allowed: Option<u64>,
    pub decision: Decision,
}

/// Whether this run's samples can decide a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// They can.
    Possible,
    /// They can, but a single bad one misses the target.
    OneFailureMisses,
    /// The percentile of so few samples is their maximum.
    TooFew { needed: u64 },
    /// In certified mode: not even a run without a bad one would prove it. So many samples would; `None` when no number
    /// does.
    NotCertifiable { needed: Option<u64> },
    /// The user says that it is not measured.
    NotMeasured,
    /// Nothing is planned that it could be judged on.
    NoSamples,
}

/// Checks every target of the plan, given how many users are judged.
pub(super) fn check(plan: &Plan, averages: &Averages, users: f64) -> Vec<TargetCheck> {
    let criteria = &plan.criteria;
    let one = |condition: &Condition| {
        let samples = samples(condition, plan, averages, users);
        let budget = budget(condition);
        let failures_allowed = samples
            .zip(budget)
            .and_then(|(samples, budget)| match criteria.mode {
                JudgeMode::Observed => Some(allowed(samples, budget, condition)),
                JudgeMode::Certified => certifiable_bad(samples, budget),
            });
        let decision = match (criteria.mode, samples, budget) {
            _ if criteria.not_measured.contains(&condition.metric) => Decision::NotMeasured,
            (JudgeMode::Certified, Some(samples), Some(budget))
                if samples > 0 && failures_allowed.is_none() =>
            {
                Decision::NotCertifiable {
                    needed: certifiable_samples(budget),
                }
            }
            _ => decide(condition, samples, budget, failures_allowed),
        };
        TargetCheck {
            target: condition.to_string(),
            samples,
            failures_allowed,
            decision,
        }
    };
    criteria.targets.iter().map(one).collect()
}

/// The share of samples that may be bad.
fn budget(condition: &Condition) -> Option<f64> {
    match (condition.statistic, condition.limit) {
        (Statistic::Quantile(quantile), _) => Some(1.0 - quantile.get()),
        (Statistic::Max, _) => Some(0.0),
        (Statistic::Share, Limit::Ratio(ratio)) if condition.metric.higher_is_better() => {
            Some(1.0 - ratio.get())
        }
        (Statistic::Share, Limit::Ratio(ratio)) => Some(ratio.get()),
        (Statistic::Share | Statistic::Mean | Statistic::PerSecond, _) => None,
    }
}

fn allowed(samples: u64, budget: f64, condition: &Condition) -> u64 {
    // The budget was worked out in floating point: 1 - 0.995 must still allow 5 of 1000.
    let exact = budget * samples as f64;
    let whole = (exact + 1e-6).floor();
    let is_strict = matches!(condition.comparator, Comparator::Less | Comparator::Greater)
        && condition.statistic == Statistic::Share;
    let reached = (exact - whole).abs() < 1e-6;
    let allowed = if is_strict && reached { whole - 1.0 } else { whole };
    allowed.max(0.0) as u64
}

fn decide(
    condition: &Condition,
    samples: Option<u64>,
    budget: Option<f64>,
    failures_allowed: Option<u64>,
) -> Decision {
    match (samples, budget, failures_allowed) {
        (Some(0), _, _) => Decision::NoSamples,
        (Some(samples), Some(budget), Some(0)) if budget > 0.0 => {
            let needed = (1.0 / budget - 1e-6).ceil() as u64;
            match condition.statistic {
                Statistic::Quantile(_) if samples < needed => Decision::TooFew { needed },
                _ => Decision::OneFailureMisses,
            }
        }
        _ => Decision::Possible,
    }
}

/// How many samples of a condition's metric the plan brings.
fn samples(condition: &Condition, plan: &Plan, averages: &Averages, users: f64) -> Option<u64> {
    let step = condition.step.as_deref().and_then(|name| {
        let index = plan.steps.iter().position(|step| step.name == name)?;
        u16::try_from(index).ok().map(StepId)
    });
    let events = averages.feedback.values().sum::<f64>() + averages.results(plan);
    let per_user = match (condition.metric, step) {
        (Metric::ResponseTime | Metric::ErrorRate, Some(step)) => averages.visits_of(step),
        (Metric::ResponseTime | Metric::ErrorRate, None) => averages.requests(plan),
        (Metric::FeedbackLatency, Some(step)) => averages.feedback.get(&step).copied().unwrap_or(0.0),
        (Metric::FeedbackLatency, None) => averages.feedback.values().sum(),
        (Metric::ResultTurnaround | Metric::ServerTime, Some(step)) => averages
            .waits
            .iter()
            .filter(|(trigger, wait)| *trigger == step || *wait == step)
            .map(|(_, wait)| averages.visits_of(*wait))
            .sum(),
        (Metric::ResultTurnaround | Metric::ServerTime, None) => averages.results(plan),
        (Metric::RealtimeLatency | Metric::RealtimeFailures, _) => events,
        (Metric::WebhookProcessing | Metric::WebhookSuccess | Metric::WebhookFailures, _) => {
            averages.submissions
        }
        // It is certified by requests.
        (Metric::Availability, _) if plan.criteria.mode == JudgeMode::Certified => averages.requests(plan),
        (Metric::CompletionRate | Metric::AbandonmentRate | Metric::ComplaintRate, _) => 1.0,
        (Metric::Apdex, Some(step)) => averages.visits_of(step),
        (Metric::Apdex, None) => averages.requests(plan) + averages.results(plan),
        (Metric::Availability, _) => {
            if plan.load.executor.fixed_iterations(Partition::WHOLE).is_some() {
                return None;
            }
            let measured = plan.load.executor.duration().saturating_sub(plan.load.warm_up);
            return Some(measured.as_secs());
        }
        (Metric::DbQueryTime | Metric::Throughput, _) => return None,
    };
    Some((per_user * users).round() as u64)
}

/// Writes the targets as a table.
pub(super) fn write_table(targets: &[TargetCheck], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if targets.is_empty() {
        return writeln!(f, "\n  There is no target: the run can only show, not judge.");
    }
    let width = targets
        .iter()
        .map(|check| check.target.chars().count())
        .max()
        .unwrap_or(0);
    let width = width.max("target".len());
    writeln!(
        f,
        "\n  {:<width$}  {:>8}  {:>8}  can it be decided?",
        "target", "samples", "may fail"
    )?;
    let number = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |value| value.to_string());
    for check in targets {
        writeln!(
            f,
            "  {:<width$}  {:>8}  {:>8}  {}",
            check.target,
            number(check.samples),
            number(check.failures_allowed),
            check.decision
        )?;
    }
    Ok(())
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decision::Possible => f.write_str("yes"),
            Decision::OneFailureMisses => f.write_str("yes, but a single failure misses it"),
            Decision::TooFew { needed } => {
                write!(
                    f,
                    "hardly: with fewer than {needed} samples this is their maximum"
                )
            }
            Decision::NotCertifiable { needed: Some(needed) } => {
                write!(f, "no: certifying it takes {needed} samples without a bad one")
            }
            Decision::NotCertifiable { needed: None } => {
                f.write_str("no: no number of samples proves that not one is beyond it")
            }
            Decision::NotMeasured => f.write_str("no: declared as not measured"),
            Decision::NoSamples => f.write_str("no: no samples are planned"),
        }
    }
}
