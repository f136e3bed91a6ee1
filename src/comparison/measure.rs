//! A figure of both arms, its ratio, and how sure that is.

use super::bootstrap::{Resampling, ratio_within, value_within};
use super::interval::{Interval, of_geometric_mean, of_single_pair, unpaired};
use super::tape::{Axis, Figure, Tape};
use super::trial::Trial;
use crate::metrics::SeriesKind;
use crate::plan::{Metric, Side, Sides, Statistic, Subject};

/// By how much runs of one system are taken to differ when nobody knows (standard deviation of the logarithm). A single
/// pair can only show a claim to be false when even runs that differ by so much would.
pub const RUN_TO_RUN_ASSUMED: f64 = 0.1;

/// The smallest time that is told apart from none: the resolution of all times.
const TIME_MIN_MS: f64 = 1e-3;

/// Runs that can be compared.
pub(super) struct Usable<'a> {
    pub(super) trials: Sides<Vec<&'a Trial>>,
    /// Whether the n-th runs of both arms belong together.
    pub(super) paired: bool,
    pub(super) resampling: Resampling,
    /// How much runs differ, when that is known.
    pub(super) run_to_run: Option<f64>,
    /// Whether nothing but what was observed may be said.
    pub(super) observed_only: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Quantity {
    Series(SeriesKind, Figure),
    QueryTimePerJourney,
}

/// What an interval rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// So many pairs, each with a ratio of its own.
    Pairs(usize),
    /// So many runs of each arm, which do not belong together.
    Runs(Sides<usize>),
    /// One run of each: chance within the runs is known, how much runs differ is not.
    WithinRuns,
    /// One run of each, and it is known how much runs differ.
    WithHistory,
    /// One run of each, shortened: what was observed, and nothing more.
    Observed,
}

/// A figure of both arms and its ratio.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// Geometric means over the runs.
    pub(super) figures: Sides<f64>,
    pub(super) ratio: Interval,
    /// The values of each run.
    pub(super) values: Sides<Vec<f64>>,
    pub(super) basis: Basis,
}

/// Why there is no ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// So many runs of an arm hold no such figure.
    NoData { side: Side, runs: usize, of: usize },
    /// The percentile fell on failed events in so many runs of an arm.
    OnFailures { side: Side, runs: usize, of: usize },
    /// No run can be compared.
    NoRuns,
}

impl Basis {
    /// The basis in few words, for the bracket behind an interval.
    pub fn words(self) -> String {
        match self {
            Basis::Pairs(pairs) => format!("{pairs} run pairs"),
            Basis::Runs(runs) => format!("{} and {} runs", runs.baseline, runs.candidate),
            Basis::WithinRuns => "one pair, within-run uncertainty only".to_owned(),
            Basis::WithHistory => "one pair, with the known differences between runs".to_owned(),
            Basis::Observed => "observed, one pair".to_owned(),
        }
    }

    /// Whether it is known how much runs differ, so that a claim can be shown to hold.
    pub(super) fn knows_runs(self) -> bool {
        match self {
            Basis::Pairs(_) | Basis::Runs(_) | Basis::WithHistory => true,
            Basis::WithinRuns | Basis::Observed => false,
        }
    }
}

impl Quantity {
    /// What a claim is about; `None` when its metric has no series of its own.
    pub(super) fn of(subject: Subject) -> Option<Self> {
        let kind = SeriesKind::of_metric(subject.metric)?;
        let figure = match subject.statistic {
            Statistic::Quantile(quantile) => Figure::Quantile(quantile.get()),
            Statistic::Mean => Figure::Mean,
            Statistic::Share => match subject.metric {
                Metric::CompletionRate => Figure::GoodShare,
                Metric::Apdex => Figure::Apdex,
                _ => Figure::BadShare,
            },
            Statistic::Max | Statistic::PerSecond => return None,
        };
        Some(Quantity::Series(kind, figure))
    }

    /// Reads one run; infinite where a percentile fell on a failed event.
    pub(super) fn read(self, trial: &Trial) -> Option<f64> {
        match self {
            Quantity::QueryTimePerJourney => trial.query_time_per_journey_ms(),
            Quantity::Series(kind, figure) => {
                let slice = trial.total(kind);
                match figure {
                    Figure::Quantile(quantile) => slice.quantile_ms(quantile).map(|ms| ms.max(TIME_MIN_MS)),
                    Figure::Mean => slice.mean_ms().map(|ms| ms.max(TIME_MIN_MS)),
                    Figure::BadShare => slice.bad_share(),
                    Figure::GoodShare => slice.bad_share().map(|share| 1.0 - share),
                    Figure::Apdex => slice.apdex(),
                }
            }
        }
    }
}

