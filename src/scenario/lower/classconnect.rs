//! `[classconnect]`: the mock's delivery plan, in the form that the mock takes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::diagnostic::Diagnostics;
use super::super::raw::{ClassConnectFaults, ClassConnectFile, DelayFile, JobKind, PercentText};
use super::at::{At, duration, parse, positive_duration_or};
use super::distribution::{Delay, delay};
use crate::plan::{Attachment, ClassConnect, DurationDistribution};
use crate::units::Ratio;

/// Score with which a recording is passed, unless the scenario says otherwise.
const PASS_THRESHOLD: i64 = 80;

/// The mock of a scenario, and what other parts of the scenario are checked against.
pub(super) struct Mock {
    pub(super) plan: ClassConnect,
    delays: BTreeMap<JobKind, Delay>,
    retries: Duration,
}

impl Mock {
    /// The longest time from the acceptance of a job to its last delivery attempt; `None` when there is no end to it.
    /// Of an unknown kind: the longest of all.
    pub(super) fn longest_delivery(&self, kind: Option<JobKind>) -> Option<Duration> {
        let Some(kind) = kind else {
            return self.plan.longest_delivery;
        };
        Some(self.delays.get(&kind)?.longest()? + self.retries)
    }
}

/// Lowers `[classconnect]`; without one, the defaults.
pub(super) fn lower(
    file: &ClassConnectFile,
    is_beside_deployment: bool,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Mock> {
    let attachment = attachment(file, is_beside_deployment, at, diagnostics);
    let mut read = |file: Option<&DelayFile>, key: &str| -> Result<Option<Delay>, ()> {
        match file {
            Some(file) => {
                let lowered = delay(file, at.key(key), diagnostics).ok_or(())?;
                if lowered.longest().is_none() {
                    diagnostics.push(
                    at.key(key).value_span(),
                    "the delay has no end, so no deadline could tell a late result from a lost one; add `max`",
                );
                }
                Ok(Some(lowered))
            }
            None if at.is_refused(key) => Err(()),
            None => Ok(None),
        }
    };
    let analysis = read(file.analysis_delay.as_ref(), "analysis_delay");
    let improvement = read(file.improvement_delay.as_ref(), "improvement_delay");
    let extraction = read(file.extraction_delay.as_ref(), "extraction_delay");

    let schedule = retry_schedule(file, at, diagnostics);
    let delivery_timeout = positive_duration_or(
        Duration::from_secs(10),
        file.delivery_timeout.as_ref(),
        at,
        "delivery_timeout",
        diagnostics,
    );
    let no_faults = ClassConnectFaults::default();
    let faults = faults(
        file.faults.as_ref().unwrap_or(&no_faults),
        at.key("faults"),
        diagnostics,
    );

    let analysis = analysis.ok()?.unwrap_or_else(default_delay);
    let improvement = improvement.ok()?.unwrap_or_else(|| analysis.clone());
    let extraction = extraction.ok()?.unwrap_or_else(|| analysis.clone());
    let schedule = schedule?;
    let retries = schedule.iter().sum();
    let plan = json!({
        "analysis_delay": delay_json(&analysis),
        "improvement_delay": delay_json(&improvement),
        "extraction_delay": delay_json(&extraction),
        "retry_schedule": schedule.iter().map(|wait| time(*wait)).collect::<Vec<_>>(),
        "delivery_timeout": time(delivery_timeout?),
        "faults": faults?,
        "pass_threshold": file.pass_threshold.unwrap_or(PASS_THRESHOLD),
    });
    let delays = BTreeMap::from([
        (JobKind::RecordingAnalyses, analysis),
        (JobKind::TranscriptImprovements, improvement),
        (JobKind::SentenceExtractions, extraction),
    ]);
    let longest: Option<Vec<Duration>> = delays.values().map(Delay::longest).collect();
    let plan = ClassConnect {
        plan,
        longest_delivery: longest.and_then(|longest| longest.into_iter().max().map(|delay| delay + retries)),
        mean_delays: delays
            .iter()
            .map(|(kind, delay)| (kind.key().to_owned(), delay.mean()))
            .collect(),
        attachment: attachment?,
    };
    Some(Mock {
        plan,
        delays,
        retries,
    })
}

/// What a deployment of the user's own and the mock must agree on. `None` after a mistake.
fn attachment(
    file: &ClassConnectFile,
    is_beside_deployment: bool,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Option<Attachment>> {
    let keys = [
        ("listen", &file.listen),
        ("api_key", &file.api_key),
        ("webhook_secret", &file.webhook_secret),
    ];
    let mut complete = true;
    for (key, value) in keys {
        if value.is_some() && !is_beside_deployment {
            let sentence =
                format!("`{key}` belongs beside `base_url`: the run tells the reference server by itself");
            diagnostics.push(at.key(key).key_span(), sentence);
            complete = false;
        }
        if value.is_none() && is_beside_deployment {
            if !at.is_refused(key) {
                let sentence = format!("`{key}` is missing: your deployment and the mock must agree on it");
                diagnostics.push(at.key_span(), sentence);
            }
            complete = false;
        }
    }
    let (Some(listen), Some(api_key), Some(webhook_secret), true) = (
        &file.listen,
        &file.api_key,
        &file.webhook_secret,
        is_beside_deployment,
    ) else {
        return complete.then_some(None);
    };
    match listen.parse() {
        Ok(listen) => Some(Some(Attachment {
            listen,
            api_key: api_key.clone(),
            webhook_secret: webhook_secret.clone(),
        })),
        Err(_) => {
            let sentence = "write an address and a port to listen on, such as \"127.0.0.1:8090\"";
            diagnostics.push(at.key("listen").value_span(), sentence);
            None
        }
    }
}

fn default_delay() -> Delay {
    Delay::Shape(DurationDistribution::LogNormal {
        median: Duration::from_millis(1200),
        p99: Duration::from_millis(2500),
        max: Some(Duration::from_secs(5)),
    })
}

fn retry_schedule(
    file: &ClassConnectFile,
    at: At<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<Duration>> {
    let Some(schedule) = &file.retry_schedule else {
        if at.is_refused("retry_schedule") {
            return None;
        }
        return Some(vec![Duration::from_secs(1), Duration::from_secs(3)]);
    };
    let at = at.key("retry_schedule");
    if at.lost_items() {
        return None;
    }
    // Every wait is looked at before the first mistake ends the list.
    let waits: Vec<Option<Duration>> = schedule
        .iter()
        .enumerate()
        .map(|(index, wait)| duration(Some(wait), at.item(index), diagnostics))
        .collect();
    waits.into_iter().collect()
}

fn faults(file: &ClassConnectFaults, at: At<'_>, diagnostics: &mut Diagnostics) -> Option<Value> {
    let shares: [(&str, &Option<PercentText>); 6] = [
        ("drop", &file.drop),
        ("duplicate", &file.duplicate),
        ("reject_submit", &file.reject_submit),
        ("wrong_signature", &file.wrong_signature),
        ("fail_analysis", &file.fail_analysis),
        ("soft_error", &file.soft_error),
    ];
    let mut lowered = serde_json::Map::new();
    let mut complete = true;
    for (key, share) in shares {
        let ratio = match share {
            None => Some(Ratio::ZERO),
            Some(text) => parse(Some(&text.0), at.key(key), diagnostics, str::parse),
        };
        complete &= ratio.is_some();
        lowered.insert(key.to_owned(), json!(ratio.unwrap_or(Ratio::ZERO).get()));
    }
    complete.then_some(Value::Object(lowered))
}

fn delay_json(delay: &Delay) -> Value {
    match delay {
        Delay::Shape(DurationDistribution::Fixed(value)) => {
            json!({ "distribution": "fixed", "value": time(*value) })
        }
        Delay::Shape(DurationDistribution::Uniform { min, max }) => {
            json!({ "distribution": "uniform", "min": time(*min), "max": time(*max) })
        }
        Delay::Shape(DurationDistribution::LogNormal { median, p99, max }) => {
            let mut shape =
                json!({ "distribution": "lognormal", "median": time(*median), "p99": time(*p99) });
            if let Some(max) = max {
                shape["max"] = json!(time(*max));
            }
            shape
        }
        Delay::Empirical(values) => {
            let values: Vec<String> = values.iter().map(|value| time(*value)).collect();
            json!({ "distribution": "empirical", "values": values })
        }
    }
}

/// A duration as the mock reads it.
fn time(duration: Duration) -> String {
    format!("{}ms", duration.as_micros() as f64 / 1e3)
}
