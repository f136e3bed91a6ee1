//! What the schema says of metrics. The keys come from the plan's table, so the schema always knows every metric.

use schemars::Schema;
use serde_json::{Value, json};

use crate::plan::{Metric, Unit};

/// Whether limits say what must hold or what is a breach: the examples point the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sense {
    Target,
    Breach,
}

pub(super) fn with_targets(schema: &mut Schema) {
    add_metrics(schema, Metric::ALL.into_iter(), Sense::Target);
}

pub(super) fn with_breaches(schema: &mut Schema) {
    add_metrics(schema, Metric::ALL.into_iter(), Sense::Breach);
}

/// The tables of single steps are shared by targets and breaches; the examples are those of targets.
pub(super) fn with_step_metrics(schema: &mut Schema) {
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

fn limit_schema(metric: Metric, sense: Sense) -> Value {
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
    let mut limit = json!({ "type": "string", "title": title, "examples": [example] });
    if metric.unit() != Unit::Time {
        limit["description"] = meaning(metric).into();
        return limit;
    }
    let description = format!(
        "{} Limits of percentiles (`p50`, `p95`, `p999`), `mean` and `max`.",
        meaning(metric)
    );
    json!({
        "type": "object",
        "title": "a table of statistics",
        "examples": [{ "p95": example }],
        "description": description,
        "minProperties": 1,
        "properties": { "mean": limit, "max": limit },
        "patternProperties": { r"^p[0-9]+(\.[0-9]+)?$": limit },
        "additionalProperties": false,
    })
}

/// What a metric is, and what it needs to be measured, for the person who writes a condition on it.
pub(in crate::scenario) fn meaning(metric: Metric) -> &'static str {
    match metric {
        Metric::ResponseTime => {
            "From the moment for which a request was intended to the last byte of its answer."
        }
        Metric::ErrorRate => "Failed requests over all requests.",
        Metric::Availability => {
            "Share of the seconds in which no `error_rate` or `response_time` condition of `[rollback]` holds; needs one."
        }
        Metric::FeedbackLatency => {
            "From the sending of a request to the arrival of the row change that its `feedback` names; needs a `feedback`."
        }
        Metric::RealtimeLatency => {
            "From the commit of a row change to its arrival at the user; needs a `subscribe` step."
        }
        Metric::RealtimeFailures => {
            "Expected row changes that did not come in time, over all that were expected; needs a `subscribe` step and an \
             `await` step or a `feedback`."
        }
        Metric::WebhookProcessing => {
            "From the first attempt to deliver a webhook to its acknowledgement, retries included; needs the mock."
        }
        Metric::WebhookSuccess => {
            "Webhooks acknowledged within their retry schedule, over webhooks due; needs the mock."
        }
        Metric::WebhookFailures => {
            "Attempts to deliver a webhook without a 2xx, over all attempts; needs the mock."
        }
        Metric::ResultTurnaround => {
            "From the moment for which a submission was intended to its result in the user's hands; needs an `await` step. \
             Of one step: the `await` step, or the request that it waits for."
        }
        Metric::ServerTime => {
            "`result_turnaround` less the delay that the mock injected for that very submission; needs the mock and an \
             `await` step. Of one step, as `result_turnaround`."
        }
        Metric::DbQueryTime => {
            "Time of a database query, as the target's own metrics report it; only with the reference server."
        }
        Metric::Throughput => "Requests completed per second.",
        Metric::CompletionRate => {
            "Sessions that came to their end and whose results were read back, over sessions begun; needs `[users]`. Only in \
             `[sla]`, because it is known after the audit."
        }
        Metric::AbandonmentRate => "Sessions whose user left, over sessions begun; needs `[users]`.",
        Metric::ComplaintRate => {
            "Sessions whose user had reason to complain, over sessions begun; simulated; needs `[users]`."
        }
        Metric::Apdex => {
            "The score of Apdex over all rated steps, as a share: `\">= 85%\"` is a score of 0.85; needs `[users]`. Of one \
             step: a request or an `await` step."
        }
    }
}
