//! What happened when: charts over the run's seconds, with its phases and the limits.

use std::collections::BTreeMap;

use super::chart::{Axis, Band, Chart, Limit, Line, Tick, Words, chart, nice_step, percent};
use super::heat::heat_map;
use crate::metrics::{Evidence, Measurements, SeriesKey, SeriesKind, Slice, Timeline};
use crate::plan::{Condition, Criteria, Limit as ConditionLimit, Metric, Statistic, StepId, StepInfo};
use crate::sla::{lag_limit_ms, wording::quantity};

/// Points of a chart; longer runs are drawn in steps of several seconds, their samples merged.
const POINTS_MAX: u32 = 360;

/// Draws charts of one run.
pub(super) struct OverTime<'a> {
    evidence: &'a Evidence,
    criteria: &'a Criteria,
    steps: &'a [StepInfo],
    axis: Axis,
    /// Seconds per point.
    stride: u32,
    points: u32,
}

/// The phases as bands behind charts and lanes.
pub(super) fn phases(timeline: &Timeline) -> Vec<Band> {
    let span = span_s(timeline);
    let band = |from: f64, to: f64, label: &str, class| Band {
        left: percent(from / span),
        width: percent((to - from).max(0.0) / span),
        label: label.to_owned(),
        class,
    };
    let mut bands = vec![
        band(0.0, timeline.measured_from_s, "warm-up", "warm-up"),
        band(
            timeline.measured_from_s,
            timeline.load_ended_s,
            "measuring",
            "measuring",
        ),
        band(timeline.load_ended_s, span, "drain", "drain"),
    ];
    bands.retain(|band| band.width != "0.000%");
    bands
}

/// What was done to the target, as marks that charts show over the phases.
fn marks(evidence: &Evidence) -> impl Iterator<Item = Band> {
    let span = span_s(&evidence.timeline);
    let actions = evidence.actions.iter().chain(&evidence.rollback_action);
    actions.filter_map(move |action| {
        let begun = action.begun_s?;
        let ended = action.ended_s.unwrap_or(span);
        Some(Band {
            left: percent(begun / span),
            width: percent((ended - begun).max(0.0) / span),
            label: action.name.clone(),
            class: "action",
        })
    })
}

/// The length of the time axis.
pub(super) fn span_s(timeline: &Timeline) -> f64 {
    timeline.drained_s.max(timeline.load_ended_s).ceil().max(1.0)
}

/// Ticks of the time axis.
pub(super) fn time_ticks(span: f64) -> Vec<Tick> {
    let step = nice_step(span / 8.0).max(1.0);
    let mut ticks = Vec::new();
    let mut at = 0.0;
    // The last label needs room before the end of the axis.
    while at <= span - step * 0.3 {
        ticks.push(Tick {
            at: percent(at / span),
            label: format!("{at:.0}"),
        });
        at += step;
    }
    ticks
}

impl<'a> OverTime<'a> {
    pub(super) fn new(evidence: &'a Evidence, criteria: &'a Criteria, steps: &'a [StepInfo]) -> Self {
        let span = span_s(&evidence.timeline);
        let seconds = span as u32;
        let stride = seconds.div_ceil(POINTS_MAX).max(1);
        let points = seconds.div_ceil(stride);
        let starts = (0..points).map(|point| point * stride);
        let axis = Axis {
            positions: starts
                .clone()
                .map(|start| (f64::from(start) + f64::from(stride) / 2.0) / span)
                .collect(),
            labels: starts
                .map(|start| match stride {
                    1 => format!("second {start}"),
                    _ => format!("seconds {start} to {}", start + stride - 1),
                })
                .collect(),
            ticks: time_ticks(span),
            unit: "seconds since the start",
            bands: phases(&evidence.timeline)
                .into_iter()
                .chain(marks(evidence))
                .collect(),
        };
        Self {
            evidence,
            criteria,
            steps,
            axis,
            stride,
            points,
        }
    }

