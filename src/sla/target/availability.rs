//! Availability, judged: by seconds as a fact about this run, or by requests where a bound must be proved.
//!
//! Both figures are always in the sentence. Which one decides follows from the mode: 99.9 % of the seconds of a run of
//! minutes is less than one second, so no such run can certify a share of seconds; it may bring enough requests.

use super::super::availability::{self, Basis, Slots};
use super::super::finding::{Finding, Status, Subject};
use super::super::interval::{Caution, ShareBounds, share_bounds};
use super::super::measure::{Measure, Reading};
use super::super::wording::{counted, quantity};
use super::sentence::More;
use super::{ALL_SECONDS, Bench, empty, sentence};
use crate::plan::{Comparator, Condition, JudgeMode, Limit, Metric, Statistic, Unit};
use crate::units::Ratio;

/// Availability counted by requests.
struct ByRequests {
    reading: Reading,
    bounds: ShareBounds,
}

impl ByRequests {
    fn share(&self) -> f64 {
        1.0 - self.failed()
    }

    fn failed(&self) -> f64 {
        self.reading.bad as f64 / self.reading.samples as f64
    }

    /// What was found, with the bound that a target of this status turns on: how many succeed at most, when it is missed.
    fn sentence(&self, status: Status) -> String {
        let measured = format!(
            "{} of {} succeeded, and with 95 % confidence",
            quantity(self.share(), Unit::Ratio),
            counted(self.reading.samples, "request"),
        );
        if status == Status::Fail {
            return format!(
                "{measured} at most {} do.",
                quantity(1.0 - self.bounds.lower, Unit::Ratio)
            );
        }
        format!(
            "{measured} at least {} do{}.",
            quantity(1.0 - self.bounds.upper, Unit::Ratio),
            sentence::worth(&self.bounds, self.reading.samples, "request")
        )
    }
}

impl Bench<'_> {
    /// The finding on a target for availability.
    pub(super) fn judge_availability(&self, condition: &Condition) -> Finding {
        match self.criteria.mode {
            JudgeMode::Observed => self.availability_observed(condition),
            JudgeMode::Certified => self.availability_certified(condition),
        }
    }

    fn availability_observed(&self, condition: &Condition) -> Finding {
        let slots = match self.slots() {
            Ok(slots) => slots,
            Err(why) => {
                return empty(
                    condition,
                    Status::NoData,
                    format!("Availability cannot be computed: {why}."),
                );
            }
        };
        let (Some(share), Some(bounds)) = (slots.share(), share_bounds(&slots.seconds, Caution::None)) else {
            return empty(
                condition,
                Status::NoData,
                format!(
                    "No second had enough requests to tell whether the target was available.{}",
                    left_out(&slots)
                ),
            );
        };
        let budget = 1.0 - condition.limit.as_number();
        let status = if condition.comparator.holds(share, condition.limit.as_number()) {
            Status::Pass
        } else if bounds.lower > budget {
            Status::Fail
        } else {
            Status::Inconclusive
        };
        let by_requests = self.by_requests(condition).map_or_else(String::new, |requests| {
            format!(" By requests, {}", requests.sentence(status))
        });
        let more = match status {
            Status::Inconclusive => {
                let extent = self.extent(slots.counted());
                sentence::more_data(&bounds, 1.0 - share, budget, "second", extent)
            }
            _ => More::default(),
        };
        Finding {
            subject: Subject::Target(condition.clone()),
            waived: None,
            status,
            value: Some(share),
            ci_low: Some(1.0 - bounds.upper),
            ci_high: Some(1.0 - bounds.lower),
            samples: slots.counted(),
            samples_effective: Some(bounds.samples_effective),
            bad: slots.bad(),
            budget: Some(budget),
            reason: format!(
                "{}; the target is {} {}.{} This is what was observed, not a forecast.{}{by_requests}",
                by_seconds(&slots),
                condition.comparator,
                condition.limit,
                more.sentence,
                left_out(&slots),
            ),
            settled_after_s: more.measure_for_s,
        }
    }

    /// By requests: a request that failed was not served.
    fn availability_certified(&self, condition: &Condition) -> Finding {
        let Some(requests) = self.by_requests(condition) else {
            return empty(
                condition,
                Status::NoData,
                "No request was measured, so nobody knows whether the target was available.".to_owned(),
            );
        };
        let limit = condition.limit.as_number();
        let budget = 1.0 - limit;
        let (bounds, failed) = (&requests.bounds, requests.failed());
        let met = condition.comparator.holds(requests.share(), limit);
        let status = self.status(met, bounds, failed, budget);
        let mut reason = format!(
            "{} The target is {} {}.",
            requests.sentence(status),
            condition.comparator,
            condition.limit
        );
        let mut settled_after_s = None;
        if status == Status::Inconclusive {
            let extent = self.extent(requests.reading.samples);
            let more = sentence::more_data(bounds, failed, budget, "request", extent);
            reason.push_str(&more.sentence);
            settled_after_s = more.measure_for_s;
        }
        if let Ok(slots) = self.slots()
            && let Some(share) = slots.share()
        {
            reason.push_str(&format!(
                " By seconds it was {}: {}.{}",
                quantity(share, Unit::Ratio),
                lower_case_first(&by_seconds(&slots)),
                left_out(&slots)
            ));
        }
        Finding {
            subject: Subject::Target(condition.clone()),
            waived: None,
            status,
            value: Some(requests.share()),
            ci_low: Some(1.0 - bounds.upper),
            ci_high: Some(1.0 - bounds.lower),
            samples: requests.reading.samples,
            samples_effective: Some(bounds.samples_effective),
            bad: requests.reading.bad,
            budget: Some(budget),
            reason,
            settled_after_s,
        }
    }

    fn slots(&self) -> Result<Slots, String> {
        availability::slots(
            self.criteria,
            &self.context.steps,
            self.measurements,
            &availability::responses(self.measurements),
        )
    }

    fn by_requests(&self, condition: &Condition) -> Option<ByRequests> {
        let measure = Measure::of(&failures_within(condition)?, &self.context.steps).ok()?;
        let reading = measure.read(self.measurements, ALL_SECONDS)?;
        let by_second = measure.by_second(self.measurements, ALL_SECONDS);
        let bounds = share_bounds(
            &measure.seconds(&by_second, self.measurements),
            Caution::AssumeBursts,
        )?;
        Some(ByRequests { reading, bounds })
    }
}

/// A target for availability, seen from the other side: how many requests over all steps may fail. `None` when its limit
/// is no ratio.
pub(in crate::sla) fn failures_within(availability: &Condition) -> Option<Condition> {
    let Limit::Ratio(limit) = availability.limit else {
        return None;
    };
    Some(Condition {
        metric: Metric::ErrorRate,
        step: None,
        statistic: Statistic::Share,
        comparator: match availability.comparator {
            Comparator::Greater => Comparator::Less,
            _ => Comparator::LessOrEqual,
        },
        limit: Limit::Ratio(Ratio::new(1.0 - limit.get()).ok()?),
    })
}

fn by_seconds(slots: &Slots) -> String {
    let basis = match slots.basis {
        Basis::Rollback => "the rollback thresholds",
        Basis::Targets => "the targets on errors and response time, for want of rollback thresholds,",
    };
    format!(
        "In {} of {} {basis} held",
        slots.counted() - slots.bad(),
        counted(slots.counted(), "measured second")
    )
}

fn left_out(slots: &Slots) -> String {
    match slots.left_out {
        0 => String::new(),
        seconds => format!(
            " {} had too few requests to tell and are left out.",
            counted(seconds, "second")
        ),
    }
}

fn lower_case_first(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
