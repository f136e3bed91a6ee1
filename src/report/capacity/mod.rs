//! The report of a search for a capacity, rendered from `capacity.json` alone.
//!
//! The answer is one sentence, which every format shows: what held, what failed and why, and how far the two lie apart.

mod markdown;
mod terminal;

use super::html;
use super::model::{CapacityRecord, CapacityStepRecord};
use super::{Format, ReportError};
use crate::plan::Unit;
use crate::sla::wording::{counted, quantity};
use crate::units::Rate;

/// Renders the report of a search.
///
/// # Errors
/// When a template fails, or the format is one of runs only.
pub fn render_capacity(format: Format, record: &CapacityRecord) -> Result<String, ReportError> {
    match format {
        Format::Json => serde_json::to_string_pretty(record).map_err(ReportError::NotJson),
        Format::Markdown => Ok(markdown::render(record)),
        Format::Html => html::render_capacity(record),
        Format::Text => Ok(terminal::render(record)),
        Format::JUnit | Format::IntervalLog | Format::GitHub => Err(ReportError::NotInThisFormat {
            of: "a search for capacity",
            format,
        }),
    }
}

/// The file that a search writes; `None` for what goes to the terminal only.
pub fn capacity_file_name(format: Format) -> Option<&'static str> {
    match format {
        Format::Json => Some("capacity.json"),
        Format::Markdown => Some("capacity.md"),
        Format::Html => Some("capacity.html"),
        Format::Text | Format::JUnit | Format::IntervalLog | Format::GitHub => None,
    }
}

/// The answer in one sentence: `holds 38.1/s, fails at 41.9/s (submit_recording response_time p99 212 ms, target <=
/// 150ms); resolution 10 %; held twice`.
pub fn capacity_sentence(record: &CapacityRecord) -> String {
    let result = &record.result;
    let ended = result.ended.as_str();
    let problem = result.problem.as_deref().unwrap_or_default();
    let mut parts = vec![match (result.held_per_s, result.not_held_per_s) {
        (Some(held), Some(failed)) => format!("holds {}, {}", rate(held), failure(record, failed)),
        (Some(held), None) if ended == "at_least" => format!(
            "holds {}, the highest rate that was tried: the capacity is that or more",
            rate(held)
        ),
        (Some(held), None) if result.not_brought_per_s.is_some() => format!("holds {}", rate(held)),
        (Some(held), None) => format!("holds {}; of higher rates nothing is known", rate(held)),
        (None, Some(failed)) => format!("holds at no tested rate: {} already", failure(record, failed)),
        (None, None) => "nothing is known of any rate".to_owned(),
    }];
    parts.extend(result.not_brought_per_s.map(|limit| {
        let why = match last_why(record, |step| {
            step.rate_per_s == limit && step.outcome == "invalid"
        }) {
            // It was known before the step.
            why if why.is_empty() => format!(" ({problem})"),
            why => why,
        };
        format!("at {} the load generator was the limit{why}", rate(limit))
    }));
    parts.extend(
        result
            .resolution
            .map(|resolution| format!("resolution {}", share(resolution))),
    );
    if result.held_per_s.is_some() && record.search.confirm {
        parts.push(
            if result.confirmed {
                "held twice"
            } else {
                "held once only"
            }
            .to_owned(),
        );
    }
    match ended {
        "time_box" => parts.push(format!("ended early: {problem}")),
        "interrupted" => parts.push("stopped by its user".to_owned()),
        "broken" => parts.push(format!("ended early, because a step could not be run: {problem}")),
        "under_way" => parts.push("not at its end".to_owned()),
        _ => {}
    }
    parts.join("; ")
}

/// `fails at 41.9/s (response_time p95 212 ms, target <= 150ms)`.
fn failure(record: &CapacityRecord, failed: f64) -> String {
    let why = last_why(record, |step| step.rate_per_s == failed && step.failed());
    format!("fails at {}{why}", rate(failed))
}

/// Why the last of these steps came out as it did, in brackets; nothing when there is none.
fn last_why(record: &CapacityRecord, wanted: impl Fn(&CapacityStepRecord) -> bool) -> String {
    let step = record.steps.iter().rev().find(|step| wanted(step));
    step.map_or_else(String::new, |step| format!(" ({})", step.why))
}

