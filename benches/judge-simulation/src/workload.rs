//! Workloads whose true share of bad requests is known by arithmetic, second by second.
//!
//! What matters to a judge is how requests that follow each other are alike: a queue, a burst of errors, a server that
//! stands still. Each workload is in its steady state from the first second on, so that the truth holds for every run.

use std::time::Duration;

use clap::ValueEnum;
use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Binomial, Distribution as _, Exp1, Geometric};

/// Requests per second, on average or always.
pub(crate) const RATE: u32 = 100;
/// Bad requests in a burst, on average.
const BURST_LENGTH: f64 = 20.0;
/// Seconds from the start of a stall to that of the next, always or on average. At the boundary of a target on p95 a
/// stall lasts for one second.
const STALL_PERIOD_S: f64 = 20.0;
/// Limit of the workloads that stand still; their other requests are far below it.
const STALL_LIMIT: Duration = Duration::from_millis(150);

/// What makes requests bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// Each request fails by itself
    Independent,
    /// A queue with one server that is half busy (M/M/1, ρ = 0.5), by response time
    Mm1Rho50,
    /// The same, ρ = 0.8
    Mm1Rho80,
    /// The same, ρ = 0.9
    Mm1Rho90,
    /// Errors in bursts of 20 requests on average
    Bursts,
    /// The server stands still every 20 s: for 1 s at the boundary
    PeriodicStalls,
    /// The same, at random times
    RandomStalls,
    /// Requests fail by themselves, ever more often: from never to twice the average
    Drift,
}

/// A target with a truth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub(crate) measured: Measured,
    /// The share of requests that may be bad.
    pub(crate) budget: f64,
    /// The share that is bad in the long run.
    pub(crate) truth: f64,
}

/// What a bad request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measured {
    /// One that fails: `error_rate < 1%`.
    Errors,
    /// One that takes longer than this: `response_time p95 <= …`.
    ResponseTime(Duration),
}

/// What happened to the requests of one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) failed: u64,
    /// The others, by [`band`] of their response time.
    pub(crate) bands: [u64; BANDS],
}

/// Bands of response times, four to a doubling, half of them up to the limit and half above: a judge looks at the whole
/// distribution, and at each side of the limit exactly.
pub(crate) const BANDS: usize = 16;
const BANDS_PER_DOUBLING: f64 = 4.0;

/// The band of a response time that is so many times the limit; what lies further out belongs to the outermost.
fn band(times_limit: f64) -> usize {
    let above = (times_limit.log2() * BANDS_PER_DOUBLING).ceil() + (BANDS / 2) as f64 - 1.0;
    (above.max(0.0) as usize).min(BANDS - 1)
}

/// The middle of a band, in parts of the limit.
pub(crate) fn middle_of(band: usize) -> f64 {
    ((band as f64 + 0.5 - (BANDS / 2) as f64) / BANDS_PER_DOUBLING).exp2()
}

impl Second {
    /// One with so many failures among the usual number of requests.
    fn with_failures(failed: u64) -> Self {
        let mut second = Self {
            failed,
            ..Self::default()
        };
        second.bands[0] = u64::from(RATE).saturating_sub(failed);
        second
    }

    /// Adds a request that took so many times the limit.
    fn take(&mut self, times_limit: f64) {
        self.bands[band(times_limit)] += 1;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.failed + self.bands.iter().sum::<u64>()
    }

    /// Those that failed or took longer than the limit.
    pub(crate) fn bad(&self) -> u64 {
        self.failed + self.bands[BANDS / 2..].iter().sum::<u64>()
    }
}

