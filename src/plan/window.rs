//! Window policies: alerts and rollback thresholds, looked at once a second while the run goes on.

use std::fmt;
use std::time::Duration;

use super::criteria::{Comparator, Condition, Limit, Statistic};
use super::metric::Metric;
use crate::units::{Quantile, Ratio, format_duration};

/// Conditions that are looked at in a sliding window, each second, from the end of the warm-up on.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowPolicy {
    /// Length of the window (`over`); whole seconds, at least one.
    pub window: Duration,
    /// In how many seconds the window must have been seen in breach before the breach is raised (`for`); whole seconds.
    /// Zero, like one second, raises it at first sight.
    pub sustained: Duration,
    /// The stretch of time in which those seconds are counted (`within`); whole seconds, at least `sustained`.
    /// `None`: they must follow each other.
    pub within: Option<Duration>,
    /// A breach that was raised is over only once a whole window's length was no worse than this part of the level
    /// (hysteresis); above 0, at most 1.
    pub clear_at: f64,
    /// Fewer samples than this in the window decide nothing.
    pub samples_min: u64,
    /// Breaches: `response_time p95 > 200ms`.
    pub conditions: Vec<Condition>,
    /// Budgets of targets that must not be spent too fast.
    pub burn_rates: Vec<BurnRate>,
}

impl WindowPolicy {
    /// The part of the level at which a breach is over, unless the scenario says otherwise.
    pub const CLEAR_AT: f64 = 0.8;

    /// A policy that raises a breach at first sight.
    pub fn new(window: Duration, samples_min: u64, conditions: Vec<Condition>) -> Self {
        Self {
            window,
            sustained: Duration::ZERO,
            within: None,
            clear_at: Self::CLEAR_AT,
            samples_min,
            conditions,
            burn_rates: Vec::new(),
        }
    }
}

/// How fast the budget of a target may be spent: its share of bad events, over the share that the target allows. At a
/// rate of 1 the budget lasts exactly to the end of the run.
///
/// It is looked at over two windows at once, as in chapter 5 of *The Site Reliability Workbook*: the long one says that
/// enough of the budget is gone to matter, the short one that it is still being spent.
#[derive(Debug, Clone, PartialEq)]
pub struct BurnRate {
    /// The target whose budget it is.
    pub target: Condition,
    /// A breach is a rate above this.
    pub above: f64,
    /// Whole seconds.
    pub long: Duration,
    /// Whole seconds, shorter than `long`.
    pub short: Duration,
}

impl BurnRate {
    /// The rate at which a window of length `long` spends this share of the budget of a run of length `run`:
    /// `B = f · D_run / W_long`, the workbook's formula with the run in the place of its 30 days.
    pub fn rate_that_spends(share: Ratio, run: Duration, long: Duration) -> f64 {
        share.get() * run.as_secs_f64() / long.as_secs_f64()
    }

    /// The share of bad events that a target allows, 0 to 1; `None` when it is about no share of events (a mean, a
    /// rate, availability by seconds).
    pub fn budget(target: &Condition) -> Option<f64> {
        match (target.metric, target.statistic, target.limit) {
            (Metric::Availability, ..) => None,
            (_, Statistic::Quantile(quantile), Limit::Time(_)) => Some(1.0 - quantile.get()),
            (metric, Statistic::Share, Limit::Ratio(ratio)) if metric.higher_is_better() => {
                Some(1.0 - ratio.get())
            }
            (_, Statistic::Share, Limit::Ratio(ratio)) => Some(ratio.get()),
            _ => None,
        }
    }

    /// The breach that the rate comes to, in terms of the target's own metric: for six times the budget of
    /// `p95 <= 150ms`, which is 5 %, more than 30 % of the requests beyond 150 ms, `p70 > 150ms`. `None` when the target
    /// has no budget, or one that cannot be spent so fast because everything would be bad before.
    pub fn as_breach(&self) -> Option<Condition> {
        self.breach_at(self.above)
    }

