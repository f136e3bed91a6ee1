//! The target's own metrics, in the Prometheus text format: how long its database queries took.

use std::collections::BTreeMap;

/// The histogram that a target exposes for its database queries.
const QUERY_BUCKETS: &str = "db_query_duration_seconds_bucket";

/// Cumulative query counts by upper bucket edge in microseconds, over all queries; `u64::MAX` is the open bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryTimes(BTreeMap<u64, u64>);

impl QueryTimes {
    /// Reads an exposition; `None` when it has no query histogram.
    pub fn parse(text: &str) -> Option<Self> {
        let mut buckets: BTreeMap<u64, u64> = BTreeMap::new();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix(QUERY_BUCKETS) else {
                continue;
            };
            let Some((labels, value)) = rest.rsplit_once(' ') else {
                continue;
            };
            let Some(edge) = labels
                .split_once("le=\"")
                .and_then(|(_, edge)| edge.split_once('"'))
                .map(|(edge, _)| edge)
            else {
                continue;
            };
            let edge_us = match edge {
                "+Inf" => u64::MAX,
                seconds => match seconds.parse::<f64>() {
                    Ok(seconds) => (seconds * 1e6).round() as u64,
                    Err(_) => continue,
                },
            };
            if let Ok(count) = value.trim().parse::<f64>() {
                *buckets.entry(edge_us).or_default() += count as u64;
            }
        }
        (!buckets.is_empty()).then_some(Self(buckets))
    }

    /// The queries since `earlier`: upper edge in microseconds (`None` for the open bucket) and count, bucket by
    /// bucket. A counter that went back (the target restarted) starts again from zero.
    pub fn since(&self, earlier: &QueryTimes) -> Vec<(Option<u64>, u64)> {
        let restarted = self
            .0
            .iter()
            .any(|(edge, count)| earlier.0.get(edge).is_some_and(|before| before > count));
        let mut below = 0;
        let mut queries = Vec::new();
        for (edge, count) in &self.0 {
            let before = if restarted {
                0
            } else {
                earlier.0.get(edge).copied().unwrap_or(0)
            };
            let cumulative = count - before;
            let here = cumulative.saturating_sub(below);
            below = below.max(cumulative);
            if here > 0 {
                queries.push(((*edge != u64::MAX).then_some(*edge), here));
            }
        }
        queries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"# TYPE db_query_duration_seconds histogram
db_query_duration_seconds_bucket{query="a",le="0.001"} 5
db_query_duration_seconds_bucket{query="a",le="0.1"} 7
db_query_duration_seconds_bucket{query="a",le="+Inf"} 7
db_query_duration_seconds_bucket{query="b",le="0.001"} 1
db_query_duration_seconds_bucket{query="b",le="0.1"} 1
db_query_duration_seconds_bucket{query="b",le="+Inf"} 2
db_query_duration_seconds_sum{query="a"} 0.5
"#;

    #[test]
    fn queries_are_summed_over_their_names() {
        let times = QueryTimes::parse(FIRST).unwrap();
        assert_eq!(
            times.since(&QueryTimes::default()),
            [(Some(1_000), 6), (Some(100_000), 2), (None, 1)]
        );
        assert_eq!(times.since(&times), []);
    }

    #[test]
    fn a_restarted_target_counts_from_zero() {
        let before = QueryTimes::parse(FIRST).unwrap();
        let after = QueryTimes::parse("db_query_duration_seconds_bucket{le=\"0.001\"} 2\n").unwrap();
        assert_eq!(after.since(&before), [(Some(1_000), 2)]);
    }

    #[test]
    fn no_histogram_is_not_an_empty_one() {
        assert_eq!(QueryTimes::parse("http_requests_total 4\n"), None);
    }
}
