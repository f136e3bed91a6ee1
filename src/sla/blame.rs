//! Whose fault a bad result is: the target's, or that of the generator and the mock.
//!
//! A late generator makes a target look slower than it is. It explains a bad result when the result is good once the
//! lateness is taken out: either by leaving out the seconds in which the generator was late, or, when it was late all
//! the time, by judging the time since the request was really sent. In both cases the lag must be large enough to
//! matter: a generator that was some milliseconds late while the target took a second explains nothing, and a request
//! that waits for a busy target before it is sent waits through the target's fault. A share of failures is explained
//! only by a lag as long as users wait before they give up.
//!
//! A generator without a socket makes a target look unreachable. It explains a bad result when the result is good
//! without the requests that it could not send.
//!
//! A host that kept the generator from running makes a target look slower in the same way: it stalled, its control group
//! was throttled, or a hypervisor took its CPU time away. It explains a bad time when the result is good without the
//! seconds in which it did, and what was taken is large enough to matter. When the target shares the host, only what the
//! hypervisor took counts, and what other processes had of the cores: a stall or a used-up allowance may be the target's
//! own doing.

mod contention;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::availability;
use super::context::Context;
use super::finding::{Finding, Status, Subject};
use super::measure::{Measure, Reading};
use super::sockets::{share_without_realtime, unsent};
use super::target::failures_within;
use super::validity::{STALL_WARNING, lag_limit_ms};
use super::wording::quantity;
use crate::metrics::{Evidence, Incident, Measurements, SeriesKind, Slice};
use crate::plan::{Condition, Criteria, JudgeMode, Limit, Metric, StepInfo, StepKind, Unit};

/// The lag must make up this part of the excess over the limit to explain it on its own.
const MATERIAL_PART: f64 = 0.5;
/// No user of a run gives up sooner, so a shorter lag makes no request fail.
const GIVES_UP_AFTER_MS: f64 = 1_000.0;
/// CPU time that was taken away in a second and is worth a look, on each core.
const TAKEN_FROM: Duration = Duration::from_millis(50);

/// Explains bad results by trouble of the generator or the mock.
pub(crate) struct Blame<'a> {
    criteria: &'a Criteria,
    steps: &'a [StepInfo],
    evidence: &'a Evidence,
    target_on_this_host: bool,
    lag_limit_ms: f64,
}

impl<'a> Blame<'a> {
    pub(crate) fn new(criteria: &'a Criteria, evidence: &'a Evidence, context: &'a Context) -> Self {
        Self {
            criteria,
            steps: &context.steps,
            evidence,
            target_on_this_host: context.target_on_this_host,
            lag_limit_ms: lag_limit_ms(criteria),
        }
    }

    /// The sentence that explains a missed target, or `None` when it is the target's own doing.
    pub(crate) fn explains_failure(&self, finding: &Finding) -> Option<String> {
        let Subject::Target(condition) = &finding.subject else {
            return None;
        };
        if finding.status != Status::Fail {
            return None;
        }
        if condition.metric == Metric::Availability && self.criteria.mode == JudgeMode::Certified {
            // Certified by requests, so that only those that were never sent can explain it.
            let failures = failures_within(condition)?;
            return self.no_sockets(&failures, 0..u32::MAX, |reading| reading.satisfies(&failures));
        }
        if condition.metric == Metric::Availability {
            return self
                .no_sockets_in_slots(condition)
                .or_else(|| self.late_generator_in_slots(condition))
                .or_else(|| self.crowded_out_in_slots(condition));
        }
        let good = |reading: &Reading| reading.satisfies(condition);
        self.no_sockets(condition, 0..u32::MAX, good)
            .or_else(|| self.late_generator(condition, 0..u32::MAX, good))
            .or_else(|| self.kept_from_running(condition, 0..u32::MAX, good))
            .or_else(|| self.crowded_out(condition, 0..u32::MAX, good))
            .or_else(|| self.high_floor(condition, finding.value?))
            .or_else(|| self.late_mock(condition, finding.value?))
    }

    /// The sentence that explains a tripped rollback threshold, or `None` when it is the target's own doing.
    pub(crate) fn explains_incident(&self, incident: &Incident) -> Option<String> {
        let condition = &incident.condition;
        let seconds = incident.window_from_s as u32..incident.detected_at_s as u32;
        let good = |reading: &Reading| !reading.satisfies(condition);
        self.no_sockets(condition, seconds.clone(), good)
            .or_else(|| self.late_generator(condition, seconds.clone(), good))
            .or_else(|| self.kept_from_running(condition, seconds.clone(), good))
            .or_else(|| self.crowded_out(condition, seconds, good))
            .or_else(|| self.late_mock(condition, incident.value))
    }

