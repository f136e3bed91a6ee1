//! A time that is bad because other processes had the cores that the run's threads waited for.
//!
//! Whoever waits for a core reads an answer as late as it sends a request, and a server on the same host answers as
//! late. The kernel says for how long a wake-up waited on average, second by second, and which part of the cores others
//! had; that part of the waiting is not the target's. It explains a bad time in two ways: the time is good without the
//! seconds in which it was so; or, where hardly a second is free of it, the time is good when each second's exchanges
//! are counted from the moment they were sent, less what the waiting of that second amounts to. In both cases the
//! waiting must be long enough to make up a good part of the excess.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::{Blame, MATERIAL_PART, subject};
use crate::metrics::{Contention, SeriesKind, Slice};
use crate::plan::{Condition, Statistic, Unit};
use crate::sla::availability;
use crate::sla::measure::{Measure, Reading};
use crate::sla::wording::{count, counted, quantity};

/// From this quantile on, a time is about the longest waits and not about the usual ones.
const TAIL_FROM: f64 = 0.9;
/// The 95th percentile of two waits together whose means are 1, where waits are exponential: they follow the Gamma
/// distribution with shape 2.
const TWO_WAITS_TAIL: f64 = 4.744;
/// The mean of two such waits.
const TWO_WAITS_MEAN: f64 = 2.0;

impl Blame<'_> {
    /// The sentence that explains a bad time by other processes of the host.
    pub(super) fn crowded_out(
        &self,
        condition: &Condition,
        seconds: Range<u32>,
        good: impl Fn(&Reading) -> bool,
    ) -> Option<String> {
        let measurements = &self.evidence.measurements;
        let measure = Measure::of(condition, self.steps).ok()?;
        let excess_ms = self.excess_ms(condition, &measure, seconds.clone())?;
        let late_ms = self.late_for_want_of_a_core(measure.kind, condition.statistic, &seconds)?;
        let longest_ms = late_ms.values().copied().fold(0.0, f64::max);
        if longest_ms < MATERIAL_PART * excess_ms {
            return None;
        }
        let left_out = late_ms.keys().copied().collect();
        let rest = self.without(&measure, &left_out, seconds.clone());
        if rest.is_some_and(|reading| good(&reading)) {
            return Some(format!(
                "{}; without them, {} would be good.",
                cause(&late_ms, longest_ms),
                subject(condition)
            ));
        }
        let span = f64::from(seconds.end.saturating_sub(seconds.start));
        let (measure, mut by_second) = self.as_sent_by_second(measure, seconds);
        take_off(&mut by_second, &late_ms);
        let mut all = Slice::default();
        by_second.values().for_each(|slice| all.merge(slice));
        let reading = measure.read_slice(&all, measurements, span)?;
        good(&reading).then(|| {
            format!(
                "{}; counted from the moment requests were really sent and without that waiting, {} would be good.",
                cause(&late_ms, longest_ms),
                subject(condition)
            )
        })
    }

    /// Availability again, without the seconds in which other processes had the cores, or without the waiting.
    pub(super) fn crowded_out_in_slots(&self, condition: &Condition) -> Option<String> {
        let responses = availability::responses(&self.evidence.measurements);
        // Whether a second was available is a question of its tail.
        let late_ms = self.late_for_want_of_a_core(SeriesKind::Response, Statistic::Max, &(0..u32::MAX))?;
        let longest_ms = late_ms.values().copied().fold(0.0, f64::max);
        if !self.matters_in_slots(longest_ms, &late_ms.keys().copied().collect(), &responses) {
            return None;
        }
        let mut sent = self.sent_by_second(&responses);
        take_off(&mut sent, &late_ms);
        let mut rest = responses;
        rest.retain(|second, _| !late_ms.contains_key(second));
        let is_good = [&rest, &sent].map(|responses| self.slots_are_good(condition, responses) == Some(true));
        is_good.contains(&true).then(|| {
            format!(
                "{}; without that, availability would be good.",
                cause(&late_ms, longest_ms)
            )
        })
    }

    /// By how much the waiting made exchanges later in each second in which others had the cores; `None` without any.
    fn late_for_want_of_a_core(
        &self,
        kind: SeriesKind,
        statistic: Statistic,
        seconds: &Range<u32>,
    ) -> Option<BTreeMap<u32, f64>> {
        let host = self.evidence.generator.host_use.as_ref()?;
        let late_ms: BTreeMap<u32, f64> = host
            .contended_by_second
            .range(seconds.clone())
            .map(|(second, contention)| (*second, late_ms(contention, kind, statistic)))
            .collect();
        (!late_ms.is_empty()).then_some(late_ms)
    }

    /// The measure's events second by second: responses counted from the moment of sending, others as they are.
    fn as_sent_by_second(&self, measure: Measure, seconds: Range<u32>) -> (Measure, BTreeMap<u32, Slice>) {
        let measurements = &self.evidence.measurements;
        let measured = measure.by_second(measurements, seconds.clone());
        if measure.kind != SeriesKind::Response {
            return (measure, measured);
        }
        let service = measure.on(SeriesKind::Service);
        let mut sent = service.by_second(measurements, seconds);
        add_unsent(&mut sent, &measured);
        (service, sent)
    }
}

