//! Refuses conditions that nothing in the plan would ever measure: a target without data can never pass, and a
//! threshold without data can never trip.

use std::collections::BTreeSet;

use super::super::diagnostic::{Diagnostics, list_names, nearest};
use super::criteria::{Written, WrittenCriteria};
use crate::plan::{Journey, Metric, Step, StepId, StepInfo, StepKind, TargetKind};

/// What the journeys hold that metrics are measured from.
#[derive(Default)]
struct Sources {
    has_subscription: bool,
    has_await: bool,
    feedback_steps: BTreeSet<StepId>,
    /// Requests whose result is awaited, and the waits themselves.
    turnaround_steps: BTreeSet<StepId>,
}

/// What the scenario has besides its target and journeys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Has {
    pub(super) mock: bool,
    /// Users with patience.
    pub(super) users: bool,
}

/// Checks every condition against the plan's parts. Metrics that the user declares as not measured are left alone.
pub(super) fn check(
    criteria: &WrittenCriteria,
    target: &TargetKind,
    has: Has,
    journeys: &[Journey],
    steps: &[StepInfo],
    diagnostics: &mut Diagnostics,
) {
    let mut sources = Sources::default();
    for journey in journeys {
        sources.collect(&journey.steps);
    }
    for written in criteria.conditions() {
        let metric = written.condition.metric;
        if criteria.not_measured.contains(&metric) {
            continue;
        }
        let obstacle = sources
            .obstacle(metric, target, has)
            .or_else(|| no_thresholds(metric, criteria))
            .or_else(|| known_too_late(written, criteria))
            .or_else(|| sources.obstacle_of_step(written, steps));
        if let Some(obstacle) = obstacle {
            diagnostics.push(written.span, obstacle);
        }
    }
}

impl Sources {
    fn collect(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Request(request) => {
                    if request.feedback.is_some() {
                        self.feedback_steps.insert(request.id);
                    }
                }
                Step::Subscribe(_) => self.has_subscription = true,
                Step::Await(wait) => {
                    self.has_await = true;
                    self.turnaround_steps.extend([wait.id, wait.trigger]);
                }
                Step::Think(_) => {}
                Step::Repeat { steps, .. } | Step::Parallel { steps, .. } => self.collect(steps),
            }
        }
    }

    /// Why the metric has no data, whatever the step.
    fn obstacle(&self, metric: Metric, target: &TargetKind, has: Has) -> Option<String> {
        let needs = |what: &str| Some(format!("nothing would measure `{metric}`: {what}"));
        match metric {
            Metric::ResponseTime | Metric::ErrorRate | Metric::Availability | Metric::Throughput => None,
            Metric::FeedbackLatency if self.feedback_steps.is_empty() => {
                needs("no request says in `feedback` which change it causes")
            }
            Metric::RealtimeLatency | Metric::RealtimeFailures if !self.has_subscription => {
                needs("no journey has a `subscribe` step")
            }
            Metric::RealtimeFailures if !self.has_await && self.feedback_steps.is_empty() => {
                needs("no event is expected; add an `await` step or a `feedback`")
            }
            Metric::WebhookProcessing | Metric::WebhookSuccess | Metric::WebhookFailures if !has.mock => {
                needs("webhooks are seen by the mock only; add `[classconnect]`")
            }
            Metric::ResultTurnaround if !self.has_await => needs("no journey has an `await` step"),
            Metric::ServerTime if !self.has_await => needs("no journey has an `await` step"),
            Metric::ServerTime if !has.mock => {
                needs("the injected delay is known to the mock only; add `[classconnect]`")
            }
            Metric::DbQueryTime => match target {
                TargetKind::Reference(_) => None,
                TargetKind::Remote(_) => needs(
                    "the database of a target with `base_url` cannot be observed; list it in `not_measured` of `[sla]`",
                ),
            },
            Metric::CompletionRate | Metric::AbandonmentRate | Metric::ComplaintRate | Metric::Apdex
                if !has.users =>
            {
                needs("it comes of virtual users with patience; add `[users]`")
            }
            Metric::FeedbackLatency
            | Metric::RealtimeLatency
            | Metric::RealtimeFailures
            | Metric::WebhookProcessing
            | Metric::WebhookSuccess
            | Metric::WebhookFailures
            | Metric::ResultTurnaround
            | Metric::ServerTime
            | Metric::CompletionRate
            | Metric::AbandonmentRate
            | Metric::ComplaintRate
            | Metric::Apdex => None,
        }
    }

    /// Why the metric has no data for the step that the condition names.
    fn obstacle_of_step(&self, written: &Written, steps: &[StepInfo]) -> Option<String> {
        let name = written.condition.step.as_deref()?;
        let metric = written.condition.metric;
        let Some(index) = steps.iter().position(|step| step.name == name) else {
            let mut sentence = format!("no step is named `{name}`");
            let names = || steps.iter().map(|step| step.name.as_str());
            if let Some(meant) = nearest(name, names()) {
                sentence.push_str(&format!("; did you mean `{meant}`?"));
            }
            sentence.push_str(&format!(" (steps: {})", list_names(names())));
            return Some(sentence);
        };
        let id = StepId(u16::try_from(index).ok()?);
        let measured = match metric {
            Metric::ResponseTime | Metric::ErrorRate => steps[index].kind == StepKind::Request,
            Metric::FeedbackLatency => self.feedback_steps.contains(&id),
            Metric::ResultTurnaround | Metric::ServerTime => self.turnaround_steps.contains(&id),
            Metric::Apdex => steps[index].kind != StepKind::Subscribe,
            // The schema admits no other metric for a step.
            Metric::Availability
            | Metric::RealtimeLatency
            | Metric::RealtimeFailures
            | Metric::WebhookProcessing
            | Metric::WebhookSuccess
            | Metric::WebhookFailures
            | Metric::DbQueryTime
            | Metric::Throughput
            | Metric::CompletionRate
            | Metric::AbandonmentRate
            | Metric::ComplaintRate => false,
        };
        (!measured).then(|| format!("nothing would measure `{metric}` of the step `{name}`"))
    }
}

/// Availability counts the seconds in which no rollback threshold on errors or response times is broken.
fn no_thresholds(metric: Metric, criteria: &WrittenCriteria) -> Option<String> {
    if metric != Metric::Availability || criteria.rollback_is_incomplete {
        return None;
    }
    let has_threshold = criteria.rollback.iter().any(|rollback| {
        rollback
            .policy
            .conditions
            .iter()
            .any(|written| matches!(written.condition.metric, Metric::ErrorRate | Metric::ResponseTime))
    });
    (!has_threshold).then(|| {
        "nothing would measure `availability`: it counts the seconds in which no `error_rate` or `response_time` \
         condition of `[rollback]` holds, and there is none"
            .to_owned()
    })
}

/// Whether a session was completed is known only after the audit: a window that moves with the run never sees it.
fn known_too_late(written: &Written, criteria: &WrittenCriteria) -> Option<String> {
    let is_target = criteria.targets.iter().any(|target| target.span == written.span);
    (written.condition.metric == Metric::CompletionRate && !is_target).then(|| {
        "`completion_rate` is known only after the audit, so no window can watch it; watch `abandonment_rate`, or make it \
         a target in `[sla]`"
            .to_owned()
    })
}