    /// The condition again, without what the generator had no socket for.
    fn no_sockets(
        &self,
        condition: &Condition,
        seconds: Range<u32>,
        good: impl Fn(&Reading) -> bool,
    ) -> Option<String> {
        let measurements = &self.evidence.measurements;
        let measure = Measure::of(condition, self.steps).ok()?;
        let all = measure.slice(measurements, seconds.clone());
        let own = match measure.kind {
            SeriesKind::Response => self.unsent_requests(condition, seconds.clone()).values().sum(),
            // Nobody knows which events a user without a socket would have had: as many as any other user.
            SeriesKind::RealtimeDelivery | SeriesKind::Feedback => {
                let share = share_without_realtime(measurements, self.steps);
                (share * all.total as f64).ceil() as u64
            }
            _ => 0,
        };
        if own == 0 {
            return None;
        }
        let rest = all.without_bad(own);
        let span = f64::from(seconds.end.saturating_sub(seconds.start));
        let is_good = rest.total == 0
            || measure
                .read_slice(&rest, measurements, span)
                .is_some_and(|reading| good(&reading));
        is_good.then(|| {
            format!(
                "The generator had no socket for {}; without them, {} would be good.",
                super::wording::counted(own, "bad event"),
                subject(condition)
            )
        })
    }

    /// Availability again, without the requests that the generator had no socket for.
    fn no_sockets_in_slots(&self, condition: &Condition) -> Option<String> {
        let measurements = &self.evidence.measurements;
        let unsent = self.unsent_requests(condition, 0..u32::MAX);
        if unsent.is_empty() {
            return None;
        }
        let mut rest = availability::responses(measurements);
        for (second, count) in &unsent {
            if let Some(slice) = rest.get_mut(second) {
                *slice = std::mem::take(slice).without_bad(*count);
            }
        }
        // Where nothing else was sent, there is no second left that was bad.
        self.slots_are_good(condition, &rest).unwrap_or(true).then(|| {
            format!(
                "The generator had no socket for requests in {}; without them, availability would be good.",
                super::wording::counted(unsent.len() as u64, "second")
            )
        })
    }

    /// The condition's requests that the generator had no socket for.
    fn unsent_requests(&self, condition: &Condition, seconds: Range<u32>) -> BTreeMap<u32, u64> {
        let mut unsent = unsent(&self.evidence.measurements, self.steps, |info| {
            info.kind == StepKind::Request && condition.step.as_ref().is_none_or(|name| *name == info.name)
        });
        unsent.retain(|second, _| seconds.contains(second));
        unsent
    }

    /// Whether availability is good when it is judged by these responses; `None` when they are too few.
    fn slots_are_good(&self, condition: &Condition, responses: &BTreeMap<u32, Slice>) -> Option<bool> {
        let slots = availability::slots(self.criteria, self.steps, &self.evidence.measurements, responses);
        let share = slots.ok()?.share()?;
        Some(condition.comparator.holds(share, condition.limit.as_number()))
    }

    fn late_generator(
        &self,
        condition: &Condition,
        seconds: Range<u32>,
        good: impl Fn(&Reading) -> bool,
    ) -> Option<String> {
        let measurements = &self.evidence.measurements;
        let measure = Measure::of(condition, self.steps).ok()?;
        let late = self.late_seconds(seconds.clone());
        if late.is_empty() {
            return None;
        }
        let how_late = |lag_ms: f64| {
            format!(
                "The generator was up to {} late (p99; {} is acceptable)",
                quantity(lag_ms, Unit::Time),
                quantity(self.lag_limit_ms, Unit::Time)
            )
        };
        let excess = self.excess_ms(condition, &measure, seconds.clone());
        let is_material = |lag_ms: f64| match excess {
            Some(excess) => lag_ms >= MATERIAL_PART * excess,
            None => lag_ms >= GIVES_UP_AFTER_MS,
        };
        let lag_then = self.lag_ms(&late)?;
        let rest = self.without(&measure, &late, seconds.clone());
        if is_material(lag_then) && rest.is_some_and(|reading| good(&reading)) {
            return Some(format!(
                "{}; without the {} in which it was, {} would be good.",
                how_late(lag_then),
                super::wording::counted(late.len() as u64, "second"),
                subject(condition)
            ));
        }
        let lag = of_sent(measurements.sum(SeriesKind::SchedulingLag, None, seconds.clone()));
        let lag_p99 = lag.quantile_ms(0.99)?;
        let as_sent = self.as_sent(&measure, measurements, seconds)?;
        (good(&as_sent) && lag_p99 > self.lag_limit_ms && is_material(lag_p99)).then(|| {
            format!(
                "{}; counted from the moment requests were really sent, {} would be good.",
                how_late(lag_p99),
                subject(condition)
            )
        })
    }

