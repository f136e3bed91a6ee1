//! The checks, one function each.

use super::delivery::{delivered_per_second, dropped, plan_delivered};
use super::{Check, CheckName, Severity, actions, check, generator, instrument, warn_if};
use crate::metrics::{Evidence, SeriesKind};
use crate::plan::{Criteria, Limit, Metric, Unit};
use crate::sla::context::Context;
use crate::sla::wording::{count, counted, quantity};

/// Scheduling lag and lateness of the mock may take this part of the tightest limit on a time.
const LAG_PART_OF_LIMIT: f64 = 0.10;
/// A shared machine wakes sleepers some milliseconds late at p99 even when it is healthy.
const LAG_LIMIT_MIN_MS: f64 = 10.0;
/// No lag beyond this is healthy, whatever the limits are.
const LAG_LIMIT_MAX_MS: f64 = 50.0;
/// Share of values below zero or beyond an hour that is worth a warning.
const ODD_VALUES_WARNING: f64 = 0.001;

/// The scheduling lag (p99, milliseconds) that a run may have: a tenth of the tightest limit on a response time,
/// but between 10 ms and 50 ms. The lag is part of every response time that begins with an arrival.
pub fn lag_limit_ms(criteria: &Criteria) -> f64 {
    criteria
        .targets
        .iter()
        .filter(|target| target.metric == Metric::ResponseTime)
        .filter_map(|target| match target.limit {
            Limit::Time(limit) => Some(limit.as_secs_f64() * 1e3 * LAG_PART_OF_LIMIT),
            Limit::Ratio(_) | Limit::PerSecond(_) => None,
        })
        .fold(LAG_LIMIT_MAX_MS, f64::min)
        .max(LAG_LIMIT_MIN_MS)
}

/// All checks but [`CheckName::ResultExplained`], which needs the findings.
pub(crate) fn checks(criteria: &Criteria, evidence: &Evidence, context: &Context) -> Vec<Check> {
    let mut checks = vec![
        conservation(evidence),
        plan_delivered(criteria, evidence, context),
    ];
    checks.extend(delivered_per_second(evidence, context));
    checks.extend(dropped(evidence, context));
    checks.extend(actions::carried_out(criteria, evidence));
    checks.push(samples_taken(evidence));
    checks.extend(generator::checks(criteria, evidence));
    checks.extend(instrument::checks(criteria, evidence));
    checks.extend(mock(criteria, evidence));
    checks.extend(recording(evidence));
    checks.push(unfinished(evidence));
    checks
}

fn conservation(evidence: &Evidence) -> Check {
    let all = &evidence.iterations;
    let abandoned = match all.abandoned {
        0 => String::new(),
        number => format!(" + {number} abandoned"),
    };
    let numbers = format!(
        "{} due = {} started + {} dropped; started = {} succeeded + {} failed{abandoned} + {} unfinished",
        all.due, all.started, all.dropped, all.succeeded, all.failed, all.unfinished
    );
    if all.conserved() {
        check(
            CheckName::Conservation,
            Severity::Ok,
            format!("Every iteration is accounted for: {numbers}."),
        )
    } else {
        check(
            CheckName::Conservation,
            Severity::Invalid,
            format!(
                "Iterations are missing from the count: {numbers} does not add up. This is a fault of the tool."
            ),
        )
    }
}

fn samples_taken(evidence: &Evidence) -> Check {
    let samples = evidence.measurements.total(SeriesKind::Response, None).total;
    let severity = if samples == 0 && evidence.interruption.is_none() {
        Severity::Invalid
    } else {
        Severity::Ok
    };
    let sentence = if samples == 0 {
        "No request was measured after the warm-up.".to_owned()
    } else {
        format!("{} were measured after the warm-up.", counted(samples, "request"))
    };
    check(CheckName::SamplesTaken, severity, sentence)
}

fn mock(criteria: &Criteria, evidence: &Evidence) -> Vec<Check> {
    let Some(mock) = &evidence.mock else {
        return Vec::new();
    };
    let limit = lag_limit_ms(criteria);
    let late = match mock.lateness_p99_ms {
        None => check(
            CheckName::MockLateness,
            Severity::Ok,
            "The mock had nothing to send.".to_owned(),
        ),
        Some(p99) => check(
            CheckName::MockLateness,
            warn_if(p99 > limit),
            format!(
                "The mock sent 99 % of its webhooks at most {} late; {} is acceptable.",
                quantity(p99, Unit::Time),
                quantity(limit, Unit::Time)
            ),
        ),
    };
    let missing = mock.ledger_records_missing;
    let ledger = if missing == 0 {
        check(
            CheckName::LedgerComplete,
            Severity::Ok,
            format!(
                "The mock's ledger is complete: {} accepted.",
                counted(mock.accepted, "job")
            ),
        )
    } else {
        check(
            CheckName::LedgerComplete,
            Severity::Invalid,
            format!(
                "{} of the mock's ledger could not be fetched, so a lost result could not be seen.",
                counted(missing, "record")
            ),
        )
    };
    vec![late, ledger]
}

fn recording(evidence: &Evidence) -> Vec<Check> {
    let generator = &evidence.generator;
    let measurements = &evidence.measurements;
    let values: u64 = measurements
        .series
        .values()
        .flat_map(|series| series.warm_up.values().chain(series.measured.values()))
        .map(|slice| slice.total)
        .sum();
    let odd = |number: u64| warn_if(number as f64 > ODD_VALUES_WARNING * values as f64);
    vec![
        check(
            CheckName::QueueWaits,
            warn_if(generator.queue_waits > 0),
            format!(
                "Batches of samples that had to wait for room in a queue: {}. None was thrown away.",
                count(generator.queue_waits)
            ),
        ),
        check(
            CheckName::EventsDiscarded,
            warn_if(generator.events_discarded > 0),
            format!(
                "{} left a user's full store before a step asked for them.",
                counted(generator.events_discarded, "realtime event")
            ),
        ),
        check(
            CheckName::NegativeLatencies,
            odd(measurements.negative),
            format!(
                "{} of {} were below zero and count as zero.",
                counted(measurements.negative, "value"),
                count(values)
            ),
        ),
        check(
            CheckName::ClampedValues,
            odd(measurements.clamped),
            format!(
                "{} of {} were longer than an hour and count as an hour.",
                counted(measurements.clamped, "value"),
                count(values)
            ),
        ),
    ]
}

fn unfinished(evidence: &Evidence) -> Check {
    let unfinished = evidence.iterations.unfinished;
    check(
        CheckName::UnfinishedIterations,
        warn_if(unfinished > 0),
        format!(
            "{} of {} started were not finished when the drain ended; their open requests count as failed.",
            counted(unfinished, "iteration"),
            count(evidence.iterations.started)
        ),
    )
}
