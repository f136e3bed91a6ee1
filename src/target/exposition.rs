//! The target's own metrics, in the Prometheus text format: how long its database queries took.

use std::collections::BTreeMap;

/// The histogram that a target exposes for its database queries.
const QUERY_BUCKETS: &str = "db_query_duration_seconds_bucket";
/// The time of all queries of that histogram together.
const QUERY_SUM: &str = "db_query_duration_seconds_sum";

/// Cumulative query counts by upper bucket edge in microseconds, over all queries; `u64::MAX` is the open bucket. And
/// the time of all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryTimes {
    buckets: BTreeMap<u64, u64>,
    /// `None` when a part of the queries is counted without its time.
    seconds: Option<f64>,
}

/// The queries of a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queries {
    /// Upper bucket edge in microseconds (`None` for the open bucket) and count.
    pub buckets: Vec<(Option<u64>, u64)>,
    /// The time of all of them together, in microseconds: exact, while a bucket only says between which edges. `None`
    /// when the target does not say it.
    pub sum_us: Option<u64>,
}

impl QueryTimes {
    /// Reads an exposition; `None` when it has no query histogram.
    pub fn parse(text: &str) -> Option<Self> {
        let mut times = Self::default();
        // Each histogram has one open bucket and should have one sum.
        let (mut histograms, mut sums, mut seconds) = (0_u32, 0_u32, 0.0);
        for line in text.lines() {
            let Some((series, value)) = line.rsplit_once(' ') else {
                continue;
            };
            let Ok(value) = value.trim().parse::<f64>() else {
                continue;
            };
            if let Some(labels) = series.strip_prefix(QUERY_BUCKETS) {
                if let Some(edge_us) = edge_us(labels) {
                    *times.buckets.entry(edge_us).or_default() += value as u64;
                    histograms += u32::from(edge_us == u64::MAX);
                }
            } else if series.starts_with(QUERY_SUM) && value.is_finite() {
                seconds += value;
                sums += 1;
            }
        }
        times.seconds = (sums > 0 && sums >= histograms).then_some(seconds);
        (!times.buckets.is_empty()).then_some(times)
    }

    /// The queries since `earlier`. Counters that went back (the target restarted) start again from zero.
    pub fn since(&self, earlier: &QueryTimes) -> Queries {
        let none = QueryTimes::default();
        let restarted = self
            .buckets
            .iter()
            .any(|(edge, count)| earlier.buckets.get(edge).is_some_and(|before| before > count));
        let earlier = if restarted { &none } else { earlier };
        // Before the first query there was no time either.
        let earlier_seconds = if earlier.buckets.is_empty() {
            Some(0.0)
        } else {
            earlier.seconds
        };
        let mut below = 0;
        let mut buckets = Vec::new();
        for (edge, count) in &self.buckets {
            let cumulative = count - earlier.buckets.get(edge).copied().unwrap_or(0);
            let here = cumulative.saturating_sub(below);
            below = below.max(cumulative);
            if here > 0 {
                buckets.push(((*edge != u64::MAX).then_some(*edge), here));
            }
        }
        Queries {
            buckets,
            sum_us: self
                .seconds
                .zip(earlier_seconds)
                .map(|(now, before)| ((now - before).max(0.0) * 1e6).round() as u64),
        }
    }
}

/// The upper edge among a bucket's labels, in microseconds.
fn edge_us(labels: &str) -> Option<u64> {
    let (_, edge) = labels.split_once("le=\"")?;
    match edge.split_once('"')?.0 {
        "+Inf" => Some(u64::MAX),
        seconds => Some((seconds.parse::<f64>().ok()? * 1e6).round() as u64),
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
db_query_duration_seconds_sum{query="a"} 0.2
db_query_duration_seconds_sum{query="b"} 7.0
"#;

    #[test]
    fn queries_are_summed_over_their_names() {
        let times = QueryTimes::parse(FIRST).unwrap();
        let all = Queries {
            buckets: vec![(Some(1_000), 6), (Some(100_000), 2), (None, 1)],
            sum_us: Some(7_200_000),
        };
        assert_eq!(times.since(&QueryTimes::default()), all);
        let none = Queries {
            buckets: Vec::new(),
            sum_us: Some(0),
        };
        assert_eq!(times.since(&times), none);
    }

    #[test]
    fn a_restarted_target_counts_from_zero() {
        let before = QueryTimes::parse(FIRST).unwrap();
        let after = QueryTimes::parse("db_query_duration_seconds_bucket{le=\"0.001\"} 2\n").unwrap();
        let since = Queries {
            buckets: vec![(Some(1_000), 2)],
            sum_us: None,
        };
        assert_eq!(after.since(&before), since);
    }

    #[test]
    fn a_time_that_is_not_said_of_every_query_is_not_known() {
        let since_start = |text: &str| QueryTimes::parse(text).unwrap().since(&QueryTimes::default());
        let without = FIRST.replace("db_query_duration_seconds_sum{query=\"b\"} 7.0\n", "");
        assert_eq!(since_start(&without).sum_us, None, "b has buckets and no sum");
        assert_eq!(since_start(&without).buckets, since_start(FIRST).buckets);
        let nonsense = FIRST.replace("7.0", "NaN");
        assert_eq!(since_start(&nonsense).sum_us, None);
    }

    #[test]
    fn no_histogram_is_not_an_empty_one() {
        assert_eq!(QueryTimes::parse("http_requests_total 4\n"), None);
    }
}