    /// Whoever does not run reads answers as late as it sends requests.
    fn kept_from_running(
        &self,
        condition: &Condition,
        seconds: Range<u32>,
        good: impl Fn(&Reading) -> bool,
    ) -> Option<String> {
        let generator = &self.evidence.generator;
        let measure = Measure::of(condition, self.steps).ok()?;
        let excess = self.excess_ms(condition, &measure, seconds.clone())?;
        let explains = |taken: &BTreeMap<u32, Duration>, from: Duration, what: &str| {
            let taken: BTreeMap<u32, Duration> = taken
                .range(seconds.clone())
                .filter(|(_, longest)| **longest > from)
                .map(|(second, longest)| (*second, *longest))
                .collect();
            let most_ms = taken.values().max()?.as_secs_f64() * 1e3;
            let rest = self.without(&measure, &taken.keys().copied().collect(), seconds.clone())?;
            (most_ms >= MATERIAL_PART * excess && good(&rest)).then(|| {
                format!(
                    "{what} up to {}; without the {} in which that was so, {} would be good.",
                    quantity(most_ms, Unit::Time),
                    super::wording::counted(taken.len() as u64, "second"),
                    subject(condition)
                )
            })
        };
        let host = generator.host_use.as_ref();
        let stolen = host.and_then(|host| {
            let what = "A hypervisor took CPU time of the generator's host away, in one second";
            explains(&host.stolen_by_second, TAKEN_FROM, what)
        });
        if stolen.is_some() || self.target_on_this_host {
            return stolen;
        }
        let stalled = generator.host_stalls.as_ref().and_then(|stalls| {
            let what = "The generator's host stalled, for";
            explains(&stalls.by_second, STALL_WARNING, what)
        });
        stalled.or_else(|| {
            let what = "The generator's control group had used up its CPU time, and waited in one second for";
            explains(&host?.throttled_by_second, TAKEN_FROM, what)
        })
    }

    /// The value without some of the seconds.
    fn without(&self, measure: &Measure, left_out: &BTreeSet<u32>, seconds: Range<u32>) -> Option<Reading> {
        let measurements = &self.evidence.measurements;
        let mut rest = Slice::default();
        let mut rest_seconds = 0_u32;
        for (second, slice) in measure.by_second(measurements, seconds) {
            if !left_out.contains(&second) {
                rest.merge(&slice);
                rest_seconds += 1;
            }
        }
        measure.read_slice(&rest, measurements, f64::from(rest_seconds))
    }

    /// Availability again, without the late seconds, or counted from the moment requests were really sent.
    fn late_generator_in_slots(&self, condition: &Condition) -> Option<String> {
        let measurements = &self.evidence.measurements;
        let late = self.late_seconds(0..u32::MAX);
        if late.is_empty() {
            return None;
        }
        let responses = availability::responses(measurements);
        let lag_ms = self.lag_ms(&late)?;
        if !self.matters_in_slots(lag_ms, &late, &responses) {
            return None;
        }
        let sent = self.sent_by_second(&responses);
        let mut rest = responses;
        rest.retain(|second, _| !late.contains(second));
        let is_good = [&rest, &sent].map(|responses| self.slots_are_good(condition, responses) == Some(true));
        is_good.contains(&true).then(|| {
            format!(
                "The generator was late in {}; without that, availability would be good.",
                super::wording::counted(late.len() as u64, "second"),
            )
        })
    }

    /// All responses second by second, counted from the moment of sending.
    fn sent_by_second(&self, responses: &BTreeMap<u32, Slice>) -> BTreeMap<u32, Slice> {
        let mut sent = availability::by_second(&self.evidence.measurements, SeriesKind::Service);
        contention::add_unsent(&mut sent, responses);
        sent
    }

    /// Whether a lateness of the late seconds is long enough to have broken what their slots are judged by: half of what
    /// the worst response time was too long, or as long as users wait before they give up.
    fn matters_in_slots(&self, late_ms: f64, late: &BTreeSet<u32>, responses: &BTreeMap<u32, Slice>) -> bool {
        let measurements = &self.evidence.measurements;
        let thresholds = self.criteria.rollback.iter();
        let conditions = thresholds
            .flat_map(|rollback| &rollback.policy.conditions)
            .chain(&self.criteria.targets);
        let excess_ms = conditions
            .filter(|condition| condition.metric == Metric::ResponseTime && condition.step.is_none())
            .filter_map(|condition| {
                let Limit::Time(limit) = condition.limit else {
                    return None;
                };
                let measure = Measure::of(condition, self.steps).ok()?;
                let then = responses.iter().filter(|(second, _)| late.contains(second));
                let values = then.filter_map(|(_, slice)| measure.read_slice(slice, measurements, 1.0));
                let worst = values.map(|reading| reading.value).fold(0.0, f64::max);
                Some(worst - limit.as_secs_f64() * 1e3)
            })
            .fold(0.0, f64::max);
        // Where nothing took too long, requests failed, and a short lag makes none of them fail.
        late_ms >= GIVES_UP_AFTER_MS || (excess_ms > 0.0 && late_ms >= MATERIAL_PART * excess_ms)
    }

