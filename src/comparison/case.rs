//! The whole comparison: runs and claims in, verdict and reasons out.

use super::bootstrap::Resampling;
use super::claim::{ClaimFinding, Court};
use super::figures::{FigureRow, figures};
use super::measure::Usable;
use super::shift::{Runs, Shift, cliffs_delta, shift};
use super::trial::{Pair, Trial};
use crate::metrics::{Audit, SeriesKind, Slice};
use crate::plan::{Claim, ClaimTest, Side, Sides, Unit};
use crate::sla::wording::counted;
use crate::sla::{Status, Verdict};

/// Everything that a comparison is judged on.
#[derive(Debug, Clone)]
pub struct Case {
    /// The names of the arms.
    pub arms: Sides<String>,
    /// Whether the two runs of a pair belong together: they were run one after the other, in turn.
    pub paired: bool,
    pub pairs: Vec<Pair>,
    pub claims: Vec<Claim>,
    /// How intervals of a single pair, and of the shift function, are resampled.
    pub resampling: Resampling,
    /// How much runs of one system differ (standard deviation of the logarithm), when that is known.
    pub run_to_run: Option<f64>,
    /// Whether the runs were shortened, so that nothing but what was observed may be said.
    pub observed_only: bool,
    /// Whether the user stopped the comparison.
    pub interrupted: bool,
}

/// What came of a comparison.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub verdict: Verdict,
    /// Why, in sentences, the weightiest first. Never empty.
    pub reasons: Vec<String>,
    pub findings: Vec<ClaimFinding>,
    /// Figures side by side, judged or not.
    pub figures: Vec<FigureRow>,
    /// Response times of all usable runs of each arm.
    pub responses: Sides<Slice>,
    pub shift: Option<Shift>,
    /// Cliff's delta of the response times.
    pub delta: Option<f64>,
    /// Why each pair (or run, when there are no pairs) says nothing; `None` for those that count.
    pub left_out: Vec<Option<String>>,
    /// Runs that count.
    pub runs: Sides<usize>,
}

impl Case {
    /// Judges it. Pure: the same case gives the same outcome.
    pub fn judge(&self) -> Outcome {
        let left_out: Vec<Option<String>> = self.pairs.iter().map(|pair| self.left_out(pair)).collect();
        let usable = Usable {
            trials: self.usable_trials(&left_out),
            paired: self.paired,
            resampling: self.resampling,
            run_to_run: self.run_to_run,
            observed_only: self.observed_only,
        };
        let court = Court {
            arms: &self.arms,
            usable: &usable,
        };
        let mut findings: Vec<ClaimFinding> = Vec::new();
        for claim in &self.claims {
            findings.extend(self.judge_claim(claim, &court));
        }
        findings.extend(self.nothing_lost(&usable));
        let responses = usable.trials.as_ref().map(|trials| {
            let mut sum = Slice::default();
            for trial in trials {
                sum.merge(&trial.total(SeriesKind::Response));
            }
            sum
        });
        let runs: Sides<Runs> = usable.trials.as_ref().map(|trials| {
            trials
                .iter()
                .map(|trial| trial.seconds(SeriesKind::Response))
                .collect()
        });
        let (verdict, reasons) = self.decide(&findings, &left_out, &usable);
        Outcome {
            verdict,
            reasons,
            findings,
            figures: figures(&usable),
            delta: cliffs_delta(&responses.baseline, &responses.candidate),
            responses,
            shift: shift(&runs, self.paired, self.resampling),
            runs: usable.counts(),
            left_out,
        }
    }

    fn left_out(&self, pair: &Pair) -> Option<String> {
        if self.paired {
            return pair.unusable(&self.arms);
        }
        // Runs that do not belong together count for themselves.
        let reasons: Vec<String> = pair
            .trials
            .iter()
            .flatten()
            .filter_map(|trial| Some(format!("{} cannot be used: {}", trial.label, trial.unusable()?)))
            .collect();
        (!reasons.is_empty()).then(|| reasons.join("; "))
    }

    fn usable_trials(&self, left_out: &[Option<String>]) -> Sides<Vec<&Trial>> {
        let of = |side: Side| -> Vec<&Trial> {
            let trials = self.pairs.iter().zip(left_out);
            trials
                .filter(|(_, reason)| !self.paired || reason.is_none())
                .filter_map(|(pair, _)| pair.trials.get(side).as_ref())
                .filter(|trial| self.paired || trial.unusable().is_none())
                .collect()
        };
        Sides {
            baseline: of(Side::Baseline),
            candidate: of(Side::Candidate),
        }
    }

    fn judge_claim(&self, claim: &Claim, court: &Court<'_>) -> Vec<ClaimFinding> {
        match &claim.test {
            ClaimTest::Capacity(limit) => vec![court.capacity(claim, *limit, &self.pairs)],
            ClaimTest::Ratio(subject, limit) if subject.metric.needs_users() => {
                vec![court.of_users(claim, *subject, *limit)]
            }
            ClaimTest::Ratio(subject, limit) if subject.metric.unit() == Unit::Ratio => {
                vec![court.share(claim, *subject, *limit, None)]
            }
            ClaimTest::Ratio(subject, limit) => vec![court.ratio(claim, *subject, *limit)],
            ClaimTest::NotWorse {
                subject,
                margin,
                negligible,
            } if subject.metric.unit() == Unit::Ratio => {
                vec![court.share_not_worse(claim, *subject, *margin, *negligible)]
            }
            ClaimTest::NotWorse {
                subject,
                margin,
                negligible,
            } => vec![court.time_not_worse(claim, *subject, *margin, *negligible)],
            ClaimTest::Bands(bands) => court.bands(claim, bands).into(),
            ClaimTest::NotMeasured { reason } => vec![ClaimFinding::new(
                claim,
                Status::NotMeasured,
                format!("Not measured: {reason}."),
            )],
        }
    }