    /// Every chart that the run has data for.
    pub(super) fn charts(&self) -> Vec<Chart> {
        [
            Some(self.response_time()),
            self.heat(),
            Some(self.rate()),
            self.arrivals(),
            self.sessions(),
            self.latency(
                Metric::RealtimeLatency,
                "realtime",
                "Realtime latency",
                "Change committed to event received.",
            ),
            self.latency(
                Metric::FeedbackLatency,
                "feedback",
                "Feedback latency",
                "Request sent to the event with the new status.",
            ),
            self.turnaround(),
            self.latency(
                Metric::WebhookProcessing,
                "webhook",
                "Webhook processing",
                "First delivery attempt sent to its 2xx, retries included.",
            ),
            self.latency(
                Metric::DbQueryTime,
                "database",
                "Database query time",
                "As the target's own metrics report it.",
            ),
            self.scheduling_lag(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn measurements(&self) -> &Measurements {
        &self.evidence.measurements
    }

    /// The slices of a kind per point, warm-up included: it is shown, though not judged.
    fn slices(&self, wanted: impl Fn(&SeriesKey) -> bool) -> Vec<Slice> {
        let mut sums: BTreeMap<u32, Slice> = BTreeMap::new();
        for (_, series) in self.measurements().series.iter().filter(|(key, _)| wanted(key)) {
            for (second, slice) in series.warm_up.iter().chain(&series.measured) {
                sums.entry(second / self.stride).or_default().merge(slice);
            }
        }
        (0..self.points)
            .map(|point| sums.remove(&point).unwrap_or_default())
            .collect()
    }

    fn of_kind(&self, kind: SeriesKind) -> Vec<Slice> {
        self.slices(|key| key.kind == kind)
    }

    fn limits(&self, metric: Metric) -> Vec<Limit> {
        let named = |conditions: &[Condition], role: &str, class: &'static str, wanted: bool| -> Vec<Limit> {
            conditions
                .iter()
                .filter(|condition| condition.metric == metric && condition.step.is_none())
                .filter_map(|condition| match (condition.limit, condition.statistic) {
                    (
                        ConditionLimit::Time(limit),
                        Statistic::Quantile(_) | Statistic::Mean | Statistic::Max,
                    ) => {
                        let value = limit.as_secs_f64() * 1e3;
                        Some(Limit {
                            value,
                            label: format!(
                                "{role}: {} {}",
                                condition.statistic,
                                quantity(value, metric.unit())
                            ),
                            class,
                            wanted,
                        })
                    }
                    _ => None,
                })
                .collect()
        };
        let mut limits = named(&self.criteria.targets, "target", "target", true);
        if let Some(alerts) = &self.criteria.alerts {
            limits.extend(named(&alerts.conditions, "alert", "alert", false));
        }
        if let Some(rollback) = &self.criteria.rollback {
            limits.extend(named(&rollback.policy.conditions, "rollback", "rollback", false));
        }
        limits
    }

    fn response_time(&self) -> Chart {
        chart(
            Words {
                id: "response",
                title: "Response time".to_owned(),
                caption: "From the moment a request was due to its last byte, per second of its due time."
                    .to_owned(),
                y_unit: "ms",
            },
            &self.axis,
            &quantiles(&self.of_kind(SeriesKind::Response)),
            &self.limits(Metric::ResponseTime),
        )
    }

    /// Every response time, with the limit of the target that most of them are about.
    fn heat(&self) -> Option<Chart> {
        let limit = self
            .limits(Metric::ResponseTime)
            .into_iter()
            .find(|limit| limit.wanted);
        heat_map(
            &self.axis,
            &self.of_kind(SeriesKind::Response),
            limit.map(|limit| limit.value),
        )
    }

    fn per_second(&self, slices: &[Slice], read: fn(&Slice) -> u64) -> Vec<Option<f64>> {
        slices
            .iter()
            .map(|slice| Some(read(slice) as f64 / f64::from(self.stride)))
            .collect()
    }

    fn rate(&self) -> Chart {
        let slices = self.of_kind(SeriesKind::Response);
        chart(
            Words {
                id: "rate",
                title: "Requests and failures".to_owned(),
                caption: "Requests that were due, and those of them that failed, per second.".to_owned(),
                y_unit: "requests/s",
            },
            &self.axis,
            &[
                Line {
                    name: "requests".into(),
                    class: "volume",
                    filled: true,
                    values: self.per_second(&slices, |slice| slice.total),
                },
                Line {
                    name: "failed".into(),
                    class: "failed",
                    filled: true,
                    values: self.per_second(&slices, |slice| slice.bad),
                },
            ],
            &[],
        )
    }

    /// New users: every arrival leaves one sample of its journey's first request.
    fn arrivals(&self) -> Option<Chart> {
        let first: Vec<StepId> = (0_u16..)
            .zip(self.steps)
            .filter(|(_, info)| info.first_request)
            .map(|(index, _)| StepId(index))
            .collect();
        let slices = self.slices(|key| {
            key.kind == SeriesKind::Response && key.step.is_some_and(|step| first.contains(&step))
        });
        slices.iter().any(|slice| slice.total > 0).then(|| {
            chart(
                Words {
                    id: "arrivals",
                    title: "New users".to_owned(),
                    caption: "Arrivals that were due, dropped ones included, per second.".to_owned(),
                    y_unit: "users/s",
                },
                &self.axis,
                &[Line {
                    name: "new users".into(),
                    class: "volume",
                    filled: true,
                    values: self.per_second(&slices, |slice| slice.total),
                }],
                &[],
            )
        })
    }

    /// How sessions of users with patience ended.
    fn sessions(&self) -> Option<Chart> {
        let ended = self.of_kind(SeriesKind::Abandonment);
        let complaints = self.of_kind(SeriesKind::Complaint);
        let line = |name: &str, class, filled, slices: &[Slice], read: fn(&Slice) -> u64| Line {
            name: name.to_owned().into(),
            class,
            filled,
            values: self.per_second(slices, read),
        };
        ended.iter().any(|slice| slice.total > 0).then(|| {
            chart(
                Words {
                    id: "sessions",
                    title: "Sessions of simulated users".to_owned(),
                    caption: "Sessions that ended, those whose user left, and those with reason to complain, per second."
                        .to_owned(),
                    y_unit: "sessions/s",
                },
                &self.axis,
                &[
                    line("ended", "volume", true, &ended, |slice| slice.total),
                    line("left", "failed", true, &ended, |slice| slice.bad),
                    line("complaining", "p95", false, &complaints, |slice| slice.bad),
                ],
                &[],
            )
        })
    }

    fn latency(&self, metric: Metric, id: &'static str, title: &str, caption: &str) -> Option<Chart> {
        let slices = self.of_kind(SeriesKind::of_metric(metric)?);
        slices.iter().any(|slice| slice.total > 0).then(|| {
            chart(
                Words {
                    id,
                    title: title.to_owned(),
                    caption: caption.to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &quantiles(&slices),
                &self.limits(metric),
            )
        })
    }

    /// The whole wait for a result, and the target's own part of it.
    fn turnaround(&self) -> Option<Chart> {
        let turnaround = self.of_kind(SeriesKind::Turnaround);
        let own = self.of_kind(SeriesKind::ServerTime);
        let p95 = |slices: &[Slice]| slices.iter().map(|slice| slice.quantile_ms(0.95)).collect();
        turnaround.iter().any(|slice| slice.total > 0).then(|| {
            chart(
                Words {
                    id: "turnaround",
                    title: "Result turnaround, p95".to_owned(),
                    caption:
                        "From submission to the result in the user's hands, and the part of it that is the \
                              target's own: without the delay that the mock injected."
                            .to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &[
                    Line {
                        name: "turnaround".into(),
                        class: "p95",
                        filled: false,
                        values: p95(&turnaround),
                    },
                    Line {
                        name: "server time".into(),
                        class: "p50",
                        filled: false,
                        values: p95(&own),
                    },
                ],
                &self.limits(Metric::ResultTurnaround),
            )
        })
    }

    fn scheduling_lag(&self) -> Option<Chart> {
        let slices = self.of_kind(SeriesKind::SchedulingLag);
        let limit = lag_limit_ms(self.criteria);
        slices.iter().any(|slice| slice.total > 0).then(|| {
            chart(
                Words {
                    id: "lag",
                    title: "Scheduling lag of the generator, p99".to_owned(),
                    caption: "How late the generator itself was. It is no fault of the target.".to_owned(),
                    y_unit: "ms",
                },
                &self.axis,
                &[Line {
                    name: "p99".into(),
                    class: "p95",
                    filled: false,
                    values: slices.iter().map(|slice| slice.quantile_ms(0.99)).collect(),
                }],
                &[Limit {
                    value: limit,
                    label: format!("acceptable: {limit:.0} ms"),
                    class: "alert",
                    wanted: true,
                }],
            )
        })
    }
}

fn quantiles(slices: &[Slice]) -> Vec<Line> {
    [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]
        .into_iter()
        .map(|(name, quantile)| Line {
            name: name.into(),
            class: name,
            filled: false,
            values: slices.iter().map(|slice| slice.quantile_ms(quantile)).collect(),
        })
        .collect()
}
