//! Whether the means of measuring were good enough: the generator by itself, its host, and the clocks that are compared.

use super::{Check, CheckName, Severity, check, warn_if};
use crate::metrics::{Calibration, ClockOffset, Evidence, HostUse, Level, SeriesKind};
use crate::plan::{Condition, Criteria, Limit, Metric, Unit};
use crate::sla::wording::{beside_ours, count, counted, quantity};

/// The generator's own share of a time may be this part of the tightest limit.
const FLOOR_PART_OF_LIMIT: f64 = 0.10;
/// Share of the planned requests that the generator must bring when nothing holds it up.
const ACHIEVED_WARNING: f64 = 0.95;
/// Share of the seconds in which the host may be busier than [`HostUse::BUSY_ABOVE`].
const BUSY_SECONDS_WARNING: f64 = 0.05;
/// Share of the time that may be taken away, by a hypervisor or a control group.
const TAKEN_WARNING: f64 = 0.01;
/// Share of row changes whose moment of commit may be unknown.
const WITHOUT_COMMIT_WARNING: f64 = 0.01;

pub(super) fn checks(criteria: &Criteria, evidence: &Evidence) -> Vec<Check> {
    let generator = &evidence.generator;
    let mut checks = Vec::new();
    checks.extend(generator.calibration.map(|found| floor(criteria, &found)));
    checks.extend(generator.host_use.as_ref().and_then(host_cpu));
    checks.extend(generator.host_use.as_ref().and_then(cpu_taken));
    checks.extend(
        generator
            .clock_offset
            .map(|offset| clock_offset(criteria, &offset)),
    );
    checks.extend(commit_moments(evidence));
    checks
}

/// Conditions that something follows from: targets and rollback thresholds.
fn deciding(criteria: &Criteria) -> impl Iterator<Item = &Condition> {
    let rollback = criteria.rollback.iter();
    let thresholds = rollback.flat_map(|rollback| &rollback.policy.conditions);
    criteria.targets.iter().chain(thresholds)
}

/// What the generator measures when there is nothing to measure.
fn floor(criteria: &Criteria, found: &Calibration) -> Check {
    let tightest_ms = deciding(criteria)
        .filter(|condition| {
            matches!(
                condition.metric,
                Metric::ResponseTime | Metric::FeedbackLatency | Metric::RealtimeLatency
            )
        })
        .filter_map(|condition| match condition.limit {
            Limit::Time(limit) => Some(limit.as_secs_f64() * 1e3),
            Limit::Ratio(_) | Limit::PerSecond(_) => None,
        })
        .fold(f64::INFINITY, f64::min);
    let acceptable_ms = tightest_ms * FLOOR_PART_OF_LIMIT;
    let is_short = found.achieved_per_s < found.planned_per_s * ACHIEVED_WARNING;
    let mut sentence = format!(
        "Before the load, against a server in its own process that answers at once, the generator measured p50 {} and \
         p99 {} at {}",
        quantity(found.p50_ms, Unit::Time),
        quantity(found.p99_ms, Unit::Time),
        quantity(found.achieved_per_s.round(), Unit::PerSecond),
    );
    sentence.push_str(&if is_short {
        format!(
            " of {} planned: it is too slow for this plan, or its host was busy.",
            quantity(found.planned_per_s.round(), Unit::PerSecond)
        )
    } else if acceptable_ms.is_finite() {
        format!(
            "; {} is acceptable for the tightest limit.",
            quantity(acceptable_ms, Unit::Time)
        )
    } else {
        ".".to_owned()
    });
    check(
        CheckName::InstrumentFloor,
        warn_if(is_short || found.p99_ms > acceptable_ms || found.failed > 0),
        sentence,
    )
}

