//! What the judge must know of the plan, as `run.json` holds it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::ReportError;
use crate::plan::{StepInfo, StepKind};
use crate::sla::{Context, FixedIterations};

/// What the judge needs to know of the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The measured steps of all journeys, in order.
    pub steps: Vec<StepRecord>,
    /// Arrivals of the schedule; `null` for closed models.
    pub arrivals_planned: Option<u64>,
    /// The highest planned rate of arrivals per second; 0 for closed models.
    pub peak_rate_per_s: f64,
    /// Absent when the executor has no fixed number of iterations, and in files of versions that knew none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_iterations: Option<FixedIterationsRecord>,
    /// How long an iteration lasts on a healthy target, without the results that it waits for.
    pub iteration_healthy_ms: f64,
    /// Results that an iteration waits for, on average.
    pub awaits: f64,
    /// How long one such wait lasts on a healthy target at most.
    pub await_healthy_ms: f64,
    /// Whether iterations submit work that the audit must find again.
    pub submissions: bool,
    /// Whether realtime latency is an upper bound only, because the target's clock is not known well enough.
    pub realtime_is_upper_bound: bool,
    /// Whether the target ran on the same machine; taken to be so for files of versions that did not say.
    #[serde(default = "on_this_host")]
    pub target_on_this_host: bool,
    /// The judged seconds in which the load is constant, from and to; absent when there are none, and in files of
    /// versions that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau_s: Option<(u32, u32)>,
    /// Faults that the scenario injects from the start of the load on, in words. Absent in files of versions that did not
    /// say.
    #[serde(default)]
    pub faults_from_the_start: Vec<String>,
}

fn on_this_host() -> bool {
    true
}

/// A number of iterations, and who has how long for them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FixedIterationsRecord {
    /// Iterations in all.
    pub iterations: u64,
    /// Virtual users.
    pub vus: u32,
    /// How long iterations could begin.
    pub max_duration_ms: f64,
}

/// A measured step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// Name of the step.
    pub name: String,
    /// `request`, `subscribe` or `await`.
    pub kind: String,
    /// The journey that it belongs to.
    pub journey: String,
    /// Whether its journey begins with it.
    pub first_request: bool,
}

fn step_kind_key(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Request => "request",
        StepKind::Subscribe => "subscribe",
        StepKind::Await => "await",
    }
}

impl PlanRecord {
    pub(super) fn of(context: &Context) -> Self {
        Self {
            steps: context
                .steps
                .iter()
                .map(|step| StepRecord {
                    name: step.name.clone(),
                    kind: step_kind_key(step.kind).to_owned(),
                    journey: step.journey.clone(),
                    first_request: step.first_request,
                })
                .collect(),
            arrivals_planned: context.arrivals_planned,
            peak_rate_per_s: context.peak_rate,
            fixed_iterations: context.fixed_iterations.map(|fixed| FixedIterationsRecord {
                iterations: fixed.iterations,
                vus: fixed.vus,
                max_duration_ms: fixed.max_duration.as_micros() as f64 / 1e3,
            }),
            iteration_healthy_ms: context.iteration_healthy.as_micros() as f64 / 1e3,
            awaits: context.awaits,
            await_healthy_ms: context.await_healthy.as_micros() as f64 / 1e3,
            submissions: context.submissions,
            realtime_is_upper_bound: context.realtime_is_upper_bound,
            target_on_this_host: context.target_on_this_host,
            plateau_s: context.plateau,
            faults_from_the_start: context.faults_from_the_start.clone(),
        }
    }

    pub(super) fn read(&self) -> Result<Context, ReportError> {
        let mut steps = Vec::new();
        for step in &self.steps {
            let kinds = [StepKind::Request, StepKind::Subscribe, StepKind::Await];
            let kind = kinds.into_iter().find(|kind| step_kind_key(*kind) == step.kind);
            steps.push(StepInfo {
                name: step.name.clone(),
                kind: kind.ok_or_else(|| {
                    ReportError::invalid(format!("\"{}\" is not a kind of step", step.kind))
                })?,
                journey: step.journey.clone(),
                first_request: step.first_request,
            });
        }
        let duration =
            |milliseconds: f64| Duration::from_micros((milliseconds * 1e3).round().max(0.0) as u64);
        Ok(Context {
            steps,
            arrivals_planned: self.arrivals_planned,
            peak_rate: self.peak_rate_per_s,
            fixed_iterations: self.fixed_iterations.as_ref().map(|fixed| FixedIterations {
                iterations: fixed.iterations,
                vus: fixed.vus,
                max_duration: duration(fixed.max_duration_ms),
            }),
            iteration_healthy: duration(self.iteration_healthy_ms),
            awaits: self.awaits,
            await_healthy: duration(self.await_healthy_ms),
            submissions: self.submissions,
            realtime_is_upper_bound: self.realtime_is_upper_bound,
            target_on_this_host: self.target_on_this_host,
            plateau: self.plateau_s,
            faults_from_the_start: self.faults_from_the_start.clone(),
            // A property of the judgement, which the record holds beside its verdict.
            judged_on: None,
        })
    }
}
