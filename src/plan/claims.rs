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

/// What the migration plan promises for users: its words, and what the ratio of a metric must be. Satisfaction is the score
/// of Apdex; tickets are as many times fewer as sessions with reason to complain are, whichever part of them becomes one.
const OF_USERS: [(&str, Metric, Comparator, f64); 4] = [
    (
        "Practice completion rate +20 %",
        Metric::CompletionRate,
        Comparator::GreaterOrEqual,
        1.2,
    ),
    (
        "Session abandonment −30 %",
        Metric::AbandonmentRate,
        Comparator::LessOrEqual,
        0.7,
    ),
    (
        "User satisfaction +25 %",
        Metric::Apdex,
        Comparator::GreaterOrEqual,
        1.25,
    ),
    (
        "Support tickets −50 %",
        Metric::ComplaintRate,
        Comparator::LessOrEqual,
        0.5,
    ),
];

impl Claim {
    /// What the practice migration plan promises of direct calls beside triggers (its "Success Metrics"), and that nothing
    /// else gets worse. "+200 %" is three times as much, not twice; "−60 %" leaves 0.4 of it.
    pub fn of_the_migration_plan(has_capacity: bool, has_users: bool) -> Vec<Claim> {
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
        claims.extend(OF_USERS.map(|(says, metric, comparator, limit)| Claim {
            says: says.to_owned(),
            test: if has_users {
                ClaimTest::Ratio(Subject::usual(metric), ratio(comparator, limit))
            } else {
                ClaimTest::NotMeasured {
                    reason: "needs virtual users with patience".to_owned(),
                }
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
        let test = ClaimTest::NotWorse {
            subject: Subject::usual(metric),
            margin: Ratio::new(MARGIN).unwrap_or(Ratio::ZERO),
            negligible: Negligible::usual(metric),
        };
        Claim {
            says: test.in_words(),
            test,
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
        let claims = Claim::of_the_migration_plan(true, false);
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
        assert_eq!(unmeasured(&Claim::of_the_migration_plan(false, false)), 5);
        let with_users = Claim::of_the_migration_plan(true, true);
        assert_eq!(unmeasured(&with_users), 0);
        let required = |says: &str| {
            let claim = with_users.iter().find(|claim| claim.says.contains(says));
            claim.map(|claim| claim.test.required())
        };
        assert_eq!(
            required("completion").as_deref(),
            Some("completion_rate: ratio ≥ 1.2×")
        );
        assert_eq!(
            required("abandonment").as_deref(),
            Some("abandonment_rate: ratio ≤ 0.7×")
        );
        assert_eq!(required("satisfaction").as_deref(), Some("apdex: ratio ≥ 1.25×"));
        assert_eq!(
            required("tickets").as_deref(),
            Some("complaint_rate: ratio ≤ 0.5×")
        );
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
