//! The overview: strips above each other on one time axis, so that what happens at one moment stands in one line.

use super::super::chart::{Chart, Line, Words, chart};
use super::{OverTime, quantiles};
use crate::metrics::{Hop, Pending, SeriesKind};
use crate::plan::Metric;

/// The hops that have a line of their own, by their names: the others are the generator's, the mock's, or the whole way.
const HOPS: [(&str, &str, &str); 4] = [
    (Hop::ACCEPTED, "sent → accepted", "hop-1"),
    (Hop::CALLED, "sent → ClassConnect", "hop-2"),
    (Hop::ACKNOWLEDGED, "webhook → acknowledged", "hop-3"),
    (Hop::RECEIVED, "webhook → received", "hop-4"),
];

impl OverTime<'_> {
    /// Every strip that the run has data for.
    pub(in crate::report::html) fn strips(&self) -> Vec<Chart> {
        [
            Some(self.response_time()),
            Some(self.rate()),
            self.arrivals(),
            self.users(),
            self.results_pending(),
            self.oldest_pending(),
            self.hops(),
            self.query_time(),
            self.queries(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The highest value of each point's seconds; `None` where there is none.
    fn highest(&self, by_second: impl Iterator<Item = f64>) -> Vec<Option<f64>> {
        let by_second: Vec<f64> = by_second.collect();
        (0..self.points)
            .map(|point| {
                let from = (point * self.stride) as usize;
                let seconds = by_second.iter().skip(from).take(self.stride as usize);
                seconds.copied().reduce(f64::max)
            })
            .collect()
    }

    fn users(&self) -> Option<Chart> {
        let users = &self.evidence.under_way.users;
        users.iter().any(|count| *count > 0).then(|| {
            chart(
                Words {
                    id: "users",
                    title: "Users at once".to_owned(),
                    caption: "At their journey at the end of each second.".to_owned(),
                    y_unit: "users",
                },
                &self.axis,
                &[Line {
                    name: "users".into(),
                    class: "volume",
                    filled: true,
                    values: self.highest(users.iter().map(|count| *count as f64)),
                }],
                &[],
            )
        })
    }

    fn pending(
        &self,
        words: Words,
        name: &'static str,
        class: &'static str,
        read: fn(&Pending) -> f64,
    ) -> Option<Chart> {
        let pending = &self.evidence.under_way.pending;
        pending.iter().any(|pending| pending.results > 0).then(|| {
            let line = Line {
                name: name.into(),
                class,
                filled: true,
                values: self.highest(pending.iter().map(read)),
            };
            chart(words, &self.axis, &[line], &[])
        })
    }

    fn results_pending(&self) -> Option<Chart> {
        self.pending(
            Words {
                id: "pending",
                title: "Results pending".to_owned(),
                caption: "Accepted by ClassConnect, webhook not yet acknowledged.".to_owned(),
                y_unit: "results",
            },
            "pending",
            "volume",
            |pending| pending.results as f64,
        )
    }

    fn oldest_pending(&self) -> Option<Chart> {
        self.pending(
            Words {
                id: "oldest",
                title: "Oldest pending result".to_owned(),
                caption: "For how long it has been waited for, the injected delay included.".to_owned(),
                y_unit: "s",
            },
            "oldest",
            "p95",
            |pending| pending.oldest.as_secs_f64(),
        )
    }

    /// The p95 of each hop. A point that holds several stretches shows the highest of them, for percentiles cannot be merged.
    fn hops(&self) -> Option<Chart> {
        let all = &self.evidence.hops;
        let lines: Vec<Line> = HOPS
            .iter()
            .filter_map(|(name, short, class)| {
                let hop = all.iter().find(|hop| hop.name == *name)?;
                let mut values = vec![None; self.points as usize];
                for (second, p95_ms) in &hop.p95_over_time {
                    if let Some(value) = values.get_mut((second / self.stride) as usize) {
                        *value = Some(value.map_or(*p95_ms, |before: f64| before.max(*p95_ms)));
                    }
                }
                values.iter().any(Option::is_some).then(|| Line {
                    name: (*short).into(),
                    class,
                    filled: false,
                    values,
                })
            })
            .collect();
        (!lines.is_empty()).then(|| {
            chart(
                Words {
                    id: "hops",
                    title: "Hops of a submission, p95".to_owned(),
                    caption: "By the second in which it was due; without the injected delay.".to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &lines,
                &[],
            )
        })
    }

    fn query_time(&self) -> Option<Chart> {
        let points = self.of_kind(SeriesKind::DbQuery);
        points.iter().any(|point| point.total > 0).then(|| {
            let mut lines = quantiles(points);
            // The target's buckets tell percentiles by their upper edges; its mean is exact.
            lines.retain(|line| line.name != "p50");
            lines.insert(
                0,
                Line {
                    name: "mean".into(),
                    class: "p50",
                    filled: false,
                    values: points.iter().map(|point| point.mean_ms).collect(),
                },
            );
            chart(
                Words {
                    id: "database",
                    title: "Database query time".to_owned(),
                    caption: "By the target's own metrics; percentiles at the upper edges of its buckets."
                        .to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &lines,
                &self.limits(Metric::DbQueryTime),
            )
        })
    }

    fn queries(&self) -> Option<Chart> {
        let points = self.of_kind(SeriesKind::DbQuery);
        points.iter().any(|point| point.total > 0).then(|| {
            chart(
                Words {
                    id: "queries",
                    title: "Database queries".to_owned(),
                    caption: "As the target counts them.".to_owned(),
                    y_unit: "queries/s",
                },
                &self.axis,
                &[Line {
                    name: "queries".into(),
                    class: "volume",
                    filled: true,
                    values: self.per_second(points, |point| point.total),
                }],
                &[],
            )
        })
    }
}