/// What happened at a step, in a line: `step 3: 40/s did not hold: response_time p95 212 ms, target <= 150ms`.
pub fn capacity_step_line(step: &CapacityStepRecord) -> String {
    let head = format!("step {}: {}", step.number, rate(step.rate_per_s));
    match step.outcome.as_str() {
        "held" => format!("{head} held (response time p95 {})", p95(step)),
        "not_held" => format!("{head} did not hold: {}", step.why),
        "doubtful" => format!("{head} did not hold, which may be chance: {}", step.why),
        "invalid" => format!("{head} proved nothing: {}", step.why),
        _ => format!("{head} was stopped"),
    }
}

/// The outcome of a step in words, and how good it is: `good`, `bad`, `warn` or `neutral`.
fn outcome(step: &CapacityStepRecord) -> (&'static str, &'static str) {
    match step.outcome.as_str() {
        "held" => ("held", "good"),
        "not_held" => ("did not hold", "bad"),
        "doubtful" => ("did not hold, perhaps by chance", "warn"),
        "invalid" => ("invalid", "warn"),
        _ => ("stopped", "neutral"),
    }
}

/// A step as a line of a table.
pub(super) struct StepRow {
    pub(super) number: String,
    pub(super) rate: String,
    pub(super) purpose: String,
    pub(super) outcome: &'static str,
    pub(super) class: &'static str,
    pub(super) p95: String,
    /// Iterations begun and completed per second.
    pub(super) achieved: String,
    pub(super) completed: String,
    /// Virtual users that were busy at once, of how many.
    pub(super) users: String,
    pub(super) why: String,
    pub(super) folder: String,
}

pub(super) fn rows(record: &CapacityRecord) -> Vec<StepRow> {
    let row = |step: &CapacityStepRecord| {
        let (outcome, class) = outcome(step);
        StepRow {
            number: step.number.to_string(),
            rate: rate(step.rate_per_s),
            purpose: step.purpose.clone(),
            outcome,
            class,
            p95: p95(step),
            achieved: rate(round(step.achieved_per_s)),
            completed: rate(round(step.completed_per_s)),
            users: format!("{} of {}", step.vus_peak, step.vus_max),
            why: step.why.clone(),
            folder: step.folder.clone(),
        }
    };
    record.steps.iter().map(row).collect()
}

/// How much was done, in a line.
pub(super) fn extent(record: &CapacityRecord) -> String {
    format!(
        "{} in {}, seed {}",
        counted(record.steps.len() as u64, "step"),
        seconds(record.duration_s),
        record.seed
    )
}

/// What was tested, in a line.
pub(super) fn target(record: &CapacityRecord) -> String {
    record.target.as_ref().map_or_else(
        || "no target was reached".to_owned(),
        |target| format!("{}, version {}", target.description, target.version),
    )
}

/// The note that belongs to a search against the built-in server.
pub(super) fn built_in_note(record: &CapacityRecord) -> Option<&'static str> {
    record.target.as_ref().is_some_and(|target| target.built_in).then_some(
        "This search tested the reference server that comes with the tool, on the generator's own host. Its capacity \
         says nothing about your own deployment.",
    )
}

fn p95(step: &CapacityStepRecord) -> String {
    match &step.response_time {
        None => "–".to_owned(),
        Some(summary) if summary.count == 0 => "–".to_owned(),
        // The percentile fell on a failed request.
        Some(summary) => quantity(summary.p95.unwrap_or(f64::INFINITY), Unit::Time),
    }
}

fn rate(per_second: f64) -> String {
    Rate::per_second(per_second).map_or_else(|_| format!("{per_second}/s"), |rate| rate.to_string())
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A share of a whole, to the percent below 100 %.
fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent < 10.0 {
        quantity((percent * 10.0).round() / 1e3, Unit::Ratio)
    } else {
        format!("{percent:.0} %")
    }
}

fn seconds(seconds: f64) -> String {
    let duration = std::time::Duration::try_from_secs_f64(seconds.round()).unwrap_or_default();
    crate::units::format_duration(duration)
}

#[cfg(test)]
pub(super) mod tests;
