//! Claims about users with patience: ratios of shares of their sessions, and of the score of Apdex.
//!
//! Shares that are not zero in any run are compared as any figure is, by the ratios of the pairs. Where nobody left or
//! complained in some run, the counts of all runs bound the ratio. Where a baseline has nothing to be compared with, there
//! is no ratio, and the finding says so.

use super::claim::{ClaimFinding, Court, decide, title, undecided, unreadable};
use super::interval::{Interval, pairs_needed};
use super::measure::{Basis, Lack, Measured, Quantity, ratios};
use super::tally::{self, Tally};
use super::wording::times;
use crate::metrics::Slice;
use crate::plan::{Claim, Metric, RatioLimit, Side, Sides, Subject, Unit};
use crate::sla::Status;
use crate::sla::wording::{count, quantity};

/// Said of everything that simulated users are found to do.
const SIMULATED: &str = "Users are simulated: their patience is drawn from the profile that the scenario names, and a complaint \
                         is a session with reason to complain, not a ticket.";

impl Court<'_> {
    /// Judges the ratio of a metric of users with patience.
    pub(super) fn of_users(&self, claim: &Claim, subject: Subject, limit: RatioLimit) -> ClaimFinding {
        let Some(quantity) = Quantity::of(subject) else {
            return unreadable(claim, subject);
        };
        let (tallies, basis) = match self.tallies_of_users(subject.metric) {
            Ok(found) => found,
            Err(lack) => return self.lacking(claim, subject, lack),
        };
        let mut finding = if tallies.baseline.share() > 0.0 {
            let measured = self.ratio_of_users(quantity, &tallies, basis);
            self.with_ratio(claim, subject, limit, &tallies, &measured)
        } else {
            self.without_ratio(claim, subject, limit, &tallies, basis)
        };
        finding
            .beside
            .extend(self.ceiling(subject.metric, limit, &tallies));
        finding.beside.push(SIMULATED.to_owned());
        finding
    }

    /// What all sessions (or rated steps) of each arm come to.
    fn tallies_of_users(&self, metric: Metric) -> Result<(Sides<Tally>, Basis), Lack> {
        let bad = |slice: &Slice| match metric {
            Metric::Apdex => slice.points_lost(),
            _ => slice.bad as f64,
        };
        let (of_bad, basis) = self.tallies(metric, bad)?;
        let tallies = if metric.higher_is_better() {
            of_bad.map(|tally| tally.turned())
        } else {
            of_bad
        };
        Ok((tallies, basis))
    }

    /// The ratio over the runs when each of them has a share above zero, else from the bounds of both counts.
    fn ratio_of_users(&self, quantity: Quantity, tallies: &Sides<Tally>, basis: Basis) -> Measured {
        let values = self.usable.values(quantity).unwrap_or_default();
        let all_have_some = values.iter().flatten().all(|share| *share > 0.0);
        let measured = if all_have_some {
            self.usable.measure(quantity).ok()
        } else {
            None
        };
        let figures = tallies.map(|tally| tally.share());
        match measured {
            Some(measured) => Measured { figures, ..measured },
            None => Measured {
                figures,
                ratio: tally::ratio(tallies),
                values: Sides::default(),
                basis,
            },
        }
    }

    fn with_ratio(
        &self,
        claim: &Claim,
        subject: Subject,
        limit: RatioLimit,
        tallies: &Sides<Tally>,
        measured: &Measured,
    ) -> ClaimFinding {
        let status = decide(measured.ratio, limit, measured.basis);
        let mut sentence = self.ratio_sentence(&title(subject), measured, Unit::Ratio);
        sentence.push_str(&format!(
            " ({}.) Required: {limit}.",
            self.counts_of_users(subject.metric, tallies)
        ));
        if status == Status::Inconclusive {
            let pairs = pairs_needed(&ratios(&measured.values), limit.ratio);
            sentence.push_str(&format!(
                " {}",
                undecided(measured.basis, Some(measured.ratio), pairs)
            ));
        }
        ClaimFinding::new(claim, status, sentence).on(measured, Unit::Ratio)
    }

    /// The baseline has none: there is nothing to divide by. What the counts bound may decide all the same.
    fn without_ratio(
        &self,
        claim: &Claim,
        subject: Subject,
        limit: RatioLimit,
        tallies: &Sides<Tally>,
        basis: Basis,
    ) -> ClaimFinding {
        let bound = Interval {
            value: f64::INFINITY,
            low: tallies.candidate.low / tallies.baseline.high,
            high: f64::INFINITY,
        };
        let status = decide(bound, limit, basis);
        let mut sentence = format!(
            "The {} of {} is 0, so there is no ratio to it ({}).",
            title(subject),
            self.name(Side::Baseline),
            self.counts_of_users(subject.metric, tallies)
        );
        sentence.push_str(&match (status, limit.comparator.is_upper()) {
            (Status::Pass | Status::Fail, _) => format!(
                " With as many as chance may have hidden there it would still be at least {}; required is {limit}.",
                times(bound.low)
            ),
            (_, true) => " Where nothing happens, nothing can be reduced: a slower or fuller baseline would be needed."
                .to_owned(),
            (_, false) => format!(" {}", undecided(basis, None, None)),
        });
        ClaimFinding {
            figures: tallies.map(|tally| Some(tally.share())),
            unit: Unit::Ratio,
            basis: Some(basis),
            ..ClaimFinding::new(claim, status, sentence)
        }
    }

    /// `3 of 400 sessions of direct, 80 of 400 of trigger`.
    fn counts_of_users(&self, metric: Metric, tallies: &Sides<Tally>) -> String {
        let noun = if metric == Metric::Apdex {
            "rated steps"
        } else {
            "sessions"
        };
        let of = |side: Side| {
            let tally = tallies.get(side);
            match metric {
                Metric::Apdex => count(tally.events),
                _ => {
                    let number = tally.counted.round() as u64;
                    format!("{} of {}", count(number), count(tally.events))
                }
            }
        };
        format!(
            "{} {noun} of {}, {} of {}",
            of(Side::Candidate),
            self.name(Side::Candidate),
            of(Side::Baseline),
            self.name(Side::Baseline)
        )
    }

    /// More than all is not possible: a baseline that is good already leaves no room for some claims.
    fn ceiling(&self, metric: Metric, limit: RatioLimit, tallies: &Sides<Tally>) -> Option<String> {
        let before = tallies.baseline.share();
        let is_beyond = metric.higher_is_better() && before > 0.0 && limit.ratio * before > 1.0;
        is_beyond.then(|| {
            format!(
                "No candidate could keep this claim here: {} has {} already, and 100 % would be {} of that.",
                self.name(Side::Baseline),
                quantity(before, Unit::Ratio),
                times(1.0 / before)
            )
        })
    }
}
