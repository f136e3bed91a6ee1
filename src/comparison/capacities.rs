//! The claim about throughput: the ratio of the highest rates at which all targets of each arm hold.
//!
//! A search knows a capacity to one step: it lies between the highest rate that held and the lowest one that did not.
//! The ratio of two capacities is therefore bounded by the ratios of those rates, and the interval of several pairs
//! begins at the lower bounds and ends at the upper ones.

use super::claim::{ClaimFinding, Court, decide, undecided};
use super::interval::{Interval, of_geometric_mean, pairs_needed};
use super::measure::{Basis, Measured, geometric_mean};
use super::trial::{Capacity, OpenEnd, Pair};
use super::wording::{range, times};
use crate::plan::{Claim, RatioLimit, Side, Sides, Unit};
use crate::sla::Status;
use crate::sla::wording::quantity;

impl Court<'_> {
    /// Judges the ratio of capacities of the pairs that have both.
    pub(super) fn capacity(&self, claim: &Claim, limit: RatioLimit, pairs: &[Pair]) -> ClaimFinding {
        let found: Vec<Sides<Capacity>> = pairs.iter().filter_map(|pair| pair.capacities.both()).collect();
        if found.is_empty() {
            let sentence = "No pair has the capacities of both arms.".to_owned();
            return ClaimFinding::new(claim, Status::NoData, sentence);
        }
        let basis = match found.len() {
            _ if self.usable.observed_only => Basis::Observed,
            1 if self.usable.run_to_run.is_some() => Basis::WithHistory,
            1 => Basis::WithinRuns,
            pairs => Basis::Pairs(pairs),
        };
        let held: Vec<Option<Sides<f64>>> = found
            .iter()
            .map(|pair| pair.map(|capacity| capacity.held).both())
            .collect();
        match held.iter().copied().collect::<Option<Vec<Sides<f64>>>>() {
            Some(held) => self.defined(claim, limit, &found, &held, basis),
            None => self.undefined(claim, limit, &found, basis),
        }
    }

    fn defined(
        &self,
        claim: &Claim,
        limit: RatioLimit,
        found: &[Sides<Capacity>],
        held: &[Sides<f64>],
        basis: Basis,
    ) -> ClaimFinding {
        let values = Sides {
            baseline: held.iter().map(|pair| pair.baseline).collect::<Vec<f64>>(),
            candidate: held.iter().map(|pair| pair.candidate).collect(),
        };
        let figures = values.as_ref().map(|values| geometric_mean(values));
        let beyond = |capacity: Capacity| capacity.not_held.unwrap_or(f64::INFINITY);
        let lowest: Vec<f64> = found
            .iter()
            .zip(held)
            .map(|(pair, held)| held.candidate / beyond(pair.baseline))
            .collect();
        let highest: Vec<f64> = found
            .iter()
            .zip(held)
            .map(|(pair, held)| beyond(pair.candidate) / held.baseline)
            .collect();
        // With one pair the resolution is all that is known.
        let end = |values: &[f64], pick: fn(Interval) -> f64, unknown: f64| {
            if values.iter().any(|value| *value == 0.0 || value.is_infinite()) {
                return unknown;
            }
            of_geometric_mean(values).map_or(values[0], pick)
        };
        let mut ratio = Interval {
            value: figures.candidate / figures.baseline,
            low: end(&lowest, |interval| interval.low, 0.0),
            high: end(&highest, |interval| interval.high, f64::INFINITY),
        };
        if let (Basis::WithHistory, Some(run_to_run)) = (basis, self.usable.run_to_run) {
            // Two runs decide each capacity, as they do each figure of a pair.
            let half = crate::sla::Z_97_5 * (2.0 * run_to_run.powi(2)).sqrt();
            ratio.low *= (-half).exp();
            ratio.high *= half.exp();
        }
        let measured = Measured {
            figures,
            ratio,
            values,
            basis,
        };
        let status = decide(ratio, limit, basis);
        let mut sentence = format!(
            "{} handles {} as much as {} (95 % interval {}, {}, the resolution of the searches included): {} new users \
             against {}. Required: {limit}.",
            self.name(Side::Candidate),
            times(ratio.value),
            self.name(Side::Baseline),
            range(&ratio),
            basis.words(),
            quantity(figures.candidate, Unit::PerSecond),
            quantity(figures.baseline, Unit::PerSecond),
        );
        if status == Status::Inconclusive {
            let ratios: Vec<f64> = held.iter().map(|pair| pair.candidate / pair.baseline).collect();
            sentence.push_str(&format!(
                " {}",
                undecided(basis, None, pairs_needed(&ratios, limit.ratio))
            ));
        }
        let mut finding = ClaimFinding::new(claim, status, sentence).on(&measured, Unit::PerSecond);
        finding.beside = Side::BOTH
            .into_iter()
            .map(|side| self.resolution(side, found))
            .collect();
        finding
    }

    /// Between which rates the capacity of an arm lies, over all pairs.
    fn resolution(&self, side: Side, found: &[Sides<Capacity>]) -> String {
        let rate = |value: f64| quantity(value, Unit::PerSecond);
        let capacities = found.iter().map(|pair| pair.get(side));
        let brackets: Vec<String> = capacities
            .map(|capacity| match (capacity.held, capacity.not_held) {
                (Some(held), Some(not_held)) => format!("{} to {}", rate(held), rate(not_held)),
                (Some(held), None) => {
                    let why = match capacity.open_end {
                        OpenEnd::HighestHeld => "the highest rate that was to be tried held",
                        OpenEnd::Generator => "the generator could not bring a higher rate",
                        OpenEnd::TimeBox => "the time was up before a higher rate was tried",
                        OpenEnd::CutShort => "the search ended before a higher rate was tried",
                    };
                    format!("{} or more: {why}", rate(held))
                }
                (None, _) => format!("below {}", rate(capacity.lowest_tried)),
            })
            .collect();
        format!(
            "Capacity of {} in each pair: {}.",
            self.name(side),
            brackets.join("; ")
        )
    }

    /// An arm held at no rate that was tried: there is no ratio, but there may be a bound of it.
    fn undefined(
        &self,
        claim: &Claim,
        limit: RatioLimit,
        found: &[Sides<Capacity>],
        basis: Basis,
    ) -> ClaimFinding {
        let without = |side: Side| found.iter().filter(|pair| pair.get(side).held.is_none()).count();
        let lowest_tried = |side: Side| {
            let tried = found.iter().map(|pair| pair.get(side).lowest_tried);
            tried.fold(f64::INFINITY, f64::min)
        };
        let mut sentence = String::new();
        for side in Side::BOTH {
            let number = without(side);
            if number > 0 {
                sentence.push_str(&format!(
                    "{} kept its targets at no rate that was tried, the lowest {}, in {number} of {} pairs. ",
                    self.name(side),
                    quantity(lowest_tried(side), Unit::PerSecond),
                    found.len()
                ));
            }
        }
        sentence.push_str("So there is no ratio of capacities.");
        let mut status = Status::Inconclusive;
        if without(Side::Candidate) == 0 {
            let held = found.iter().filter_map(|pair| pair.candidate.held);
            let bound = held.fold(f64::INFINITY, f64::min) / lowest_tried(Side::Baseline);
            sentence.push_str(&format!(
                " {} held at {} or more, so the ratio would be above {} if {} has any capacity at all.",
                self.name(Side::Candidate),
                quantity(bound * lowest_tried(Side::Baseline), Unit::PerSecond),
                times(bound),
                self.name(Side::Baseline)
            ));
        } else if without(Side::Baseline) == 0 {
            let held = found.iter().filter_map(|pair| pair.baseline.held);
            let bound = lowest_tried(Side::Candidate) / held.fold(f64::INFINITY, f64::min);
            let never = without(Side::Candidate) == found.len();
            if never && !limit.comparator.is_upper() && bound < limit.ratio && basis != Basis::Observed {
                status = Status::Fail;
            }
            sentence.push_str(&format!(
                " {} held at {} or more, so the ratio is below {}; required is {limit}.",
                self.name(Side::Baseline),
                quantity(lowest_tried(Side::Candidate) / bound, Unit::PerSecond),
                times(bound)
            ));
        }
        let mut finding = ClaimFinding::new(claim, status, sentence);
        finding.unit = Unit::PerSecond;
        finding.basis = Some(basis);
        finding.beside = Side::BOTH
            .into_iter()
            .map(|side| self.resolution(side, found))
            .collect();
        finding
    }
}