    /// As [`BurnRate::as_breach`], for another rate.
    pub fn breach_at(&self, rate: f64) -> Option<Condition> {
        let bad = Self::budget(&self.target)? * rate;
        if bad <= 0.0 || bad >= 1.0 {
            return None;
        }
        let target = &self.target;
        let (statistic, comparator, limit) = match (target.statistic, target.metric.higher_is_better()) {
            (Statistic::Quantile(_), _) => (
                Statistic::Quantile(Quantile::new(1.0 - bad).ok()?),
                Comparator::Greater,
                target.limit,
            ),
            (_, true) => (
                Statistic::Share,
                Comparator::Less,
                Limit::Ratio(Ratio::new(1.0 - bad).ok()?),
            ),
            (_, false) => (
                Statistic::Share,
                Comparator::Greater,
                Limit::Ratio(Ratio::new(bad).ok()?),
            ),
        };
        Some(Condition {
            metric: target.metric,
            step: target.step.clone(),
            statistic,
            comparator,
            limit,
        })
    }
}

impl fmt::Display for BurnRate {
    /// `burn rate of error_rate < 1% > 6, over 1m and 5s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "burn rate of {} > {}, over {} and {}",
            self.target,
            format!("{:.2}", self.above)
                .trim_end_matches('0')
                .trim_end_matches('.'),
            format_duration(self.long),
            format_duration(self.short)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burn_rate(target: Condition, above: f64) -> BurnRate {
        BurnRate {
            target,
            above,
            long: Duration::from_secs(60),
            short: Duration::from_secs(5),
        }
    }

    fn target(metric: Metric, statistic: Statistic, comparator: Comparator, limit: Limit) -> Condition {
        Condition {
            metric,
            step: None,
            statistic,
            comparator,
            limit,
        }
    }

    fn percent(percent: f64) -> Limit {
        Limit::Ratio(Ratio::new(percent / 100.0).unwrap())
    }

    #[test]
    fn a_burn_rate_is_a_breach_of_the_targets_own_metric() {
        let errors = target(
            Metric::ErrorRate,
            Statistic::Share,
            Comparator::Less,
            percent(1.0),
        );
        let p95 = target(
            Metric::ResponseTime,
            Statistic::Quantile(Quantile::new(0.95).unwrap()),
            Comparator::LessOrEqual,
            Limit::Time(Duration::from_millis(150)),
        );
        let webhooks = target(
            Metric::WebhookSuccess,
            Statistic::Share,
            Comparator::GreaterOrEqual,
            percent(99.5),
        );
        let breach = |target: &Condition, above| {
            burn_rate(target.clone(), above)
                .as_breach()
                .map(|breach| breach.to_string())
        };
        assert_eq!(breach(&errors, 6.0).unwrap(), "error_rate > 6%");
        assert_eq!(breach(&p95, 6.0).unwrap(), "response_time p70 > 150ms");
        assert_eq!(breach(&webhooks, 6.0).unwrap(), "webhook_success < 97%");
        // Twenty times 5 % is everything: there is no rate beyond that.
        assert_eq!(breach(&p95, 20.0), None);
        let availability = target(
            Metric::Availability,
            Statistic::Share,
            Comparator::GreaterOrEqual,
            percent(99.9),
        );
        assert_eq!(breach(&availability, 2.0), None);
        assert_eq!(
            burn_rate(errors, 1.5).to_string(),
            "burn rate of error_rate < 1% > 1.5, over 1m and 5s"
        );
    }

    #[test]
    fn rates_are_rescaled_to_the_length_of_the_run() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let share = |percent: f64| Ratio::new(percent / 100.0).unwrap();
        // The examples of the formula's source: 10 % of an hour's budget in a minute, 25 % of it in ten.
        for (percent, long, rate) in [(10.0, 1, 6.0), (25.0, 10, 1.5)] {
            let found = BurnRate::rate_that_spends(share(percent), minutes(60), minutes(long));
            assert!((found - rate).abs() < 1e-12, "{found}");
        }
    }
}