/// Requests that were never sent have no service time, and stay bad.
pub(super) fn add_unsent(sent: &mut BTreeMap<u32, Slice>, responses: &BTreeMap<u32, Slice>) {
    for (second, response) in responses {
        let slice = sent.entry(*second).or_default();
        slice.add_bad(response.total.saturating_sub(slice.total));
    }
}

fn take_off(by_second: &mut BTreeMap<u32, Slice>, late_ms: &BTreeMap<u32, f64>) {
    for (second, slice) in by_second {
        if let Some(late_ms) = late_ms.get(second) {
            *slice = slice.earlier((late_ms * 1e3) as u32);
        }
    }
}

fn cause(late_ms: &BTreeMap<u32, f64>, longest_ms: f64) -> String {
    let how_late = match late_ms.values().filter(|late_ms| late_ms.is_infinite()).count() {
        0 => format!("made exchanges up to {} later", quantity(longest_ms, Unit::Time)),
        all if all == late_ms.len() => "kept a server from running for most of each".to_owned(),
        starved => format!(
            "kept a server from running for most of {} of them",
            count(starved as u64)
        ),
    };
    format!(
        "Other processes of the generator's host had its cores in {}, and {how_late}",
        counted(late_ms.len() as u64, "second")
    )
}

/// By how much the waiting of one second makes an exchange later, in milliseconds, as far as others have to answer for
/// it; infinite when they kept a server from running at all for most of it. The kernel tells the mean wait only; a
/// percentile is taken to be that of exponential waits.
///
/// Each side counts for two waits. A request wakes up the server's thread that reads it and the one that writes to the
/// database. The worker is woken up once, but an answer that comes while it waits already finds it in one of the long waits
/// rather than in one of the many short ones; a length-biased exponential wait is as long as two.
fn late_ms(contention: &Contention, kind: SeriesKind, statistic: Statistic) -> f64 {
    if contention.starved_server() {
        return f64::INFINITY;
    }
    let is_tail = match statistic {
        Statistic::Quantile(quantile) => quantile.get() >= TAIL_FROM,
        Statistic::Max => true,
        Statistic::Mean | Statistic::Share | Statistic::PerSecond => false,
    };
    let waits = if is_tail { TWO_WAITS_TAIL } else { TWO_WAITS_MEAN };
    let worker = match kind {
        // The servers measure these among themselves.
        SeriesKind::DbQuery | SeriesKind::WebhookProcessing | SeriesKind::WebhookAttempt => Duration::ZERO,
        _ => contention.worker.mean,
    };
    let mean_ms = (worker + contention.server.mean).as_secs_f64() * 1e3;
    contention.others.clamp(0.0, 1.0) * waits * mean_ms
}