    /// The p99 of the lag in some seconds, in milliseconds.
    fn lag_ms(&self, seconds: &BTreeSet<u32>) -> Option<f64> {
        let mut lag = Slice::default();
        for (second, slice) in
            &availability::by_second(&self.evidence.measurements, SeriesKind::SchedulingLag)
        {
            if seconds.contains(second) {
                lag.merge(slice);
            }
        }
        of_sent(lag).quantile_ms(0.99)
    }

    /// The seconds in which the generator was later than it may be.
    fn late_seconds(&self, seconds: Range<u32>) -> BTreeSet<u32> {
        availability::by_second(&self.evidence.measurements, SeriesKind::SchedulingLag)
            .into_iter()
            .filter(|(second, _)| seconds.contains(second))
            .filter_map(|(second, slice)| Some((second, of_sent(slice).quantile_ms(0.99)?)))
            .filter(|(_, p99)| *p99 > self.lag_limit_ms)
            .map(|(second, _)| second)
            .collect()
    }

    /// Response times counted from the moment of sending. Requests that were never sent stay bad.
    fn as_sent(
        &self,
        measure: &Measure,
        measurements: &Measurements,
        seconds: Range<u32>,
    ) -> Option<Reading> {
        if measure.kind != SeriesKind::Response {
            return None;
        }
        let response = measure.slice(measurements, seconds.clone());
        let service = measure.on(SeriesKind::Service);
        let mut sent = service.slice(measurements, seconds.clone());
        sent.add_bad(response.total.saturating_sub(sent.total));
        let span = f64::from(seconds.end.saturating_sub(seconds.start));
        service.read_slice(&sent, measurements, span)
    }

    /// By how much a time exceeds its limit over `seconds`, in milliseconds; infinite when a quantile falls on failed
    /// events, which no lag explains.
    fn excess_ms(&self, condition: &Condition, measure: &Measure, seconds: Range<u32>) -> Option<f64> {
        let Limit::Time(limit) = condition.limit else {
            return None;
        };
        let reading = measure.read(&self.evidence.measurements, seconds)?;
        Some(reading.value - limit.as_secs_f64() * 1e3)
    }

    /// What the generator needs for a request to a server that answers at once is part of every response time. It
    /// explains a miss that is smaller, measured by the typical request of the calibration and not by its worst.
    fn high_floor(&self, condition: &Condition, value: f64) -> Option<String> {
        let floor = self.evidence.generator.calibration?.p50_ms;
        let Limit::Time(limit) = condition.limit else {
            return None;
        };
        let excess = value - limit.as_secs_f64() * 1e3;
        (condition.metric == Metric::ResponseTime && floor >= excess).then(|| {
            format!(
                "Against a server that answers at once the generator measured {} (p50), which is more than the {} by \
                 which {} missed its limit.",
                quantity(floor, Unit::Time),
                quantity(excess, Unit::Time),
                subject(condition)
            )
        })
    }

    /// A late mock delays results, and nothing else.
    fn late_mock(&self, condition: &Condition, value: f64) -> Option<String> {
        let lateness = self.evidence.mock.as_ref()?.lateness_p99_ms?;
        let Limit::Time(limit) = condition.limit else {
            return None;
        };
        let excess = value - limit.as_secs_f64() * 1e3;
        (condition.metric == Metric::ResultTurnaround && lateness > self.lag_limit_ms && lateness >= excess).then(|| {
            format!(
                "The mock sent its webhooks up to {} late (p99), which is more than the {} by which {} missed its limit.",
                quantity(lateness, Unit::Time),
                quantity(excess, Unit::Time),
                subject(condition)
            )
        })
    }
}

/// The lag of what was sent at all.
fn of_sent(lag: Slice) -> Slice {
    let unsent = lag.bad;
    lag.without_bad(unsent)
}

fn subject(condition: &Condition) -> String {
    match &condition.step {
        Some(step) => format!("{} of {step}", condition.metric.title().to_lowercase()),
        None => condition.metric.title().to_lowercase(),
    }
}
