//! Claims about ratios of figures, judged.

use super::interval::{Interval, of_mean, pairs_needed};
use super::measure::{Basis, Lack, Measured, Quantity, Usable, cautious, ratios};
use super::wording::{range, times};
use crate::plan::{Claim, Comparator, Metric, Negligible, RatioLimit, Side, Sides, Subject, Unit};
use crate::sla::Status;
use crate::sla::wording::{counted, quantity};
use crate::units::Ratio;

/// What was found about one claim.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimFinding {
    /// The claim in words.
    pub says: String,
    /// What it requires, in few words.
    pub required: String,
    pub status: Status,
    /// The figure of each arm, in `unit`; `None` where there is none.
    pub figures: Sides<Option<f64>>,
    pub unit: Unit,
    /// Candidate over baseline, or of a band the arm's own p95.
    pub measured: Option<Interval>,
    /// Whether `measured` is a ratio; else it is in `unit`.
    pub is_ratio: bool,
    /// What the interval rests on.
    pub basis: Option<Basis>,
    /// One sentence or two for the person who decides.
    pub sentence: String,
    /// What should be seen beside it.
    pub beside: Vec<String>,
}

impl ClaimFinding {
    pub(super) fn new(claim: &Claim, status: Status, sentence: String) -> Self {
        Self {
            says: claim.says.clone(),
            required: claim.test.required(),
            status,
            figures: Sides::default(),
            unit: Unit::Time,
            measured: None,
            is_ratio: true,
            basis: None,
            sentence,
            beside: Vec::new(),
        }
    }

    /// With the figures and the ratio that it was judged on.
    pub(super) fn on(self, measured: &Measured, unit: Unit) -> Self {
        Self {
            figures: measured.figures.map(Some),
            unit,
            measured: Some(measured.ratio),
            basis: Some(measured.basis),
            ..self
        }
    }
}

/// What a claim is judged with.
pub(super) struct Court<'a> {
    pub(super) arms: &'a Sides<String>,
    pub(super) usable: &'a Usable<'a>,
}

/// Whether an interval decides a limit. An interval that rests on less than several runs decides less.
pub(super) fn decide(interval: Interval, limit: RatioLimit, basis: Basis) -> Status {
    let ends = |interval: Interval| match limit.comparator.is_upper() {
        true => (interval.low, interval.high),
        false => (interval.high, interval.low),
    };
    let holds = |end: f64| limit.comparator.holds(end, limit.ratio);
    let passes = holds(ends(interval).1);
    let fails = !holds(ends(cautious(interval, basis)).0);
    match basis {
        Basis::Observed => Status::Inconclusive,
        Basis::WithinRuns if passes => Status::Inconclusive,
        _ if passes => Status::Pass,
        _ if fails => Status::Fail,
        _ => Status::Inconclusive,
    }
}

/// Why an undecided claim is undecided, and what would decide it.
pub(super) fn undecided(basis: Basis, interval: Option<Interval>, pairs: Option<u32>) -> String {
    let is_unknown = interval.is_some_and(|interval| interval.low <= 0.0 && interval.high.is_infinite());
    match basis {
        Basis::Observed => "Observed in one shortened pair; nothing more is claimed.".to_owned(),
        Basis::WithinRuns if is_unknown => {
            "The runs are too short to tell even what chance within them did.".to_owned()
        }
        Basis::WithinRuns => {
            "One pair does not show how much runs differ, so it cannot decide this; run several pairs."
                .to_owned()
        }
        Basis::Pairs(_) | Basis::Runs(_) | Basis::WithHistory => match pairs {
            Some(pairs) => format!("The interval holds the limit; about {pairs} pairs would decide."),
            None => "The interval holds the limit.".to_owned(),
        },
    }
}