impl Usable<'_> {
    pub(super) fn counts(&self) -> Sides<usize> {
        self.trials.as_ref().map(Vec::len)
    }

    /// What an interval of these runs rests on; `None` when there is none.
    pub(super) fn basis(&self) -> Option<Basis> {
        let counts = self.counts();
        Some(match (counts.baseline, counts.candidate) {
            (0, _) | (_, 0) => return None,
            _ if self.observed_only => Basis::Observed,
            (pairs @ 2.., _) if self.paired => Basis::Pairs(pairs),
            (2.., 2..) => Basis::Runs(counts),
            _ if self.run_to_run.is_some() => Basis::WithHistory,
            _ => Basis::WithinRuns,
        })
    }

    /// The values of a figure in all runs. Failed events may make some infinite.
    pub(super) fn values(&self, quantity: Quantity) -> Result<Sides<Vec<f64>>, Lack> {
        let mut values = Sides {
            baseline: Vec::new(),
            candidate: Vec::new(),
        };
        for side in Side::BOTH {
            let trials = self.trials.get(side);
            if trials.is_empty() {
                return Err(Lack::NoRuns);
            }
            let read: Vec<f64> = trials.iter().filter_map(|trial| quantity.read(trial)).collect();
            if read.len() < trials.len() {
                return Err(Lack::NoData {
                    side,
                    runs: trials.len() - read.len(),
                    of: trials.len(),
                });
            }
            *values.get_mut(side) = read;
        }
        Ok(values)
    }

    /// The ratio of a figure of positive values, candidate over baseline.
    pub(super) fn measure(&self, quantity: Quantity) -> Result<Measured, Lack> {
        let values = self.values(quantity)?;
        // The candidate first: its failures are what a reader must know of.
        for side in [Side::Candidate, Side::Baseline] {
            let of = values.get(side).len();
            let runs = values
                .get(side)
                .iter()
                .filter(|value| value.is_infinite())
                .count();
            if runs > 0 {
                return Err(Lack::OnFailures { side, runs, of });
            }
        }
        let basis = self.basis().ok_or(Lack::NoRuns)?;
        let figures = values.as_ref().map(|values| geometric_mean(values));
        let plain = figures.candidate / figures.baseline;
        let ratio = match basis {
            Basis::Pairs(_) => of_geometric_mean(&ratios(&values)),
            Basis::Runs(_) => unpaired(&values.baseline, &values.candidate),
            Basis::WithinRuns | Basis::WithHistory | Basis::Observed => self.within(quantity),
        };
        let mut ratio = ratio.unwrap_or(Interval {
            value: plain,
            low: 0.0,
            high: f64::INFINITY,
        });
        if let (Basis::WithHistory, Some(run_to_run)) = (basis, self.run_to_run)
            && ratio.low > 0.0
        {
            ratio = of_single_pair(ratio, run_to_run);
        }
        Ok(Measured {
            figures,
            // Histograms keep three digits; the value itself is not read from a resampled one.
            ratio: Interval {
                value: plain,
                ..ratio
            },
            values,
            basis,
        })
    }

    /// What chance within a single pair could have done to a ratio.
    fn within(&self, quantity: Quantity) -> Option<Interval> {
        let Quantity::Series(kind, figure) = quantity else {
            return None;
        };
        let trials = Sides {
            baseline: self.trials.baseline.first()?,
            candidate: self.trials.candidate.first()?,
        };
        let seconds = trials.map(|trial| trial.seconds(kind));
        let axis = Axis::of(seconds.iter().flat_map(|seconds| seconds.values()));
        let tapes = seconds.as_ref().map(|seconds| Tape::of(seconds, &axis));
        ratio_within(&tapes.baseline, &tapes.candidate, figure, &axis, self.resampling)
    }

    /// A figure of one arm with its interval: over its runs, or within the only one.
    pub(super) fn of_arm(&self, side: Side, quantity: Quantity) -> Result<Interval, Lack> {
        let values = self.values(quantity)?;
        let values = values.get(side);
        if let Some(interval) = of_geometric_mean(values).filter(|interval| interval.value.is_finite()) {
            return Ok(interval);
        }
        let runs = values.iter().filter(|value| value.is_infinite()).count();
        if runs > 0 {
            return Err(Lack::OnFailures {
                side,
                runs,
                of: values.len(),
            });
        }
        let value = geometric_mean(values);
        let within = self.trials.get(side).first().and_then(|trial| match quantity {
            Quantity::Series(kind, figure) => {
                let seconds = trial.seconds(kind);
                let axis = Axis::of(seconds.values());
                value_within(&Tape::of(&seconds, &axis), figure, &axis, self.resampling)
            }
            Quantity::QueryTimePerJourney => None,
        });
        let (low, high) = within.map_or((0.0, f64::INFINITY), |within| (within.low, within.high));
        Ok(Interval { value, low, high })
    }
}

/// The ratios of pairs.
pub(super) fn ratios(values: &Sides<Vec<f64>>) -> Vec<f64> {
    values
        .baseline
        .iter()
        .zip(&values.candidate)
        .map(|(before, after)| after / before)
        .collect()
}

pub(super) fn geometric_mean(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (sum / values.len() as f64).exp()
}

/// The interval that a single pair must leave before it shows a claim to be false: runs of one system may differ.
pub(super) fn cautious(ratio: Interval, basis: Basis) -> Interval {
    match basis {
        Basis::WithinRuns if ratio.low > 0.0 && ratio.high.is_finite() => {
            of_single_pair(ratio, RUN_TO_RUN_ASSUMED)
        }
        _ => ratio,
    }
}
