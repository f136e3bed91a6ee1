//! What all runs of an arm come to in one share, where its runs one by one have too few events for a ratio.

use super::claim::Court;
use super::interval::Interval;
use super::measure::{Basis, Lack};
use crate::metrics::{SeriesKind, Slice};
use crate::plan::{Metric, Side, Sides};
use crate::sla::{Second, share_range};

/// The events of all runs of one arm, and how many of them are of the kind whose share is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    pub(super) events: u64,
    /// A score takes parts of events, so this is no whole number.
    pub(super) counted: f64,
    /// One-sided 95 % bounds of the share.
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Tally {
    pub(super) fn share(&self) -> f64 {
        self.counted / self.events as f64
    }

    /// That of the other events.
    pub(super) fn turned(self) -> Self {
        Self {
            events: self.events,
            counted: self.events as f64 - self.counted,
            low: 1.0 - self.high,
            high: 1.0 - self.low,
        }
    }
}

impl Court<'_> {
    /// Both arms' events behind a metric, of each of whose slices `counted` counts.
    pub(super) fn tallies(
        &self,
        metric: Metric,
        counted: impl Fn(&Slice) -> f64,
    ) -> Result<(Sides<Tally>, Basis), Lack> {
        let kind = SeriesKind::of_metric(metric).ok_or(Lack::NoRuns)?;
        let basis = self.usable.basis().ok_or(Lack::NoRuns)?;
        let tally = |side: Side| {
            let trials = self.usable.trials.get(side);
            let seconds: Vec<Second> = trials
                .iter()
                .flat_map(|trial| trial.seconds(kind).into_values())
                .map(|slice| Second {
                    events: slice.total as f64,
                    bad: counted(&slice),
                })
                .collect();
            let (low, high) = share_range(&seconds).ok_or(Lack::NoData {
                side,
                runs: trials.len(),
                of: trials.len(),
            })?;
            Ok(Tally {
                events: seconds.iter().map(|second| second.events).sum::<f64>() as u64,
                counted: seconds.iter().map(|second| second.bad).sum(),
                low,
                high,
            })
        };
        let tallies = Sides {
            baseline: tally(Side::Baseline)?,
            candidate: tally(Side::Candidate)?,
        };
        Ok((tallies, basis))
    }
}

/// The ratio of two shares, as far as the bounds of both counts say.
pub(super) fn ratio(tallies: &Sides<Tally>) -> Interval {
    Interval {
        value: tallies.candidate.share() / tallies.baseline.share(),
        low: tallies.candidate.low / tallies.baseline.high,
        high: tallies.candidate.high / tallies.baseline.low,
    }
}