impl Workload {
    /// The name of a row.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Independent => "independent errors",
            Self::Mm1Rho50 => "M/M/1, ρ = 0.5",
            Self::Mm1Rho80 => "M/M/1, ρ = 0.8",
            Self::Mm1Rho90 => "M/M/1, ρ = 0.9",
            Self::Bursts => "error bursts",
            Self::PeriodicStalls => "periodic stalls",
            Self::RandomStalls => "random stalls",
            Self::Drift => "drift",
        }
    }

    /// The target on this workload when its true share of bad requests is this part of the budget.
    pub(crate) fn target(self, part_of_budget: f64) -> Target {
        const ERRORS: f64 = 0.01;
        const SLOW: f64 = 0.05;
        match self.model() {
            Model::Alone | Model::Drift | Model::Bursts => Target {
                measured: Measured::Errors,
                budget: ERRORS,
                truth: part_of_budget * ERRORS,
            },
            Model::Stalls(_) => Target {
                measured: Measured::ResponseTime(STALL_LIMIT),
                budget: SLOW,
                truth: part_of_budget * SLOW,
            },
            Model::Queue(queue) => {
                let (limit, truth) = queue.limit(part_of_budget * SLOW);
                Target {
                    measured: Measured::ResponseTime(limit),
                    budget: SLOW,
                    truth,
                }
            }
        }
    }

    /// One run of so many seconds against this target.
    pub(crate) fn run(self, target: &Target, seconds: u32, chance: &mut Xoshiro256PlusPlus) -> Vec<Second> {
        let share = target.truth;
        let limit_s = match target.measured {
            Measured::ResponseTime(limit) => limit.as_secs_f64(),
            Measured::Errors => f64::INFINITY,
        };
        match self.model() {
            Model::Alone => by_themselves(seconds, |_| share, chance),
            Model::Drift => {
                let length = f64::from(seconds);
                let rising = |second| 2.0 * share * (f64::from(second) + 0.5) / length;
                by_themselves(seconds, rising, chance)
            }
            Model::Bursts => bursts(seconds, share, chance),
            Model::Stalls(when) => stalls(seconds, share, when, chance),
            Model::Queue(queue) => queue.run(seconds, limit_s, chance),
        }
    }

    fn model(self) -> Model {
        match self {
            Self::Independent => Model::Alone,
            Self::Mm1Rho50 => Model::Queue(Queue::busy(0.5)),
            Self::Mm1Rho80 => Model::Queue(Queue::busy(0.8)),
            Self::Mm1Rho90 => Model::Queue(Queue::busy(0.9)),
            Self::Bursts => Model::Bursts,
            Self::PeriodicStalls => Model::Stalls(When::Regularly),
            Self::RandomStalls => Model::Stalls(When::AtRandom),
            Self::Drift => Model::Drift,
        }
    }
}

/// How a workload comes about.
#[derive(Clone, Copy, Debug)]
enum Model {
    Alone,
    Drift,
    Bursts,
    Stalls(When),
    Queue(Queue),
}

/// When a server that stood still does so again.
#[derive(Clone, Copy, Debug)]
enum When {
    Regularly,
    AtRandom,
}

impl When {
    /// How long it runs between two stalls.
    fn gap_s(self, mean_s: f64, chance: &mut Xoshiro256PlusPlus) -> f64 {
        match self {
            Self::Regularly => mean_s,
            Self::AtRandom => exponential(1.0 / mean_s, chance),
        }
    }

    /// What is left of such a gap at any moment within it: an exponential time has no memory.
    fn rest_s(self, mean_s: f64, chance: &mut Xoshiro256PlusPlus) -> f64 {
        match self {
            Self::Regularly => mean_s * chance.random::<f64>(),
            Self::AtRandom => exponential(1.0 / mean_s, chance),
        }
    }
}

/// A queue with one server, with Poisson arrivals and exponential service times (M/M/1); rates are per second.
#[derive(Clone, Copy, Debug)]
struct Queue {
    arrivals: f64,
    served: f64,
}

impl Queue {
    /// One whose server is busy for this share of the time.
    fn busy(share: f64) -> Self {
        Self {
            arrivals: f64::from(RATE),
            served: f64::from(RATE) / share,
        }
    }

    /// The limit that this share of response times exceeds, and how many do exactly: response times of the queue are
    /// exponential with the rate of service less that of arrivals. The limit is a whole number of microseconds, as
    /// limits are.
    fn limit(self, share: f64) -> (Duration, f64) {
        let rate = self.served - self.arrivals;
        let limit = Duration::from_micros((-share.ln() / rate * 1e6).round() as u64);
        (limit, (-rate * limit.as_secs_f64()).exp())
    }

