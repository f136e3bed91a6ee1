//! The claims that are judged when a comparison makes none of its own.

use std::time::Duration;

use super::comparison::{Band, Claim, ClaimTest, Negligible, RatioLimit, Sides, Subject};
use super::criteria::{Comparator, Statistic};
use super::metric::{Metric, Unit};
use crate::units::{Quantile, Ratio};

/// How much worse still counts as not worse: about what runs of one system differ by.
const MARGIN: f64 = 0.1;
/// Differences that nobody notices.
const NEGLIGIBLE_TIME: Duration = Duration::from_millis(1);
/// A request makes several queries, and most of them take less than a millisecond.
const NEGLIGIBLE_QUERY_TIME: Duration = Duration::from_micros(100);
const NEGLIGIBLE_SHARE: f64 = 0.001;

/// What the migration plan promises for users, and needs users to be shown.
const OF_USERS: [&str; 4] = [
    "Practice completion rate +20 %",
    "Session abandonment −30 %",
    "User satisfaction +25 %",
    "Support tickets −50 %",
];

impl Claim {
    /// What the practice migration plan promises of direct calls beside triggers (its "Success Metrics"), and that nothing
    /// else gets worse. "+200 %" is three times as much, not twice; "−60 %" leaves 0.4 of it.
    pub fn of_the_migration_plan(has_capacity: bool) -> Vec<Claim> {
        let band = |from, to| Band {
            from: Duration::from_millis(from),
            to: Duration::from_millis(to),
        };
        let ratio = |comparator, ratio| RatioLimit { comparator, ratio };
        let mut claims = vec![
            Claim {
                says: "Response time 200–800 ms → 50–150 ms".to_owned(),
                test: ClaimTest::Bands(Sides {
                    baseline: band(200, 800),
                    candidate: band(50, 150),
                }),
            },
            Claim {
                says: "API throughput +200 %".to_owned(),
                test: if has_capacity {
                    ClaimTest::Capacity(ratio(Comparator::GreaterOrEqual, 3.0))
                } else {
                    ClaimTest::NotMeasured {
                        reason: "a capacity is searched for with arrival rates, and the scenario's executor has none"
                            .to_owned(),
                    }
                },
            },
            Claim {
                says: "Database query time −60 %".to_owned(),
                test: ClaimTest::Ratio(
                    Subject {
                        metric: Metric::DbQueryTime,
                        statistic: Statistic::Mean,
                    },
                    ratio(Comparator::LessOrEqual, 0.4),
                ),
            },
        ];
        let others = [
            Metric::ErrorRate,
            Metric::RealtimeLatency,
            Metric::WebhookProcessing,
        ];
        claims.extend(others.into_iter().map(Claim::not_worse));
        claims.extend(OF_USERS.into_iter().map(|says| Claim {
            says: says.to_owned(),
            test: ClaimTest::NotMeasured {
                reason: "needs virtual users with patience".to_owned(),
            },
        }));
        claims
    }

    /// That the candidate is not worse than the baseline in anything that runs of both have measured.
    pub fn no_regression() -> Vec<Claim> {
        [
            Metric::ResponseTime,
            Metric::ErrorRate,
            Metric::FeedbackLatency,
            Metric::RealtimeLatency,
            Metric::WebhookProcessing,
            Metric::DbQueryTime,
        ]
        .map(Claim::not_worse)
        .into()
    }

    /// That the candidate is not worse by more than a tenth, at the usual statistic of a metric.
    fn not_worse(metric: Metric) -> Claim {
        Claim {
            says: format!("{} not worse", metric.title()),
            test: ClaimTest::NotWorse {
                subject: Subject::usual(metric),
                margin: Ratio::new(MARGIN).unwrap_or(Ratio::ZERO),
                negligible: Negligible::usual(metric),
            },
        }
    }
}

impl Negligible {
    /// What nobody notices of a metric, unless a claim says otherwise.
    pub fn usual(metric: Metric) -> Self {
        match metric.unit() {
            Unit::Ratio => Negligible::Share(Ratio::new(NEGLIGIBLE_SHARE).unwrap_or(Ratio::ZERO)),
            Unit::Time | Unit::PerSecond if metric == Metric::DbQueryTime => {
                Negligible::Time(NEGLIGIBLE_QUERY_TIME)
            }
            Unit::Time | Unit::PerSecond => Negligible::Time(NEGLIGIBLE_TIME),
        }
    }
}

impl Subject {
    /// The statistic by which a metric is compared unless a claim says otherwise: of times p95, of database queries
    /// their mean (their percentiles are known to a bucket only), of shares the share.
    pub fn usual(metric: Metric) -> Self {
        let statistic = match metric.unit() {
            Unit::Ratio => Statistic::Share,
            Unit::Time | Unit::PerSecond if metric == Metric::DbQueryTime => Statistic::Mean,
            Unit::Time | Unit::PerSecond => Quantile::new(0.95).map_or(Statistic::Max, Statistic::Quantile),
        };
        Self { metric, statistic }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migration_plan_promises_three_times_the_throughput() {
        let claims = Claim::of_the_migration_plan(true);
        let throughput = claims
            .iter()
            .find(|claim| claim.says.contains("throughput"))
            .unwrap();
        assert_eq!(throughput.test.required(), "ratio of capacities ≥ 3×");
        let queries = claims
            .iter()
            .find(|claim| claim.says.contains("query time"))
            .unwrap();
        assert_eq!(queries.test.required(), "db_query_time mean: ratio ≤ 0.4×");
        let unmeasured = |claims: &[Claim]| {
            let not_measured = |claim: &&Claim| matches!(claim.test, ClaimTest::NotMeasured { .. });
            claims.iter().filter(not_measured).count()
        };
        assert_eq!(unmeasured(&claims), 4);
        assert_eq!(unmeasured(&Claim::of_the_migration_plan(false)), 5);
    }

    #[test]
    fn what_must_not_get_worse_has_a_margin_and_a_difference_that_nobody_notices() {
        let required: Vec<String> = Claim::no_regression()
            .iter()
            .map(|claim| claim.test.required())
            .collect();
        assert_eq!(
            required[0],
            "response_time p95: at most 10% worse, or by less than 1ms"
        );
        assert_eq!(required[1], "error_rate: at most 10% worse, or by less than 0.1%");
        assert_eq!(
            required[5],
            "db_query_time mean: at most 10% worse, or by less than 100µs"
        );
    }
}
