//! Claims about shares of failed events. Few failures have no ratio worth the name, so counts are weighed first.

use super::claim::{ClaimFinding, Court, decide, title, undecided};
use super::interval::pairs_needed;
use super::measure::{Basis, Measured, Quantity, ratios};
use super::tally::{self, Tally};
use crate::plan::{Claim, Comparator, Negligible, RatioLimit, Side, Sides, Subject, Unit};
use crate::sla::Status;
use crate::sla::wording::{count, quantity};
use crate::units::Ratio;

impl Court<'_> {
    /// Judges that the candidate's share of failed events is not worse.
    pub(super) fn share_not_worse(
        &self,
        claim: &Claim,
        subject: Subject,
        margin: Ratio,
        negligible: Negligible,
    ) -> ClaimFinding {
        let limit = RatioLimit {
            comparator: Comparator::LessOrEqual,
            ratio: 1.0 + margin.get(),
        };
        self.share(claim, subject, limit, Some(negligible))
    }

    /// Judges the ratio of two shares.
    pub(super) fn share(
        &self,
        claim: &Claim,
        subject: Subject,
        limit: RatioLimit,
        negligible: Option<Negligible>,
    ) -> ClaimFinding {
        let (tallies, basis) = match self.tallies(subject.metric, |slice| slice.bad as f64) {
            Ok(found) => found,
            Err(lack) => return self.lacking(claim, subject, lack),
        };
        let counts = format!(
            "{} of {} {}, {} of {} {}",
            count(tallies.candidate.counted as u64),
            count(tallies.candidate.events),
            self.name(Side::Candidate),
            count(tallies.baseline.counted as u64),
            count(tallies.baseline.events),
            self.name(Side::Baseline),
        );
        let shares = tallies.map(|tally| tally.share());
        let finding = |status, sentence: String| ClaimFinding {
            figures: shares.map(Some),
            unit: Unit::Ratio,
            basis: Some(basis),
            ..ClaimFinding::new(claim, status, sentence)
        };
        let what = title(subject);
        // An upper limit is kept by a candidate without failures, whatever the baseline did.
        if tallies.candidate.counted <= 0.0 && limit.comparator.is_upper() {
            let at_most = quantity(tallies.candidate.high, Unit::Ratio);
            let status = if basis.knows_runs() {
                Status::Pass
            } else {
                Status::Inconclusive
            };
            let mut sentence = format!(
                "Nothing failed in {} ({counts}; {}): its {what} is at most {at_most} with 95 % confidence.",
                self.name(Side::Candidate),
                basis.words()
            );
            if !basis.knows_runs() {
                sentence.push_str(&format!(" {}", undecided(basis, None, None)));
            }
            return finding(status, sentence);
        }
        let measured = self.share_ratio(subject, &tallies, basis);
        let difference = tallies.candidate.high - shares.baseline;
        let is_negligible = match negligible {
            Some(Negligible::Share(share)) => difference <= share.get(),
            Some(Negligible::Time(_)) | None => false,
        };
        let status = match decide(measured.ratio, limit, basis) {
            Status::Inconclusive if is_negligible && basis.knows_runs() => Status::Pass,
            status => status,
        };
        let mut sentence = self.ratio_sentence(&what, &measured, Unit::Ratio);
        sentence.push_str(&format!(" ({counts}.) Required: {limit}."));
        match status {
            Status::Pass if measured.ratio.high > limit.ratio && limit.comparator.is_upper() => {
                if let Some(negligible) = negligible {
                    sentence.push_str(&format!(" The difference is less than {negligible}: not worse."));
                }
            }
            Status::Inconclusive => {
                let pairs = pairs_needed(&ratios(&measured.values), limit.ratio);
                sentence.push_str(&format!(" {}", undecided(basis, None, pairs)));
            }
            _ => {}
        }
        ClaimFinding {
            figures: shares.map(Some),
            ..finding(status, sentence).on(&measured, Unit::Ratio)
        }
    }

    /// The ratio of the shares: over the runs when each of them has failures, else from the bounds of both counts.
    fn share_ratio(&self, subject: Subject, tallies: &Sides<Tally>, basis: Basis) -> Measured {
        let measured = Quantity::of(subject).and_then(|quantity| {
            let values = self.usable.values(quantity).ok()?;
            let all_failed_some = values.iter().flatten().all(|share| *share > 0.0);
            let several = matches!(basis, Basis::Pairs(_) | Basis::Runs(_));
            if all_failed_some && several {
                self.usable.measure(quantity).ok()
            } else {
                None
            }
        });
        measured.unwrap_or_else(|| Measured {
            figures: tallies.map(|tally| tally.share()),
            ratio: tally::ratio(tallies),
            values: Sides::default(),
            basis,
        })
    }
}