    /// Lindley's recursion: who comes waits for what those before have left to do.
    fn run(self, seconds: u32, limit_s: f64, chance: &mut Xoshiro256PlusPlus) -> Vec<Second> {
        let mut slices = vec![Second::default(); seconds as usize];
        // The waiting time of the steady state: none for whoever finds the server free, else exponential.
        let mut wait_s = if chance.random_bool(self.arrivals / self.served) {
            exponential(self.served - self.arrivals, chance)
        } else {
            0.0
        };
        let mut at_s = exponential(self.arrivals, chance);
        while let Some(slice) = slices.get_mut(at_s as usize) {
            let response_s = wait_s + exponential(self.served, chance);
            slice.take(response_s / limit_s);
            let gap_s = exponential(self.arrivals, chance);
            wait_s = (response_s - gap_s).max(0.0);
            at_s += gap_s;
        }
        slices
    }
}

/// A time with this rate per second.
fn exponential(rate: f64, chance: &mut Xoshiro256PlusPlus) -> f64 {
    let times_mean: f64 = Exp1.sample(chance);
    times_mean / rate
}

/// Requests that fail independently of each other, each second with its own share.
fn by_themselves(seconds: u32, share: impl Fn(u32) -> f64, chance: &mut Xoshiro256PlusPlus) -> Vec<Second> {
    (0..seconds)
        .map(|second| {
            let failing = Binomial::new(u64::from(RATE), share(second).clamp(0.0, 1.0));
            // A share between 0 and 1 always makes a distribution.
            Second::with_failures(failing.map_or(0, |failing| failing.sample(chance)))
        })
        .collect()
}

/// Runs of good and of bad requests in turn, each of geometric length: a Markov chain with two states.
fn bursts(seconds: u32, share: f64, chance: &mut Xoshiro256PlusPlus) -> Vec<Second> {
    let good_length = BURST_LENGTH * (1.0 - share) / share;
    let mut failed = vec![0; seconds as usize];
    let requests = u64::from(seconds) * u64::from(RATE);
    // Geometric lengths have no memory, so whatever state the first request is in has its whole length before it.
    let mut bad = chance.random_bool(share);
    let mut next = 0;
    while next < requests {
        let mean = if bad { BURST_LENGTH } else { good_length };
        let more = Geometric::new(1.0 / mean).map_or(0, |length| length.sample(chance));
        let end = next.saturating_add(1).saturating_add(more).min(requests);
        if bad {
            for request in next..end {
                failed[(request / u64::from(RATE)) as usize] += 1;
            }
        }
        next = end;
        bad = !bad;
    }
    failed.into_iter().map(Second::with_failures).collect()
}

/// A server that stands still for a time of fixed length, again and again. Evenly spaced requests that come while it
/// does are bad.
fn stalls(seconds: u32, share: f64, when: When, chance: &mut Xoshiro256PlusPlus) -> Vec<Second> {
    let length_s = share * STALL_PERIOD_S;
    let gap_mean_s = STALL_PERIOD_S - length_s;
    // The steady state: either within a stall, or within the gap before one.
    let mut stall_from_s = if chance.random_bool(share) {
        -length_s * chance.random::<f64>()
    } else {
        when.rest_s(gap_mean_s, chance)
    };
    // The first request comes at any moment of its spacing, so that not every stall meets the same number.
    let first: f64 = chance.random();
    (0..seconds)
        .map(|second| {
            let mut slice = Second::default();
            for request in 0..RATE {
                let at_s = f64::from(second) + (f64::from(request) + first) / f64::from(RATE);
                while at_s >= stall_from_s + length_s {
                    stall_from_s += length_s + when.gap_s(gap_mean_s, chance);
                }
                // Who comes while it stands still waits for the rest of it, and is slow however short that is.
                let waits_s = stall_from_s + length_s - at_s;
                slice.take(if at_s >= stall_from_s {
                    1.0 + f64::EPSILON + waits_s / STALL_LIMIT.as_secs_f64()
                } else {
                    0.0
                });
            }
            slice
        })
        .collect()
}