impl Court<'_> {
    pub(super) fn name(&self, side: Side) -> &str {
        self.arms.get(side)
    }

    /// `The response time p95 of direct is 0.31× that of trigger (95 % interval 0.29 to 0.34, 5 run pairs): 1.2 ms
    /// against 3.9 ms.`
    pub(super) fn ratio_sentence(&self, what: &str, measured: &Measured, unit: Unit) -> String {
        let figures = measured.figures.map(|figure| quantity(figure, unit));
        format!(
            "The {what} of {} is {} that of {} (95 % interval {}, {}): {} against {}.",
            self.name(Side::Candidate),
            times(measured.ratio.value),
            self.name(Side::Baseline),
            range(&measured.ratio),
            measured.basis.words(),
            figures.candidate,
            figures.baseline
        )
    }

    /// Judges a ratio of two figures.
    pub(super) fn ratio(&self, claim: &Claim, subject: Subject, limit: RatioLimit) -> ClaimFinding {
        let Some(quantity) = Quantity::of(subject) else {
            return unreadable(claim, subject);
        };
        let measured = match self.usable.measure(quantity) {
            Ok(measured) => measured,
            Err(lack) => return self.lacking(claim, subject, lack),
        };
        let unit = subject.metric.unit();
        let status = decide(measured.ratio, limit, measured.basis);
        let mut sentence = self.ratio_sentence(&title(subject), &measured, unit);
        sentence.push_str(&format!(" Required: {limit}."));
        if status == Status::Inconclusive {
            let pairs = pairs_needed(&ratios(&measured.values), limit.ratio);
            sentence.push_str(&format!(
                " {}",
                undecided(measured.basis, Some(measured.ratio), pairs)
            ));
        }
        let mut finding = ClaimFinding::new(claim, status, sentence).on(&measured, unit);
        if subject.metric == Metric::DbQueryTime {
            finding.beside.extend(self.query_time_per_journey());
        }
        finding
    }

    /// An architecture may have fewer queries or shorter ones: what a journey costs in all is to be seen beside the mean.
    fn query_time_per_journey(&self) -> Option<String> {
        let measured = self.usable.measure(Quantity::QueryTimePerJourney).ok()?;
        Some(self.ratio_sentence("database time per completed journey", &measured, Unit::Time))
    }

    /// Judges that a time of the candidate is not worse: its ratio is within the margin, or the difference is too small
    /// to be noticed.
    pub(super) fn time_not_worse(
        &self,
        claim: &Claim,
        subject: Subject,
        margin: Ratio,
        negligible: Negligible,
    ) -> ClaimFinding {
        let Some(quantity_read) = Quantity::of(subject) else {
            return unreadable(claim, subject);
        };
        let measured = match self.usable.measure(quantity_read) {
            Ok(measured) => measured,
            Err(lack) => return self.lacking(claim, subject, lack),
        };
        let limit = RatioLimit {
            comparator: Comparator::LessOrEqual,
            ratio: 1.0 + margin.get(),
        };
        let negligible_ms = match negligible {
            Negligible::Time(duration) => duration.as_secs_f64() * 1e3,
            Negligible::Share(_) => 0.0,
        };
        let difference = self.difference(&measured);
        let is_negligible = difference.high <= negligible_ms;
        let by_ratio = decide(measured.ratio, limit, measured.basis);
        let status = match by_ratio {
            Status::Fail | Status::Inconclusive if is_negligible && measured.basis.knows_runs() => {
                Status::Pass
            }
            Status::Fail if difference.low <= negligible_ms => Status::Inconclusive,
            status => status,
        };
        let mut sentence = self.ratio_sentence(&title(subject), &measured, Unit::Time);
        sentence.push_str(&match status {
            Status::Pass if by_ratio != Status::Pass => {
                format!(" The difference is less than {negligible}, which nobody notices: not worse.")
            }
            Status::Pass => format!(" Up to {} counts as not worse.", times(limit.ratio)),
            Status::Fail => format!(
                " It is worse: up to {} would count as not worse.",
                times(limit.ratio)
            ),
            _ if by_ratio == Status::Fail => format!(
                " That is more than {}, but the difference may be less than {negligible}, which nobody notices.",
                times(limit.ratio)
            ),
            _ => {
                let pairs = pairs_needed(&ratios(&measured.values), limit.ratio);
                format!(
                    " Up to {} counts as not worse. {}",
                    times(limit.ratio),
                    undecided(measured.basis, Some(measured.ratio), pairs)
                )
            }
        });
        ClaimFinding::new(claim, status, sentence).on(&measured, Unit::Time)
    }

    /// Candidate − baseline in milliseconds: over the runs, or by the ratio's interval when there is only one of each.
    fn difference(&self, measured: &Measured) -> Interval {
        let differences: Vec<f64> = measured
            .values
            .baseline
            .iter()
            .zip(&measured.values.candidate)
            .map(|(before, after)| after - before)
            .collect();
        match measured.basis {
            Basis::Pairs(_) => of_mean(&differences),
            Basis::Runs(_) | Basis::WithinRuns | Basis::WithHistory | Basis::Observed => None,
        }
        .unwrap_or_else(|| {
            measured
                .ratio
                .map(|ratio| measured.figures.baseline * (ratio - 1.0))
        })
    }

    /// The finding when there is no ratio.
    pub(super) fn lacking(&self, claim: &Claim, subject: Subject, lack: Lack) -> ClaimFinding {
        let what = title(subject);
        let (status, sentence) = match lack {
            Lack::NoRuns => (Status::NoData, "There is no run to judge it by.".to_owned()),
            Lack::NoData { side, runs, of } => (
                Status::NoData,
                format!(
                    "The {what} was not measured in {runs} of {} of {}.",
                    counted(of as u64, "run"),
                    self.name(side)
                ),
            ),
            Lack::OnFailures { side, runs, of } => {
                let decided = self.usable.basis().filter(|basis| *basis != Basis::Observed);
                let status = match (side, decided) {
                    // So slow that it has no value is worse than any limit.
                    (Side::Candidate, Some(_)) => Status::Fail,
                    _ => Status::Inconclusive,
                };
                (
                    status,
                    format!(
                        "The {what} of {} fell on failed events in {runs} of {}, so there is no ratio.",
                        self.name(side),
                        counted(of as u64, "run")
                    ),
                )
            }
        };
        ClaimFinding::new(claim, status, sentence)
    }
}

/// A claim about a metric that has no figure of this kind; scenario files cannot ask for it.
pub(super) fn unreadable(claim: &Claim, subject: Subject) -> ClaimFinding {
    ClaimFinding::new(
        claim,
        Status::NoData,
        format!("{subject} cannot be compared: the metric has no such figure."),
    )
}

/// The figure within a sentence: `response time p95`, `mean database query time`, `error rate`.
pub(super) fn title(subject: Subject) -> String {
    let title = subject.title();
    let mut letters = title.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}
