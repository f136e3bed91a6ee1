//! Whether the generator kept up: was it punctual, and did its workers and its host let it be?

use std::time::Duration;

use super::{Check, CheckName, check, lag_limit_ms, warn_if};
use crate::metrics::{Evidence, Punctuality, SeriesKind, TIMELY_WITHIN, WorkerHealth};
use crate::plan::{Criteria, Unit};
use crate::sla::wording::{count, counted, quantity};

/// Share of arrivals that must go out timely. The late ones lie beyond the 95th percentile then, which most targets
/// are about.
const TIMELY_WARNING: f64 = 0.95;
/// An event loop, or a whole process, that stood still for longer than this is worth a warning.
pub(crate) const STALL_WARNING: Duration = Duration::from_millis(100);
/// A worker thread busier than this has no reserve for bursts.
const WORKER_CPU_WARNING: f64 = 0.80;

pub(super) fn checks(criteria: &Criteria, evidence: &Evidence) -> Vec<Check> {
    let mut checks = vec![scheduling_lag(criteria, evidence)];
    checks.extend(timely_sends(evidence));
    checks.push(generator_sockets(evidence));
    checks.push(worker_hiccups(evidence));
    checks.extend(host_stalls(evidence));
    checks.push(worker_cpu(evidence));
    checks
}

fn milliseconds(duration: Duration) -> String {
    quantity(duration.as_secs_f64() * 1e3, Unit::Time)
}

/// The workers that had a schedule to keep.
fn scheduled(evidence: &Evidence) -> impl Iterator<Item = (&WorkerHealth, &Punctuality)> {
    let workers = evidence.generator.workers.iter();
    workers.filter_map(|worker| Some((worker, worker.punctuality.as_ref()?)))
}

/// All workers together, and the worst alone: among many, one that is late hardly moves a percentile.
fn scheduling_lag(criteria: &Criteria, evidence: &Evidence) -> Check {
    let name = CheckName::SchedulingLag;
    let limit = lag_limit_ms(criteria);
    let lag = evidence.measurements.total(SeriesKind::SchedulingLag, None);
    // What was not sent at all is another check's.
    let unsent = lag.bad;
    let Some(p99) = lag.without_bad(unsent).quantile_ms(0.99) else {
        return check(name, warn_if(false), "No scheduling lag was recorded.".to_owned());
    };
    let mut sentence = format!(
        "The generator was at most {} late for 99 % of what it had to do; {} is acceptable.",
        quantity(p99, Unit::Time),
        quantity(limit, Unit::Time)
    );
    let worst = scheduled(evidence)
        .filter(|(_, punctuality)| punctuality.lag_p99_ms > limit)
        .max_by(|(_, left), (_, right)| left.lag_p99_ms.total_cmp(&right.lag_p99_ms));
    if let Some((worker, punctuality)) = worst.filter(|_| evidence.generator.workers.len() > 1) {
        sentence.push_str(&format!(
            " Worker {} alone was {} late.",
            worker.index,
            quantity(punctuality.lag_p99_ms, Unit::Time)
        ));
    }
    check(name, warn_if(p99 > limit || worst.is_some()), sentence)
}

/// All workers together; the worst one alone may be the whole trouble.
fn timely_sends(evidence: &Evidence) -> Option<Check> {
    let share = evidence.generator.timely_share()?;
    let of = |punctuality: &Punctuality| Punctuality::timely_share(std::iter::once(punctuality));
    let (worker, worst) = scheduled(evidence)
        .filter_map(|(worker, punctuality)| Some((worker.index, of(punctuality)?)))
        .min_by(|(_, left), (_, right)| left.total_cmp(right))?;
    let dispatched: u64 = scheduled(evidence)
        .map(|(_, punctuality)| punctuality.dispatched)
        .sum();
    let mut sentence = format!(
        "{} of {} went out within {} of their time; {} is expected.",
        quantity(share, Unit::Ratio),
        counted(dispatched, "arrival"),
        milliseconds(TIMELY_WITHIN),
        quantity(TIMELY_WARNING, Unit::Ratio)
    );
    if worst < TIMELY_WARNING && evidence.generator.workers.len() > 1 {
        sentence.push_str(&format!(
            " Of worker {worker} it was {}.",
            quantity(worst, Unit::Ratio)
        ));
    }
    Some(check(
        CheckName::TimelySends,
        warn_if(worst < TIMELY_WARNING),
        sentence,
    ))
}

fn generator_sockets(evidence: &Evidence) -> Check {
    let generator = &evidence.generator;
    let unsent = evidence.measurements.total(SeriesKind::SchedulingLag, None).bad;
    let used = match (generator.descriptors_peak, generator.descriptors_max) {
        (Some(peak), Some(most)) => format!(
            " At most {} of {} open files were in use.",
            count(peak),
            count(most)
        ),
        _ => String::new(),
    };
    let sentence = if unsent == 0 {
        format!("The generator had a socket for everything that it had to send.{used}")
    } else {
        format!(
            "Requests and subscriptions that the generator had no socket for, because it had no free local port, \
             descriptor or memory: {}.{used} Raise the limits, add `source_addresses`, or let users keep their \
             connections.",
            count(unsent)
        )
    };
    check(CheckName::GeneratorSockets, warn_if(unsent > 0), sentence)
}

fn worker_hiccups(evidence: &Evidence) -> Check {
    let generator = &evidence.generator;
    let hiccup = generator.workers.iter().map(|worker| worker.longest_hiccup);
    let hiccup = hiccup.max().unwrap_or_default();
    let mut sentence = format!("No worker was blocked for longer than {}.", milliseconds(hiccup));
    let is_long = hiccup > STALL_WARNING;
    if let Some(stalls) = generator.host_stalls.as_ref().filter(|_| is_long) {
        sentence.push_str(if stalls.longest >= hiccup / 2 {
            " Its host stalled for about as long."
        } else {
            " Its host did not stall that long: the worker had too much to do at once."
        });
    }
    check(CheckName::WorkerHiccups, warn_if(is_long), sentence)
}

fn host_stalls(evidence: &Evidence) -> Option<Check> {
    let stalls = evidence.generator.host_stalls.as_ref()?;
    Some(check(
        CheckName::HostStalls,
        warn_if(stalls.longest > STALL_WARNING),
        format!(
            "A thread that only sleeps woke up at most {} late: for no longer did the host keep the generator from \
             running.",
            milliseconds(stalls.longest)
        ),
    ))
}

fn worker_cpu(evidence: &Evidence) -> Check {
    let workers = &evidence.generator.workers;
    let busiest = workers
        .iter()
        .filter(|worker| !worker.wall.is_zero())
        .map(|worker| worker.cpu.as_secs_f64() / worker.wall.as_secs_f64())
        .fold(0.0, f64::max);
    check(
        CheckName::WorkerCpu,
        warn_if(busiest > WORKER_CPU_WARNING),
        format!(
            "The busiest of {} used {} of a core; above {} there is no reserve for bursts.",
            counted(workers.len() as u64, "worker"),
            quantity(busiest, Unit::Ratio),
            quantity(WORKER_CPU_WARNING, Unit::Ratio)
        ),
    )
}