    /// A candidate that loses work is no improvement, whatever its figures. Nothing to say when nothing was audited.
    fn nothing_lost(&self, usable: &Usable<'_>) -> Option<ClaimFinding> {
        let audits = |side: Side| {
            let trials = usable.trials.get(side).iter();
            trials
                .filter_map(|trial| trial.evidence.audit.as_ref())
                .collect::<Vec<&Audit>>()
        };
        let violations = |audits: &[&Audit]| -> u64 {
            audits
                .iter()
                .flat_map(|audit| [audit.lost, audit.duplicated, audit.misdelivered])
                .flatten()
                .sum()
        };
        let candidate = audits(Side::Candidate);
        let accepted: u64 = candidate.iter().map(|audit| audit.accepted).sum();
        if accepted == 0 {
            return None;
        }
        let (found, before) = (violations(&candidate), violations(&audits(Side::Baseline)));
        let claim = Claim {
            says: "Nothing accepted is lost".to_owned(),
            test: ClaimTest::NotMeasured {
                reason: String::new(),
            },
        };
        let name = &self.arms.candidate;
        let (status, mut sentence) = match found {
            0 => (
                Status::Pass,
                format!(
                    "{name} lost, doubled or misdelivered none of {}.",
                    counted(accepted, "submission")
                ),
            ),
            _ => (
                Status::Fail,
                format!(
                    "{name} lost, doubled or misdelivered {found} of {}.",
                    counted(accepted, "submission")
                ),
            ),
        };
        if before > 0 {
            sentence.push_str(&format!(" {} did with {before}.", self.arms.baseline));
        }
        let mut finding = ClaimFinding::new(&claim, status, sentence);
        finding.required = "0 lost, doubled or misdelivered".to_owned();
        Some(finding)
    }

    /// The verdict of highest precedence that has a reason, as for a run: INTERRUPTED, INVALID, NO-GO, INCONCLUSIVE, GO.
    fn decide(
        &self,
        findings: &[ClaimFinding],
        left_out: &[Option<String>],
        usable: &Usable<'_>,
    ) -> (Verdict, Vec<String>) {
        let of = |statuses: &[Status]| -> Vec<String> {
            findings
                .iter()
                .filter(|finding| statuses.contains(&finding.status))
                .map(|finding| format!("{}: {}", finding.says, finding.sentence))
                .collect()
        };
        let out: Vec<String> = (1..)
            .zip(left_out)
            .filter_map(|(number, reason)| Some(self.left_out_sentence(number, reason.as_deref()?)))
            .collect();
        let (verdict, mut reasons) = if self.interrupted {
            let done = match usable.counts() {
                runs if self.paired => {
                    format!("{} that count were over", counted(runs.baseline as u64, "pair"))
                }
                runs => format!(
                    "{} that count were over",
                    counted((runs.baseline + runs.candidate) as u64, "run")
                ),
            };
            let sentence = format!("The comparison was stopped by its user; {done}.");
            (Verdict::Interrupted, vec![sentence])
        } else if usable.basis().is_none() {
            let sentence = "No pair can be compared, so nothing is shown about either arm.".to_owned();
            (Verdict::Invalid, vec![sentence])
        } else {
            let missed = of(&[Status::Fail]);
            let open = of(&[Status::Inconclusive, Status::NoData]);
            let passed = findings
                .iter()
                .filter(|finding| finding.status == Status::Pass)
                .count() as u64;
            match (missed.is_empty(), open.is_empty(), passed) {
                (false, _, _) => (Verdict::NoGo, missed),
                (true, false, _) => (Verdict::Inconclusive, open),
                (true, true, 0) => {
                    let sentence = "No claim was judged, so nothing can be said.".to_owned();
                    (Verdict::Inconclusive, vec![sentence])
                }
                (true, true, 1) => (
                    Verdict::Go,
                    vec!["The only claim that was judged holds.".to_owned()],
                ),
                (true, true, _) => (
                    Verdict::Go,
                    vec![format!("All {} that were judged hold.", counted(passed, "claim"))],
                ),
            }
        };
        reasons.extend(out);
        let unmeasured = findings
            .iter()
            .filter(|finding| finding.status == Status::NotMeasured)
            .count() as u64;
        if verdict == Verdict::Go && unmeasured > 0 {
            reasons.push(format!(
                "{} could not be measured here.",
                counted(unmeasured, "claim")
            ));
        }
        (verdict, reasons)
    }

    fn left_out_sentence(&self, number: usize, reason: &str) -> String {
        if self.paired {
            format!("Pair {number} is left out: {reason}.")
        } else {
            format!("A run is left out: {reason}.")
        }
    }
}