fn host_cpu(host: &HostUse) -> Option<Check> {
    let busy = host.busy?;
    let share = f64::from(host.busy_seconds) / f64::from(busy.seconds.max(1));
    let waiting = host.waiting.map_or_else(String::new, |waiting| {
        format!(
            " Some task waited for a core {} of the time.",
            quantity(waiting.mean, Unit::Ratio)
        )
    });
    let contended = host.contended_by_second.len() as u64;
    let others = match contended {
        0 => String::new(),
        _ => format!(
            " Other processes had cores that the run's threads waited for in {}.",
            counted(contended, "second")
        ),
    };
    let contended_share = contended as f64 / f64::from(host.seconds.max(1));
    Some(check(
        CheckName::HostCpu,
        warn_if(share.max(contended_share) > BUSY_SECONDS_WARNING),
        format!(
            "The generator's host used {} of its cores on average, and more than {} in {} of {}.{waiting}{others}",
            quantity(busy.mean, Unit::Ratio),
            quantity(HostUse::BUSY_ABOVE, Unit::Ratio),
            count(u64::from(host.busy_seconds)),
            counted(u64::from(busy.seconds), "second"),
        ),
    ))
}

/// CPU time that others took away, outside of what this machine can see.
fn cpu_taken(host: &HostUse) -> Option<Check> {
    if host.stolen.is_none() && host.throttled.is_none() {
        return None;
    }
    let is_much = |level: Option<Level>| level.is_some_and(|level| level.mean > TAKEN_WARNING);
    let words = |level: Option<Level>| match level {
        Some(level) => format!(
            "for {} of the time, {} in the worst second",
            quantity(level.mean, Unit::Ratio),
            quantity(level.worst, Unit::Ratio)
        ),
        None => "for a time that is not known here".to_owned(),
    };
    Some(check(
        CheckName::CpuTaken,
        warn_if(is_much(host.stolen) || is_much(host.throttled)),
        format!(
            "A hypervisor took CPU time away {}; the control group had none left {}.",
            words(host.stolen),
            words(host.throttled)
        ),
    ))
}

/// Latencies that were computed from two clocks, of which one was not known well enough, are no latencies. That is the
/// one trouble of this file that can make a result look better, so it invalidates where anything depends on it.
fn clock_offset(criteria: &Criteria, offset: &ClockOffset) -> Check {
    let matters = deciding(criteria).any(|condition| condition.metric == Metric::RealtimeLatency);
    let severity = match (offset.is_good(), matters) {
        (true, _) => Severity::Ok,
        (false, true) => Severity::Invalid,
        (false, false) => Severity::Warning,
    };
    let time = |nanos: f64| quantity(nanos / 1e6, Unit::Time);
    let how_well = match offset.uncertainty {
        Some(uncertainty) => format!("known to ± {}", time(uncertainty.as_nanos() as f64)),
        None => "not known any more after the run, when it could not be compared again".to_owned(),
    };
    let moved = offset.drift_ns.map_or_else(String::new, |drift| {
        format!(" It moved by {} during the run.", time(drift as f64))
    });
    check(
        CheckName::ClockOffset,
        severity,
        format!(
            "The target's clock was {}, {how_well}; realtime latencies need ± {}.{moved}",
            beside_ours(offset.offset_ns as f64 / 1e6),
            time(ClockOffset::GOOD_WITHIN.as_nanos() as f64),
        ),
    )
}

/// What has no realtime latency, because nobody knows when it was committed.
fn commit_moments(evidence: &Evidence) -> Option<Check> {
    let without = evidence.generator.events_without_commit;
    let series = |kind| evidence.measurements.total(kind, None).total;
    let timed = series(SeriesKind::Realtime);
    let all = timed + without;
    // Without a single moment the metric has no data, or another source.
    if without == 0 || timed == 0 {
        return None;
    }
    let share = without as f64 / all as f64;
    Some(check(
        CheckName::CommitMoments,
        warn_if(share > WITHOUT_COMMIT_WARNING),
        format!(
            "{} of {} did not say when they were committed and have no realtime latency ({}).",
            count(without),
            counted(all, "row change"),
            quantity(share, Unit::Ratio)
        ),
    ))
}
