//! How often each judge decided how.

use std::fmt;

use crate::Judge;
use crate::court::{Decision, Ruling, Rulings};

/// The tallies of all judges over the same runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tallies {
    pub(crate) certified: Tally,
    pub(crate) observed: Tally,
    pub(crate) plain: Tally,
    /// Whether coverage means anything in this case.
    coverage_is_known: bool,
}

/// How often one judge decided how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) runs: u64,
    pub(crate) go: u64,
    pub(crate) no_go: u64,
    pub(crate) inconclusive: u64,
    /// Runs whose interval holds the truth.
    pub(crate) covered: u64,
}

/// A share of the runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    share: f64,
    standard_error: f64,
}

impl Tallies {
    pub(crate) fn new(coverage_is_known: bool) -> Self {
        Self {
            certified: Tally::default(),
            observed: Tally::default(),
            plain: Tally::default(),
            coverage_is_known,
        }
    }

    /// Counts one run.
    pub(crate) fn add(&mut self, rulings: &Rulings) {
        self.certified.add(&rulings.certified);
        self.observed.add(&rulings.observed);
        self.plain.add(&rulings.plain);
    }

    /// Adds the runs of another thread.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.certified.merge(&other.certified);
        self.observed.merge(&other.observed);
        self.plain.merge(&other.plain);
    }

    pub(crate) fn of(&self, judge: Judge) -> &Tally {
        match judge {
            Judge::Certified => &self.certified,
            Judge::Observed => &self.observed,
            Judge::Plain => &self.plain,
        }
    }

    /// How often the interval held the truth; `None` where the simulation does not know what the interval is about.
    pub(crate) fn coverage(&self, judge: Judge) -> Option<Rate> {
        let tally = self.of(judge);
        self.coverage_is_known.then(|| tally.rate(tally.covered))
    }
}

impl Tally {
    fn add(&mut self, ruling: &Ruling) {
        self.runs += 1;
        self.covered += u64::from(ruling.covered);
        *match ruling.decision {
            Decision::Go => &mut self.go,
            Decision::NoGo => &mut self.no_go,
            Decision::Inconclusive => &mut self.inconclusive,
        } += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.go += other.go;
        self.no_go += other.no_go;
        self.inconclusive += other.inconclusive;
        self.covered += other.covered;
    }

    /// A count as a share of the runs.
    pub(crate) fn rate(&self, count: u64) -> Rate {
        let runs = self.runs as f64;
        // One more of each: a count of none among finitely many runs is no proof of never, and has an error too.
        let careful = (count as f64 + 1.0) / (runs + 2.0);
        Rate {
            share: count as f64 / runs,
            standard_error: (careful * (1.0 - careful) / runs).sqrt(),
        }
    }
}

impl fmt::Display for Rate {
    /// `4.8 ± 0.5 %`, the standard error behind the sign.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ± {:.1} %", self.share * 1e2, self.standard_error * 1e2)
    }
}
