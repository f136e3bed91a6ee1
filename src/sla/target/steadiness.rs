//! What an unsteady run means for a target.
//!
//! A finding is turned from PASS into INCONCLUSIVE in two cases only, because the tests alone are too nervous (see
//! [`super::super::steady`]): when the target's value drifts beyond chance and the line crosses the limit before the
//! plateau has lasted once more; and, in certified mode, when no steady state was reached and the target is missed by
//! what came last. Everything else is a remark. A healthy server, whose values keep away from their limits, loses no GO
//! by either, however its values wander.

use std::ops::Range;

use super::super::finding::{Finding, Status};
use super::super::measure::Measure;
use super::super::steady::{BATCHES, Beginning, Trend, beginning, trend};
use super::super::wording::quantity;
use super::Bench;
use crate::plan::{Condition, JudgeMode};

/// A share of events is looked at for a beginning only when so many seconds have a bad one.
const EVENTFUL_SECONDS_MIN: usize = 10;
/// A quantile of a batch is one of a handful of samples when fewer than this lie beyond it.
const BEYOND_MIN: f64 = 5.0;
/// A drift of less than this part of the limit over the whole plateau is not worth a word.
const MATERIAL_PART: f64 = 0.05;

impl Bench<'_> {
    /// The finding, with what the steadiness of the run has to say about it.
    pub(super) fn unless_unsteady(
        &self,
        mut finding: Finding,
        condition: &Condition,
        measure: &Measure,
    ) -> Finding {
        let Some(plateau) = self.plateau.clone() else {
            return finding;
        };
        // A rate follows from the plan; that it is steady says nothing about the target.
        if measure.is_rate() {
            return finding;
        }
        let drift = self.drift(condition, measure, plateau.clone());
        let start = self.never_steady(&finding, condition, measure, plateau);
        for Remark { sentence, doubt } in drift.into_iter().chain(start) {
            if doubt && finding.status == Status::Pass {
                finding.status = Status::Inconclusive;
            }
            finding.reason.push(' ');
            finding.reason.push_str(&sentence);
        }
        finding
    }

    /// A trend of the target's value over the plateau that chance hardly explains.
    fn drift(&self, condition: &Condition, measure: &Measure, plateau: Range<u32>) -> Option<Remark> {
        // Where no event may be bad, one of them decides, and not a course.
        if measure.budget() == Some(0.0) {
            return None;
        }
        let batch_s = (plateau.end - plateau.start) / BATCHES;
        let mut values = Vec::new();
        for batch in 0..BATCHES {
            let from = plateau.start + batch * batch_s;
            let reading = measure.read(self.measurements, from..from + batch_s)?;
            let beyond = measure.quantile().map_or(f64::INFINITY, |quantile| {
                (1.0 - quantile) * reading.samples as f64
            });
            if beyond < BEYOND_MIN {
                return None;
            }
            values.push(reading.value);
        }
        let found = trend(&values).filter(|trend| trend.certain)?;
        drift_remark(condition, found, f64::from(batch_s))
    }

    /// What MSER-5 says, where it changes what is known about the target.
    fn never_steady(
        &self,
        finding: &Finding,
        condition: &Condition,
        measure: &Measure,
        plateau: Range<u32>,
    ) -> Option<Remark> {
        let values = self.second_values(measure, plateau.clone())?;
        let after = |seconds: u32| {
            let reading = measure.read(self.measurements, plateau.start + seconds..plateau.end)?;
            Some((
                reading.satisfies(condition),
                quantity(reading.value, condition.limit.unit()),
            ))
        };
        let is_met = finding.status == Status::Pass;
        match beginning(&values)? {
            Beginning::NeverSteady { seconds } if is_met && self.criteria.mode == JudgeMode::Certified => {
                let (met, value) = after(seconds)?;
                (!met).then(|| Remark {
                    sentence: format!(
                        "But no steady state was reached: after its first {seconds} s it was {value}, which misses the \
                         target. Run for longer, with a longer warm_up."
                    ),
                    doubt: true,
                })
            }
            Beginning::Transient { seconds } if !is_met && seconds > 0 => {
                let (met, value) = after(seconds)?;
                met.then(|| Remark {
                    sentence: format!(
                        "Without the first {seconds} s, which differ from the rest, it was {value}, which meets the \
                         target: should they belong to the warm-up, set a longer warm_up."
                    ),
                    doubt: false,
                })
            }
            _ => None,
        }
    }

    /// The means, or the bad shares, of the plateau's seconds; `None` when a second has no sample, or when too few have a
    /// bad one to show a course.
    fn second_values(&self, measure: &Measure, plateau: Range<u32>) -> Option<Vec<f64>> {
        let counts = |second: u32| measure.counts(self.measurements, second..second + 1);
        if measure.is_of_times() {
            return plateau.map(|second| counts(second).mean_us()).collect();
        }
        let shares: Vec<f64> = plateau
            .map(|second| counts(second).share_against())
            .collect::<Option<_>>()?;
        let eventful = shares.iter().filter(|share| **share > 0.0).count();
        (eventful >= EVENTFUL_SECONDS_MIN).then_some(shares)
    }
}

/// What is to be said of a finding, and whether it casts doubt on a pass.
struct Remark {
    sentence: String,
    doubt: bool,
}

/// `None` when the drift is too small to matter, or goes the good way.
fn drift_remark(condition: &Condition, trend: Trend, batch_s: f64) -> Option<Remark> {
    let unit = condition.limit.unit();
    let limit = condition.limit.as_number();
    let per_minute = trend.per_batch * 60.0 / batch_s;
    let in_all = trend.per_batch * f64::from(BATCHES);
    if (in_all > 0.0) != condition.comparator.is_upper() || in_all.abs() < MATERIAL_PART * limit {
        return None;
    }
    let verb = if in_all > 0.0 { "rose" } else { "fell" };
    let slope = format!("{verb} by {} a minute", quantity(per_minute.abs(), unit));
    let holds = |value| condition.comparator.holds(value, limit);
    // As long again as the plateau was.
    if !holds(trend.at_end + in_all) {
        let crossing = if holds(trend.at_end) {
            let minutes = ((limit - trend.at_end) / per_minute).abs().ceil().max(1.0);
            format!("at this pace it misses the target within {minutes:.0} min")
        } else {
            "by its end it misses the target".to_owned()
        };
        return Some(Remark {
            sentence: format!(
                "But it does not stay so: over the whole plateau it {slope}, beyond chance, and {crossing}. Find out what \
                 grows, or run for as long as production must hold."
            ),
            doubt: true,
        });
    }
    Some(Remark {
        sentence: format!("Over the whole plateau it {slope}, beyond chance."),
        doubt: false,
    })
}
