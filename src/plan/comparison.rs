//! What a comparison of two arms sets out to show: the arms, how often each runs, and the claims that are judged.

use std::fmt;
use std::time::Duration;

use super::Plan;
use super::criteria::{Comparator, Statistic};
use super::metric::Metric;
use crate::units::{Ratio, format_duration};

/// One thing for each of the two arms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sides<T> {
    /// What is there already.
    pub baseline: T,
    /// What is meant to replace it.
    pub candidate: T,
}

/// One of the two arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Baseline,
    Candidate,
}

/// Two arms of one scenario, run in interleaved pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// How many pairs are run; at least 1.
    pub pairs: u32,
    /// No new pair is begun that would not be over within this time.
    pub time_box: Duration,
    pub arms: Sides<Arm>,
    /// At least one.
    pub claims: Vec<Claim>,
    /// What `--quick` sets in both arms; empty = the load is shortened as it is.
    pub quick: Vec<Override>,
    /// Standard deviation of the logarithm of a figure from run to run of one system, known from earlier runs:
    /// what a single pair lacks.
    pub run_to_run: Option<Ratio>,
}

impl Default for Comparison {
    /// Five pairs within an hour, no arms and no claims yet. With five pairs the 95 % interval holds what it promises.
    fn default() -> Self {
        Self {
            pairs: 5,
            time_box: Duration::from_secs(3_600),
            arms: Sides::default(),
            claims: Vec::new(),
            quick: Vec::new(),
            run_to_run: None,
        }
    }
}

/// One arm: the scenario with these settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arm {
    pub name: String,
    /// Applied in order, as `--set` is.
    pub overrides: Vec<Override>,
}

/// A key of the scenario by its dotted path, and its value as TOML or plain text.
pub type Override = (String, String);

/// Something that is said of the candidate beside the baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// The claim in words, as the plan makes it: `API throughput +200 %`.
    pub says: String,
    pub test: ClaimTest,
}

/// How a claim is judged.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimTest {
    /// The ratio of the highest rates at which all targets of each arm hold.
    Capacity(RatioLimit),
    /// The ratio of a figure, candidate over baseline.
    Ratio(Subject, RatioLimit),
    /// The candidate's figure is not worse than the baseline's by more than a share of it.
    NotWorse {
        subject: Subject,
        /// 0.1 = ten percent worse is still not worse.
        margin: Ratio,
        negligible: Negligible,
    },
    /// The response times of each arm lie in a band of their own.
    Bands(Sides<Band>),
    /// Nothing here can show it; the reason is shown.
    NotMeasured { reason: String },
}

/// The figure that a claim is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Subject {
    pub metric: Metric,
    pub statistic: Statistic,
}

/// What a ratio is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RatioLimit {
    pub comparator: Comparator,
    pub ratio: f64,
}

/// A difference so small that nobody would notice: not worse, whatever the ratio is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Negligible {
    Time(Duration),
    Share(Ratio),
}

/// A range of response times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    pub from: Duration,
    pub to: Duration,
}

impl Side {
    /// Both, the baseline first.
    pub const BOTH: [Side; 2] = [Side::Baseline, Side::Candidate];

    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Baseline => Side::Candidate,
            Side::Candidate => Side::Baseline,
        }
    }

    /// The arm's key in files.
    pub fn key(self) -> &'static str {
        match self {
            Side::Baseline => "baseline",
            Side::Candidate => "candidate",
        }
    }
}

impl<T> Sides<T> {
    /// What belongs to one arm.
    pub fn get(&self, side: Side) -> &T {
        match side {
            Side::Baseline => &self.baseline,
            Side::Candidate => &self.candidate,
        }
    }

    /// What belongs to one arm, to be changed.
    pub fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Baseline => &mut self.baseline,
            Side::Candidate => &mut self.candidate,
        }
    }

    /// The same made of both.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Sides<U> {
        Sides {
            baseline: make(self.baseline),
            candidate: make(self.candidate),
        }
    }

    /// References to both.
    pub fn as_ref(&self) -> Sides<&T> {
        Sides {
            baseline: &self.baseline,
            candidate: &self.candidate,
        }
    }

    /// Both with those of another.
    pub fn zip<U>(self, other: Sides<U>) -> Sides<(T, U)> {
        Sides {
            baseline: (self.baseline, other.baseline),
            candidate: (self.candidate, other.candidate),
        }
    }

    /// Both, the baseline first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.baseline, &self.candidate].into_iter()
    }
}

impl<T> Sides<Option<T>> {
    /// Both, when both are there.
    pub fn both(self) -> Option<Sides<T>> {
        Some(Sides {
            baseline: self.baseline?,
            candidate: self.candidate?,
        })
    }
}

impl fmt::Display for RatioLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.comparator {
            Comparator::Less => "<",
            Comparator::LessOrEqual => "≤",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => "≥",
        };
        write!(f, "{sign} {}×", self.ratio)
    }
}

impl fmt::Display for Subject {
    /// `response_time p95`, `error_rate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.statistic {
            Statistic::Share | Statistic::PerSecond => write!(f, "{}", self.metric),
            Statistic::Quantile(_) | Statistic::Mean | Statistic::Max => {
                write!(f, "{} {}", self.metric, self.statistic)
            }
        }
    }
}

impl Subject {
    /// The figure in prose: `Response time p95`, `Mean database query time`.
    pub fn title(&self) -> String {
        let metric = self.metric.title();
        match self.statistic {
            Statistic::Quantile(quantile) => format!("{metric} {quantile}"),
            Statistic::Mean => format!("Mean {}", metric.to_lowercase()),
            Statistic::Max => format!("Largest {}", metric.to_lowercase()),
            Statistic::Share | Statistic::PerSecond => metric.to_owned(),
        }
    }
}

impl fmt::Display for Negligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Negligible::Time(duration) => f.write_str(&format_duration(*duration)),
            Negligible::Share(share) => share.fmt(f),
        }
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {}",
            format_duration(self.from),
            format_duration(self.to)
        )
    }
}

/// How long a shortened run sends load, and the part of it that is warm-up at most.
const QUICK_LOAD: Duration = Duration::from_secs(20);
const QUICK_WARM_UP: f64 = 0.25;
/// How long a shortened search for a capacity holds each rate, how coarse it is, and how long it takes at most.
const QUICK_STEP: Duration = Duration::from_secs(5);
const QUICK_RESOLUTION: f64 = 0.5;
const QUICK_SEARCH: Duration = Duration::from_secs(180);

impl Plan {
    /// Makes the load short, in its proportions, and a search for its capacity coarse: for a first look.
    pub fn shorten(&mut self) {
        let whole = self.load.executor.duration();
        if whole > QUICK_LOAD {
            let factor = QUICK_LOAD.as_secs_f64() / whole.as_secs_f64();
            self.load.executor.scale_time(factor);
            let warm_up = self.load.warm_up.mul_f64(factor);
            self.load.warm_up = warm_up.min(self.load.executor.duration().mul_f64(QUICK_WARM_UP));
        }
        if let Some(capacity) = &mut self.capacity {
            capacity.step_hold = capacity.step_hold.min(QUICK_STEP);
            capacity.step_warm_up = capacity.step_warm_up.min(QUICK_STEP);
            capacity.time_box = capacity.time_box.min(QUICK_SEARCH);
            capacity.confirm = false;
            if let Ok(resolution) = Ratio::new(QUICK_RESOLUTION.max(capacity.resolution.get())) {
                capacity.resolution = resolution;
            }
        }
    }
}

impl ClaimTest {
    /// The claim in words, when nobody has put it into any.
    pub fn in_words(&self) -> String {
        match self {
            ClaimTest::Capacity(limit) => format!("Capacity {limit}"),
            ClaimTest::Ratio(subject, limit) => format!("{} {limit}", subject.title()),
            ClaimTest::NotWorse { subject, .. } => format!("{} not worse", subject.title()),
            ClaimTest::Bands(bands) => format!("Response time {} → {}", bands.baseline, bands.candidate),
            ClaimTest::NotMeasured { reason } => reason.clone(),
        }
    }

    /// What is required, in few words: `ratio ≥ 3×`.
    pub fn required(&self) -> String {
        match self {
            ClaimTest::Capacity(limit) => format!("ratio of capacities {limit}"),
            ClaimTest::Ratio(subject, limit) => format!("{subject}: ratio {limit}"),
            ClaimTest::NotWorse {
                subject,
                margin,
                negligible,
            } => format!("{subject}: at most {margin} worse, or by less than {negligible}"),
            ClaimTest::Bands(bands) => {
                format!(
                    "response time {} before, {} after",
                    bands.baseline, bands.candidate
                )
            }
            ClaimTest::NotMeasured { .. } => "–".to_owned(),
        }
    }
}
